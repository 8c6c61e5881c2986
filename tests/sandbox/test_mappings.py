"""A process's mappings, joined: fewer of them, and everything in them works as before."""

from __future__ import annotations

import subprocess
import sys
import textwrap

_HEAD = """
import ctypes, decimal, hashlib, json, os, sqlite3
from collections import Counter
from codeact.sandbox.box import image, mappings

def parts():
    '''Of each library.'''
    return Counter(mapping.name for mapping in mappings.mappings() if ".so" in mapping.name)

def works():
    assert hashlib.sha256(b"x").hexdigest().startswith("2d711642")
    assert sqlite3.connect(":memory:").execute("select 1 + 1").fetchone() == (2,)
    assert str(decimal.Decimal(1) / 3).startswith("0.333")
    assert json.loads(json.dumps([1.5])) == [1.5]
    import bisect, unicodedata  # a library is loaded as ever
    assert unicodedata.name("a") and ctypes.CDLL(None).getpid() == os.getpid()
"""


def _run(script: str) -> str:
    program = [sys.executable, "-c", _HEAD + textwrap.dedent(script)]
    done = subprocess.run(program, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_libraries_have_fewer_mappings_and_work() -> None:
    said = _run("""
        before = parts()
        mappings.join()
        after = parts()
        assert set(after) == set(before) and after.total() < before.total(), (before, after)
        assert all(mapping.rights != "rwxp" for mapping in mappings.mappings())
        works()
        print("joined")
    """)
    assert said == "joined"


def test_the_data_of_a_library_is_shared_and_a_copy_has_its_own() -> None:
    said = _run("""
        mappings.join()
        image.share()
        assert not [mapping for mapping in mappings.mappings() if ".so" in mapping.name and mapping.rights == "rw-p"]
        works()
        name = ctypes.c_char_p.in_dll(ctypes.CDLL(None), "program_invocation_name")
        kept = name.value
        if (pid := os.fork()) == 0:
            works()
            name.value = b"child"
            os._exit(0 if name.value == b"child" else 1)
        assert os.waitpid(pid, 0)[1] == 0
        assert name.value == kept
        print("apart")
    """)
    assert said == "apart"
