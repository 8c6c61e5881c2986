"""The course of a chat while it is awake: its runs, one after the other, and the ways between them.

Nothing here keeps two callers apart: that is the room's part.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from uuid import uuid4

import anyio

from codeact.agent import Agent
from codeact.agent.tracing import traced
from codeact.errors import ConflictError, NotFoundError, SandboxError, StoreError, TransferError
from codeact.sandbox.base import Session
from codeact.server import sleeping, tree
from codeact.server.enduring import enduring, log
from codeact.server.given import Given
from codeact.server.living import NOWHERE, Living, Load, Restored
from codeact.server.nouns import Chat, Run, SavedSession, Settings, StateKept
from codeact.server.oversight import Oversight
from codeact.server.recording import Narrator, Recording, message_of
from codeact.server.shared import Shared
from codeact.server.shared_model import Watched
from codeact.types import JSON, Trajectory

_OF_SESSION = ("actions", "tools", "network", "memory", "system")  # settings that another session is needed for


@dataclass(slots=True)
class Going:
    """A run that goes on."""

    recording: Recording
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)


@dataclass(slots=True)
class Course:
    shared: Shared
    oversight: Oversight
    living: Living
    last: Trajectory | None = None  # what a message after `head` follows
    going: Going | None = None
    ended: Run | None = None  # the run that was going on before
    behind: Recording | None = None  # of a run that has ended while the store could not be written
    given: list[JSON] = field(default_factory=list[JSON])  # files that the user has put since the last run

    @property
    def chat(self) -> Chat:
        return self.oversight.chat

    @property
    def session(self) -> Session | None:
        return self.living.session

    # --- waking and sleeping ---

    async def wake(self) -> Restored:
        """Open the session in the state after `head`, as far as that can be had.

        Raises:
            StoreError, SandboxError: the machinery failed.
        """
        await end_interrupted(self.shared, self.chat.id)
        fitting = self.shared.settings.fitted(self.chat.settings)
        if fitting != self.chat.settings:  # the service was started with other settings since
            await self.save(lambda chat: replace(chat, settings=fitting))
            self.living.agent = agent_of(self.shared, self.oversight, fitting)
        return await self._go_to(await self.path_to(self.chat.head))

    async def fall_asleep(self) -> None:
        """Save the state into the store, and tell. Raises `StoreError`; where the session cannot be saved, less is."""
        await self.settle()
        skipped: dict[str, str] = {}
        try:
            if (saved := await self.saved()) is not None:
                await self.shared.store.save_session(saved)
                skipped = dict(saved.skipped)
        except StoreError:
            raise
        except Exception as error:  # noqa: BLE001 -- its end, say: what was saved earlier is still there
            if not isinstance(error, SandboxError):
                log.exception("the chat %s cannot be saved", self.chat.id)
            skipped = {"all variables and files": message_of(error)}
        self.oversight.tell({"kind": "slept", "skipped": sleeping.named(skipped)})
        with suppress(StoreError):  # it is saved, and the log will be written when it can be
            await self.oversight.telling.flushed()

    async def saved(self) -> SavedSession | None:
        """Save the state after `head`; None where no code is run. Raises `SandboxError`."""
        if self.session is None or self.living.stands == NOWHERE:
            return None
        return await sleeping.save(self.session, self.chat.id, self.chat.head, self.shared.settings.quotas)

    # --- runs ---

    async def begin(self, text: str, files: Sequence[Given], *, seed: int = 0) -> Run:
        """Begin a run after `head`; the state is the one after it."""
        await self.oversight.keep_hold()
        await self.settle()
        if self.living.stands != self.chat.head:  # its session has ended, or the store failed in the middle of a move
            await self._go_to(await self.path_to(self.chat.head))
        self.shared.admit_run(self.chat.owner)
        try:
            return await self._begin(text, files, seed)
        except BaseException:
            self.shared.ledger.runs.leave(self.chat.owner)
            raise

    async def _begin(self, text: str, files: Sequence[Given], seed: int) -> Run:
        new = {file.path for file in files}
        there = {note["path"]: note for note in self.given if note["path"] not in new}.values()
        notes = [*there, *(file.noted for file in files)]
        names = tuple(note["path"] for note in notes)
        run = Run(
            id=uuid4().hex, chat=self.chat.id, parent=self.chat.head, text=text, files=names, created=datetime.now(UTC)
        )
        await self.oversight.note("message", run=run.id)
        going = Going(Recording(run, self.shared.store))
        await self._enter(going.recording)
        self._prepare(notes, seed)
        self.going, self.living.stands = going, run.id
        self.oversight.recording = going.recording
        self.oversight.tell({"kind": "run_begun", "parent": run.parent, "text": text, "files": notes})
        given = [*((note["path"], note["size"]) for note in there), *((file.path, file.data) for file in files)]
        self.shared.tasks.start_soon(self._carry_out, going, given)
        return run

    async def _enter(self, recording: Recording) -> None:
        """Enter a run into the store, and the chat's head."""
        run = recording.run
        await self.shared.store.add_run(run)
        try:
            await self.save(lambda chat: replace(chat, title=chat.title or tree.title_of(run.text), head=run.id))
        except BaseException as error:
            recording.close(error if isinstance(error, Exception) else None, cancelled=True)
            self.behind = recording
            raise

    def _prepare(self, notes: Sequence[JSON], seed: int) -> None:
        """Let the conversation go on where the chat is, and its record say what it was given."""
        conversation = self.living.conversation
        conversation.follow(self.last)
        described = {**conversation.setup.described, "files": notes}
        conversation.setup = replace(conversation.setup, described=described, seed=seed)
        self.given = []  # what is put from now on, the next run was given

    async def _carry_out(self, going: Going, files: Sequence[tuple[str, bytes | int]]) -> None:
        problem: Exception | None = None
        try:
            with going.scope:
                await self._send(going.recording, files)
        except Exception as error:  # noqa: BLE001 -- whatever it is of, the run has failed and the room has not
            problem = error
        finally:
            with anyio.CancelScope(shield=True), enduring(f"ending a run of the chat {self.chat.id}"):
                await self._end(going, problem)

    async def _send(self, recording: Recording, files: Sequence[tuple[str, bytes | int]]) -> None:
        run, narrator = recording.run, Narrator(self.oversight.telling, recording.run.id)
        emit = traced(narrator, model=self.living.conversation.setup.model.name, conversation=self.chat.id)
        await self.living.keep(run.parent)  # with all that the user did since that run
        await self.living.conversation.send(run.text, files=files, emit=emit, record=recording, id=run.id)

    async def _end(self, going: Going, problem: Exception | None) -> None:
        try:
            recording = going.recording
            recording.close(problem, cancelled=going.scope.cancel_called)
            refused = isinstance(problem, TransferError)  # a file, say; the session is as it was
            if isinstance(problem, SandboxError) and not refused:
                self.living.stands = NOWHERE
            self.last = recording.run.trajectory or self.last
            self.ended, self.behind = recording.run, recording
            event = {"kind": "run_ended", "status": recording.run.status, "message": recording.message(problem)}
            await self._try_to_settle()
            self.oversight.tell(event)
            self.oversight.charge(self.session)
        finally:
            self.shared.ledger.runs.leave(self.chat.owner)
            self.going = self.oversight.recording = None
            going.ended.set()

    async def settle(self) -> None:
        """Write what the store could not take when it happened. Raises `StoreError`."""
        if self.behind is not None:
            await self.behind.kept()
            self.behind = None

    async def _try_to_settle(self) -> None:
        if self.oversight.telling.muted:  # so is the chat
            self.behind = None
            return
        try:
            await self.oversight.keep_hold()
            await self.settle()
            await self.save(lambda chat: chat)
        except ConflictError:  # it has been woken elsewhere meanwhile
            self.oversight.telling.muted, self.behind = True, None
        except (StoreError, NotFoundError):  # later then, and what the store says is in the log's `problem`
            pass
        except Exception:  # noqa: BLE001 -- never then; the run is as far as it could be written
            log.exception("the end of a run of the chat %s cannot be written", self.chat.id)
            self.behind = None

    # --- the tree ---

    async def path_to(self, run: str | None) -> list[Run]:
        """Raises `NotFoundError` where there is no such run."""
        await self.settle()
        return tree.path_to(await self.shared.store.runs(self.chat.id), run) if run is not None else []

    async def move(self, run: str | None) -> StateKept:
        """Put `head` there, with the state as it was after that run."""
        if run == self.chat.head == self.living.stands:
            return "kept"
        path = await self.path_to(run)
        if self.living.stands == self.chat.head:
            await self.living.keep(self.chat.head)
        found = await self._go_to(path)
        await self.save(lambda chat: replace(chat, head=run))
        self.given = []
        self.oversight.tell(
            {"kind": "head_moved", "to": run, "state": found.state, "skipped": sleeping.named(found.skipped)}
        )
        return found.state

    async def _go_to(self, path: Sequence[Run]) -> Restored:
        found = await self.living.go_to(path, lambda: self.shared.store.saved_session(self.chat.id))
        self.last = tree.last_trajectory(path)
        self.oversight.charge(self.session)
        return found

    async def save(self, how: Callable[[Chat], Chat]) -> None:
        """Raises `StoreError`; then the chat is as it was."""
        now = datetime.now(UTC)
        await self.oversight.change(lambda chat: replace(how(chat), changed=now))

    async def furnish(self, settings: Settings) -> None:
        """Let the chat go on with other settings. A session that would be another is saved and opened anew."""
        living = self.living
        agent = agent_of(self.shared, self.oversight, settings)
        if any(getattr(settings, name) != getattr(self.chat.settings, name) for name in _OF_SESSION):
            self.tell_woken(await self._live_as(agent))
        else:
            setup = living.conversation.setup
            model = watched(self.shared, self.oversight, settings)
            described = {**setup.described, "model": model.name, "budget": asdict(agent.budget)}
            living.agent = agent
            living.conversation.setup = replace(setup, model=model, budget=agent.budget, described=described)
        await self.save(lambda chat: replace(chat, settings=settings))

    async def _live_as(self, agent: Agent) -> Restored:
        """Go on in a session of another agent's, with what can be saved of this one; or as before, where that fails."""
        living, before = self.living, self.living.agent
        saved, path = await self.saved(), await self.path_to(self.chat.head)
        if saved is not None:
            await self.shared.store.save_session(saved)
        await living.close()
        living.agent = agent
        try:
            return await living.go_to(path, _at_hand(saved))
        except BaseException:
            living.agent = before
            with anyio.CancelScope(shield=True), suppress(SandboxError):  # the next run tries again
                self.tell_woken(await living.go_to(path, _at_hand(saved)))
            raise

    def tell_woken(self, found: Restored) -> None:
        self.oversight.tell({"kind": "woken", "state": found.state, "skipped": sleeping.named(found.skipped)})


