"""A conversation: one model, one session, one history, any number of messages."""

from __future__ import annotations

import contextlib
import platform
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Protocol
from uuid import uuid4

import anyio

from codeact.actions.base import ActionSpace
from codeact.agent.budget import Budget, Meter
from codeact.agent.checks import Check
from codeact.agent.execute import Approve, Hands, Relay
from codeact.agent.loop import Run
from codeact.agent.result import RunResult
from codeact.agent.resume import take_up
from codeact.errors import SandboxError, SetupError, TransferError, UnsupportedError, UsageError
from codeact.events import ActionFinished, ActionStarted, Emit, Finished, ignore
from codeact.models.base import Model
from codeact.sandbox.asking import Ask
from codeact.sandbox.base import Checkpoint, Session
from codeact.trajectory.history import messages_of
from codeact.types import JSON, CodeAction, ExecResult, Message, Outcome, Step, Text, ToolBox, Trajectory, Usage

PREPARATION = 60.0  # seconds that preparing a session may take
MAX_TASK = 100_000  # characters of one message; longer material belongs into a file, where code can read it in parts


# A file for the workspace: one of the host, or what it is to be called; with a size, it is there already.
Given = str | Path | tuple[str, bytes | Path | int]


class Record(Protocol):
    """Where a run is written down as it goes: a `TrajectoryWriter`, say."""

    def begin(self, trajectory: Trajectory) -> None: ...

    def step(self, step: Step) -> None: ...

    def end(self, outcome: Outcome) -> None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Setup:
    """What stays the same over a conversation."""

    model: Model
    space: ActionSpace
    tools: ToolBox
    session: Session | None
    relay: Relay  # what the session was opened with
    budget: Budget
    checks: Sequence[Check]
    approve: Approve | None
    ask: Ask | None
    seed: int | None
    described: Mapping[str, JSON]  # the agent's configuration, for the record


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """Where a conversation stood before a message: what `undo` returns to."""

    messages: tuple[Message, ...]
    checkpoint: Checkpoint | None  # None where the session, or its state at that moment, could not be kept
    parent: str | None


