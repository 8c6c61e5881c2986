"""`codeact mcp --http`: the real command, spoken to by the official client and by hand."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

import anyio
import httpx2
import psutil
import pytest
from mcp import Client
from mcp.client.streamable_http import streamable_http_client

from .connecting import QUICK, command, environment, run, shown, text

pytestmark = pytest.mark.anyio

JSON = {"accept": "application/json, text/event-stream", "content_type": "application/json"}
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {"protocolVersion": "2025-11-25", "capabilities": {}, "clientInfo": {"name": "by hand", "version": "1"}},
}


@dataclass(frozen=True, slots=True)
class Running:
    url: str
    token: str

    def post(self, body: object = None, **headers: str | None) -> httpx2.Response:
        return self.ask("POST", body=INITIALIZE if body is None else body, **{**JSON, **headers})

    def ask(self, method: str, *, body: object = None, **headers: str | None) -> httpx2.Response:
        """With the right token, unless another header is given in its place, or None for none."""
        every = {"authorization": f"Bearer {self.token}", **headers}
        sent = {name.replace("_", "-"): value.encode() for name, value in every.items() if value is not None}
        return httpx2.request(method, self.url, headers=sent, json=body, timeout=60)


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    folder = tmp_path_factory.mktemp("http")
    (folder / "quick.py").write_text(QUICK)
    arguments = command("--http", "127.0.0.1:0", "--clients", "3")
    with subprocess.Popen(
        arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=folder, env=environment(folder)
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        url = process.stderr.readline().removeprefix("MCP on ").strip()
        token = process.stderr.readline().removeprefix("token (until it ends): ").strip()
        yield Running(url, token)
        processes = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert (process.stdout.read(), process.stderr.read()) == ("", "")
        assert not psutil.wait_procs(processes, timeout=30)[1]


@asynccontextmanager
async def connected(service: Running) -> AsyncIterator[Client]:
    headers = {"authorization": f"Bearer {service.token}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=httpx2.Timeout(60.0, read=None)) as http,
        Client(streamable_http_client(service.url, http_client=http)) as client,
    ):
        yield client


async def test_two_clients_do_not_see_each_other(service: Running) -> None:
    async with connected(service) as one, connected(service) as other:
        assert one.protocol_version == "2025-11-25"  # the newest that has sessions
        await run(one, "secret = 1; open('secret.txt', 'w').write('one')")
        assert "NameError" in await shown(other, "secret")
        assert text(await other.call_tool("list_files", {})) == "There are no files."
        await one.call_tool("fork", {"name": "mine"})
        assert "there is no branch 'mine'" in await shown(other, "1", branch="mine")
        assert await shown(one, "secret") == "Out: 1"


async def test_a_client_that_leaves_makes_room_for_another(service: Running) -> None:
    async with connected(service) as first, connected(service) as second, connected(service) as late:
        async with connected(service) as third:
            for client in (first, second, third):
                await run(client, "1")
            refused = await run(late, "1")
            assert refused.is_error
            assert "3 clients have an interpreter, which is the most" in text(refused)
        assert await shown(late, "1") == "Out: 1"


async def test_output_is_told_and_a_cancelled_action_stops(service: Running) -> None:
    async def progress(done: float, total: float | None, message: str | None) -> None:
        if "going" in (message or ""):
            scope.cancel()

    async with connected(service) as client:
        with anyio.CancelScope() as scope:
            code = "kept = 1\nprint('going', flush=True)\nwhile True: pass"
            await client.call_tool("run", {"code": code}, progress_callback=progress)
        assert scope.cancelled_caught
        assert await shown(client, "kept") == "Out: 1"


def test_the_door(service: Running) -> None:
    for wrong in (None, "Bearer wrong", f"Bearer {service.token}x", f"Basic {service.token}", "Bearer", "Bearer é"):
        assert service.post(authorization=wrong).status_code == 401
    assert service.post(host="evil.example").status_code == 403  # its name may have been made to resolve to here
    assert service.post(origin="http://evil.example").status_code == 403
    assert service.post(origin="null").status_code == 403
    assert service.post(content_type="text/plain").status_code == 400
    health = httpx2.get(service.url.replace("/mcp", "/healthz"))
    assert (health.status_code, health.text) == (200, "ok\n")
    assert httpx2.get(service.url.replace("/mcp", "/else")).status_code == 401
    assert httpx2.get(f"{service.url}?token={service.token}").status_code == 401


def test_a_session_is_its_clients(service: Running) -> None:
    opened = service.post()
    assert opened.status_code == 200
    session = opened.headers["mcp-session-id"]
    call = {"jsonrpc": "2.0", "id": 2, "method": "tools/list"}
    assert service.post(call, mcp_session_id=session).status_code == 200
    assert service.post(call, mcp_session_id=session, authorization=None).status_code == 401
    assert service.post(call, mcp_session_id="0" * 32).status_code == 404
    assert service.post(call).status_code == 400
    assert service.ask("DELETE", mcp_session_id=session).status_code == 200
    assert service.post(call, mcp_session_id=session).status_code == 404
    assert service.ask("DELETE", mcp_session_id="no-such").status_code == 404


def test_a_version_without_sessions_is_refused_with_those_that_have_them(service: Running) -> None:
    names = {f"io.modelcontextprotocol/{name}": value for name, value in (("protocolVersion", "2026-07-28"),)}
    meta = {**names, "io.modelcontextprotocol/clientCapabilities": {}}
    params = {"name": "run", "arguments": {"code": "1"}, "_meta": meta}
    body = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}
    answer = service.post(body, mcp_protocol_version="2026-07-28", mcp_method="tools/call", mcp_name="run")
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert "has no sessions over HTTP" in error["message"]
    assert "2025-11-25" in error["data"]["supported"]


@pytest.mark.parametrize("body", [[], "text", {"jsonrpc": "2.0"}, {"jsonrpc": "1.0", "id": 1, "method": "x"}])
def test_what_is_no_message_is_refused(service: Running, body: object) -> None:
    assert service.post(body).status_code == 400


def test_a_huge_body_is_refused(service: Running) -> None:
    assert service.post({**INITIALIZE, "more": "x" * 17_000_000}).status_code == 413


def test_every_answer_has_strict_headers(service: Running) -> None:
    for answer in (service.post(), service.post(authorization="Bearer wrong"), service.post(host="evil.example")):
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_who_guesses_tokens_has_to_wait(service: Running) -> None:
    transport = httpx2.HTTPTransport(local_address="127.0.0.2")  # of its own: no other test has to wait
    with httpx2.Client(transport=transport, timeout=60) as guessing:
        answers = (guessing.post(service.url, headers={"authorization": f"Bearer {n}"}) for n in range(1000))
        late = next(answer for answer in answers if answer.status_code != 401)
    assert late.status_code == 429
    assert int(late.headers["retry-after"]) > 0
    assert service.post().status_code == 200, "whoever is elsewhere need not"
