"""However `codeact mcp` ends, nothing of it is left: no process of it, of its boxes, or of what ran in them."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil
import pytest

from codeact.cli.addresses import parse_address
from codeact.cli.mcp import settings_of
from codeact.cli.mcp_options import McpOptions
from codeact.errors import UsageError

from .connecting import QUICK, command, environment

BEGIN = {
    "method": "initialize",
    "params": {
        "protocolVersion": "2025-11-25",
        "capabilities": {},
        "clientInfo": {"name": "by hand", "version": "1"},
    },
}
CLIENT = """
import os, sys, anyio, psutil
from mcp import Client, StdioServerParameters, stdio_client

async def main():
    server = StdioServerParameters(command=sys.argv[1], args=sys.argv[2:], env=dict(os.environ))
    async with Client(stdio_client(server)) as client:
        async def progress(*told):
            print(*[child.pid for child in psutil.Process().children()], flush=True)
        code = "import subprocess\\nsubprocess.Popen(['sleep', '1000'])\\nprint('going', flush=True)\\nwhile True: pass"
        await client.call_tool("run", {"code": code}, progress_callback=progress)

anyio.run(main)
"""


@contextmanager
def by_hand(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    (folder / "quick.py").write_text(QUICK)
    pipes: dict[str, Any] = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.PIPE)
    with subprocess.Popen(command(*options), **pipes, text=True, cwd=folder, env=environment(folder)) as process:
        try:
            yield process
        finally:
            process.kill()


def ask(process: subprocess.Popen[str], message: dict[str, Any] | str) -> dict[str, Any]:
    assert process.stdin is not None
    assert process.stdout is not None
    words = message if isinstance(message, str) else json.dumps({"jsonrpc": "2.0", "id": 1, **message})
    process.stdin.write(words + "\n")
    process.stdin.flush()
    return json.loads(process.stdout.readline())


def family(pid: int) -> list[psutil.Process]:
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    return not psutil.wait_procs(processes, timeout=30)[1]


def test_what_is_no_message_is_answered_and_a_sigterm_ends_all_of_it(tmp_path: Path) -> None:
    with by_hand(tmp_path) as process:
        assert ask(process, "hello?")["error"] == {"code": -32700, "message": "this is no JSON-RPC message"}
        assert ask(process, '{"jsonrpc": "2.0"}')["error"]["code"] == -32700
        assert ask(process, r'{"jsonrpc": "2.0", "id": 7, "method": "\ud800"}')["id"] == 7  # who asked has to know
        assert (
            ask(process, f'{{"id": "{"x" * 17_000_000}"}}')["error"]["message"] == "a message may have 16,777,216 bytes"
        )
        assert ask(process, BEGIN)["result"]["serverInfo"]["name"] == "codeact"
        code = {"name": "run", "arguments": {"code": "import subprocess; p = subprocess.Popen(['sleep', '1000'])"}}
        ask(process, {"method": "tools/call", "params": code})
        processes = family(process.pid)
        assert len(processes) > 3
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert all_gone(processes)
        assert process.stdout is not None
        assert process.stderr is not None
        assert (process.stdout.read(), process.stderr.read()) == ("", "")


def test_a_killed_client_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "quick.py").write_text(QUICK)
    arguments = [sys.executable, "-c", CLIENT, *command()]
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, text=True, cwd=tmp_path, env=environment(tmp_path)
    ) as client:
        assert client.stdout is not None
        server = int(client.stdout.readline())
        processes = family(server)
        client.kill()
        assert all_gone(processes)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"file": [Path("nothing.txt")]}, "nothing.txt"),
        ({"share": Path("nowhere")}, "--share 'nowhere' is no folder"),
        ({"action_time": 900.0}, "--action-time 900 is above --most-time 600"),
        ({"limit": ["memory=1"]}, "memory=1 is too low"),
        ({"network": "some"}, "some"),
    ],
)
def test_wrong_options_are_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings_of(McpOptions(**given))


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"http": "0.0.0.0:1"}, "can be reached from other machines"),
        ({"http": "198.51.100.7:1"}, "can be reached from other machines"),
        ({"http": "[::]:1", "insecure_public": True, "no_token": True}, "can be reached from other machines"),
        ({"http": "127.0.0.1:0", "token": "short"}, "--token has 5 characters"),
        ({"http": "127.0.0.1:0", "token": "x" * 30, "no_token": True}, "contradict each other"),
        ({"http": "127.0.0.1:0", "share": Path()}, "it would be everybody's"),
        *[
            ({"http": text}, "should be HOST:PORT")
            for text in ("", ":", "a:b", "127.0.0.1", "u@h:1", "h:1/x", "h:99999")
        ],
    ],
)
def test_a_door_that_would_stand_open_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        settings_of(McpOptions(**given))


def test_addresses() -> None:
    assert parse_address("--http", "8322") == ("127.0.0.1", 8322)
    assert parse_address("--http", "[::1]:0") == ("::1", 0)
    assert parse_address("--http", "localhost:80") == ("localhost", 80)
