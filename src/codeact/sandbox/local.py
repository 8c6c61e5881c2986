"""The default sandbox: a fork server that has the data stack imported, and a box of namespaces, Landlock and seccomp
for each session; where the host forbids namespaces, and the caller allows it, of Landlock and seccomp alone.

Covers and does not cover: see `box.confine`, `box.root` and docs/security.md. Nothing here needs root, Docker or a
set-user-id helper.
"""

from __future__ import annotations

import contextlib
import os
import socket
import sys
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from dataclasses import replace
from types import TracebackType

import anyio

from codeact.errors import IsolationError, UsageError
from codeact.sandbox import attempts, isolation, offers
from codeact.sandbox import packages as packages_of_boxes
from codeact.sandbox.base import Checkpoints, Limits, NetworkPolicy, Offer
from codeact.sandbox.box.frames import Frame
from codeact.sandbox.box.hints import POLICY
from codeact.sandbox.control import Control
from codeact.sandbox.isolation import IsolationReport, Level, MissingLayerError
from codeact.sandbox.ladder import FORMS, Form, Ladder
from codeact.sandbox.launch import PRELOAD, Launched, box_limits, package_folders
from codeact.sandbox.meter import Bounds, pid_of
from codeact.sandbox.network.egress import egress
from codeact.sandbox.network.plan import Plan, plan
from codeact.sandbox.network.policy import network_policy
from codeact.sandbox.output import Pipe, open_pipe
from codeact.sandbox.packages import Progress
from codeact.sandbox.session import BoxSession
from codeact.sandbox.spares import Spares, keeping
from codeact.sandbox.wire import RefusalError, Wire
from codeact.types import ToolBox

_END = 5.0  # seconds for the last process of a session to be gone
_OFFERS: Mapping[Form, Offer] = {
    "namespace": Offer(
        isolation="namespace",
        networks=frozenset(["none", "packages", "allow", "open"]),
        capabilities=frozenset(["files", "interrupt", "checkpoint", "fork"]),
    ),
    "filter": Offer(  # the disk is the host's, and limited per file
        isolation="filter",
        networks=frozenset(["none"]),
        capabilities=frozenset(["files", "interrupt", "checkpoint"]),
        limits=offers.LIMITS - {"inodes"},
    ),
}


