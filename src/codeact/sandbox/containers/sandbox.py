"""A container for each session, by Docker or Podman: the same box, in a place that the engine has made.

The engine's namespaces, cgroups and seccomp profile are around the session, Landlock and our own seccomp filter around
its interpreter. A container starts in some tenths of a second, after which an action costs what it costs anywhere.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import TypeVar

import anyio

from codeact.errors import IsolationError
from codeact.sandbox import isolation, offers
from codeact.sandbox.base import Checkpoints, Limits, NetworkPolicy, Offer
from codeact.sandbox.containers import profile
from codeact.sandbox.containers.engine import Attached, Engine, Kind, connect
from codeact.sandbox.control import Control
from codeact.sandbox.isolation import Level
from codeact.sandbox.launch import PRELOAD, Launched, box_limits
from codeact.sandbox.meter import Elsewhere
from codeact.sandbox.remote import remote
from codeact.sandbox.session import BoxSession
from codeact.types import ToolBox

IMAGE = "codeact-box"
A = TypeVar("A")
T = TypeVar("T")


class DockerSandbox:
    """`host`: the engine's socket, such as `unix:///run/user/1000/podman/podman.sock`; by default where Docker and
    Podman listen. `image`: built from the Containerfile beside this file. `runtime`: another one of the engine's, such
    as gVisor's `runsc`. `require`: the weakest isolation that is accepted. `checkpoints`: what sessions keep of their
    past by themselves.
    """

    kind: Kind = "docker"

    def __init__(
        self,
        *,
        host: str | None = None,
        image: str = IMAGE,
        python: str = "python3",
        preload: Sequence[str] = PRELOAD,
        runtime: str | None = None,
        require: Level = "container",
        checkpoints: Checkpoints = "standby",
    ) -> None:
        isolation.check_level(require)
        self._host, self._image, self._python, self._runtime = host, image, python, runtime
        self._preload = list(preload)
        self._require: Level = require
        self._checkpoints: Checkpoints = checkpoints

    @property
    def name(self) -> str:
        return self.kind

    @property
    def offer(self) -> Offer:
        """An engine counts no processor time per action, and Podman no files."""
        return Offer(
            isolation="container",
            networks=frozenset(["none", "open"]),
            capabilities=frozenset(["files", "interrupt", "checkpoint"]),
            limits=offers.LIMITS - {"cpu_time", "inodes"},
        )

    @contextlib.asynccontextmanager
    async def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AsyncGenerator[BoxSession, None]:
        """A session, for as long as the context lasts.

        Raises:
            UnsupportedError: containers cannot do what is asked.
            SetupError: there is no engine, or it has no such image; says the remedy.
            IsolationError: the container is weaker than required. SandboxError: the machinery failed.
        """
        offers.check(self, limits=limits, network=network)
        limits = limits or Limits()
        async with contextlib.AsyncExitStack() as stack:
            engine = await connect(self._host, self.kind)
            stack.push_async_callback(engine.close)
            terms = profile.Terms(
                image=self._image,
                python=self._python,
                limits=limits,
                network=network,
                runtime=self._runtime,
                of_root=engine.of_root,
            )
            container, stream = await _start(engine, terms, stack)
            box = await stack.enter_async_context(
                remote(stream, {"preload": self._preload, "limits": box_limits(limits), "network": network})
            )
            session = BoxSession(
                control=Control(box.wire),
                pipes=box.pipes,
                tools=tools,
                meter=Elsewhere(limits),
                checkpoints=self._checkpoints,
            )
            stack.callback(session.close)
            around = profile.layers(await engine.inspect(container), engine.name, terms)
            server = Launched(wire=box.wire, pid=0, python=box.python, packages=box.packages, around=around)
            await session.start(server, str(network))
            if not isolation.meets(session.isolation.level, self._require):
                missing = isolation.unmet(session.isolation, self._require)
                raise IsolationError(isolation.refusal(missing, self._require))
            yield session


class PodmanSandbox(DockerSandbox):
    """The same by Podman, where both engines are there."""

    kind = "podman"


async def _start(engine: Engine, terms: profile.Terms, stack: contextlib.AsyncExitStack) -> tuple[str, Attached]:
    """A running container, which ends with `stack`, and its standard streams."""
    container = await _shielded(engine.create, profile.body(terms))  # else one that nobody knows of could stay
    stack.push_async_callback(_shielded, engine.remove, container)
    stream = await _shielded(engine.attach, container)
    stack.callback(stream.close)
    await engine.start(container)
    return container, stream


async def _shielded(function: Callable[[A], Awaitable[T]], argument: A) -> T:
    """What has to be done to its end, also when the session was cancelled."""
    with anyio.CancelScope(shield=True):
        return await function(argument)
    raise AssertionError  # a shield is not cancelled from inside
