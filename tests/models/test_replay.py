from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from codeact.errors import ModelError, TrajectoryError
from codeact.models import open_model
from codeact.trajectory import TrajectoryWriter
from codeact.types import Completion, Message, NativeCall, Step, Trajectory, Usage

pytestmark = pytest.mark.anyio

ASK = [Message.of("user", "Hello")]
NOW = datetime(2026, 11, 22, tzinfo=UTC)
SAID = (
    Completion(
        text="Look.", reasoning="hm", usage=Usage(input_tokens=9, output_tokens=2), model="openai:gpt", latency=1.5
    ),
    Completion(text="", calls=(NativeCall("c1", "look_up", "{}"),), finish="tool_calls", model="openai:gpt"),
    Completion(text="It is 4", finish="length", model="openai:gpt"),
)


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    steps = tuple(Step(number=number, completion=said, started=NOW) for number, said in enumerate(SAID, start=1))
    path = tmp_path / "run.jsonl"
    with TrajectoryWriter(path) as writer:
        writer.begin(Trajectory(id="t1", task="Hello", prompt=tuple(ASK), steps=steps, created=NOW))
    return path


async def test_it_says_what_was_recorded(recording: Path) -> None:
    async with open_model(f"replay:{recording}") as model:
        assert model.name == f"replay:{recording}"
        said = [await model.complete(ASK, stop=["</execute>"]) for _ in SAID]
    assert tuple(said) == SAID


async def test_more_than_was_recorded_is_an_error_that_says_so(recording: Path) -> None:
    async with open_model(f"replay:{recording}") as model:
        for _ in SAID:
            await model.complete(ASK)
        with pytest.raises(ModelError, match=r"holds 3 completions and was asked for one more"):
            await model.complete(ASK)


async def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(TrajectoryError):
        async with open_model(f"replay:{tmp_path / 'no.jsonl'}"):
            pass
