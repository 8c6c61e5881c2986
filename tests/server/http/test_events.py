"""Streams and downloads over real sockets: resumed, kept alive, cut off where nobody reads, ended with the service."""

from __future__ import annotations

import socket
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import anyio
import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import Message

from codeact.errors import QuotaError
from codeact.server.client import Client, RemoteChat, connect
from codeact.server.download import Download
from codeact.server.house import House
from codeact.server.http.credentials import digest, new_token
from codeact.server.http.settings import HttpSettings
from codeact.server.nouns import Told
from codeact.server.turnstile import Turnstile
from codeact.types import JSON

from ..loopback import on_loopback  # noqa: TID252 (tests are no package with a name)
from .conftest import TOKENS, served

pytestmark = pytest.mark.anyio


@asynccontextmanager
async def answering(house: House, settings: HttpSettings) -> AsyncIterator[tuple[FastAPI, str]]:
    """The application behind a real server, where a slow reader is soon waited for."""
    application = served(house, settings)
    async with on_loopback(application, sent_ahead=4096) as url:
        yield application, url


@pytest.fixture
async def client(house: House) -> AsyncIterator[Client]:
    async with answering(house, HttpSettings()) as (_, url), connect(url, token=TOKENS["ann"]) as opened:
        yield opened


async def until(chat: RemoteChat, found: Callable[[Told], bool], after: int = 0) -> list[Told]:
    seen: list[Told] = []
    with anyio.fail_after(30):
        async with chat.events(after=after) as events:
            async for told in events:
                seen.append(told)
                if found(told):
                    return seen
    raise AssertionError("the stream has ended")


async def true(condition: Callable[[], bool]) -> None:
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110 -- of counters of the service's, which announce nothing
            await anyio.sleep(0.02)


def is_kind(kind: str) -> Callable[[Told], bool]:
    return lambda told: told.event["kind"] == kind


async def test_a_run_is_told_without_gaps_and_can_be_read_on_from_any_event(client: Client) -> None:
    chat = await client.create()
    run = await chat.ask("run: print(6 * 7)")
    assert run.answer == "It is 42"
    told = await until(chat, is_kind("run_ended"))
    assert [each.number for each in told] == list(range(1, len(told) + 1))
    kinds = [each.event["kind"] for each in told]
    assert kinds[0] == "run_begun"
    assert {"text_delta", "action_started", "output_chunk", "answered", "finished"} <= set(kinds)
    assert await until(chat, is_kind("run_ended"), after=4) == told[4:]


async def test_a_browser_resumes_by_the_header_that_it_sends(client: Client) -> None:
    chat = await client.create()
    await chat.ask("hello")
    headers = {"last-event-id": "2"}
    async with client.http.sse(f"{chat.path}/events", params={"after": 0}, headers=headers) as source:
        async for event in source:
            if event.data:  # the first says only when to come back
                assert event.id == "3"
                break


async def test_two_listeners_hear_the_same(client: Client) -> None:
    chat = await client.create()
    heard: list[list[Told]] = []

    async def hear() -> None:
        heard.append(await until(chat, is_kind("run_ended")))

    async with anyio.create_task_group() as group:
        for _ in range(2):
            group.start_soon(hear)
        await chat.send("run: print(1)")
    assert heard[0] == heard[1]


async def test_silence_is_filled_with_signs_of_life(house: House) -> None:
    async with answering(house, HttpSettings(heartbeat=0.05)) as (_, url), connect(url, token=TOKENS["ann"]) as client:
        chat = await client.create()
        async with client.http.stream("GET", f"{chat.path}/events") as answer:
            beats = 0
            with anyio.fail_after(30):
                async for line in answer.aiter_lines():
                    beats += line == ": alive"
                    if beats == 3:
                        break


async def test_who_does_not_read_is_cut_off_and_comes_back_without_a_loss(house: House) -> None:
    """Its connection ends after the patience; nothing piles up for it, and the log has all it has missed."""
    async with (
        answering(house, HttpSettings(unread=0.3)) as (_, url),
        connect(url, token=TOKENS["ann"]) as client,
    ):
        chat = await client.create()
        streams = house.shared.ledger.streams.inside
        host, port = url.removeprefix("http://").split(":")
        with socket.socket() as lazy:
            lazy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            lazy.connect((host, int(port)))
            head = f"GET {chat.path}/events HTTP/1.1\r\nHost: {host}\r\nAuthorization: Bearer {TOKENS['ann']}\r\n\r\n"
            lazy.sendall(head.encode())
            with anyio.fail_after(30):
                await true(lambda: streams["ann"] == 1)
                await chat.send("run: print('x' * 900_000)")
                await (await house.room(chat.id, owner="ann")).wait()
                await true(lambda: streams["ann"] == 0)
        told = await until(chat, is_kind("run_ended"))
        assert [each.number for each in told] == list(range(1, len(told) + 1))


