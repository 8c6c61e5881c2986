"""HTTP/1.1 on a stream, as both ends of the proxy speak it: h11 reads and writes, so what is forwarded is what was
understood, and a request that two readers could understand differently does not get through.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, cast

import anyio
import h11
from anyio.abc import ByteStream

MAX_HEAD = 1 << 16  # bytes of a request's or response's first line and headers
CHUNK = 1 << 16  # bytes per read

LOST = (anyio.BrokenResourceError, anyio.ClosedResourceError, OSError)

Headers = list[tuple[bytes, bytes]]

# Of one connection, not of the message: never forwarded.
_HOP_BY_HOP = frozenset(
    b"connection keep-alive proxy-authenticate proxy-authorization proxy-connection te trailer upgrade expect".split()
)


class PeerError(Exception):
    """The other end sent what is not HTTP, or went away in the middle of it."""


class Peer:
    """One end of an exchange. `read` and `written` count bytes on the wire."""

    def __init__(self, stream: ByteStream, role: type[h11.SERVER] | type[h11.CLIENT]) -> None:
        self.stream = stream
        self.http = h11.Connection(role, max_incomplete_event_size=MAX_HEAD)
        self.read = 0
        self.written = 0

    async def next(self) -> Any:
        """The next h11 event. Raises `PeerError` for what is not HTTP, and when the connection is lost."""
        try:
            while (event := self.http.next_event()) is h11.NEED_DATA:
                self.http.receive_data(await self._receive())
        except h11.RemoteProtocolError as error:
            raise PeerError(str(error)) from None
        return event

    async def _receive(self) -> bytes:
        try:
            data = await self.stream.receive(CHUNK)
        except anyio.EndOfStream:
            return b""
        except LOST as error:
            raise PeerError(f"the connection was lost: {error or type(error).__name__}") from None
        self.read += len(data)
        return data

    async def send(self, *events: Any) -> None:
        """Raises `PeerError` for what does not fit the message begun, and when nobody reads."""
        for event in events:
            try:
                data = cast("bytes", self.http.send(event) or b"")
                await self.stream.send(data)
                self.written += len(data)
            except h11.LocalProtocolError as error:
                raise PeerError(str(error)) from None
            except LOST as error:
                raise PeerError(f"the connection was lost: {error or type(error).__name__}") from None


def forwarded(headers: Iterable[tuple[bytes, bytes]]) -> Headers:
    """The headers that go on to the next one, who is told that there will be no more on this connection."""
    given = list(headers)
    named = {name.strip().lower() for key, value in given if key == b"connection" for name in value.split(b",")}
    kept = [(name, value) for name, value in given if name not in _HOP_BY_HOP and name not in named]
    return [*kept, (b"connection", b"close")]
