"""A process that tries attacks for another one: `python -m codeact.sandbox.attacks.lane`.

What an attack does to its host (memory, descriptors, processes) is seen from the process that runs it. So attacks that
go on at the same time have a host process each, with a ground, a sandbox and a neighbour of its own.

On stdin a line says what is attacked (`Target`), then each line names an attack; each is answered by a row on stdout.
What the sandbox itself refuses is said in place of a row.
"""

from __future__ import annotations

import importlib
import json
import sys
import warnings
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import anyio

from codeact import sandbox as sandboxes
from codeact.errors import CodeActError
from codeact.sandbox.attacks.catalogue import CATALOGUE
from codeact.sandbox.attacks.runner import View, arena
from codeact.sandbox.attacks.target import Target
from codeact.sandbox.isolation import IsolationWarning


async def _serve() -> None:
    warnings.simplefilter("ignore", IsolationWarning)  # how little isolates is just what is asked
    target = Target(**json.loads(sys.stdin.readline()))
    views = [_found(reference) for reference in target.views]
    attacks = {attack.id: attack for attack in CATALOGUE}
    try:
        async with arena(sandboxes.sandbox(target.sandbox, **target.options), views) as opened:
            while id_ := sys.stdin.readline().strip():  # between two attacks nothing else is going on here
                _say(asdict(await opened.attempt(attacks[id_])))
    except CodeActError as error:
        _say({"failed": str(error)})


def _say(body: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(body) + "\n")
    sys.stdout.flush()


def _found(reference: str) -> View:
    module, _, name = reference.partition(":")
    return getattr(importlib.import_module(module), name)


if __name__ == "__main__":
    anyio.run(_serve)