async def test_only_so_many_streams_of_one_user(house: House) -> None:
    house.shared.ledger.streams.own = 1
    async with (
        answering(house, HttpSettings()) as (_, url),
        connect(url, token=TOKENS["ann"]) as client,
    ):
        chat = await client.create()
        async with client.http.stream("GET", f"{chat.path}/events") as first:
            lines = first.aiter_lines()
            assert await anext(lines) == "retry: 1000"
            async with client.http.stream("GET", f"{chat.path}/events") as second:
                assert second.status_code == 429
            await true(lambda: house.shared.ledger.streams.inside["ann"] == 1)
        await true(lambda: house.shared.ledger.streams.inside["ann"] == 0)
        await chat.change(title="now there is room again")
        assert await until(chat, is_kind("chat_changed"))


async def test_downloads_of_one_user_wait_for_each_other_and_for_nobody_else(house: House) -> None:
    transfers = house.shared.ledger.transfers
    transfers.own, transfers.patience = 1, 0.1
    data = bytes(range(256)) * 20_000
    async with (
        answering(house, HttpSettings()) as (_, url),
        connect(url, token=TOKENS["ann"]) as ann,
        connect(url, token=TOKENS["bob"]) as bob,
    ):
        hers, his = await ann.create(), await bob.create()
        for chat in (hers, his):
            await (await house.room(chat.id, owner="ann" if chat is hers else "bob")).put("large", data)
        async with ann.http.stream("GET", f"{hers.path}/files/large") as unread:  # as much as the sockets hold
            assert unread.headers["content-length"] == str(len(data))
            assert transfers.inside["ann"] == 1
            with pytest.raises(QuotaError, match="1 large files on their way"):
                await hers.get("large")
            assert await his.get("large") == data
        await true(lambda: not transfers.inside)
        assert await hers.get("large") == data
        await true(lambda: not transfers.inside)
    assert [path.name for path in house.shared.folder.iterdir()] == ["lock"]


async def test_who_does_not_read_a_download_is_cut_off() -> None:
    async def pieces() -> AsyncGenerator[bytes]:
        yield b"x"

    async def send(message: Message) -> None:
        if message["type"] == "http.response.body":
            await anyio.sleep_forever()

    turnstile, held = Turnstile("downloads", 1, 1), AsyncExitStack()
    await held.enter_async_context(turnstile.turn("ann"))
    with anyio.fail_after(30):
        await Download(pieces(), {}, held, patience=0.05)({"type": "http"}, anyio.sleep_forever, send)
    assert not turnstile.inside


async def test_taking_a_token_back_ends_the_streams_that_were_got_with_it(house: House) -> None:
    token, kept = new_token(), new_token()
    for each in (token, kept):
        await house.store.add_token("ann", digest(each))
    async with (
        answering(house, HttpSettings(again=0.1, heartbeat=0.1)) as (_, url),
        connect(url, token=token) as client,
        connect(url, token=kept) as other,
    ):
        chat = await client.create()
        async with (
            client.http.stream("GET", f"{chat.path}/events") as ending,
            other.http.stream("GET", f"{chat.path}/events") as lasting,
        ):
            lines, others = ending.aiter_lines(), lasting.aiter_lines()
            assert await anext(lines) == await anext(others) == "retry: 1000"
            await house.store.delete_token(digest(token))
            with anyio.fail_after(30), pytest.raises(httpx2.RemoteProtocolError):
                async for _line in lines:
                    pass
            assert await anext(others) is not None
        with pytest.raises(Exception, match="token is needed"):
            await chat.view()


async def test_a_stream_ends_in_good_order_when_the_service_does(house: House) -> None:
    async with answering(house, HttpSettings()) as (application, url), connect(url, token=TOKENS["ann"]) as client:
        chat = await client.create()
        async with client.http.stream("GET", f"{chat.path}/events") as answer:
            application.state.service.closing.set()
            with anyio.fail_after(30):
                assert "retry: 1000" in [line async for line in answer.aiter_lines()]


async def test_the_client_takes_up_a_stream_that_breaks(house: House) -> None:
    """A transport that cuts each answer after some bytes: the client comes back, and hears all of it once."""

    class Cutting(httpx2.AsyncHTTPTransport):
        async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
            answer = await super().handle_async_request(request)
            if request.url.path.endswith("/events"):
                answer.stream = Cut(answer.stream)
            return answer

    class Cut(httpx2.AsyncByteStream):
        def __init__(self, inner: JSON) -> None:
            self.inner = inner

        async def __aiter__(self) -> AsyncIterator[bytes]:
            size = 0
            async for piece in self.inner:
                size += len(piece)
                yield piece
                if size > 600:
                    raise httpx2.ReadError("cut")

        async def aclose(self) -> None:
            await self.inner.aclose()

    async with (
        answering(house, HttpSettings()) as (_, url),
        connect(url, token=TOKENS["ann"], transport=Cutting()) as client,
    ):
        chat = await client.create()
        await chat.send("run: print(1)")
        told = await until(chat, is_kind("run_ended"))
        assert [each.number for each in told] == list(range(1, len(told) + 1))
        assert len(told) > 5
