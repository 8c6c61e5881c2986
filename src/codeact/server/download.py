"""Files on their way to a client: by way of the disk, never whole in memory, and a few of one user at a time."""

from __future__ import annotations

import logging
import os
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, aclosing
from pathlib import Path
from typing import Final
from uuid import uuid4

import anyio
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from codeact.server.line import Line

log: Final = logging.getLogger("codeact.server.downloads")
PATIENCE: Final = 30.0  # seconds that a client may take to read a piece, until it is cut off
_PIECE: Final = 256 * 1024  # bytes

Turn = AbstractAsyncContextManager[None]


class Download(Response):
    """An answer in pieces. `held` is let go of once it has been sent, or the client has gone or does not read."""

    def __init__(
        self,
        pieces: AsyncGenerator[bytes],
        headers: Mapping[str, str],
        held: AsyncExitStack,
        *,
        patience: float = PATIENCE,
    ) -> None:
        super().__init__(headers={"content-type": "application/octet-stream", **headers})
        self._pieces, self._held, self._patience = pieces, held, patience

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        line = Line(send, self._patience)
        async with self._held, aclosing(self._pieces) as pieces:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            try:
                async for piece in pieces:
                    await line.put(piece)
                await line.put(b"", more=False)
            except TimeoutError:  # without an end of its own, the server closes the connection
                log.info("a download was cut off: its client does not read")


async def fetched(
    fetch: Callable[[Path], Awaitable[object]], folder: Path, headers: Mapping[str, str], turn: Turn
) -> Download:
    """A file that `fetch` writes to the place in `folder` that it is told.

    Raises:
        QuotaError: too many are on their way. And what `fetch` raises.
    """
    async with AsyncExitStack() as held:
        await held.enter_async_context(turn)
        place = folder / f"download-{uuid4().hex}"
        try:
            await fetch(place)
            return await _of_file(place, headers, held)
        finally:
            place.unlink(missing_ok=True)  # whoever has it open needs no name


async def stored(place: Path, headers: Mapping[str, str], turn: Turn) -> Download:
    """A file of the disk, which stays there. Raises `QuotaError` where too many are on their way."""
    async with AsyncExitStack() as held:
        await held.enter_async_context(turn)
        return await _of_file(place, headers, held)


async def in_pieces(answer: Callable[[], Awaitable[Response]], turn: Turn) -> Download:
    """An answer that is made whole. Raises `QuotaError` where too many are on their way."""
    async with AsyncExitStack() as held:
        await held.enter_async_context(turn)
        whole = await answer()
        return Download(_cut(bytes(whole.body)), whole.headers, held.pop_all())


async def _of_file(place: Path, headers: Mapping[str, str], held: AsyncExitStack) -> Download:
    file = await held.enter_async_context(await anyio.open_file(place, "rb"))
    length = {"content-length": str(os.fstat(file.wrapped.fileno()).st_size)}

    async def pieces() -> AsyncGenerator[bytes]:
        while piece := await file.read(_PIECE):
            yield piece

    return Download(pieces(), {**headers, **length}, held.pop_all())


async def _cut(data: bytes) -> AsyncGenerator[bytes]:
    for start in range(0, len(data), _PIECE):
        yield data[start : start + _PIECE]