@dataclass(slots=True, kw_only=True)
class Conversation:
    """Talk with an agent. `async with agent.open() as conversation` makes one."""

    setup: Setup
    messages: list[Message]  # the history so far, the system prompt first where there is one
    parent: str | None = None  # id of the trajectory of the last message
    marks: list[Mark] = field(default_factory=list["Mark"])  # for `undo`, oldest first
    prepared: str = ""  # what ran in the session before anything was said
    marked: bool = True  # whether `undo` is wanted: a checkpoint before each message
    notice: str = ""  # for the model, with the next message: what became of its variables meanwhile, say
    usage: Usage = field(default_factory=Usage)  # of all its runs, those that failed too; steps taken up are another's

    @property
    def session(self) -> Session:
        """The interpreter behind the conversation.

        Raises:
            UsageError: its action space runs no code.
        """
        if self.setup.session is None:
            raise UsageError(
                f"actions={self.setup.space.name!r} runs no code, so there is no session; use actions='code'"
            )
        return self.setup.session

    async def prepare(self, code: str) -> None:
        """Run code in the session before the first message: what an agent finds there, say a table as a variable.

        It is no step, and the agent does not see it; the record keeps it (`environment["setup"]`).

        Raises:
            UsageError: the action space runs no code.
            SetupError: the code failed: this sandbox lacks what it needs.
            SandboxError: the machinery failed.
        """
        ran = await self.session.run(code, time_limit=PREPARATION)
        if ran.error is not None:
            mine = SetupError if ran.error.kind == "exception" else SandboxError  # a slow machine is worth a second try
            raise mine(f"the session cannot be prepared: {ran.error.name}: {ran.error.message}")
        self.prepared = code

    async def send(
        self,
        text: str,
        *,
        files: Sequence[Given] = (),
        emit: Emit = ignore,
        record: Record | None = None,
        budget: Budget | None = None,
        id: str | None = None,
    ) -> RunResult:
        """Send one message and let the agent act until it answers or its budget is used up.

        `files` are copied into the workspace first, and the model is told of them. With `record` the trajectory is
        written as it goes; `id` is its id. When this is cancelled or fails, the history keeps every step that was
        complete, and the conversation can go on.

        Raises:
            UsageError: an empty or over-long message, or a file that is not there.
            ModelError: the endpoint failed.
            SandboxError: the machinery around the box failed.
        """
        check_message(text)
        mark = Mark(messages=tuple(self.messages), checkpoint=await self._checkpoint(), parent=self.parent)
        names = [await self._put(file) for file in files]
        given = f"Files in the working directory: {', '.join(names)}" if names else ""
        self._say("\n\n".join(filter(None, [self.notice, text, given])))
        self.notice = ""
        self.marks.append(mark)
        trajectory = self._begin(text, id)
        if record is not None:
            record.begin(trajectory)

        def keep(step: Step) -> None:
            if record is not None:
                record.step(step)

        run = self._run(text, emit, keep, budget or self.setup.budget)
        return await self._carry_on(run, trajectory, record)

    async def resume(self, cut: Trajectory, *, emit: Emit = ignore) -> RunResult:
        """Go on after the steps of a recorded run, as if they had been taken here: the history is theirs, and what they
        have used of the budget is used. The session is taken as it is; what it needs of those steps is the caller's
        to bring about (a checkpoint, a replay). The result's trajectory is whole, under an id of its own.

        Raises:
            UsageError: the last of these steps has ended the run.
            ModelError, SandboxError: as `send` does.
        """
        run = self._run(cut.task, emit, lambda step: None, self.setup.budget)
        take_up(run, cut)
        self.messages[:] = messages_of(cut)
        trajectory = replace(self._begin(cut.task, None), prompt=cut.prompt, parent=cut.parent)
        return await self._carry_on(run, trajectory, None)

    def follow(self, last: Trajectory | None) -> None:
        """Let the next message follow a recorded run, or be the first: the history is that run's, under the system
        prompt of this conversation. The session is taken as it is, as in `resume`, and `undo` reaches no further back.
        """
        system = [message for message in self.messages[:1] if message.role == "system"]
        earlier = messages_of(last) if last else []
        self.messages[:] = [*system, *(message for message in earlier if message.role != "system")]
        self.parent = last.id if last else None
        self.marks.clear()

    async def run_code(self, code: str, *, time_limit: float = 60.0, emit: Emit = ignore) -> ExecResult:
        """Run a cell of the person's own between two messages. It is no step, and the agent does not see it. Tools that
        need approval ask for it, and so may the code.

        Raises:
            UsageError: the action space runs no code.
            SandboxError: the machinery failed.
        """
        setup, session = self.setup, self.session
        meter = Meter(replace(setup.budget, action_time=time_limit))
        hands = Hands(tools=setup.tools, session=session, approve=setup.approve, ask=setup.ask, meter=meter, emit=emit)
        emit(ActionStarted(CodeAction(code)))
        with setup.relay.through(hands):
            result = await session.run(code, time_limit=time_limit, emit=emit)
        emit(ActionFinished(result))
        return result

    async def _carry_on(self, run: Run, trajectory: Trajectory, record: Record | None) -> RunResult:
        outcome, taken_up = Outcome(status="cancelled", message="cancelled by the user"), run.meter.usage
        try:
            with self.setup.relay.through(run.hands):
                outcome = await run.until_answer()
        except Exception as error:  # recorded and raised again
            outcome = Outcome(status="error", message=str(error) or type(error).__name__)
            raise
        finally:
            outcome = replace(outcome, usage=run.meter.usage, duration=run.meter.elapsed)
            self.usage += run.meter.usage - taken_up
            self.parent = trajectory.id
            try:
                if record is not None:
                    record.end(outcome)
            finally:  # the last event of every run, also where the disk is full
                run.emit(Finished(outcome))
        return RunResult(trajectory=replace(trajectory, steps=tuple(run.steps), outcome=outcome))

    async def undo(self) -> bool:
        """Take back the last message and all that followed from it, in the talk and, where the session can, in its
        variables and files too. Returns whether the session did.

        Raises:
            UsageError: there is nothing to take back.
        """
        if not self.marks:
            raise UsageError("there is nothing to undo")
        mark = self.marks.pop()
        self.messages[:], self.parent = mark.messages, mark.parent
        if mark.checkpoint is None:
            return False
        with contextlib.suppress(UsageError, SandboxError):  # so old that it gave way, or ended by the agent's code
            await self.session.restore(mark.checkpoint)
            return True
        return False

    async def reset(self) -> None:
        """Start over: an empty history and a fresh interpreter. Files stay."""
        self.messages[:] = [message for message in self.messages[:1] if message.role == "system"]
        self.marks.clear()
        self.parent = None
        if self.setup.session is not None:
            await self.setup.session.reset()
            if self.prepared:
                await self.prepare(self.prepared)

    def _run(self, task: str, emit: Emit, record: Callable[[Step], None], budget: Budget) -> Run:
        setup, meter = self.setup, Meter(budget)
        hands = Hands(
            tools=setup.tools, session=setup.session, approve=setup.approve, ask=setup.ask, meter=meter, emit=emit
        )
        return Run(
            task=task,
            messages=self.messages,
            model=setup.model,
            space=setup.space,
            hands=hands,
            meter=meter,
            emit=emit,
            record=record,
            checks=setup.checks,
            seed=setup.seed,
        )

    def _begin(self, task: str, id: str | None) -> Trajectory:
        info = self.setup.session.info if self.setup.session else None
        return Trajectory(
            id=id or uuid4().hex,
            task=task,
            prompt=tuple(self.messages),
            agent=self.setup.described,
            environment={
                "codeact": version("codeact"),
                "python": sys.version.split()[0],
                "platform": platform.platform(),
                "isolation": info.isolation if info else None,
                "packages": dict(info.packages) if info else {},
                **({"setup": self.prepared} if self.prepared else {}),
            },
            created=datetime.now(UTC),
            parent=self.parent,
        )

    def _say(self, text: str) -> None:
        """Enter a user's message.

        After a run that ended without an answer the history ends with an observation; then the two become one message,
        because many chat templates insist on alternating roles.
        """
        last = self.messages[-1] if self.messages else None
        if last is not None and last.role == "user":
            self.messages[-1] = replace(last, parts=(*last.parts, Text("\n\n" + text)))
        else:
            self.messages.append(Message.of("user", text))

    async def _put(self, file: Given) -> str:
        if isinstance(file, tuple):
            name, data = file
            if isinstance(data, int):
                return f"{name} ({data:,} bytes)"
            await self.session.put(name, data)
            size = len(data) if isinstance(data, bytes) else (await anyio.Path(data).stat()).st_size
            return f"{name} ({size:,} bytes)"
        path = Path(file)
        if not await anyio.Path(path).is_file():
            raise UsageError(f"no such file: {str(path)!r}")
        size = (await anyio.Path(path).stat()).st_size
        await self.session.put(path.name, path)
        return f"{path.name} ({size:,} bytes)"

    async def _checkpoint(self) -> Checkpoint | None:
        session = self.setup.session
        if not self.marked or session is None or "checkpoint" not in session.capabilities:
            return None
        try:
            return await session.checkpoint()
        except (UnsupportedError, TransferError):  # running threads, or no room for the files: `undo` will say so
            return None


def check_message(text: str) -> None:
    """Raises `UsageError` for a message that no run would take: empty, or longer than `MAX_TASK`."""
    if not text.strip():
        raise UsageError("the task is empty; say what is to be done")
    if len(text) > MAX_TASK:
        raise UsageError(
            f"the task has {len(text):,} characters and may have {MAX_TASK:,}; "
            "give long material as a file (--file on the command line, files= in Python), which code can read in parts"
        )