def _at_hand(saved: SavedSession | None) -> Load:
    async def load() -> SavedSession | None:
        return saved

    return load


def watched(shared: Shared, oversight: Oversight, settings: Settings) -> Watched:
    return Watched(shared.model(settings), oversight.before)


def agent_of(shared: Shared, oversight: Oversight, settings: Settings) -> Agent:
    """The agent of a chat. Raises `UsageError` for what is not offered (any more)."""
    return shared.agent(
        settings, model=watched(shared, oversight, settings), approve=oversight.approve, ask=oversight.answer
    )


def living_of(shared: Shared, oversight: Oversight) -> Living:
    """The conversation of a chat, as yet closed."""
    chat = oversight.chat

    async def fetch(digest: str) -> bytes | None:
        found = await shared.store.media(chat.id, digest)
        return found[1] if found else None

    return Living(
        agent=agent_of(shared, oversight, shared.settings.fitted(chat.settings)),
        tasks=shared.tasks,
        fetch=fetch,
        charge=oversight.charge,
        by_hand=lambda: oversight.chat.by_hand,
        most=shared.settings.checkpoints,
        replay_time=shared.settings.replay_time,
    )


async def end_interrupted(shared: Shared, chat: str) -> int:
    """Mark the runs of a chat that nobody carries out any more: their process has ended. How many there were.

    The caller holds the chat. Where the process ended between a run's last row and the event that tells of its end,
    that is told now: somebody may wait for it. Raises `StoreError`.
    """
    ended, telling = 0, shared.telling(chat)
    await telling.flushed()
    last = await shared.store.last_told(chat)
    for run in await shared.store.runs(chat, trajectories=False):
        if run.status == "running" and (whole := await shared.store.run(chat, run.id)) is not None:
            await shared.store.change_run(replace(whole, status="interrupted"))
            message = "the service ended while this run was going on"
            telling.tell(run.id, {"kind": "run_ended", "status": "interrupted", "message": message})
            ended += 1
        elif last is not None and last.run == run.id and last.event["kind"] != "run_ended":
            telling.tell(run.id, {"kind": "run_ended", "status": run.status, "message": ""})
    return ended
