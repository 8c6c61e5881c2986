"""A Jupyter server's REST calls for kernels, which a kernel gateway answers too. What it answers is taken with the same
suspicion as what comes from a box.
"""

from __future__ import annotations

import contextlib
import json
import re
import ssl
from collections.abc import AsyncGenerator
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import SplitResult, quote, urlsplit

import anyio
import httpx2

from codeact.errors import SandboxError, UsageError

LOCAL = "http://127.0.0.1:8888/"  # where a Jupyter server of this machine listens by default
_PATIENCE = 30.0  # seconds for an answer
_MAX_ANSWER = 4 * 1024 * 1024  # bytes
_MAX_REASON = 500  # characters of what a server says of a failure
_KERNEL = re.compile(r"[\w-]{1,100}", re.ASCII)  # an id


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where the server is, and how to be let in.

    Raises:
        UsageError: not an address, or one with a secret in it, which would be shown wherever the address is.
    """

    url: str  # with the base path, as a browser shows it: http://host:8888/user/ada/
    token: str | None = field(default=None, repr=False)
    verify: bool | str = True  # of a TLS certificate; a path is that of the authority to trust

    def __post_init__(self) -> None:
        parts = urlsplit(self.url)
        if parts.query or "@" in parts.netloc:
            raise UsageError(
                f"the address of the Jupyter server {parts.hostname!r} has more than a path; give it without the part "
                "from '?' on and without a password, and the token apart (token=…, or JUPYTER_TOKEN for the command)"
            )
        if parts.scheme not in ("http", "https") or not parts.hostname or not _is_port(parts):
            raise UsageError(f"{self.url!r} is not the address of a Jupyter server; give one like {LOCAL}")

    @property
    def base(self) -> str:
        return urlsplit(self.url)._replace(fragment="").geturl().rstrip("/")

    @property
    def origin(self) -> tuple[str, int]:
        """Host and port."""
        parts = urlsplit(self.url)
        return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def headers(self) -> dict[str, str]:
        return {"Authorization": f"token {self.token}"} if self.token else {}

    def channels(self, kernel: str, session: str) -> str:
        """The address of a kernel's websocket."""
        return f"ws{self.base.removeprefix('http')}/api/kernels/{kernel}/channels?session_id={quote(session)}"

    def tls(self) -> ssl.SSLContext | None:
        """Raises `UsageError` for an authority that cannot be read."""
        if self.base.startswith("http:"):
            return None
        try:
            context = ssl.create_default_context(cafile=self.verify if isinstance(self.verify, str) else None)
        except OSError as error:
            raise UsageError(f"verify={self.verify!r} is not a file of certificates: {error}") from error
        if self.verify is False:
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        return context


class Server:
    def __init__(self, address: Address, client: httpx2.AsyncClient, *, spare: bool) -> None:
        """`spare`: have one kernel more than is used, so that nobody waits for the next to start."""
        self.address = address
        self._client = client
        self._keeps_spare = spare
        self._spare: tuple[str | None, str] | None = None  # name of the specification, id of the kernel

    async def take(self, name: str | None) -> str:
        """The id of a kernel that is nobody's yet; `name` is that of its specification, None the server's default.

        Raises:
            UsageError: there is no such specification. SandboxError: the server refused or failed.
        """
        spare, self._spare = self._spare, None
        kernel = spare[1] if spare and spare[0] == name and await self._has(spare[1]) else await self._start(name)
        if self._keeps_spare and self._spare is None:
            with contextlib.suppress(SandboxError):  # the next one starts its own
                self._spare = name, await self._start(name)
        return kernel

    async def close(self) -> None:
        if self._spare is not None:
            spare, self._spare = self._spare, None
            with anyio.CancelScope(shield=True), contextlib.suppress(SandboxError):
                await self.end(spare[1])

    async def _has(self, kernel: str) -> bool:
        """Servers end kernels that nobody uses, if their owner wants that."""
        return await self._ask("GET", f"/api/kernels/{kernel}", accept=404) is not None

    async def _specifications(self) -> list[str]:
        found = await self._ask("GET", "/api/kernelspecs")
        known = cast("dict[str, Any]", found).get("kernelspecs") if isinstance(found, dict) else None
        return list(cast("dict[str, Any]", known)) if isinstance(known, dict) else []

    async def _start(self, name: str | None) -> str:
        if name and name not in (known := await self._specifications()):
            there = ", ".join(known)[:_MAX_REASON] or "none"
            raise UsageError(f"{self.address.base} has no kernel {name!r}; it has {there}")
        found = await self._ask("POST", "/api/kernels", body={"name": name} if name else {})
        kernel = cast("dict[str, Any]", found).get("id") if isinstance(found, dict) else None
        if not isinstance(kernel, str) or not _KERNEL.fullmatch(kernel):
            raise SandboxError(f"{self.address.base} started a kernel without saying which; is it a Jupyter server?")
        return kernel

    async def interrupt(self, kernel: str) -> None:
        await self._ask("POST", f"/api/kernels/{kernel}/interrupt")

    async def end(self, kernel: str) -> None:
        """Returns when the kernel is gone, which takes some seconds if it does not listen."""
        await self._ask("DELETE", f"/api/kernels/{kernel}", accept=404)

    async def _ask(self, method: str, path: str, *, accept: int = 0, body: Any = None) -> Any:
        """`accept`: an error that is an answer, None. Raises `SandboxError`."""
        what = f"{method} {self.address.base}{path}"
        try:
            with anyio.fail_after(_PATIENCE):
                async with self._client.stream(method, f"{self.address.base}{path}", json=body) as reply:
                    found = _object(await _bounded(reply))
        except (httpx2.HTTPError, TimeoutError) as error:
            raise SandboxError(f"{what} failed: {str(error)[:_MAX_REASON] or type(error).__name__}") from error
        if reply.status_code == accept:
            return None
        if not reply.is_success:
            raise SandboxError(f"{what} was answered with {reply.status_code}: {_reason(reply, found)}")
        return found


@contextlib.asynccontextmanager
async def connected(address: Address, *, spare: bool = False) -> AsyncGenerator[Server]:
    tls = address.tls()
    verify = True if tls is None else tls
    async with httpx2.AsyncClient(headers=address.headers, verify=verify, timeout=_PATIENCE, trust_env=False) as client:
        server = Server(address, client, spare=spare)
        try:
            yield server
        finally:
            await server.close()


def _is_port(parts: SplitResult) -> bool:
    try:
        return parts.port != 0
    except ValueError:
        return False


async def _bounded(reply: httpx2.Response) -> bytes:
    data = bytearray()
    async for piece in reply.aiter_bytes():
        data += piece
        if len(data) > _MAX_ANSWER:
            raise httpx2.DecodingError(f"an answer of more than {_MAX_ANSWER:,} bytes", request=reply.request)
    return bytes(data)


def _object(data: bytes) -> Any:
    try:
        return json.loads(data)
    except (ValueError, RecursionError):  # nothing, or a page for people
        return {}


def _reason(reply: httpx2.Response, found: Any) -> str:
    if reply.status_code in (401, 403):
        return "it does not let us in; give the server's token (`jupyter server list` shows it)"
    said = cast("dict[str, Any]", found).get("message") if isinstance(found, dict) else None
    return str(said or reply.reason_phrase)[:_MAX_REASON]
