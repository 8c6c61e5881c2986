"""Names, files and code that nobody should write: a clear word for each, and a session that goes on."""

from __future__ import annotations

import os
import socket
import stat
import tempfile
from pathlib import Path
from typing import Literal

import pytest

from codeact.errors import SetupError, TransferError
from codeact.sandbox import Limits, Sandbox, Session
from codeact.sandbox.box import files
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox

from .conftest import no_filter

pytestmark = pytest.mark.anyio

MiB = 1024 * 1024


@pytest.mark.parametrize(
    "name", ["ünï.txt", "日本/語.bin", "a\nb", " lead", "-rf", "x" * 255, "\udcff.raw", "%20;$(id)"]
)
async def test_odd_names_of_files_are_names(local: Session, name: str) -> None:
    await local.put(name, b"data")
    assert await local.get(name) == b"data"
    assert name in [file.path for file in await local.files()]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a\0b", "not a path inside the workspace"),
        ("\ud800", "surrogates not allowed"),
        ("x" * 256, "too long"),
        ("", "not a path inside the workspace"),
        ("a/../../b", "not a path inside the workspace"),
        ("/etc/passwd", "not a path inside the workspace"),
        ("file/below", "Not a directory"),
        ("link", "links are not followed"),
        ("folder-link/x", "Not a directory"),
        ("folder", "not a regular file"),
        ("sparse", "sparse file: of 500,000,000 bytes it holds 0"),
        ("nowhere", "No such file"),
    ],
)
async def test_what_is_no_file_is_not_read(local: Session, name: str, reason: str) -> None:
    code = (
        "import os\nopen('file', 'w').close(); os.symlink('/etc/passwd', 'link');\n"
        "os.mkdir('folder'); os.symlink('folder', 'folder-link')\n"
        "with open('sparse', 'wb') as f: f.truncate(500_000_000)"
    )
    assert (await local.run(code)).error is None
    with pytest.raises(TransferError, match=reason):
        await local.get(name)


@pytest.mark.parametrize("kind", ["fifo", "socket", "device"])
async def test_what_would_block_or_talk_is_not_read(tmp_path: Path, kind: str) -> None:
    if kind == "fifo":
        os.mkfifo(tmp_path / kind)
    elif kind == "device":
        if os.geteuid():
            pytest.skip("only root makes devices")
        os.mknod(tmp_path / kind, stat.S_IFCHR | 0o600, os.makedev(1, 5))  # /dev/zero
    else:
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(str(tmp_path / kind))
    with pytest.raises(files.FileError, match="not a regular file"):
        files.read(str(tmp_path), kind, 0)


async def test_honest_files_with_small_holes_are_read(local: Session) -> None:
    code = "with open('f', 'wb') as f:\n    f.write(b'x' * 3_000_000); f.seek(5_000_000); f.write(b'y')"
    assert (await local.run(code)).error is None
    assert len(await local.get("f")) == 5_000_001


async def test_a_full_workspace_says_so(server: Sandbox) -> None:
    async with server.open(limits=Limits(workspace=8 * MiB)) as session:
        await session.run("open('a', 'wb').write(bytes(6 << 20))")
        with pytest.raises(TransferError, match="the workspace is full; remove files"):
            await session.put("b", bytes(4 * MiB))
        with pytest.raises(TransferError, match="has room for"):
            await session.put("c", bytes(9 * MiB))
        assert (await session.run("import os; os.remove('a'); 6 * 7")).value == "42"


async def test_ten_megabytes_of_code(local: Session) -> None:
    result = await local.run("x = '" + "a" * 10_000_000 + "'\ny = len(x)\n1 / 0", time_limit=100)
    assert result.error is not None
    assert (result.error.name, result.error.line) == ("ZeroDivisionError", 3)
    assert (await local.run("y")).value == "10000000"


async def test_code_too_large_to_send_is_told(local: Session) -> None:
    for code in ("#" * 40_000_000, "é" * 6_000_000):
        result = await local.run(code)
        assert result.error is not None
        assert (result.error.kind, result.state) == ("limit", "kept")
        assert "put data into a file of the workspace" in result.error.message
    assert (await local.run("6 * 7")).value == "42"


@pytest.mark.parametrize("form", ["namespace", "filter", "subprocess"])
async def test_a_temporary_folder_that_cannot_be_used_is_the_owners_to_mend(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, form: Literal["namespace", "filter", "subprocess"]
) -> None:
    if form == "filter" and (reason := no_filter()):
        pytest.skip(reason)
    sandbox = (
        SubprocessSandbox(preload=()) if form == "subprocess" else LocalSandbox(preload=(), require=form, forms=[form])
    )
    (tmp_path / "file").touch()
    for name, reason in (
        ("file", "Not a directory"),
        ("none", "No such file or directory"),
        ("/sys", "(not permitted|denied|Read-only file system)"),  # to root too
    ):
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / name))
        with pytest.raises(SetupError, match=f"cannot make a temporary file: .*{reason}.*set TMPDIR to a folder"):
            async with sandbox.open():
                pass
