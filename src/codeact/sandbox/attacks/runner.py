"""Runs attacks against a sandbox, one after the other, and says how each went."""

from __future__ import annotations

import contextlib
import os
import signal
import textwrap
import time
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import anyio

from codeact.errors import SandboxError
from codeact.sandbox import offers
from codeact.sandbox.attacks import procfs
from codeact.sandbox.attacks.attack import Attack, Beside, Do, Get, Put, Row, Run, Seen, Step, Wait
from codeact.sandbox.attacks.ground import Ground, ground
from codeact.sandbox.attacks.judge import Course, Place, judge
from codeact.sandbox.attacks.neighbour import Neighbour
from codeact.sandbox.attacks.tools import WatchedTools
from codeact.sandbox.attacks.watch import Watch
from codeact.sandbox.base import Limits, MiB, Sandbox, Session
from codeact.types import ExecResult

LIMITS = Limits(
    memory=512 * MiB,
    total_memory=512 * MiB,
    processes=48,
    open_files=256,
    workspace=64 * MiB,
    output=1 * MiB,
    tool_calls=100,
)  # of the session under attack
_NEIGHBOURS = Limits(memory=1024 * MiB, processes=48, workspace=64 * MiB)
_HANGING = 45.0  # seconds over its time limit after which an action counts as never coming back
_ANSWER = 10.0  # seconds for a session to show that it still works
_GOING = 10.0  # seconds for the processes of a closed session to be gone
_INSIDE = Path(__file__).with_name("inside.py").read_text()
_NAMESPACES = ("user", "mnt", "pid", "net", "ipc", "uts")
_LOOK_AT_NAMESPACES = (
    "import os\nfor _name in {names!r}:\n"
    "    try: print(_name, os.readlink('/proc/self/ns/' + _name))\n    except OSError: pass"
)

View = Callable[[ExecResult], str]


async def run_attacks(
    sandbox: Sandbox,
    attacks: Sequence[Attack],
    *,
    views: Sequence[View] = (),
    tell: Callable[[Row], object] = lambda row: None,
) -> list[Row]:
    """Try each attack. `views`: ways in which results are shown, for the attacks on who reads them; without any, those
    are not applicable. `tell` hears of each row as it is known.

    Raises:
        SandboxError: the sandbox does not work at all.
    """
    async with arena(sandbox, views) as opened:
        rows = list[Row]()
        for attack in attacks:
            rows.append(row := await opened.attempt(attack))
            tell(row)
        return rows


@contextlib.asynccontextmanager
async def _opened(sandbox: Any) -> AsyncGenerator[None]:
    """A sandbox that can be kept warm is, and not before now: what it starts from must not know the canaries."""
    if isinstance(sandbox, contextlib.AbstractAsyncContextManager):
        async with sandbox:
            yield
    else:
        yield


@contextlib.asynccontextmanager
async def arena(sandbox: Sandbox, views: Sequence[View] = ()) -> AsyncGenerator[Arena]:
    """A place to try attacks in, one after the other. For `views` see `run_attacks`.

    Raises:
        SandboxError: the sandbox does not work at all.
    """
    with ground() as canaries:
        async with _opened(sandbox):
            opened = Arena(sandbox, canaries, views)
            try:
                await opened.open_neighbour()
                yield opened
            finally:
                with anyio.CancelScope(shield=True):
                    await opened.close()


