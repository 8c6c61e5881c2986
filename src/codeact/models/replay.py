"""A model that repeats what another one said in a recorded run."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from codeact.errors import ModelError
from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.models.scripted import play
from codeact.trajectory import load_trajectory
from codeact.types import Completion, Message, ToolSpec


@dataclass(slots=True)
class ReplayModel:
    """Gives the recorded completions in their order, whatever it is asked. For one run: it remembers where it is."""

    completions: Sequence[Completion]
    name: str = "replay:recording"
    position: int = 0  # of the completion that comes next

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        """See `Model.complete`. Usage, latency and the model's name are those of the recording.

        Raises:
            ModelError: the recording has come to its end, so this run has taken another course.
        """
        if self.position >= len(self.completions):
            raise ModelError(
                f"{self.name} holds {len(self.completions)} completions and was asked for one more: "
                "this run went on where the recorded one ended"
            )
        recorded = self.completions[self.position]
        self.position += 1
        played = await play(recorded, stop=stop, emit=emit)
        return replace(played, latency=recorded.latency, first_token=recorded.first_token)


@asynccontextmanager
async def open_replay(file: str) -> AsyncGenerator[Model]:
    """Open the completions of a trajectory file.

    Raises:
        TrajectoryError: the file cannot be read.
    """
    trajectory = load_trajectory(Path(file))
    yield ReplayModel([step.completion for step in trajectory.steps], name=f"replay:{file}")
