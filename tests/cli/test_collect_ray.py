"""Collecting over a real Ray cluster of this machine. Not part of `make test`, as `test_bench_ray.py` says."""

from __future__ import annotations

import json

import pytest

from .command import Codeact

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

# Each answer is the process that gave it.
MODEL = """
import os
from contextlib import asynccontextmanager

from codeact.models import ScriptedModel


@asynccontextmanager
async def opened(**options):
    yield ScriptedModel([f"Answer: {os.getpid()}"] * 99)
"""
COLLECT = (
    "instruct",
    "collect",
    "-e",
    "m3gen",
    "--option",
    "calls=1",
    "--option",
    "count=4",
    "--sandbox",
    "quick:Quick",
)


def test_workers_collect_and_the_same_command_goes_on_without_them(codeact: Codeact) -> None:
    codeact.write("models/named.py", MODEL)
    command = (*COLLECT, "-m", "models.named:opened")
    process = codeact.start(*command, "--ray", "local", "--at-once", "2")
    out, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert "models.named:opened: 4/4" in err
    assert ["episodes", "4"] in [line.split()[3:5] for line in out.splitlines()]
    path = codeact.folder / "codeact-runs/instruct/m3gen-plain-models.named-opened.jsonl"
    whole = path.read_bytes()
    lines = [json.loads(line) for line in whole.splitlines()[1:]]
    players = {int(line["outcome"]["answer"]["text"]) for line in lines}
    assert (len(lines), {line["kind"] for line in lines}) == (4, {"trajectory"})
    assert process.pid not in players
    again = codeact(*command, "--json")
    assert again.returncode == 0, again.stderr
    planned = json.loads(again.stdout.splitlines()[0])
    assert (planned["episodes"], planned["done"]) == (4, 4)
    assert path.read_bytes() == whole
