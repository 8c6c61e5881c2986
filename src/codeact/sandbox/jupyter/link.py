"""The websocket to one kernel: requests to run a cell, and frames to and from the code that we have put there.

Frames are a stream of bytes in the buffers of messages on the stdin channel (`box.tunnel`). A connection that breaks is
made again: the server keeps what the kernel says meanwhile, and numbers tell when something was lost all the same.
"""

from __future__ import annotations

import contextlib
import socket
import uuid
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast

import anyio
import anyio.lowlevel
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, WebSocketException
from websockets.typing import Subprotocol

from codeact.errors import SandboxError
from codeact.sandbox.box.frames import Blob, Decoder, Frame, FrameError, encode
from codeact.sandbox.box.tunnel import CHUNK, CONFIRM, KEY
from codeact.sandbox.jupyter import messages
from codeact.sandbox.jupyter.messages import Message, MessageError
from codeact.sandbox.jupyter.server import Address
from codeact.sandbox.wire import WireClosedError

_START = 60.0  # seconds until a new kernel can be talked to
_SEND = 30.0  # seconds for one message to leave
_MAX_MESSAGE = 64 * 1024 * 1024  # bytes; ours have a sixty-fourth of it
_MAX_REASON = 2_000  # characters of an error by the kernel's account
_CLOSE = 1.0  # seconds for a farewell
_GONE = ("restarting", "autorestarting", "dead")  # what servers call a kernel that has died


@dataclass(frozen=True, slots=True)
class Ended:
    """The kernel's reply to a request."""

    request: str
    error: str = ""  # what the cell raised, which only happens before and after our code in it


@dataclass(frozen=True, slots=True)
class Turn:
    """The kernel has taken a request up, or has left it: also one that an interrupt ended before it could reply."""

    request: str
    begun: bool


