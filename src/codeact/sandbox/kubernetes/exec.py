"""A program in a container, by the API server's `exec`: its standard streams over a WebSocket, a box's `Stream`.

Each message is of one channel, which its first byte names (protocols v5 and v4.channel.k8s.io). The thread that carries
a box moves bytes as they come, so the WebSocket here is one without I/O of its own.

`exec` and not `attach`: what a container's first process writes is kept in the log of its node, where it would be read
by others and count against the pod's disk.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Sequence
from urllib.parse import urlencode, urlsplit

from websockets.client import ClientProtocol
from websockets.exceptions import InvalidState, InvalidStatus
from websockets.frames import Frame, Opcode
from websockets.protocol import State
from websockets.typing import Subprotocol
from websockets.uri import parse_uri

from codeact.sandbox.kubernetes.cluster import Cluster

_PROTOCOLS = [Subprotocol("v5.channel.k8s.io"), Subprotocol("v4.channel.k8s.io")]
_STDIN, _STDOUT, _STDERR, _STATUS = range(4)
_CONNECT = 30.0  # seconds
_CHUNK = 1 << 18
_PIECE = 1 << 16  # bytes in one message
_MAX_MESSAGE = 4 << 20  # bytes; a kubelet sends some 32 KiB
_WORDS = 4096  # bytes of what is said beside standard output


class RefusedError(Exception):
    """The server has answered, but not with a WebSocket."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"HTTP status {status}")
        self.status = status
        self.body = body


class ExecStream:
    def __init__(self, sock: socket.socket, protocol: ClientProtocol) -> None:
        """Of a connection that is open."""
        sock.setblocking(False)
        self._socket = sock
        self._protocol = protocol
        self._unsent = bytearray()
        self._piece = 0  # bytes for the program in the message that is under way
        self._channel = _STATUS  # of the message that is under way from there
        self._words = bytearray()
        self._ended = False

    @property
    def last_words(self) -> str:
        return self._words.decode("utf-8", "replace")

    @property
    def ended(self) -> bool:
        """Whether the program, or the connection to it, has."""
        return self._ended

    def readable(self) -> int:
        return self._socket.fileno()

    def writable(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes | None:
        self._receive()
        found = bytearray()
        for event in self._protocol.events_received():
            if isinstance(event, Frame):
                found += self._take(event)
        with contextlib.suppress(OSError):  # an answer to a ping; that the connection is gone, the next read tells
            self._flush()
        return bytes(found) or (b"" if self._ended else None)

    def write(self, data: bytes) -> int:
        """A piece counts as taken when the whole message around it is on its way; until then it comes again."""
        try:
            if not self._piece:
                piece = data[:_PIECE]
                self._protocol.send_binary(bytes([_STDIN]) + piece)
                self._piece = len(piece)
            self._flush()
        except (InvalidState, OSError) as error:
            self._ended = True
            raise BrokenPipeError("the connection is closed") from error
        if self._unsent:
            return 0
        count, self._piece = self._piece, 0
        return count

    def close(self) -> None:
        with contextlib.suppress(OSError, InvalidState):
            self._protocol.send_close()
            self._flush()
        self._socket.close()

    def _receive(self) -> None:
        """All that has come: what TLS holds already, nobody can wait for."""
        more = True
        while more and not self._ended:
            try:
                data = self._socket.recv(_CHUNK)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            except OSError:
                data = b""
            if data:
                self._protocol.receive_data(data)
            self._ended = not data or self._protocol.parser_exc is not None
            more = isinstance(self._socket, ssl.SSLSocket) and self._socket.pending() > 0

    def _take(self, frame: Frame) -> bytes:
        """What a frame has of standard output; the rest is kept for people."""
        data = bytes(frame.data)
        if frame.opcode is Opcode.CLOSE:
            self._ended = True
        elif frame.opcode in (Opcode.BINARY, Opcode.TEXT):
            self._channel, data = (data[0] if data else _STATUS), data[1:]
        if frame.opcode not in (Opcode.BINARY, Opcode.TEXT, Opcode.CONT):
            return b""
        if self._channel == _STDOUT:
            return data
        if self._channel in (_STDERR, _STATUS):
            self._words = (self._words + data)[-_WORDS:]
        return b""

    def _flush(self) -> None:
        self._unsent += b"".join(self._protocol.data_to_send())
        while self._unsent:
            try:
                count = self._socket.send(self._unsent)
            except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
                return
            del self._unsent[:count]


def opened(cluster: Cluster, token: str, path: str, container: str, command: Sequence[str]) -> ExecStream:
    """Blocks until the program has been started, or refused.

    Raises:
        RefusedError: by the server. OSError: the connection failed.
    """
    wanted = [("container", container), *((name, "true") for name in ("stdin", "stdout", "stderr"))]
    query = urlencode([*wanted, *(("command", word) for word in command)])
    uri = parse_uri(f"ws{cluster.server.removeprefix('http')}{path}?{query}")
    sock = _connected(cluster)
    try:
        protocol = ClientProtocol(uri, subprotocols=_PROTOCOLS, max_size=_MAX_MESSAGE)
        _shake_hands(sock, protocol, token)
        return ExecStream(sock, protocol)
    except BaseException:
        sock.close()
        raise


def _connected(cluster: Cluster) -> socket.socket:
    url = urlsplit(cluster.server)
    host = url.hostname or ""
    sock = socket.create_connection((host, url.port or (443 if cluster.ssl else 80)), timeout=_CONNECT)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    if cluster.ssl is None:
        return sock
    try:
        return cluster.ssl.wrap_socket(sock, server_hostname=cluster.server_name or host)
    except BaseException:
        sock.close()
        raise


def _shake_hands(sock: socket.socket, protocol: ClientProtocol, token: str) -> None:
    request = protocol.connect()
    if token:
        request.headers["Authorization"] = f"Bearer {token}"
    protocol.send_request(request)
    sock.sendall(b"".join(protocol.data_to_send()))
    while protocol.state is State.CONNECTING and protocol.handshake_exc is None:
        if data := sock.recv(_CHUNK):
            protocol.receive_data(data)
        else:
            protocol.receive_eof()
    match protocol.handshake_exc:
        case None:
            return
        case InvalidStatus() as error:
            raise RefusedError(error.response.status_code, bytes(error.response.body or b""))
        case error:
            raise ConnectionError(f"the server does not speak {_PROTOCOLS[0]} over WebSocket: {error}")
