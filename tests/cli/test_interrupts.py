"""Ctrl-C in each phase of a run: it ends soon, says where the record is, and leaves nothing behind."""

import json
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil

from .command import Codeact
from .endpoint import ChatServer

LOOP = "I loop.\n\n```python\nx = 41\nprint('looping', flush=True)\nwhile True:\n    pass\n```"


def kinds(record: Path) -> list[str]:
    return [line["kind"] for line in lines(record)]


def lines(record: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in record.read_text().splitlines()]


def wait_for(text: str, process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return
    raise AssertionError(f"{text!r} never came")


def ended(codeact: Codeact, process: subprocess.Popen[str]) -> tuple[int, str, str]:
    """Interrupt, and see that the whole family of processes goes."""
    family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
    codeact.interrupt(process)
    out, err = process.communicate(timeout=30)
    _, alive = psutil.wait_procs(family, timeout=5)
    assert alive == []
    return process.returncode, out, err


def test_while_the_model_writes(codeact: Codeact, slow_endpoint: ChatServer) -> None:
    process = codeact.start("run", "Think.", "-m", "openai:slow", "--base-url", slow_endpoint.url)
    assert slow_endpoint.begun.wait(30)
    time.sleep(0.3)  # the piece is on its way
    code, out, err = ended(codeact, process)
    assert (code, err) == (130, "")
    assert "I will think" in out
    assert "✗ cancelled · 1 turn" in out
    [record] = codeact.records()
    assert kinds(record) == ["trajectory", "outcome"]
    assert lines(record)[-1]["status"] == "cancelled"
    assert f"record  {record.relative_to(codeact.folder)}" in out


def test_while_code_runs(codeact: Codeact) -> None:
    process = codeact.start("run", "Loop.", "-m", codeact.script(LOOP))
    wait_for("│ looping", process)
    code, out, err = ended(codeact, process)
    assert (code, err) == (130, "")
    assert "✗ cancelled · 1 turn" in out
    [record] = codeact.records()
    assert kinds(record) == ["trajectory", "step", "outcome"]
    assert "interrupted" in lines(record)[1]["observation"]["text"]


def test_files_made_before_come_out(codeact: Codeact) -> None:
    first = "```python\nopen('part.txt', 'w').write('so far')\n```"
    process = codeact.start("run", "Loop.", "-m", codeact.script(first, LOOP), "--out", "out")
    wait_for("│ looping", process)
    code, out, _ = ended(codeact, process)
    assert code == 130
    assert "file    out/part.txt" in out
    assert (codeact.folder / "out" / "part.txt").read_text() == "so far"


def test_while_things_are_started(codeact: Codeact) -> None:
    """An MCP server that never answers stands for everything that takes its time."""
    server = "sh -c 'touch started; exec sleep 60'"
    process = codeact.start("run", "Hi.", "-m", codeact.script("Hi."), "--mcp", server)
    while not (codeact.folder / "started").exists():
        assert process.poll() is None
        time.sleep(0.02)
    code, out, err = ended(codeact, process)
    assert (code, out) == (130, "")
    assert "Traceback" not in err
    assert codeact.records() == []


def test_in_a_terminal(codeact: Codeact) -> None:
    with codeact.terminal("run", "Loop.", "-m", codeact.script(LOOP)) as child:
        child.expect("│.*looping")
        child.sendintr()
        child.expect("cancelled")
        child.expect("record")
        child.expect_exact("trajectory.jsonl")
        child.wait()
        assert child.exitstatus == 130


def test_for_machines(codeact: Codeact) -> None:
    process = codeact.start("run", "Loop.", "-m", codeact.script(LOOP), "--json")
    wait_for("output_chunk", process)
    code, out, _ = ended(codeact, process)
    assert code == 130
    assert json.loads(out.splitlines()[-1])["status"] == "cancelled"
