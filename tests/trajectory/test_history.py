"""How turns enter the history."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given

from codeact.trajectory.history import (
    ENDED,
    NOT_EXECUTED,
    OBSERVATION,
    assistant_message,
    messages_of,
    observation_messages,
    step_messages,
)
from codeact.types import (
    Completion,
    Image,
    Message,
    NativeCall,
    NativeResult,
    Observation,
    Step,
    Text,
    Trajectory,
)

from .example import NOON, code_run, json_run
from .strategies import quick, steps, trajectories

CALLS = (NativeCall("a", "python", "{}"), NativeCall("b", "python", "{}"))
PICTURE = Image(b"png")


def results(observation: Observation, calls: tuple[NativeCall, ...] = CALLS) -> tuple[object, ...]:
    (message,) = observation_messages(observation, Completion(text="", calls=calls))
    assert message.role == "tool"
    return message.parts


def test_a_turn_in_words() -> None:
    assert assistant_message(Completion(text="Hello")) == Message("assistant", (Text("Hello"),))
    assert assistant_message(Completion(text="Hello\nObservation: x"), "Hello") == Message(
        "assistant", (Text("Hello"),)
    )
    assert assistant_message(Completion(text="")) == Message("assistant", (Text(""),))  # some part there must be


def test_a_turn_with_native_calls() -> None:
    assert assistant_message(Completion(text="Hm.", calls=CALLS)).parts == (Text("Hm."), *CALLS)
    assert assistant_message(Completion(text="", calls=CALLS)).parts == CALLS


def test_an_observation_is_a_message_of_the_user() -> None:
    seen = Observation(text="42", images=(PICTURE,))
    assert observation_messages(seen, Completion(text="x")) == (Message("user", (Text(f"{OBSERVATION}42"), PICTURE)),)


def test_each_native_call_gets_exactly_one_result() -> None:
    seen = Observation(text="all", per_call=("1", "2"), images=(PICTURE,))
    assert results(seen) == (NativeResult("a", "1"), NativeResult("b", "2", (PICTURE,)))


def test_calls_that_were_not_executed_say_so() -> None:
    """Only one call of a turn was carried out, or the reply could not be read: providers want a result for each."""
    seen = Observation(text="42", images=(PICTURE,))
    assert results(seen) == (NativeResult("a", "42", (PICTURE,)), NativeResult("b", NOT_EXECUTED))
    assert results(replace(seen, per_call=("1",))) == (
        NativeResult("a", "1", (PICTURE,)),
        NativeResult("b", NOT_EXECUTED),
    )


def test_the_last_step_closes_its_calls() -> None:
    last = Step(number=1, completion=Completion(text="", calls=CALLS), started=NOON)
    assert step_messages(last)[1].parts == (NativeResult("a", ENDED), NativeResult("b", ENDED))
    assert step_messages(replace(last, completion=Completion(text="Done."))) == (Message.of("assistant", "Done."),)


def test_the_history_of_a_run() -> None:
    run = code_run()
    messages = messages_of(run)
    assert [message.role for message in messages] == ["system", *["user", "assistant"] * 4]
    assert "made up" in run.steps[1].completion.text
    assert "made up" not in str(messages)  # what was not kept, the model did not see again
    assert messages_of(run, upto=1) == messages[:4]
    assert messages_of(run, upto=0) == list(run.prompt)
    assert [message.role for message in messages_of(json_run())][-2:] == ["assistant", "tool"]


@quick
@given(trajectories)
def test_every_native_call_has_one_result_with_its_id(run: Trajectory) -> None:
    messages = messages_of(replace(run, prompt=()))
    called = [part.id for message in messages for part in message.parts if isinstance(part, NativeCall)]
    answered = [part.id for message in messages for part in message.parts if isinstance(part, NativeResult)]
    assert called == answered


@quick
@given(steps)
def test_no_image_is_lost(step: Step) -> None:
    messages = step_messages(step)
    images = [image for message in messages[1:] for image in images_of(message)]
    assert images == list(step.observation.images if step.observation else ())


def images_of(message: Message) -> list[Image]:
    images: list[Image] = []
    for part in message.parts:
        if isinstance(part, Image):
            images.append(part)
        elif isinstance(part, NativeResult):
            images += part.images
    return images
