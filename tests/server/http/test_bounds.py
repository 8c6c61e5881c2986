"""Small things that hold large ones: rates, paths, headers, frames, log lines, metrics."""

import json
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.server.http.access import shown
from codeact.server.http.headers import attachment, complete, kind_shown
from codeact.server.http.inflow import UPLOADS
from codeact.server.http.metrics import Requests, family
from codeact.server.http.paths import workspace_path
from codeact.server.http.rate import Rate
from codeact.server.http.readiness import Readiness
from codeact.server.http.redaction import redacted
from codeact.server.http.sse import frame
from codeact.server.nouns import Told
from codeact.server.store import open_store


def test_a_rate_lets_a_burst_through_and_then_one_at_a_time() -> None:
    now = 0.0
    rate = Rate(2.0, 3, now=lambda: now)
    assert [rate.take("ann") for _ in range(4)] == [0.0, 0.0, 0.0, 0.5]
    assert rate.take("bob") == 0.0
    now = 0.5
    assert [rate.take("ann"), rate.take("ann")] == [0.0, 0.5]


def test_what_is_given_back_to_a_rate_was_never_taken() -> None:
    rate = Rate(0.001, 2)
    for _ in range(5):
        assert rate.take("ann") == 0
        rate.give_back("ann")
    rate.give_back("bob")
    assert [bool(rate.take("ann")) for _ in range(3)] == [False, False, True]


@pytest.mark.anyio
async def test_readiness_is_looked_up_once_for_all_who_ask(tmp_path: Path) -> None:
    now, asked = 100.0, 0
    async with open_store(f"sqlite:{tmp_path / 'chats.db'}") as store:
        ready = store.ready

        async def counted() -> None:
            nonlocal asked
            asked += 1
            await ready()

        with pytest.MonkeyPatch.context() as patched:
            patched.setattr(store, "ready", counted)
            readiness = Readiness(now=lambda: now)
            async with anyio.create_task_group() as tasks:
                for _ in range(20):
                    tasks.start_soon(readiness.holds, store)
            assert (await readiness.holds(store), asked) == (True, 1)
            now += 2
            assert (await readiness.holds(store), asked) == (True, 2)


def test_a_rate_remembers_only_so_many() -> None:
    rate = Rate(1.0, 1, most=10)
    for number in range(1000):
        rate.take(str(number))
    assert len(rate.buckets) == 10


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/etc/passwd",
        "../x",
        "a/../../x",
        "a//b",
        "./a",
        "a/.",
        "a\0b",
        "a\nb",
        "x/" * 21 + "x",
        "é" * 501,
        "a" * 256,
        "\ud800",
    ],
)
def test_a_path_that_may_lead_out_is_refused(path: str) -> None:
    with pytest.raises(ValueError, match="a path"):
        workspace_path(path)


def test_an_ordinary_path_stays_as_it_is() -> None:
    assert workspace_path("data/Übersicht 2026.csv") == "data/Übersicht 2026.csv"


@given(st.text())
def test_no_name_of_a_file_breaks_out_of_its_header(name: str) -> None:
    value = attachment(name)["content-disposition"]
    assert value.isascii()
    assert not set(value) & {"\r", "\n", "\0"}
    assert value.count('"') == 2


def test_only_pictures_without_script_are_shown() -> None:
    assert kind_shown("image/png") == "image/png"
    assert kind_shown("image/svg+xml") is None
    assert kind_shown("text/html") is None
    assert kind_shown("IMAGE/JPEG; x=y") == "image/jpeg"


def test_an_answer_keeps_its_own_policy_and_gets_the_rest() -> None:
    raw = dict(complete([(b"Content-Security-Policy", b"default-src 'self'")], tls=True))
    assert raw[b"content-security-policy"] == b"default-src 'self'"
    assert raw[b"x-content-type-options"] == b"nosniff"
    assert b"strict-transport-security" in raw
    assert b"strict-transport-security" not in dict(complete([], tls=False))


def test_a_large_body_is_let_in_only_where_files_are_given() -> None:
    for path in ("/sessions/1/files/a", "/sessions/1/messages", "/v1/files"):
        assert UPLOADS.match(path)
    for path in ("/sessions", "/sessions/1/code", "/sessions/1/messages2", "/_nicegui/client/1/upload/2", "/login"):
        assert not UPLOADS.match(path)


@given(st.text())
def test_no_text_breaks_out_of_its_event(text: str) -> None:
    told = Told(number=7, run=None, event={"kind": "text_delta", "text": text}, at=datetime.now(UTC))
    lines = frame(told).decode().split("\n")
    assert lines[0] == "id: 7"
    assert lines[2:] == ["", ""]
    assert json.loads(lines[1].removeprefix("data: "))["event"]["text"] == text


def test_the_log_shows_no_token_and_stays_on_its_line() -> None:
    assert shown("/shared/SECRET/media/12") == "/shared/*/media/12"
    assert shown("/sessions/1/shares/SECRET") == "/sessions/1/shares/*"
    assert shown("/a\r\nGET /b 200") == "/a??GET?/b?200"


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("token cat_abcdefgh12345 was", "token cat_*** was"),
        ("authorization: Bearer abc.def-ghi/jkl=", "authorization: Bearer ***"),
        ("openai sk-proj-0123456789abc failed", "openai sk-*** failed"),
        ("cannot reach postgresql://ann:hunter2@db:5432/x", "cannot reach postgresql://ann:***@db:5432/x"),
        ("api_key='12345678', more", "api_key='***', more"),
        ("GET /login?code=abcdefgh HTTP", "GET /login?code=*** HTTP"),
        ("nothing secret: ten tokens", "nothing secret: ten tokens"),
    ],
)
def test_secrets_are_taken_out_of_what_is_logged(text: str, left: str) -> None:
    assert redacted(text) == left


def test_metrics_have_few_labels_whatever_is_asked() -> None:
    requests = Requests()
    for number in range(100):
        requests.count(f"M{number}", "", 404, 0.001)
    requests.count("GET", "/sessions/{id}", 200, 100.0)
    text = "\n".join(requests.lines())
    assert 'codeact_http_requests_total{method="other",route="other",status="404"} 100' in text
    assert 'codeact_http_request_seconds_bucket{le="+Inf"} 101' in text
    assert list(family("x", "gauge", "h", [((("a", 'q"\n'),), 1)]))[-1] == r'x{a="q\"\n"} 1'
