"""The service as one starts it: what it prints, whom it lets in, how it ends, and what it finds when it was killed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import anyio
import httpx2
import pytest

from codeact.cli.serve import user
from codeact.cli.serving import QUOTAS, address_of, named_tools
from codeact.errors import UsageError
from codeact.server.client import connect
from codeact.server.http.serving import Binding
from codeact.server.nouns import Told

from .command import Codeact

SLOW = "```python\nimport time\nprint('begun', flush=True)\ntime.sleep(600)\n```"


@contextmanager
def serving(codeact: Codeact, *arguments: str) -> Iterator[tuple[subprocess.Popen[str], dict[str, Any]]]:
    """`codeact serve` and the line that it prints once it answers."""
    process = codeact.start("serve", "--json", "--port", "0", "--sandbox", "quick:Quick", "--no-page", *arguments)
    assert process.stdout is not None
    assert process.stderr is not None
    try:
        line = process.stdout.readline()
        assert line, process.stderr.read()
        yield process, json.loads(line)
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)


def test_a_login_link_a_token_and_an_orderly_end(codeact: Codeact) -> None:
    with serving(codeact, "-m", codeact.script("It is done.")) as (process, told):
        with httpx2.Client(base_url=told["url"], trust_env=False) as browser:
            assert browser.get("/me").status_code == 401
            assert browser.get(told["login"]).status_code == 200
            assert browser.get("/me").json()["owner"] == "me"
            assert browser.get(told["login"]).status_code == 403
            token = {"authorization": f"Bearer {told['token']}"}
            models = browser.get("/v1/models", headers=token).json()["data"]
            assert "scripted:script.txt" in {model["id"] for model in models}
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=60) == 0


@pytest.mark.anyio
async def test_it_comes_back_after_a_kill_with_every_event_and_the_run_marked(codeact: Codeact) -> None:
    arguments = ("-m", codeact.script(SLOW), "--token", "t" * 30, "--database", "sqlite:chats.db")
    with serving(codeact, *arguments) as (process, told):
        chat, seen = await begin(told["url"])
        os.kill(process.pid, signal.SIGKILL)
        process.wait(timeout=60)
    with serving(codeact, *arguments) as (_, told):
        after = await come_back(told["url"], chat, seen[-1].number)
    assert [each.number for each in seen + after] == list(range(1, len(seen) + len(after) + 1))
    assert after[-1].event["kind"] == "run_ended"
    assert after[-1].event["status"] == "interrupted"


async def begin(url: str) -> tuple[str, list[Told]]:
    """A run in the middle of its action."""
    seen: list[Told] = []
    with anyio.fail_after(60):
        async with connect(url, token="t" * 30) as client:
            chat = await client.create()
            await chat.send("go on")
            async with chat.events() as events:
                async for told in events:
                    seen.append(told)
                    if told.event["kind"] == "output_chunk":
                        break
    return chat.id, seen


async def come_back(url: str, chat: str, after: int) -> list[Told]:
    seen: list[Told] = []
    with anyio.fail_after(60):
        async with connect(url, token="t" * 30) as client:
            await client.chat(chat).stop()  # whatever one does with a chat frees it of a dead process's lease at once
            async with client.chat(chat).events(after=after) as events:
                async for told in events:
                    seen.append(told)
                    if told.event["kind"] == "run_ended":
                        break
    return seen


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--host", "0.0.0.0"], "--tls-cert and --tls-key"),
        (["--token", "short"], "24 or more"),
        (["--results", ".", "--no-page"], "leave --no-page out"),
    ],
)
def test_what_is_not_safe_is_refused(codeact: Codeact, arguments: list[str], said: str) -> None:
    done = codeact("serve", "--port", "0", "-m", codeact.script("x"), *arguments)
    assert done.returncode == 2
    assert said in done.stderr


@pytest.mark.parametrize(
    ("check", "said"),
    [
        (lambda: Binding(host="0.0.0.0").check(), "--insecure-public"),
        (lambda: Binding(host="::").check(), "--insecure-public"),
        (lambda: Binding(certificate=Path("cert.pem")).check(), "belong together"),
        (lambda: user("a b"), "no name of a user"),
        (lambda: QUOTAS.parse(["rooms"]), "NAME=VALUE"),
        (lambda: QUOTAS.parse(["upload=much"]), "not a size"),
        (lambda: named_tools(["nothing_there"]), "cannot import"),
        (lambda: named_tools(["json:dumps"]), "has no tools"),
        (lambda: address_of("http://10.0.0.3", 8321, tls=False), "no name or address"),
        (lambda: address_of("", 8321, tls=False), "no name or address"),
    ],
)
def test_what_is_not_there_is_refused(check: Callable[[], object], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        check()


def test_other_replicas_reach_a_name_or_an_address() -> None:
    assert address_of("chat-1.example", 8321, tls=True) == "https://chat-1.example:8321"
    assert address_of("fd00::3", 80, tls=False) == "http://[fd00::3]:80"


def test_what_may_be_bound() -> None:
    for binding in (
        Binding(),
        Binding(host="localhost"),
        Binding(host="::1"),
        Binding(host="0.0.0.0", tls_elsewhere=True),
    ):
        binding.check()


def test_without_a_login_link_nothing_that_is_printed_lets_anybody_in(codeact: Codeact) -> None:
    codeact.env["CODEACT_SERVE_DATABASE"] = "sqlite:chats.db"
    token = codeact("serve", "--add-token", "ann").stdout.strip()
    with serving(codeact, "-m", codeact.script("x"), "--no-login-link") as (_, told):
        assert set(told) == {"kind", "url", "user", "page"}
        headers = {"authorization": f"Bearer {token}"}
        assert httpx2.get(f"{told['url']}/me", headers=headers, trust_env=False).json()["owner"] == "ann"
    plain = codeact.start(
        "serve", "--port", "0", "--sandbox", "quick:Quick", "-m", codeact.script("x"), "--no-login-link"
    )
    assert plain.stdout is not None
    said = plain.stdout.readline() + plain.stdout.readline() + plain.stdout.readline()
    plain.send_signal(signal.SIGINT)
    said += plain.communicate(timeout=60)[0]
    assert "codeact serves on" in said
    assert "--add-token" in said
    assert "code=" not in said
    assert "cat_" not in said


def test_a_lasting_token_is_made_and_taken_back(codeact: Codeact) -> None:
    codeact.env["CODEACT_SERVE_DATABASE"] = "sqlite:chats.db"
    token = codeact("serve", "--add-token", "ann").stdout.strip()
    assert token.startswith("cat_")
    with serving(codeact, "-m", codeact.script("x")) as (_, told):
        headers = {"authorization": f"Bearer {token}"}
        assert httpx2.get(f"{told['url']}/me", headers=headers, trust_env=False).json()["owner"] == "ann"
        assert codeact("serve", "--remove-token", input=token).returncode == 0
        assert httpx2.get(f"{told['url']}/me", headers=headers, trust_env=False).status_code == 401
    kept = b"".join(path.read_bytes() for path in codeact.folder.glob("chats.db*"))
    assert token.encode() not in kept
    assert b"add token" in kept, "it is in the audit log"
    assert b"remove token" in kept
