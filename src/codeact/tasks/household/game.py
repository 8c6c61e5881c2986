"""The process of one game of ALFWorld: TextWorld's engine, spoken to in lines of JSON. Run as a file, by `process`.

It imports nothing of ours, and no agent's code runs in it. Its first line says how the game begins; then it reads lists
of commands, of which the first that is possible is done. It ends when its standard input does.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections import Counter
from collections.abc import Mapping
from importlib import import_module
from pathlib import Path
from typing import Any


def main(folder: str, game: str) -> None:
    """Play the game in the file `game`; the engine's own files go to `folder`."""
    tempfile.tempdir = folder
    out = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)  # a line at a time
    os.dup2(2, 1)  # the engine's planner prints
    engine: Any = import_module("textworld.envs.pddl.pddl").PddlEnv(import_module("textworld.core").EnvInfos(won=True))
    engine.load(json.loads(Path(game).read_text(encoding="utf-8")))
    _rename(engine._entity_infos)
    state = engine.reset()
    out.write(_answer(state))
    for line in sys.stdin:
        commands: list[str] = json.loads(line)
        possible = [command for command in commands if command in state["admissible_commands"]]
        state, _, _ = engine.step((possible or commands)[0])
        out.write(_answer(state))


def _answer(state: Any) -> str:
    return json.dumps({"seen": state.feedback, "won": bool(state["won"])}) + "\n"


def _rename(things: Mapping[str, Any]) -> None:
    """Give things the names that ALFWorld gives them: `cabinet 3` for what its kitchen has at some coordinates."""
    ids: list[str] = sorted(thing.id for thing in things.values())
    left = Counter(map(_kind, ids))
    names: dict[str, str] = {}
    for id in ids:
        if kind := _kind(id):
            names[id] = f"{kind} {left[kind]}"
            left[kind] -= 1
    for thing in things.values():
        thing.name = names.get(thing.id, thing.id)


def _kind(id: str) -> str:
    """Empty for what is neither a thing nor a place."""
    kind, bar, _ = id.partition("_bar_")
    return (kind + "basin" * ("basin" in id)).lower() * bool(bar)


if __name__ == "__main__":
    main(*sys.argv[1:])
