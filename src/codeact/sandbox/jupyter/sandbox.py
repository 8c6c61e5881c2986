"""Code runs in a kernel of any Jupyter server or kernel gateway: a machine with a GPU, a cluster's gateway, a notebook
server with the data already there.

Covers: what goes wrong by accident (time, output, memory of the kernel's process). Does not cover: anything else. What
code in a kernel can read, write and reach is what the server's owner lets it; nothing of that is tried or claimed here.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator

from codeact.sandbox import isolation, offers
from codeact.sandbox.base import Limits, NetworkPolicy, Offer
from codeact.sandbox.jupyter.server import LOCAL, Address, Server, connected
from codeact.sandbox.jupyter.session import KernelSession
from codeact.types import ToolBox


class JupyterSandbox:
    """`async with JupyterSandbox(…) as box:` keeps a kernel ready beside those in use; a bare `open` starts its own."""

    def __init__(
        self,
        *,
        url: str = LOCAL,
        token: str | None = None,
        kernel: str | None = None,
        workspace: str | None = None,
        verify: bool | str = True,
    ) -> None:
        """`url`: of the server, with its base path. `kernel`: name of a kernel specification with ipykernel; None for
        the server's default. `workspace`: a folder on the server's side that stays; None for a new one per session that
        goes. `verify`: False to take any TLS certificate, or the path of the authority to trust.

        Raises:
            UsageError: not an address, or one with a password or a token in it.
        """
        self._address = Address(url=url, token=token, verify=verify)
        self._kernel = kernel
        self._workspace = workspace
        self._shared: Server | None = None
        self._stack = contextlib.AsyncExitStack()

    async def __aenter__(self) -> JupyterSandbox:
        self._shared = await self._stack.enter_async_context(connected(self._address, spare=True))
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self._shared = None
        await self._stack.aclose()

    @property
    def name(self) -> str:
        return "jupyter"

    @property
    def offer(self) -> Offer:
        """The isolation, the network and the disk are the server's; what its owner limits there is not known here."""
        return Offer(
            isolation="process", networks=frozenset(["open"]), limits=frozenset(["memory", "output", "tool_calls"])
        )

    @contextlib.asynccontextmanager
    async def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AsyncGenerator[KernelSession, None]:
        """A session, for as long as the context lasts. Its network is the kernel's, also where `network` is `none`.

        Raises:
            UnsupportedError: a kernel cannot do what is asked. UsageError: the server has no such kernel.
            SandboxError: it cannot be reached, or does not let us in.
        """
        offers.check(self, limits=limits, network=network)
        async with contextlib.AsyncExitStack() as stack:
            server = self._shared or await stack.enter_async_context(connected(self._address))
            session = KernelSession(
                server=server, name=self._kernel, workspace=self._workspace, tools=tools, limits=limits or Limits()
            )
            stack.push_async_callback(session.close)
            await session.start()
            isolation.warn_of_none(session.isolation)
            yield session
