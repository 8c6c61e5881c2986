"""How turns become messages: the one place that says so, for the loop as it goes and for all that reads a record."""

from __future__ import annotations

from codeact.trajectory.markers import defused
from codeact.types import Completion, ExecResult, Message, NativeResult, Observation, Part, Step, Text, Trajectory

OBSERVATION = "Observation:\n"
NOT_EXECUTED = "Not executed: this turn ended before this call."
ENDED = "The run ended with this call; it has no further result."
ANSWERED = "The user was given this answer:\n"


def assistant_message(completion: Completion, kept_text: str | None = None) -> Message:
    """A model's turn as it stays in the history: its text, or what was kept of it, and its native calls."""
    text = completion.text if kept_text is None else kept_text
    parts: tuple[Part, ...] = (Text(text),) if text or not completion.calls else ()
    return Message("assistant", (*parts, *completion.calls))


def observation_messages(observation: Observation, completion: Completion) -> tuple[Message, ...]:
    """An observation as the model sees it next: a message of the user, or one result for each native call.

    Providers insist that each call gets exactly one result, so calls that were not executed get one that says so.
    """
    if not completion.calls:
        return (Message.of("user", OBSERVATION + observation.text, observation.images),)
    texts = list(observation.per_call or (observation.text,))[: len(completion.calls)]
    texts += [NOT_EXECUTED] * (len(completion.calls) - len(texts))
    shown = max((index for index, text in enumerate(texts) if text != NOT_EXECUTED), default=0)  # the images go with it
    results = (
        NativeResult(call.id, text, observation.images if index == shown else ())
        for index, (call, text) in enumerate(zip(completion.calls, texts, strict=True))
    )
    return (Message("tool", tuple(results)),)


def step_messages(step: Step) -> tuple[Message, ...]:
    """What one step adds to the history.

    The step that ends a run has no observation. Its calls are closed all the same, so that the conversation can go on,
    and an answer that code gave is told, because its value stands nowhere else.
    """
    assistant = assistant_message(step.completion, step.kept)
    if step.observation is not None:
        return (assistant, *observation_messages(step.observation, step.completion))
    given = step.result.answer if isinstance(step.result, ExecResult) else None
    closing = ANSWERED + defused(given.text) if given else ENDED
    if step.completion.calls:
        told = Observation(text=closing, per_call=(closing, *[ENDED] * (len(step.completion.calls) - 1)))
        return (assistant, *observation_messages(told, step.completion))
    return (assistant, Message.of("user", OBSERVATION + closing)) if given else (assistant,)


def messages_of(trajectory: Trajectory, upto: int | None = None) -> list[Message]:
    """The history as the model saw it, after the first `upto` steps, or after all."""
    messages = list(trajectory.prompt)
    for step in trajectory.steps[:upto]:
        messages.extend(step_messages(step))
    return messages