class Link:
    """Many may send, one may receive."""

    def __init__(self, address: Address, kernel: str) -> None:
        self._address = address
        self._kernel = kernel
        self._session = uuid.uuid4().hex  # the kernel's answers find us by it, also after a new connection
        self._connection: ClientConnection | None = None
        self._connecting = anyio.Lock()
        self._sending = anyio.Lock()
        self._unsent = deque[memoryview]()
        self._decoder = Decoder()
        self._received = 0

    async def open(self) -> None:
        """Raises `SandboxError`."""
        try:
            await self._connect(None)
        except WireClosedError as error:
            raise SandboxError(f"{self._address.base} does not let us talk to its kernel: {error}") from None

    async def _connect(self, lost: ClientConnection | None) -> None:
        async with self._connecting:
            if self._connection is not lost:  # another task was faster
                return
            url = self._address.channels(self._kernel, self._session)
            host, port = self._address.origin  # given apart, so that no redirect leads to another one
            try:
                connection = await connect(
                    url,
                    host=host,
                    port=port,
                    subprotocols=[Subprotocol(messages.SUBPROTOCOL)],
                    additional_headers=self._address.headers,
                    ssl=self._address.tls(),
                    compression=None,
                    max_size=_MAX_MESSAGE,
                    open_timeout=_START,
                    close_timeout=_CLOSE,
                    proxy=None,
                )
            except (OSError, TimeoutError, ValueError, WebSocketException) as error:
                raise WireClosedError(str(error)[:_MAX_REASON] or type(error).__name__) from None
            if connection.subprotocol != messages.SUBPROTOCOL:
                await connection.close()
                raise WireClosedError(f"it does not speak {messages.SUBPROTOCOL}; jupyter_server 2 and later do")
            self._connection = connection

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with anyio.move_on_after(_CLOSE, shield=True):
                await connection.close()

    async def execute(self, code: str, request: str) -> None:
        """Have the kernel run a cell. `request`: an id for it, by which `Ended` will name it."""
        content: dict[str, Any] = {
            "code": code,
            "silent": True,
            "store_history": False,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        await self._send(Message(channel="shell", type="execute_request", id=request, content=content))

    # --- frames to the kernel: a `wire.Sender` ---

    @property
    def has_unsent(self) -> bool:
        return bool(self._unsent)

    def post(self, frame: Frame) -> None:
        for buffer in encode(frame):
            view = memoryview(buffer).cast("B")
            self._unsent.extend(view[start : start + CHUNK] for start in range(0, len(view), CHUNK))

    async def flush(self) -> None:
        async with self._sending:
            while self._unsent:
                chunk = self._unsent.popleft()
                with anyio.CancelScope(shield=True):  # half-way nothing that follows could be read
                    await self._reply({}, [chunk])

    async def _reply(self, note: dict[str, Any], buffers: Sequence[Blob] = ()) -> None:
        content = {"value": "", KEY: note}
        await self._send(Message(channel="stdin", type="input_reply", content=content, buffers=buffers))

    async def _send(self, message: Message) -> None:
        data = messages.encode(message, self._session)
        try:
            with anyio.fail_after(_SEND):
                while True:
                    connection = self._open_connection()
                    try:
                        return await connection.send(data)
                    except ConnectionClosed:
                        await self._connect(connection)
        except TimeoutError:
            raise WireClosedError("the server takes no more messages") from None

    # --- what the kernel says ---

    async def receive(self) -> Frame | Turn | Ended:
        """What the kernel says next. May be cancelled without loss.

        Raises:
            WireClosedError: the kernel has died, cannot be reached, or said what is no frame.
        """
        try:
            while (frame := self._decoder.next()) is None:
                await anyio.lowlevel.checkpoint()  # there may be any number of messages that say nothing to us
                if (turn := await self._take(await self._message())) is not None:
                    return turn
        except (FrameError, MessageError) as error:
            raise WireClosedError(f"not a frame: {error}") from None
        return frame

    async def _message(self) -> Message:
        while True:
            connection = self._open_connection()
            try:
                data = await connection.recv(decode=False)
                _acknowledge(connection)
            except ConnectionClosed:
                await self._connect(connection)
                continue
            return messages.decode(data)

    async def _take(self, message: Message) -> Turn | Ended | None:
        match message.channel, message.type:
            case "stdin", "input_request":
                await self._feed(message)
            case "shell", "execute_reply":
                failed = message.content.get("status") != "ok"
                said = f"{message.content.get('ename')}: {message.content.get('evalue')}"[:_MAX_REASON]
                return Ended(message.parent, said if failed else "")
            case "iopub", "status" if message.content.get("execution_state") in _GONE:
                raise WireClosedError("it has died, and the server does not say of what")
            case "iopub", "status" if (state := message.content.get("execution_state")) in ("busy", "idle"):
                return Turn(message.parent, state == "busy")
            case _:
                pass  # of other clients, or what an agent's code says through the kernel's own channels
        return None

    async def _feed(self, message: Message) -> None:
        note = message.content.get(KEY)
        if not isinstance(note, dict):  # a question of the kernel's own `input`, which nobody is there to answer
            return
        if cast("dict[str, Any]", note).get("number") != self._received:
            raise MessageError("messages of the kernel were lost")
        self._received += 1
        for buffer in message.buffers:
            self._decoder.feed(buffer)
        if self._received % CONFIRM == 0:
            with anyio.CancelScope(shield=True):
                await self._reply({"confirmed": CONFIRM})

    def _open_connection(self) -> ClientConnection:
        if self._connection is None:
            raise WireClosedError("the connection is closed")
        return self._connection


def _acknowledge(connection: ClientConnection) -> None:
    """At once. Tornado, and so the server, holds a message back until the one before is acknowledged, and the kernel of
    this machine would do that only every 40 ms, or when we have something to say.
    """
    raw = connection.transport.get_extra_info("socket")
    if raw is not None and hasattr(socket, "TCP_QUICKACK"):
        with contextlib.suppress(OSError):
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
