"""The host's end of a session's network: an HTTP proxy that lets through what the policy allows.

It reads what a hostile process sends. So: one request a connection, heads of bounded size and time, so many
connections at once, none that stays idle, and nothing is forwarded that was not understood. Refusals say in the reason
phrase, which is what Python's libraries show, why and what would allow it.

Covers: which host, port and address is reached. Does not cover: what is said inside an allowed connection. TLS stays
end to end, so a host that serves many names (a large CDN) may answer for another one than was asked for, and whatever
an allowed host takes, it can be sent.
"""

from __future__ import annotations

import contextlib
import re
import socket
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial

import anyio
import h11
from anyio.abc import ByteStream, SocketStream

from codeact.sandbox.network.peers import Headers, Peer, PeerError, forwarded
from codeact.sandbox.network.rules import Rule, is_address, may_lead_to, reach, rule_for, split_authority
from codeact.sandbox.network.traffic import Exchange, Traffic
from codeact.sandbox.network.tunnel import relay

MAX_CONNECTIONS = 64  # at once, per session; more wait in the kernel's queue
_HEAD_TIME = 30.0  # seconds for a request's head
_CONNECT_TIME = 20.0  # seconds to resolve and connect
_IDLE_TIME = 120.0  # seconds without a byte in either direction
_URL = re.compile(r"http://([^/?#@\s]*)((?:[/?][^#\s]*)?)", re.IGNORECASE)

Resolve = Callable[[str, int], Awaitable[Sequence[str]]]


class RefusalError(Exception):
    """What the box is answered instead of what it asked for; `status` is that of HTTP."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


async def resolve(host: str, port: int) -> Sequence[str]:
    """The addresses of a name, as the host's own resolver has them. Raises OSError."""
    found = await anyio.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(row[4][0]).partition("%")[0] for row in found))


