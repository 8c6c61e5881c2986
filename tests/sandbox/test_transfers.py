"""Files in and out of a workspace: whole or not at all, and never all in the host's memory."""

from __future__ import annotations

import filecmp
import os
import resource
import tracemalloc
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import anyio
import pytest

from codeact.errors import TransferError
from codeact.sandbox import Sandbox, Session
from codeact.sandbox.box.files import CHUNK
from codeact.sandbox.downloads import Pieces, pieces, saved

pytestmark = pytest.mark.anyio

MiB = 1 << 20


@contextmanager
def files_up_to(size: int) -> Generator[None]:
    """In place of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def claiming(size: int, data: bytes = bytes(CHUNK)) -> Pieces:
    """A file as a box would send it that says it has `size` bytes."""

    async def read(offset: int) -> tuple[int, bytes]:
        await anyio.lowlevel.checkpoint()
        return size, data

    return pieces(read, "claimed", 100 * MiB)


async def test_a_file_goes_in_and_comes_out(session: Session, tmp_path: Path) -> None:
    data = os.urandom(2 * CHUNK + 1)
    (tmp_path / "here").write_bytes(data)
    await session.put("a/there", tmp_path / "here")
    assert await session.get("a/there") == data
    assert await session.get("a/there", to=tmp_path / "again") == len(data)
    assert filecmp.cmp(tmp_path / "here", tmp_path / "again", shallow=False)
    await session.put("nothing", b"")
    assert await session.get("nothing", to=tmp_path / "nothing") == 0
    assert names(tmp_path) == ["again", "here", "nothing"]


async def test_three_hundred_megabytes_take_a_few_of_the_hosts_memory(server: Sandbox, tmp_path: Path) -> None:
    source, back = tmp_path / "source", tmp_path / "back"
    with source.open("wb") as file:
        file.writelines(number.to_bytes(8, "big") * (MiB // 8) for number in range(300))
    async with server.open() as session:
        tracemalloc.start()
        try:
            await session.put("large", source)
            assert await session.get("large", to=back) == 300 * MiB
            _, most = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
    assert most < 10 * CHUNK
    assert filecmp.cmp(source, back, shallow=False)


async def test_the_new_file_has_the_callers_usual_rights(local: Session, tmp_path: Path) -> None:
    await local.put("file", b"data")
    await local.get("file", to=tmp_path / "file")
    (tmp_path / "usual").touch()
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "usual").stat().st_mode


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder"])
async def test_nothing_that_is_there_is_replaced_or_followed(local: Session, tmp_path: Path, kind: str) -> None:
    await local.put("file", b"theirs")
    target, other = tmp_path / "target", tmp_path / "other"
    match kind:
        case "file":
            target.write_bytes(b"mine")
        case "folder":
            target.mkdir()
        case _:
            target.symlink_to(other)
            if kind == "link":
                other.write_bytes(b"mine")
    before = names(tmp_path)
    with pytest.raises(TransferError, match="exists, and nothing is written over it; give another name"):
        await local.get("file", to=target)
    assert names(tmp_path) == before
    assert all(path.read_bytes() == b"mine" for path in (target, other) if path.is_file())


async def test_a_name_that_is_taken_meanwhile_stays_the_others(tmp_path: Path) -> None:
    async def read(offset: int) -> tuple[int, bytes]:
        await anyio.Path(tmp_path / "target").write_bytes(b"another's")
        return 4, b"mine"

    with pytest.raises(TransferError, match="exists"):
        await saved(pieces(read, "file", MiB), tmp_path / "target")
    assert names(tmp_path) == ["target"]
    assert (tmp_path / "target").read_bytes() == b"another's"


@pytest.mark.parametrize(("name", "reason"), [("none", "No such file"), ("link", "not followed"), (".", "not a path")])
async def test_what_cannot_be_read_leaves_no_file(local: Session, tmp_path: Path, name: str, reason: str) -> None:
    assert (await local.run("import os; os.symlink('/etc/passwd', 'link')")).error is None
    with pytest.raises(TransferError, match=reason):
        await local.get(name, to=tmp_path / "file")
    assert names(tmp_path) == []


async def test_what_cannot_be_written_is_said_and_leaves_no_file(local: Session, tmp_path: Path) -> None:
    await local.put("file", bytes(2 * MiB))
    with pytest.raises(TransferError, match=r"none/file' cannot be written: No such file"):
        await local.get("file", to=tmp_path / "none" / "file")
    with files_up_to(MiB), pytest.raises(TransferError, match="cannot be written: File too large"):
        await local.get("file", to=tmp_path / "file")
    assert names(tmp_path) == []
    assert (await local.run("6 * 7")).value == "42"


async def test_a_box_that_claims_or_sends_too_much_is_not_believed(tmp_path: Path) -> None:
    for sent in (claiming(101 * MiB), claiming(100 * MiB, bytes(64 * MiB))):
        with pytest.raises(TransferError, match=r"'claimed' says it holds .* more than the workspace can"):
            await saved(sent, tmp_path / "file")
        assert names(tmp_path) == []


async def test_a_file_that_becomes_shorter_ends_where_it_ends(tmp_path: Path) -> None:
    assert await saved(claiming(100, b""), tmp_path / "file") == 0


async def test_cancelled_half_way_nothing_is_left(tmp_path: Path) -> None:
    half_way = anyio.Event()

    async def read(offset: int) -> tuple[int, bytes]:
        if offset:
            half_way.set()
            await anyio.sleep_forever()
        return 2 * CHUNK, bytes(CHUNK)

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(saved, pieces(read, "file", 100 * MiB), tmp_path / "file")
        await half_way.wait()
        assert len(names(tmp_path)) == 1
        tasks.cancel_scope.cancel()
    assert names(tmp_path) == []


@pytest.mark.parametrize("kind", ["device", "pipe", "folder", "none"])
async def test_only_files_go_in(local: Session, tmp_path: Path, kind: str) -> None:
    source = Path("/dev/zero") if kind == "device" else tmp_path / kind
    if kind == "pipe":
        os.mkfifo(source)
    elif kind == "folder":
        source.mkdir()
    with pytest.raises(TransferError, match=rf"^'{source.name}' is not a file"):  # and not where it lies
        await local.put("file", source)
    assert list(await local.files()) == []
