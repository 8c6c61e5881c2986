"""Pulling from a hub: scripted answers of a loopback server, faults included."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from codeact.errors import WeightsError
from codeact.models.retries import RetryPolicy
from codeact.models.store import PullOptions, Store
from codeact.models.store.hub import HubFetch
from codeact.models.store.partial import Partial, Span
from codeact.models.weights import HubSource, PullProgress

from .fake_weights import gguf, weights
from .loopback import Cut, Loopback, Reply, html_reply

pytestmark = pytest.mark.anyio

DATA = gguf()
SIZE = len(DATA)
FAKE = weights(DATA, hub=True, wheels=False)
PATH = "/someone/fake/resolve/main/fake.gguf"


@pytest.fixture
def store(tmp_path: Path, server: Loopback) -> Store:
    return Store(tmp_path / "models", known={"fake": FAKE}, options=PullOptions(hub_url=server.url))


def whole(*body: bytes | Cut) -> Reply:
    """The answer of a server that knows no ranges."""
    return Reply(content_type="application/octet-stream", body=body or (DATA,))


def part(start: int, *body: bytes | Cut, size: int = SIZE) -> Reply:
    headers = {"content-range": f"bytes {start}-{SIZE - 1}/{size}"}
    return Reply(status=206, content_type="application/octet-stream", headers=headers, body=body or (DATA[start:],))


def ranges(server: Loopback) -> list[str]:
    return [request.headers["range"] for request in server.requests]


async def fetch(server: Loopback, folder: Path, **policy: int) -> tuple[Partial, list[float], list[str]]:
    """One go at the file, with waits that take no time: what came, the waits, and what was told."""
    waits: list[float] = []
    notes: list[str] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    partial = Partial(folder / "partial", SIZE)
    source = HubSource(repo="someone/fake", file="fake.gguf")
    retries = RetryPolicy(sleep=sleep, **policy)
    await HubFetch(source, partial, server.url, lambda done, note: notes.append(note), retries).run()
    return partial, waits, notes


async def test_a_file_comes_in_one_piece(store: Store, server: Loopback) -> None:
    server.will(part(0))
    seen: list[PullProgress] = []
    path = await store.pull("fake", seen.append)
    assert path.read_bytes() == DATA
    assert server.requests[0].path == PATH
    assert server.requests[0].headers["accept-encoding"] == "identity"
    assert ranges(server) == [f"bytes=0-{SIZE - 1}"]
    assert store.list()[0].origin == "127.0.0.1"
    assert seen[-1] == PullProgress(name="fake", stage="checking", done=SIZE, total=SIZE)


async def test_a_broken_connection_goes_on_where_it_was(server: Loopback, tmp_path: Path) -> None:
    server.will(part(0, DATA[:1000], Cut()), part(1000, DATA[1000:5000], Cut()), part(5000))
    partial, waits, notes = await fetch(server, tmp_path)
    assert partial.file.read_bytes() == DATA
    assert ranges(server) == [f"bytes={start}-{SIZE - 1}" for start in (0, 1000, 5000)]
    assert len(waits) == 2
    assert sum("trying again in" in note for note in notes) == 2


async def test_a_later_pull_goes_on_where_the_earlier_ended(store: Store, server: Loopback) -> None:
    server.will(part(0, DATA[:70_000], Cut()), Reply(status=404))
    with pytest.raises(WeightsError):
        await store.pull("fake")
    server.will(part(70_000))
    assert (await store.pull("fake")).read_bytes() == DATA
    assert ranges(server)[-1] == f"bytes=70000-{SIZE - 1}"


async def test_only_the_gaps_are_asked_for(server: Loopback, tmp_path: Path) -> None:
    partial = Partial(tmp_path / "partial", SIZE)
    partial.write(1000, DATA[1000:2000])
    partial.write(SIZE - 10, DATA[-10:])
    server.will(part(0, DATA[:1000]), part(2000, DATA[2000:-10]))
    partial, _, _ = await fetch(server, tmp_path)
    assert partial.file.read_bytes() == DATA
    assert ranges(server) == ["bytes=0-999", f"bytes=2000-{SIZE - 11}"]


async def test_a_server_without_ranges_starts_again(server: Loopback, tmp_path: Path) -> None:
    server.will(whole(DATA[:1000], Cut()), whole())
    partial, _, _ = await fetch(server, tmp_path)
    assert partial.file.read_bytes() == DATA


async def test_a_hub_that_moves_the_file_elsewhere(server: Loopback, tmp_path: Path) -> None:
    server.will(Reply(status=302, headers={"location": "/elsewhere"}), part(0))
    await fetch(server, tmp_path)
    assert [request.path for request in server.requests] == [PATH, "/elsewhere"]
    assert ranges(server) == [f"bytes=0-{SIZE - 1}"] * 2


async def test_a_busy_hub_is_asked_again_when_it_says(server: Loopback, tmp_path: Path) -> None:
    server.will(
        Reply(status=503, headers={"retry-after": "7"}), Reply(status=429, headers={"retry-after": "3"}), part(0)
    )
    _, waits, notes = await fetch(server, tmp_path)
    assert waits == [7.0, 3.0]
    assert notes[:2] == [
        "it answers with status 503; trying again in 7 seconds",
        "it answers with status 429; trying again in 3 seconds",
    ]


async def test_a_hub_that_brings_nothing_is_given_up(server: Loopback, tmp_path: Path) -> None:
    server.will(*[part(0, Cut())] * 3)
    with pytest.raises(WeightsError, match=rf"cannot fetch {server.url}{PATH}: .* \(tried 3 times\)"):
        await fetch(server, tmp_path, attempts=3)


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (Reply(status=404), f"the hub has no file .*{PATH}"),
        (Reply(status=401), "does not give .* to everyone"),
        (Reply(status=403), "does not give .* to everyone"),
        (Reply(status=416), f"is not the expected file: it has fewer than {SIZE:,} bytes instead of {SIZE:,}"),
        (Reply(status=418), "answered with status 418"),
        (part(0, size=SIZE + 1), f"is not the expected file: it has {SIZE + 1:,} bytes instead of {SIZE:,}"),
        (part(5), "from byte 0, the hub sent 'bytes 5-"),
        (whole(DATA, b"more"), f"is not the expected file: it has more than {SIZE:,} bytes instead"),
    ],
)
async def test_answers_that_no_other_try_would_better(
    server: Loopback, tmp_path: Path, reply: Reply, words: str
) -> None:
    server.will(reply)
    with pytest.raises(WeightsError, match=words):
        await fetch(server, tmp_path)
    assert len(server.requests) == 1


async def test_a_sign_in_page_is_not_a_model(server: Loopback, tmp_path: Path) -> None:
    server.will(html_reply())
    with pytest.raises(WeightsError, match="answered with a page of HTML"):
        await fetch(server, tmp_path)


async def test_wrong_bytes_are_deleted_and_both_hashes_told(store: Store, server: Loopback) -> None:
    wrong = DATA[:-1] + bytes([DATA[-1] ^ 1])
    server.will(part(0, wrong), part(0))
    with pytest.raises(WeightsError, match=f"its sha256 is [0-9a-f]{{64}}, not {FAKE.sha256}; it was deleted"):
        await store.pull("fake")
    assert (await store.pull("fake")).read_bytes() == DATA
    assert ranges(server) == [f"bytes=0-{SIZE - 1}"] * 2


async def test_nobody_there(tmp_path: Path) -> None:
    nobody = Loopback(url="http://127.0.0.1:9")
    with pytest.raises(WeightsError, match=r"cannot fetch http://127.0.0.1:9/.* \(tried 2 times\)"):
        await fetch(nobody, tmp_path, attempts=2)
    with pytest.raises(WeightsError, match="cannot fetch"):
        await fetch(Loopback(url="nonsense"), tmp_path, attempts=1)


async def test_the_hub_takes_over_where_the_index_failed(server: Loopback, tmp_path: Path) -> None:
    both = weights(DATA, hub=True)
    options = PullOptions(pip_options=("--no-index",), hub_url=server.url)
    store = Store(tmp_path / "models", known={"fake": both}, options=options)
    server.will(part(0))
    seen: list[PullProgress] = []
    assert (await store.pull("fake", seen.append)).read_bytes() == DATA
    assert store.list()[0].origin == "127.0.0.1"
    notes = [report.note for report in seen if report.note]
    assert len(notes) == 1
    assert "No matching distribution found" in notes[0]


async def test_a_source_can_be_chosen(server: Loopback, tmp_path: Path) -> None:
    both = weights(DATA, hub=True)
    options = PullOptions(pip_options=("--no-index",), hub_url=server.url)
    store = Store(tmp_path / "models", known={"fake": both}, options=options)
    server.will(part(0))
    seen: list[PullProgress] = []
    await store.pull("fake", seen.append, source="hub")
    assert {report.source for report in seen if report.stage == "fetching"} == {"127.0.0.1"}
    only_wheels = Store(tmp_path / "other", known={"fake": replace(both, sources=both.sources[:1])}, options=options)
    with pytest.raises(WeightsError, match="could not get fake: it has no source of the kind 'hub'"):
        await only_wheels.pull("fake", source="hub")


def test_a_partial_file_knows_what_is_missing(tmp_path: Path) -> None:
    partial = Partial(tmp_path / "partial", 100)
    assert list(partial.missing()) == [Span(0, 100)]
    partial.write(50, bytes(10))
    partial.write(0, bytes(10))
    partial.write(10, bytes(5))
    assert list(partial.missing()) == [Span(15, 50), Span(60, 100)]
    assert partial.present == 25
    assert partial.has(Span(0, 15))
    assert not partial.has(Span(0, 16))


def test_a_journal_that_a_crash_has_cut(tmp_path: Path) -> None:
    folder = tmp_path / "partial"
    partial = Partial(folder, 100)
    partial.write(0, bytes(10))
    with (folder / "written").open("a") as journal:
        journal.write("40 5")  # of "40 50\n"
    again = Partial(folder, 100)
    again.write(20, bytes(10))
    assert list(Partial(folder, 100).missing()) == [Span(10, 20), Span(30, 100)]
    (folder / "written").write_text("nonsense\n-1 5\n90 200\n7 3\n")
    assert list(Partial(folder, 100).missing()) == [Span(0, 100)]