@dataclass(frozen=True, slots=True, kw_only=True)
class Proxy:
    """`policy` is its name in refusals; `credentials` are added to plain requests to (host, port)."""

    policy: str
    rules: Sequence[Rule]
    traffic: Traffic
    credentials: Mapping[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    reading_only: bool = False  # of plain requests: an index is there to be read
    resolve: Resolve = resolve

    async def serve(self, listener: socket.socket) -> None:
        """Answer on a listening socket until cancelled; then every connection is closed."""
        listener.setblocking(False)
        room = anyio.CapacityLimiter(MAX_CONNECTIONS)
        async with anyio.create_task_group() as tasks:
            while True:
                await room.acquire_on_behalf_of(ticket := object())
                connection = await _accept(listener)
                tasks.start_soon(self._attend, connection, partial(room.release_on_behalf_of, ticket))

    async def _attend(self, connection: socket.socket, leave: Callable[[], None]) -> None:
        try:
            async with await _stream_of(connection) as stream:
                await self._converse(stream)
        except Exception:  # noqa: BLE001, S110 (whatever a box sends, and an `emit` that raises, ends this request only)
            pass
        finally:
            leave()

    async def _converse(self, stream: ByteStream) -> None:
        client = Peer(stream, h11.SERVER)
        exchange: Exchange | None = None
        try:
            with anyio.fail_after(_HEAD_TIME):
                request = await client.next()
            if not isinstance(request, h11.Request):
                return  # closed before it had asked
            exchange, path = self._read(request)
            await (self._tunnel(client, exchange) if path is None else self._forward(client, request, exchange, path))
        except RefusalError as refusal:
            await _answer(client, refusal)
        except (PeerError, TimeoutError) as error:
            if exchange:
                exchange.failed = str(error) or "timed out"
            await _answer(client, RefusalError(400 if exchange is None else 502, str(error) or "timed out"))

    def _read(self, request: h11.Request) -> tuple[Exchange, str | None]:
        """What is asked, on the record, and the path of a plain request. Raises `RefusalError`."""
        method, target = request.method.decode("ascii"), request.target.decode("latin-1")
        url = _URL.fullmatch(target) if method != "CONNECT" else None
        if method != "CONNECT" and url is None:
            raise RefusalError(400, "this is a proxy for http:// addresses and for CONNECT, and takes no user names")
        try:
            host, port = split_authority(url[1] if url else target, 80 if url else 443)
        except ValueError as error:
            raise RefusalError(400, f"the address cannot be read: {error}") from None
        exchange = Exchange(method=method[:20], host=host, port=port)
        if rule_for(self.rules, host, port) is None:
            exchange.refused = self._not_allowed(host, port)
        elif url and self.reading_only and method not in ("GET", "HEAD"):
            exchange.refused = f"network={self.policy!r} lets GET and HEAD through, not {method[:20]}"
        self.traffic.add(exchange)
        if exchange.refused:
            raise RefusalError(403, exchange.refused)
        return exchange, (_path(url[2]) if url else None)

    def _not_allowed(self, host: str, port: int) -> str:
        shown = f"[{host}]" if ":" in host else host
        entry = shown if port in (80, 443) else f"{shown}:{port}"
        return f"{shown}:{port} is not allowed by network={self.policy!r}; to allow it: network='allow:{entry}'"

    async def _connect(self, exchange: Exchange) -> SocketStream:
        """Raises `RefusalError`: there is no such host, it may not be reached, or cannot."""
        where, failure = f"{exchange.host}:{exchange.port}", RefusalError(504, "")
        with anyio.move_on_after(_CONNECT_TIME):
            for address in await self._addresses(exchange):
                try:
                    return await anyio.connect_tcp(address, exchange.port)
                except OSError as error:
                    failure = RefusalError(502, f"{where} cannot be reached: {error.strerror or error}")
        exchange.failed = str(failure) or f"{where} did not answer within {_CONNECT_TIME:.0f} seconds"
        raise RefusalError(failure.status, exchange.failed)

    async def _addresses(self, exchange: Exchange) -> Sequence[str]:
        """Those that may be connected to, of which there is at least one. Raises `RefusalError`."""
        host, port = exchange.host, exchange.port
        rule = rule_for(self.rules, host, port)
        assert rule is not None
        try:
            found = [host] if is_address(host) else await self.resolve(host, port)
        except OSError:
            found = []
        if not found:
            exchange.failed = f"there is no address for the host name {host}"
            raise RefusalError(502, exchange.failed)
        allowed = [address for address in found if may_lead_to(self.rules, rule, address, port)]
        if not allowed:
            exchange.refused = (
                f"{host} leads to the {reach(found[0])} address {found[0]}, which network={self.policy!r} does not list"
            )
            raise RefusalError(403, exchange.refused)
        return allowed

    async def _tunnel(self, client: Peer, exchange: Exchange) -> None:
        async with await self._connect(exchange) as server:
            await client.send(h11.Response(status_code=200, headers=[], reason=b"Connection established"))
            early, _ = client.http.trailing_data
            await relay(client.stream, server, exchange, early=early, idle=_IDLE_TIME)

    async def _forward(self, client: Peer, request: h11.Request, exchange: Exchange, path: str) -> None:
        async with await self._connect(exchange) as stream:
            server = Peer(stream, h11.CLIENT)
            try:
                if client.http.they_are_waiting_for_100_continue:
                    await client.send(h11.InformationalResponse(status_code=100, headers=[]))
                headers = [*self._credential(exchange), *forwarded(request.headers)]
                head = h11.Request(
                    method=request.method, target=path, headers=[_host(exchange), *_without_host(headers)]
                )
                await server.send(head)
                await _pass_on(client, server)
                await _pass_on(server, client)
            finally:
                exchange.sent, exchange.received = server.written, server.read

    def _credential(self, exchange: Exchange) -> Headers:
        value = self.credentials.get((exchange.host, exchange.port))
        return [(b"authorization", value.encode("ascii"))] if value else []


async def _stream_of(connection: socket.socket) -> SocketStream:
    try:
        return await SocketStream.from_socket(connection)
    except BaseException:  # cancelled before it was anybody's
        connection.close()
        raise


async def _accept(listener: socket.socket) -> socket.socket:
    while True:
        await anyio.wait_readable(listener)
        try:
            return listener.accept()[0]
        except (BlockingIOError, ConnectionAbortedError):
            continue
        except OSError:  # no more descriptors: those that are open must end first
            await anyio.sleep(0.5)


async def _pass_on(source: Peer, sink: Peer) -> None:
    """One message's body, after its head where that is a response's, to its end. Raises `PeerError`, TimeoutError."""
    while True:
        with anyio.fail_after(_IDLE_TIME):
            match event := await source.next():
                case h11.Response():
                    head = h11.Response(
                        status_code=event.status_code,
                        headers=forwarded(event.headers),
                        reason=event.reason,
                    )
                    await sink.send(head)
                case h11.Data():
                    await sink.send(h11.Data(data=event.data))
                case h11.EndOfMessage():
                    await sink.send(h11.EndOfMessage(headers=[]))
                    return
                case h11.InformationalResponse():
                    pass  # for the proxy, which has asked for nothing of the kind
                case _:
                    raise PeerError("the connection was closed in the middle of a message")


async def _answer(client: Peer, refusal: RefusalError) -> None:
    """Say why not, if there is anybody who has not been told something else already."""
    if client.http.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
        return
    reason = str(refusal).encode("ascii", "replace")[:500]
    body = reason + b"\n"
    headers = [
        (b"content-type", b"text/plain"),
        (b"content-length", str(len(body)).encode()),
        (b"connection", b"close"),
    ]
    head = h11.Response(status_code=refusal.status, headers=headers, reason=reason)
    with anyio.move_on_after(_HEAD_TIME), contextlib.suppress(PeerError):
        await client.send(head, h11.Data(data=body), h11.EndOfMessage())


def _path(text: str) -> str:
    return text if text.startswith("/") else f"/{text}"


def _host(exchange: Exchange) -> tuple[bytes, bytes]:
    host = f"[{exchange.host}]" if ":" in exchange.host else exchange.host
    return (b"host", (host if exchange.port == 80 else f"{host}:{exchange.port}").encode("ascii"))


def _without_host(headers: Headers) -> Headers:
    """The address line counts, and not what the client says besides: nothing may be asked of another name there."""
    return [(name, value) for name, value in headers if name != b"host"]
