"""The memory of a process, moved into a sealed file: nothing of it changes, and copies of the process stay apart."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from codeact.sandbox.box import image

_HEAD = """
import os, random
from pathlib import Path
from codeact.sandbox.box import image

def own_kib():
    return int(Path("/proc/self/status").read_text().partition("RssAnon:")[2].split()[0])

held = {number: str(number) * 20 for number in range(200_000)}
kept = bytearray(random.Random(1).randbytes(30_000_000))
"""


def _run(script: str) -> str:
    """In a process of its own, which has one thread. Its output."""
    program = [sys.executable, "-c", _HEAD + textwrap.dedent(script)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_everything_is_as_it_was_and_no_longer_the_process_s_own() -> None:
    said = _run("""
        before = own_kib()
        image.share()
        assert own_kib() < before / 3, (before, own_kib())
        assert all(value == str(number) * 20 for number, value in held.items())
        assert kept == random.Random(1).randbytes(30_000_000)
        held.clear()  # memory is given back and taken again as ever
        del kept[1000:]
        more = [bytearray(number) for number in range(20_000)]
        assert sum(map(len, more)) == 199_990_000
        print("shared")
    """)
    assert said == "shared"


def test_what_a_copy_writes_is_its_own() -> None:
    said = _run("""
        start = bytes(kept[0:5])
        image.share()
        if (pid := os.fork()) == 0:
            kept[0:5] = b"child"
            held[0] = "child"
            os._exit(0 if kept[0:5] == b"child" else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert held[0] == "0" * 20
        kept[5:11] = b"parent"
        if (pid := os.fork()) == 0:
            os._exit(0 if kept[5:11] == b"parent" else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert kept[0:5] == start
        print("apart")
    """)
    assert said == "apart"


def test_it_can_be_done_again() -> None:
    said = _run("""
        image.share()
        held[200_000] = "new"
        fresh = bytearray(b"x" * 20_000_000)
        before = own_kib()
        image.share()
        assert own_kib() < before - 15_000
        assert held[200_000] == "new" and held[7] == "7" * 20 and fresh == b"x" * 20_000_000
        print("again")
    """)
    assert said == "again"


def test_nobody_can_write_into_the_file() -> None:
    said = _run("""
        image.share()
        assert not [link for link in Path("/proc/self/fd").iterdir() if "memfd" in os.path.realpath(link)]
        spans = [line.split()[0] for line in Path("/proc/self/maps").read_text().splitlines() if "memfd" in line]
        assert spans
        try:
            fd = os.open(f"/proc/self/map_files/{spans[0]}", os.O_RDWR)  # only root may come this way
            os.write(fd, b"x")
        except PermissionError as error:
            print(error.strerror)
    """)
    assert said == "Operation not permitted"


def test_an_unknown_machine_is_refused_before_anything_is_moved(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "pdp11")
    with pytest.raises(OSError, match="no machine code is known for 'pdp11'"):
        image.share()
    assert "memfd:shared" not in Path("/proc/self/maps").read_text()
