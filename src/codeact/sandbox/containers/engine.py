"""A container engine, by its API: the few calls that a session needs, each in a thread."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import anyio.to_thread
import docker
import requests
from docker.errors import APIError, DockerException, ImageNotFound, NotFound

from codeact.errors import SandboxError, SetupError

_CALL = 60.0  # seconds for one call
_GONE = 10.0  # seconds for a container to have been removed
_LOOK = 0.05
_CHUNK = 1 << 18
_HEAD = struct.Struct(">BxxxI")  # the engine's own framing of output: which stream, how many bytes
_STDERR = 2
_WORDS = 4096  # bytes of standard error that are kept

Kind = Literal["docker", "podman"]
T = TypeVar("T")


class Engine:
    def __init__(self, client: Any, name: str, *, of_root: bool) -> None:
        """`client`: a `docker.APIClient`, whose stubs do not know what its methods return."""
        self.name = name
        self.of_root = of_root  # rather than an ordinary user's, which has few user numbers to give
        self._client = client

    async def create(self, body: Mapping[str, Any]) -> str:
        """A container; its id. Raises SetupError when there is no such image."""
        try:
            made = await _called(lambda: self._client.create_container_from_config(dict(body)))
        except ImageNotFound:
            raise SetupError(_no_image(str(body["Image"]))) from None
        return str(made["Id"])

    async def attach(self, container: str) -> Attached:
        """The standard streams of a container that has not been started yet, so that nothing is missed."""
        # No keys to detach: Podman looks for them in binary data too.
        wanted = {"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1, "detachKeys": ""}
        return Attached(await _called(lambda: self._client.attach_socket(container, wanted)))

    async def start(self, container: str) -> None:
        await _called(lambda: self._client.start(container))

    async def inspect(self, container: str) -> Mapping[str, Any]:
        found: Mapping[str, Any] = await _called(lambda: self._client.inspect_container(container))
        return found

    async def remove(self, container: str) -> None:
        """End it and all in it, and wait until it is gone. Nothing happens when there is no such container."""

        def end() -> None:
            with contextlib.suppress(APIError):  # it has ended by itself, or is being removed: what counts is below
                self._client.kill(container)
            with contextlib.suppress(APIError):
                self._client.remove_container(container, force=True)
            deadline = time.monotonic() + _GONE
            with contextlib.suppress(NotFound):
                while time.monotonic() < deadline:
                    self._client.inspect_container(container)
                    time.sleep(_LOOK)

        await _called(end)

    async def close(self) -> None:
        self._client.close()


async def connect(host: str | None, kind: Kind) -> Engine:
    """`host`: the socket's address; None for the first one that is there.

    Raises:
        SetupError: no engine answers; says where it was looked for, and the remedy.
    """
    place = host or next((f"unix://{path}" for path in sockets(kind) if _is_socket(path)), None)
    if place is None:
        raise SetupError(
            f"no container engine was found at {', '.join(sockets(kind))}. Start Docker, or Podman's service "
            "(`systemctl --user start podman.socket`), or name its socket with DOCKER_HOST or host='unix:///…'"
        )
    try:
        return await anyio.to_thread.run_sync(_connected, place)
    except (DockerException, requests.RequestException, OSError) as error:
        raise SetupError(f"the container engine at {place!r} does not answer: {error}") from error


def _connected(place: str) -> Engine:
    if place.startswith("unix://") and not _is_socket(place.removeprefix("unix://")):
        raise FileNotFoundError("there is no such socket")
    client = docker.APIClient(base_url=place, version="auto", timeout=int(_CALL))
    version: Mapping[str, Any] = client.version()
    parts: Sequence[Mapping[str, Any]] = version.get("Components") or [{}]
    path = place.removeprefix("unix://")  # asking the engine whose it is takes Podman more than a second
    of_root = path.startswith("/") and Path(path).stat().st_uid == 0
    return Engine(client, f"{parts[0].get('Name', 'engine')} {version.get('Version', '')}".strip(), of_root=of_root)


def _is_socket(path: str) -> bool:
    return Path(path).is_socket()


def sockets(kind: Kind) -> Sequence[str]:
    """Where engines listen by default, the wanted kind first."""
    docker_places = ["/var/run/docker.sock", f"/run/user/{os.getuid()}/docker.sock"]
    podman_places = [f"/run/user/{os.getuid()}/podman/podman.sock", "/run/podman/podman.sock"]
    return docker_places + podman_places if kind == "docker" else podman_places


class Attached:
    """The standard streams of a container as the `Stream` of a box."""

    def __init__(self, attached: Any) -> None:
        self._keep = attached  # closes the connection when it is collected
        self._socket: socket.socket = getattr(attached, "_sock", attached)
        self._socket.setblocking(False)
        self._rest = bytearray()  # of a head that has not come whole
        self._left = 0  # bytes of the part that is under way
        self._stream = 0
        self._words = bytearray()

    @property
    def last_words(self) -> str:
        return self._words.decode("utf-8", "replace")

    def readable(self) -> int:
        return self._socket.fileno()

    def writable(self) -> int:
        return self._socket.fileno()

    def read(self) -> bytes | None:
        try:
            data = self._socket.recv(_CHUNK)
        except BlockingIOError:
            return None
        except OSError:
            return b""
        return (self._unframed(data) or None) if data else b""

    def write(self, data: bytes) -> int:
        try:
            return self._socket.send(data)
        except BlockingIOError:
            return 0

    def close(self) -> None:
        self._keep.close()
        self._socket.close()

    def _unframed(self, data: bytes) -> bytes:
        """What is of standard output; standard error is kept for people."""
        self._rest += data
        found = bytearray()
        while self._rest:
            if self._left == 0:
                if len(self._rest) < _HEAD.size:
                    break
                self._stream, self._left = _HEAD.unpack_from(self._rest)
                del self._rest[: _HEAD.size]
            part = self._rest[: self._left]
            del self._rest[: len(part)]
            self._left -= len(part)
            if self._stream == _STDERR:
                self._words = (self._words + part)[-_WORDS:]
            else:
                found += part
        return bytes(found)


async def _called(function: Callable[[], T]) -> T:
    """Raises SandboxError, with the engine's own words; the engine's "not found" as it is."""
    try:
        return await anyio.to_thread.run_sync(function)
    except NotFound:
        raise
    except (APIError, requests.RequestException) as error:
        words = str(error.explanation) if isinstance(error, APIError) and error.explanation else str(error)
        raise SandboxError(f"the container engine refused: {words}") from error


def _no_image(image: str) -> str:
    return (
        f"the container engine has no image {image!r}. Build it with "
        f"`docker build -t {image} {Path(__file__).parent}`, or name another that has Python, ipython, landlockpy and "
        "seccompy, and the folders /box and /tmp with mode 1777"
    )
