"""What a run gives back."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from codeact.trajectory import to_markdown, to_notebook
from codeact.trajectory.history import messages_of
from codeact.types import JSON, Message, Outcome, OutcomeStatus, Trajectory, Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class RunResult:
    """A finished run: its answer, what it used, and its whole record."""

    trajectory: Trajectory

    @property
    def outcome(self) -> Outcome:
        if self.trajectory.outcome is None:
            raise RuntimeError("a result is made of a finished run")
        return self.trajectory.outcome

    @property
    def status(self) -> OutcomeStatus:
        return self.outcome.status

    @property
    def answer(self) -> str | None:
        """The answer in words; None when the run ended without one (`status` says why)."""
        return self.outcome.answer.text if self.outcome.answer else None

    @property
    def value(self) -> JSON:
        """What `final_answer(value)` was given, where the agent answered that way with plain data."""
        return self.outcome.answer.value if self.outcome.answer else None

    @property
    def turns(self) -> int:
        return len(self.trajectory.steps)

    @property
    def usage(self) -> Usage:
        return self.outcome.usage

    @property
    def messages(self) -> list[Message]:
        """The history as the model saw it."""
        return messages_of(self.trajectory)

    def to_markdown(self) -> str:
        return to_markdown(self.trajectory)

    def to_notebook(self, path: str | Path) -> None:
        """Write the run as a Jupyter notebook."""
        to_notebook(self.trajectory, Path(path))
