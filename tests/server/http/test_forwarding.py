"""What is passed on to the replica that has a chat awake, and what comes back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import anyio
import pytest
from anyio.abc import SocketAttribute, SocketStream

from codeact.sandbox.local import LocalSandbox
from codeact.server.house import House
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store

from .conftest import TOKENS, URL, Users, scripted

pytestmark = pytest.mark.anyio

HERE = "here:1:1:1 http://127.0.0.1:9"
ANSWER = (
    b"HTTP/1.1 201 Created\r\nContent-Type: application/json\r\nX-Request-Id: there\r\nKeep-Alive: timeout=5\r\n"
    b"Content-Length: 14\r\n\r\n" + b'{"all": "well"}'[:14]
)
REFUSAL = b"HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n"


@pytest.fixture
async def house(warm_sandbox: LocalSandbox, tmp_path: Path) -> AsyncIterator[House]:
    settings = HouseSettings(models={"scripted:test": scripted}, sandbox=warm_sandbox, replica=HERE)
    async with open_store(f"sqlite:{tmp_path / 'chats.db'}") as store, House.open(store, settings) as opened:
        yield opened


@dataclass(slots=True)
class Other:
    """A replica that says one thing to all that it is asked."""

    answer: bytes
    asked: list[bytes] = field(default_factory=list[bytes])

    async def serve(self, stream: SocketStream) -> None:
        async with stream:
            head, _, body = (await self._until(stream, b"", b"\r\n\r\n")).partition(b"\r\n\r\n")
            if b"chunked" in head.lower():
                body = await self._until(stream, body, b"0\r\n\r\n")
            self.asked.append(head + b"\r\n\r\n" + body)
            await stream.send(self.answer)

    async def _until(self, stream: SocketStream, begun: bytes, end: bytes) -> bytes:
        while end not in begun:
            try:
                begun += await stream.receive()
            except (anyio.EndOfStream, anyio.BrokenResourceError):
                break
        return begun


@asynccontextmanager
async def other(answer: bytes) -> AsyncIterator[tuple[Other, str]]:
    """It, and its address."""
    found = Other(answer)
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, found.serve)
        yield found, f"http://127.0.0.1:{listener.extra(SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()


async def awake_at(house: House, address: str) -> str:
    """A chat that is awake in the replica there."""
    chat = await house.new_chat("ann")
    assert await house.store.hold(chat.id, f"there:1:1:1 {address}")
    return f"/sessions/{chat.id}"


async def test_a_request_goes_on_as_it_came_and_the_answer_comes_back(house: House, users: Users) -> None:
    async with other(ANSWER) as (there, address), users.by("ann") as ann:
        path = await awake_at(house, address)
        headers = {"te": "trailers", "keep-alive": "timeout=5", "origin": "https://elsewhere.example"}
        answer = await ann.put(f"{path}/files/b%20%C3%A9%3F.txt?a=1&b=%20", content=_pieces(), headers=headers)
        assert (answer.status_code, answer.content) == (201, b'{"all": "well"')
        assert answer.headers["x-request-id"] != "there"
        assert "keep-alive" not in answer.headers
        assert answer.headers["content-security-policy"]
        (asked,) = there.asked
        head, _, body = asked.partition(b"\r\n\r\n")
        first, *lines = head.decode().split("\r\n")
        found = dict(line.lower().split(": ", 1) for line in lines)
        assert first == f"PUT {path}/files/b%20%C3%A9%3F.txt?a=1&b=%20 HTTP/1.1"
        assert found["authorization"] == f"bearer {TOKENS['ann']}"
        assert found["host"] == URL.removeprefix("http://"), "so that there it is compared with what the browser says"
        assert found["origin"] == "https://elsewhere.example"
        assert found["x-codeact-passed-on"] == "1"
        assert not {"te", "keep-alive"} & found.keys()
        assert body.count(b"x" * 1000) == 3


async def _pieces() -> AsyncIterator[bytes]:
    for _ in range(3):
        yield b"x" * 1000


async def test_what_needs_no_interpreter_is_answered_by_whoever_is_asked(house: House, users: Users) -> None:
    async with other(ANSWER) as (there, address), users.by("ann") as ann:
        path = await awake_at(house, address)
        for read in ("", "/runs", "/shares"):
            assert (await ann.get(f"{path}{read}")).status_code == 200
        assert (await ann.post(f"{path}/shares", json={})).status_code == 422, "nothing was said yet"
        assert (await ann.get(f"{path}/files/a%2F..%2F..%2Fb")).status_code == 422, "a way out is no way"
        assert there.asked == []
        for method, asked in (("PATCH", ""), ("DELETE", ""), ("POST", "/interrupt"), ("GET", "/variables")):
            assert (await ann.request(method, f"{path}{asked}")).status_code == 201
        assert len(there.asked) == 4


async def test_a_replica_that_does_not_answer_or_does_not_know_the_token_is_said_to(house: House, users: Users) -> None:
    async with users.by("ann") as ann:
        async with other(REFUSAL) as (_, address):
            path = await awake_at(house, address)
            refused = await ann.get(f"{path}/files")
            assert (refused.status_code, "does not know this token" in refused.text) == (409, True)
        gone = await ann.get(f"{path}/files")
        assert (gone.status_code, gone.json()["type"], gone.headers["retry-after"]) == (503, "urn:codeact:replica", "5")
        assert address not in gone.text


async def test_a_request_goes_on_once_and_only_to_who_can_be_reached(house: House, users: Users) -> None:
    async with other(ANSWER) as (there, address), users.by("ann") as ann:
        path = await awake_at(house, address)
        marked = await ann.get(f"{path}/files", headers={"x-codeact-passed-on": "1"})
        assert (marked.status_code, "awake in another process" in marked.text) == (409, True)
        unreached = await ann.get(f"{await awake_at(house, 'somewhere')}/files")
        assert unreached.status_code == 409
        assert there.asked == []


async def test_a_body_that_is_too_large_is_too_large_here(house: House, users: Users) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(50):
            yield b"x" * 10_000

    async with other(ANSWER) as (_, address), users.by("ann") as ann:
        path = await awake_at(house, address)
        assert (await ann.put(f"{path}/files/a.txt", content=endless())).status_code == 413


async def test_the_papers_protocol_is_passed_on_too(house: House, users: Users) -> None:
    async with other(ANSWER) as (there, address), users.by("ann") as ann:
        chat = await house.new_chat("ann", title="execute: mine")
        assert await house.store.hold(chat.id, f"there:1:1:1 {address}")
        assert (await ann.post("/execute", json={"convid": "mine", "code": "1"})).status_code == 201
        assert there.asked[0].startswith(b"POST /execute HTTP/1.1\r\n")
        assert there.asked[0].endswith(b'{"convid":"mine","code":"1"}')
