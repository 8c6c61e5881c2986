"""A conversation as the terminal has it: the agent's side, and what surrounds it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

from codeact.agent import Conversation
from codeact.cli import consoles, exits
from codeact.cli.artifacts import RunFolder, digest, note_inputs
from codeact.cli.assemble import choose_model
from codeact.cli.export import FORM_OF_SUFFIX, convert, write_new
from codeact.cli.interrupts import Interrupts
from codeact.cli.options import AgentOptions
from codeact.cli.records import conversation_of
from codeact.cli.screen import Screen
from codeact.cli.seat import ModelSeat
from codeact.cli.views import Report, print_files, print_outcome
from codeact.errors import CodeActError, UsageError
from codeact.events import Event
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

        files, self.files = self.files, []
        note_inputs(self.conversation, files)
        try:
            with self.interrupts.stop_here():
                await self.conversation.send(text, files=files, emit=emit, record=self.record)
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
        """Give the agent a file, with the next message. Raises `UsageError` when it is not there."""
        if not path.is_file():
            raise UsageError(f"no such file: {str(path)!r}")
        self.files.append(path)
        self.folder.known[path.name] = digest(path)

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

    async def _finish(self, report: Report, before: int) -> None:
        await self.folder.bring_out(self.conversation.setup.session)
        if report.outcome is not None:
            print_outcome(self.screen, report.outcome, report.turns)
        print_files(self.screen, self.folder.saved[before:])
