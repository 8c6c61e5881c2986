"""A conversation as the terminal has it: the agent's side, and what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from codeact.agent import Conversation
from codeact.agent.conversation import check_message
from codeact.cli import consoles, exits
from codeact.cli.artifacts import RunFolder, check_readable, digest, note_inputs
from codeact.cli.assemble import choose_model
from codeact.cli.export import FORM_OF_SUFFIX, convert, write_new
from codeact.cli.interrupts import Interrupts
from codeact.cli.options import AgentOptions
from codeact.cli.records import conversation_of
from codeact.cli.screen import Screen
from codeact.cli.seat import ModelSeat
from codeact.cli.views import Report, print_files, print_outcome
from codeact.errors import CodeActError, UsageError
from codeact.events import Emit, Event
from codeact.trajectory import TrajectoryWriter, load_trajectories


@dataclass(slots=True, kw_only=True)
class Talk:
    """One conversation at a terminal."""

    options: AgentOptions
    conversation: Conversation
    seat: ModelSeat
    screen: Screen
    folder: RunFolder
    record: TrajectoryWriter
    interrupts: Interrupts
    files: list[Path] = field(default_factory=list[Path])  # to go with the next message
    over: bool = False
    code: int = exits.ANSWERED  # of the last message

    async def say(self, text: str) -> None:
        """Send one message and show what comes of it; Ctrl-C stops that and nothing else."""
        report, before = Report(self.folder), len(self.folder.saved)

        def emit(event: Event) -> None:
            report.note(event)
            self.screen.emit(event)

        try:
            check_message(text)
            with self.interrupts.stop_here():
                await self._send(text, report, emit)
        except CodeActError as error:
            self.code = exits.of_error(error)
            self.tell(error)
        else:
            self.code = exits.of_outcome(report.outcome.status) if report.outcome else exits.INTERRUPTED
        await self._finish(report, before)

    def tell(self, error: CodeActError) -> None:
        """Say what went wrong; the talk goes on."""
        self.screen.line("✗ ", f"error: {error}", "red")

    def add_file(self, path: Path) -> None:
        """Give the agent a file, with the next message. Raises `UsageError` when it cannot be read."""
        check_readable(path)
        self.folder.known[path.name] = digest(path)
        self.files.append(path)

    async def change_model(self, spec: str) -> None:
        """Let another model go on with this talk.

        Raises:
            CodeActError: it cannot be opened; the one before stays.
        """
        model = await self.seat.take(await choose_model(self.options, consoles.notices(), spec))
        setup = self.conversation.setup
        described = {**setup.described, "model": model.name}
        self.conversation.setup = replace(setup, model=model, described=described)

    def save(self, path: Path | None) -> Path:
        """Write the talk to a file of the kind that its name says. Without a path: where it is recorded anyway.

        Raises:
            UsageError: nothing was said yet, the kind is unknown, or the file exists.
        """
        if path is None:
            return self.folder.trajectory
        form = FORM_OF_SUFFIX.get(path.suffix)
        if form is None:
            raise UsageError(f"{path.name!r} should end in one of {', '.join(FORM_OF_SUFFIX)}")
        talk = load_trajectories(self.folder.trajectory)
        if not talk or self.conversation.parent is None:
            raise UsageError("there is nothing to save yet")
        write_new(path, convert(conversation_of(talk, self.conversation.parent), form))
        return path

    async def _send(self, text: str, report: Report, emit: Emit) -> None:
        """Send a message with the files that wait for one. They wait on when it is stopped before it has begun.

        A file that cannot be had does not wait on: it would stand in the way of every message to come.
        """
        setup, files = self.conversation.setup, self.files
        try:
            note_inputs(self.conversation, files)
            await self.conversation.send(text, files=files, emit=emit, record=self.record)
        except CodeActError:
            self.files = []
            if report.outcome is None and files:
                names = ", ".join(repr(file.name) for file in files)
                self.screen.note(f"the message was not sent, and no file waits any more; /put again: {names}")
            raise
        finally:
            if report.outcome is None:  # it has not begun, so the record must not have its files
                self.conversation.setup = setup
            else:
                self.files = []

    async def _finish(self, report: Report, before: int) -> None:
        await self.folder.bring_out(self.conversation.setup.session)
        if report.outcome is not None:
            print_outcome(self.screen, report.outcome, report.turns)
        print_files(self.screen, self.folder.saved[before:])
