"""The `grounded` check: numbers nobody has seen are sent back, ordinary answers are not."""

from datetime import UTC, datetime

import pytest

from codeact.agent import Evidence, grounded
from codeact.types import Answer, CodeAction, Completion, ExecResult, Message, Reply, Step

pytestmark = pytest.mark.anyio


def evidence(output: str, *, task: str = "", source: str | None = None, history: tuple[Message, ...] = ()) -> Evidence:
    step = Step(
        number=1,
        completion=Completion(text=""),
        reply=Reply(action=CodeAction("alpha = 0.125")),
        result=ExecResult(stdout=output),
        started=datetime.now(UTC),
    )
    made_by = CodeAction(source) if source is not None else None
    return Evidence(task=task, steps=[step], source=made_by, session=None, history=history)


@pytest.mark.parametrize(
    ("output", "answer"),
    [
        ("19.615619800314814", "The RMSE is about 19.62."),
        ("Berlin,3,7.25", "Berlin has 7.25."),
        ("[1,2.513]", "2.513"),
        ("1,234.56", "It is 1234.56 USD."),
        ("weight 12.54kg", "12.54 kg"),
        ("0.8731", "an accuracy of 87.31 %"),
        ("1234567", "1.235 million"),
        ("1512345", "1.51e6"),
        ("-3.217", "It fell by 3.217."),
        ("0.041", "p is below 0.05, so it is significant"),
        ("ok", "Python 3.11 and version 2.45 are installed since 31.12.2024 (see section 1.15, release 1.2.3)."),
        ("ok", "Use `x = 0.123` or\n```python\ny = 4.567\n```"),
        ("ok", "with alpha = 0.125, as in the code"),
        ("1.5\n2.5", "1. The first is 1.5.\n2. The second is 2.5."),
    ],
)
async def test_ordinary_answers_are_accepted(output: str, answer: str) -> None:
    assert await grounded(Answer(answer), evidence(output)) is None


@pytest.mark.parametrize(
    ("output", "answer", "named"),
    [
        ("3.14159", "It is 2.718.", "2.718"),
        ("3.14159", "It is 3.142 or 3.15.", "3.15"),
        ("0.041", "p = 3.27e-05", "3.27e-05"),
        ("Berlin,3,7.25", "Berlin has 37.25.", "37.25"),
    ],
)
async def test_numbers_nobody_has_seen_are_named(output: str, answer: str, named: str) -> None:
    objection = await grounded(Answer(answer), evidence(output))
    assert objection is not None
    assert named in objection


async def test_the_task_and_the_earlier_talk_count_as_seen() -> None:
    earlier = (Message.of("user", "Observation:\n3.217"), Message.of("assistant", "It is 9.876."))
    assert await grounded(Answer("from 3.217 to 19.25"), evidence("", task="is 19.25 right?", history=earlier)) is None
    assert await grounded(Answer("9.876"), evidence("", history=earlier)) is not None


async def test_a_number_written_into_final_answer_is_not_a_computed_one() -> None:
    assert await grounded(Answer("2.718"), evidence("", source="final_answer(2.718)")) is not None
    assert await grounded(Answer("2.718"), evidence("", source="final_answer(round(e, 3))")) is None


async def test_an_answer_without_any_action_is_the_models_own_knowledge() -> None:
    nothing = Evidence(task="", steps=[], source=None, session=None)
    assert await grounded(Answer("Pi is 3.14159."), nothing) is None
