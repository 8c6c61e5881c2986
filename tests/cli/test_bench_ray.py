"""A job over a real Ray cluster of this machine. Not part of `make test`: Ray gives its processes 15 seconds to start,
whatever else the processors do.
"""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path

import psutil
import pytest

from .command import Codeact

pytestmark = [pytest.mark.ray, pytest.mark.timeout(300)]

# Each answer is the process that gave it. The first to be asked is the victim: it says so, and never answers.
MODEL = """
import os
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from codeact.models import ScriptedModel


class Named(ScriptedModel):
    async def complete(self, messages, **options):
        try:
            with open("victim", "x") as file:
                file.write(f"{os.getpid()}\\n")
        except FileExistsError:
            return await super().complete(messages, **options)
        await anyio.sleep_forever()


@asynccontextmanager
async def opened(**options):
    yield Named([f"Answer: {os.getpid()}"] * 99)
"""
COMMAND = ("bench", "m3gen", "--no-report", "--option", "calls=1", "--option", "count=8", "-m", "models.named:opened")


def victim_of(codeact: Codeact, is_running: psutil.Popen) -> int:
    path = codeact.folder / "victim"
    while not (path.exists() and path.read_text().endswith("\n")):
        assert is_running.poll() is None, is_running.communicate()
        time.sleep(0.05)
    return int(path.read_text())


def test_a_worker_is_killed_and_nothing_is_lost_or_run_twice(codeact: Codeact) -> None:
    codeact.write("models/named.py", MODEL)
    process = codeact.start(*COMMAND, "--actions", "code,text", "--tasks", "6", "--ray", "local", "--at-once", "3")
    family = psutil.Process(process.pid)
    victim = victim_of(codeact, process)
    cluster = family.children(recursive=True)
    assert victim in {member.pid for member in cluster}
    os.kill(victim, signal.SIGKILL)
    out, err = process.communicate(timeout=200)
    assert process.returncode == 0, err
    assert "Token" not in out + err
    assert not (Path(codeact.env["HOME"]) / ".ray").exists()  # its token is of this cluster alone
    assert "12/12" in err
    assert "broken" not in err
    assert "12 of 12 episodes are in" in err
    assert [line.split()[:3] for line in out.splitlines()[1:]] == [
        ["models.named:opened", actions, "0/6"] for actions in ("code", "text")
    ]
    path = codeact.folder / "codeact-runs/bench/m3gen-plain/m3gen-plain-models.named-opened.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()[1:]]
    assert {line["kind"] for line in lines} == {"trajectory"}
    assert len({str(sorted(line["rollout"].items())[-2:]) + line["rollout"]["actions"] for line in lines}) == 12
    players = {int(line["outcome"]["answer"]["text"]) for line in lines}
    assert victim not in players
    assert len(players) >= 2
    _, alive = psutil.wait_procs(cluster, timeout=30)
    assert alive == []


@pytest.mark.parametrize("address", ["auto", "127.0.0.1:1"])
def test_an_address_without_a_cluster_is_said(codeact: Codeact, address: str) -> None:
    done = codeact("bench", "m3gen", "-m", "oracle", "--ray", address)
    assert done.returncode == 3, done.stderr
    assert f"cannot join a Ray cluster at '{address}' (" in done.stderr
    assert "`ray start --head`" in done.stderr