class Arena:
    """The session under attack, its neighbour, and the ground around both."""

    def __init__(self, sandbox: Sandbox, canaries: Ground, views: Sequence[View]) -> None:
        self._sandbox = sandbox
        self._ground = canaries
        self._views = views
        self._tools = WatchedTools(LIMITS.tool_calls)
        self._neighbour_stack = contextlib.AsyncExitStack()
        self._stack = contextlib.AsyncExitStack()
        self._neighbour: Neighbour | None = None
        self._session: Session | None = None
        self._place: Place | None = None

    async def open_neighbour(self) -> Neighbour:
        if self._neighbour is None:
            session = await self._neighbour_stack.enter_async_context(
                self._sandbox.open(limits=offers.within(self._sandbox.offer, _NEIGHBOURS))
            )
            mark = self._ground.mark
            self._neighbour = Neighbour(session, secret=self._ground.secrets["neighbour"], mark=f"{mark[:-4]}-n")
            await self._neighbour.settle()
        return self._neighbour

    async def close(self) -> None:
        await self._close_session()
        await self._close_neighbour()

    async def _close_neighbour(self) -> None:
        self._neighbour = None
        await self._neighbour_stack.aclose()

    async def _close_session(self) -> str:
        """Harm: what of a session is left on the machine once it is closed."""
        self._session = None
        await self._stack.aclose()
        deadline = time.monotonic() + _GOING
        while left := self._ground.marked_processes():
            if time.monotonic() > deadline:
                _end(left)
                return f"{len(left)} processes outlived their session"
            await anyio.sleep(0.02)
        return ""

    async def _open_session(self) -> tuple[Session, Place]:
        if self._session is None or self._place is None:
            limits = offers.within(self._sandbox.offer, LIMITS)
            self._session = await self._stack.enter_async_context(self._sandbox.open(self._tools, limits=limits))
            for _ in range(2):  # from then on it holds as many descriptors for standbys as it ever will
                await self._session.run("pass")
            self._place = self._place or await _survey(self._session)
        return self._session, self._place

    async def attempt(self, attack: Attack) -> Row:
        """Try one attack, and see to it that the next one finds everything as it should be."""
        started = time.monotonic()
        neighbour = await self.open_neighbour()
        session, place = await self._open_session()
        by = place.promised_by(attack)
        row = Row(
            id=attack.id,
            family=attack.family,
            tries=attack.tries,
            verdict="not tried",
            promise=by or attack.promise,
            promised=by != "",
        )
        if reason := self._unsuited(attack, session):
            return replace(row, verdict="not applicable", met=reason)
        if not (attack.safe or place.bears(attack)):
            return replace(row, met="it would harm a machine that does not isolate it")
        self._ground.begin()
        course = await self._carry_out(attack, session, neighbour)
        verdict, layer, met = judge(attack, course, place)
        after = await self._recover(course)
        if course.harm:
            verdict, layer, met = judge(attack, course, place)
        seconds = time.monotonic() - started
        return replace(row, verdict=verdict, layer=layer, met=met, after=after, seconds=seconds)

    def _unsuited(self, attack: Attack, session: Session) -> str:
        if lacking := attack.needs - session.capabilities:
            return f"this sandbox has no {', '.join(sorted(lacking))}"
        if lacking := attack.packages - session.info.packages.keys():
            return f"{', '.join(sorted(lacking))} not in the box"
        if attack.promise == "views" and not self._views:
            return "nothing shows the results"
        return ""

    async def _carry_out(self, attack: Attack, session: Session, neighbour: Neighbour) -> Course:
        course = Course()
        places = {**self._ground.places, **neighbour.places}
        watch = Watch(LIMITS, memory=attack.promise == "total memory") if attack.family == "resources" else None
        async with anyio.create_task_group() as tasks:
            if watch is not None:
                tasks.start_soon(watch.look)
            for step in (Run(_with_surroundings(attack.code, places)), *attack.then):
                await self._take_step(step, attack, session, neighbour, course)
                if course.refused is not None or course.harm:
                    break
            tasks.cancel_scope.cancel()
        seen = Seen(
            results=course.results,
            files=course.files,
            output_limit=LIMITS.output,
            views=[view(result) for view in self._views for result in course.results],
        )
        harms = (
            course.harm,
            attack.harm(seen),
            watch.harm if watch else "",
            self._tools.harm,
            self._ground.harm(course.said),
        )
        course.harm = "; ".join(harm for harm in harms if harm)
        return course

    async def _take_step(
        self, step: Step, attack: Attack, session: Session, neighbour: Neighbour, course: Course
    ) -> None:
        try:
            match step:
                case Run(code, time_limit):
                    await self._run(session, code, time_limit or attack.time_limit, course)
                case Get(path):
                    course.files.append(await session.get(path))
                case Put(path, data):
                    await session.put(path, data)
                case Do(what):
                    await _do(session, what, course)
                case Wait(seconds):
                    await anyio.sleep(seconds)
                case Beside(code, value):
                    result = await neighbour.session.run(code)
                    if result.value != value:
                        words = result.error.message if result.error else result.value
                        course.harm = f"the neighbour could not go on: {words}"
        except SandboxError as error:
            course.refused = error

    async def _run(self, session: Session, code: str, time_limit: float, course: Course) -> None:
        self._tools.begin()
        try:
            with anyio.fail_after(time_limit + _HANGING):
                course.results.append(await session.run(code, time_limit=time_limit))
        except TimeoutError:
            course.harm = "the action did not come back"
        finally:
            self._tools.end()

    async def _recover(self, course: Course) -> str:
        """The session still answers, or else a fresh one; it leaves nothing behind; the neighbour is as it was. What is
        not so is harm.
        """
        after = "fresh"
        if self._session is not None and (after := await _answering(self._session)) == "":
            left = await self._close_session()
            session, _ = await self._open_session()
            after = "fresh" if await _answering(session) else ""
            course.harm = course.harm or left or ("" if after else "no session answers any more")
        left = await self._close_session()  # the next attack finds nothing of this one
        course.harm = course.harm or left
        if self._neighbour is not None and (harm := await self._neighbour.harm()):
            course.harm = course.harm or harm
            await self._close_neighbour()
        return after


async def _survey(session: Session) -> Place:
    """Which layers and namespaces of its own a session has."""
    own = {name: procfs.namespace(name) for name in _NAMESPACES}
    result = await session.run(_LOOK_AT_NAMESPACES.format(names=_NAMESPACES))
    theirs = dict(line.split() for line in result.stdout.splitlines())
    apart = frozenset(name for name, which in theirs.items() if own.get(name) != which)
    layers = getattr(getattr(session, "isolation", None), "layers", ())
    active = frozenset(layer.name for layer in layers if layer.active)
    level = session.info.isolation
    isolated = level != "process" and {"pid", "mnt"} <= apart
    return Place(layers=active, namespaces=apart, isolated=isolated, level=level)


def _end(pids: Sequence[int]) -> None:
    for pid in pids:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)


async def _do(session: Session, what: str, course: Course) -> None:
    match what:
        case "list":
            course.files.append("\n".join(file.path for file in await session.files()).encode("utf-8", "replace"))
        case "variables":
            course.files.append(repr(await session.variables()).encode("utf-8", "replace"))
        case "reset":
            await session.reset()
        case _:
            await session.checkpoint()


async def _answering(session: Session) -> str:
    """Whether a session still works: "kept" as it is, "reset" once it has a fresh interpreter, "" not at all."""
    for words in ("kept", "reset"):
        with contextlib.suppress(SandboxError, TimeoutError), anyio.fail_after(_ANSWER + _HANGING):
            if words == "reset":
                await session.reset()
            result = await session.run("6 * 7", time_limit=_ANSWER)
            if result.value == "42" and result.error is None:
                return words
    return ""


def _with_surroundings(code: str, places: Mapping[str, Any]) -> str:
    if code.startswith("%%"):
        return code  # a magic must come first
    return f"exec({_INSIDE!r})\nimport types\nhost = types.SimpleNamespace(**{dict(places)!r})\n{textwrap.dedent(code)}"
