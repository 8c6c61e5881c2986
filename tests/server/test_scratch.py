"""The folder of uploads is gone with its process."""

import os
import sys
import tempfile

import anyio
import pytest

from codeact.server.scratch import scratch

pytestmark = pytest.mark.anyio

KILLED = """
import anyio, os
from codeact.server.scratch import scratch
async def main():
    async with scratch() as folder:
        (folder / "file-1").write_bytes(b"data")
        print(folder, flush=True)
        os.kill(os.getpid(), 9)
anyio.run(main)
"""


async def test_what_a_killed_process_left_the_next_removes_and_nobody_elses(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    outside = tmp_path / "other"
    outside.mkdir()
    (tmp_path / "codeact-uploads-link").symlink_to(outside)
    env = {**os.environ, "TMPDIR": str(tmp_path)}
    done = await anyio.run_process([sys.executable, "-c", KILLED], check=False, env=env)
    left = done.stdout.decode().strip()
    assert done.returncode == -9
    assert left in map(str, tmp_path.iterdir())
    async with scratch() as first, scratch() as second:
        assert first.is_dir()
        assert second.is_dir()
        assert left not in map(str, tmp_path.iterdir())
    assert {path.name for path in tmp_path.iterdir()} == {"other", "codeact-uploads-link"}