class LocalSandbox:
    """`async with LocalSandbox() as box:` keeps one server for many sessions; a bare `open` has a server of its own for
    as long. The block is left in the task that entered it, since spares are made by a task that belongs to it.
    """

    def __init__(
        self,
        *,
        require: Level = "namespace",
        preload: Sequence[str] = PRELOAD,
        python: str | None = None,
        checkpoints: Checkpoints = "standby",
        packages: Sequence[str] = (),
        progress: Progress = lambda line: None,
        forms: Sequence[Form] = FORMS,
        spares: int = 1,
    ) -> None:
        """`require`: the weakest isolation that is accepted; the strongest that holds here is taken. `process` takes a
        box in which a layer does not hold, and warns. `preload`: modules that sessions find imported, where installed.
        `python`: another interpreter, which must have `ipython`, `landlockpy` and `seccompy`. `checkpoints`: what
        sessions keep of their past by themselves. `packages`: more packages for the boxes, as pip names them (`["six",
        "rich==14.*"]`), installed from wheels when the sandbox is first opened; `progress` is given pip's lines
        meanwhile. `forms`: of box, to be tried in this order. `spares`: sessions that a shared server keeps ready of
        each kind that was asked for (the same limits, network `none` or `open`), so that to open one takes no time.

        Raises:
            UsageError: no such level or form, no form for the level, not a package, or less than no spares.
        """
        if spares < 0:
            raise UsageError(f"spares={spares!r} is less than none; 0 keeps no sessions ready")
        self._require: Level = require
        self._checkpoints: Checkpoints = checkpoints
        self._python = python or sys.executable
        options = {"preload": list(preload), "packages": [] if python else package_folders()}
        self._ladder = Ladder(python=self._python, options=options, require=require, forms=tuple(forms))
        self._packages = packages_of_boxes.check(packages)
        self._progress = progress
        self._keeps = spares
        self._spares: Spares | None = None
        self._shared: Launched | None = None
        self._serving = contextlib.AsyncExitStack()  # of the shared server
        self._stack = contextlib.AsyncExitStack()  # of the block
        self._starting = anyio.Lock(fast_acquire=True)  # a server begins to start before anybody else has a turn

    @property
    def name(self) -> str:
        return "local"

    @property
    def ready(self) -> int:
        """How many sessions wait to be taken."""
        return self._spares.ready if self._spares else 0

    @property
    def offer(self) -> Offer:
        """Of the strongest form that may be taken, or, in a block, of the one that was."""
        weak = self._shared.level == "filter" if self._shared else "namespace" not in self._ladder.forms
        return _OFFERS["filter" if weak else "namespace"]

    async def __aenter__(self) -> LocalSandbox:
        self._stack.push_async_callback(self._serving.aclose)
        self._shared = await self._serving.enter_async_context(self._server())
        if self._keeps:
            self._spares = await self._stack.enter_async_context(keeping(self._keeps, self._bare))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._shared = self._spares = None
        await self._stack.__aexit__(kind, error, traceback)

    @contextlib.asynccontextmanager
    async def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AsyncGenerator[BoxSession, None]:
        """A session, for as long as the context lasts.

        Raises:
            IsolationError: this host cannot isolate it as strongly as required; says which layer is missing, and the
            remedy. SandboxError: the machinery failed. SetupError: pip cannot say which index is configured.
            A package of `packages` cannot be had. UsageError: there is no such network policy. UnsupportedError: the
            level that holds here cannot keep a limit or the policy.
        """
        offers.check(self, limits=limits, network=network)
        async with contextlib.AsyncExitStack() as stack:
            planned = await plan(network_policy(network), self._python)
            server = await self._living() or await stack.enter_async_context(self._server())
            if server.level == "filter":
                offers.check(self, limits=limits, network=network, offer=_OFFERS["filter"])
            session = await stack.enter_async_context(self._session(server, tools, limits or Limits(), planned))
            self._check(session)
            yield session

    async def _living(self) -> Launched | None:
        """The shared server, if there is one; another, if it was ended from outside."""
        async with self._starting:
            if self._shared is not None and self._shared.dead:
                await self._serving.aclose()
                self._shared = await self._serving.enter_async_context(self._server())
            return self._shared

    async def examine(self) -> IsolationReport:
        """What isolates the sessions of this sandbox on this host, and all that was tried against it.

        Raises:
            IsolationError: as `open`. SandboxError: the box could not be tried, for a reason other than isolation.
        """
        async with contextlib.AsyncExitStack() as stack:
            server = await self._living() or await stack.enter_async_context(self._server())
            session = await stack.enter_async_context(self._probe(server))
            return replace(session.isolation, checks=(*server.checks, *await attempts.share(session)))

    def _check(self, session: BoxSession) -> None:
        """The probe has held; this one's own layers have to, too."""
        report = session.isolation
        if not isolation.meets(report.level, self._require):
            raise IsolationError(isolation.refusal(isolation.unmet(report, self._require), self._require))
        isolation.warn_of_none(report)

    @contextlib.asynccontextmanager
    async def _server(self) -> AsyncGenerator[Launched]:
        folders: list[str] = []
        if self._packages:
            folders = [str(await packages_of_boxes.install(self._packages, self._python, progress=self._progress))]
        ladder = replace(self._ladder, options={**self._ladder.options, "installed": folders})
        async with ladder.climbed(self._probe) as server:
            yield server

    def _probe(self, server: Launched) -> contextlib.AbstractAsyncContextManager[BoxSession]:
        return self._bare(server, attempts.LIMITS, Plan(form="none", environment={}))

    @contextlib.asynccontextmanager
    async def _session(
        self, server: Launched, tools: ToolBox | None, limits: Limits, network: Plan
    ) -> AsyncGenerator[BoxSession]:
        # What a proxied session is told (an index, its certificates) may be another tomorrow.
        spares = self._spares if server is self._shared and network.form != "proxied" else None
        async with (spares.session if spares else self._bare)(server, limits, network) as session:
            session.equip(tools)
            yield session

    @contextlib.asynccontextmanager
    async def _bare(self, server: Launched, limits: Limits, network: Plan) -> AsyncGenerator[BoxSession]:
        """A session without tools."""
        bounds = Bounds(limits)
        try:
            with bounds.doors() as doors:  # it is in there before anything of an agent's is started
                ahead = bounds.entered_by(doors)
                wire, first, pipes, pidfd = await _fork(server, limits, network, doors.values(), ahead=ahead)
        except BaseException:
            await bounds.remove()
            raise
        meter = await bounds.around(pid_of(pidfd), but=doors)
        policy = self._checkpoints
        control = Control(wire, first)
        session = BoxSession(control=control, pipes=pipes, tools=None, meter=meter, checkpoints=policy)
        try:
            meter.check_room()
            await session.start(server, str(network.policy))
            async with egress(wire, network, session.traffic):
                yield session
        finally:
            session.close()
            with anyio.move_on_after(_END, shield=True):
                await anyio.wait_readable(
                    pidfd
                )  # then all of it is gone: the kernel ends a pid namespace with its first process
                await meter.remove()
            os.close(pidfd)


async def _fork(
    server: Launched, limits: Limits, network: Plan, doors: Iterable[int], *, ahead: bool
) -> tuple[Wire, Wire | None, tuple[Pipe, Pipe], int]:
    """Ask the server for a session: its control wire, that of its first worker, its output pipes and a pidfd of its
    first process, which goes through the `doors` (see `cgroups.Group.doors`). `ahead`: it may make the worker before
    anybody asks for it; else that has no wire yet.
    """
    environment = {**network.environment, POLICY: str(network.policy)}
    body = {"limits": box_limits(limits), "network": network.form, "environment": environment, "ahead": ahead}
    with contextlib.ExitStack() as given, contextlib.ExitStack() as kept:
        control, theirs = socket.socketpair()
        given.callback(theirs.close)
        wire = Wire(control, descriptors=True)
        kept.callback(wire.close)
        pipes = tuple(open_pipe(given, kept) for _ in range(2))
        fds, first = [theirs.fileno(), *(fd for _, fd in pipes), *doors], None
        if ahead:
            worker, theirs = socket.socketpair()
            given.callback(theirs.close)
            first = Wire(worker)
            kept.callback(first.close)
            fds.append(theirs.fileno())
        try:
            _, (pidfd,) = await server.wire.ask(Frame("open", body), fds=fds, answer="opened")
        except RefusalError as refusal:
            raise MissingLayerError.told(refusal.body) from None
        kept.pop_all()
    return wire, first, (pipes[0][0], pipes[1][0]), pidfd
