"""`input()` and `getpass()` of an agent's code, as calls to the host, where somebody may be there to answer.

To the channel they are tools, with names that no tool can have.
"""

from __future__ import annotations

import builtins
import getpass
from collections.abc import Callable, Mapping, Sequence

from .stubs import Call

INPUT, PASSWORD = "builtins.input", "getpass.getpass"
_MAX_PROMPT = 4_000  # characters


def route(tools: Sequence[Mapping[str, str]], call: Call) -> list[Mapping[str, str]]:
    """Make `input` and `getpass` ask the host, if it has said that it answers; the tools that are left."""
    offered = {spec["name"] for spec in tools}
    if INPUT in offered:
        builtins.input = _asking(INPUT, call)
    if PASSWORD in offered:
        getpass.getpass = _asking(PASSWORD, call, "Password: ")
    return [spec for spec in tools if spec["name"] not in (INPUT, PASSWORD)]


def _asking(name: str, call: Call, default: str = "") -> Callable[..., str]:
    def ask(prompt: object = default, stream: object = None) -> str:
        return call(name, (str(prompt)[:_MAX_PROMPT],), {})

    ask.__name__ = ask.__qualname__ = name.rpartition(".")[2]
    return ask
