"""A dialogue as messages: all that was said and called before the call that is asked for."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.actions.base import ActionSpace
from codeact.tasks.apibank.dialogues import Called, Dialogue, Said
from codeact.tasks.apibank.paper_space import response_text, shown_earlier
from codeact.tools import render_value
from codeact.trajectory.history import assistant_message, observation_messages
from codeact.types import (
    Action,
    CodeAction,
    ExecResult,
    Message,
    Result,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolResults,
)

CONTINUE = "Continue."  # what the original says to models that do not go on by themselves after an assistant's message


def action_of(call: Called, format: str) -> Action:
    """A call of the data set as an action: a line of code, or a call of a tool."""
    if format != "code":
        return ToolCalls((ToolCall(call.api, (), call.arguments),))
    arguments = ", ".join(f"{name}={value!r}" for name, value in call.arguments.items())
    return CodeAction(f"{call.api}({arguments})")


def earlier_messages(dialogue: Dialogue, place: int, space: ActionSpace) -> Sequence[Message]:
    """The turns before this place, with the calls as this format has them.

    What the assistant says right before a call is the thought of that action.
    """
    messages: list[Message] = []
    thought = ""  # what the assistant has said last, until it is known what follows
    for turn in dialogue.turns[:place]:
        if isinstance(turn, Said) and turn.role == "AI":
            thought = f"{thought}\n{turn.text}".strip()
            continue
        if isinstance(turn, Called):
            messages += _call_messages(turn, thought, space)
        else:
            messages += [Message.of("assistant", thought)] if thought else []
            messages.append(Message.of("user", turn.text))
        thought = ""
    return _alternating([*messages, Message.of("assistant", thought)] if thought else messages, "\n\n")


def _alternating(messages: Sequence[Message], between: str) -> Sequence[Message]:
    """What a role says twice in a row becomes one message: many chat templates insist on that."""
    merged: list[Message] = []
    for message in messages:
        if merged and merged[-1].role == message.role:
            merged[-1] = Message.of(message.role, f"{merged[-1].text}{between}{message.text}")
        else:
            merged.append(message)
    return merged


def _call_messages(call: Called, thought: str, space: ActionSpace) -> Sequence[Message]:
    completion = space.render(action_of(call, space.name), thought)
    seen = space.observe(_result(call, space.name))
    return assistant_message(completion), *observation_messages(seen, completion)


def _result(call: Called, format: str) -> Result:
    output = call.response.output
    if format == "code":
        return ExecResult(value=repr(output))
    return ToolResults((ToolRecord(name=call.api, kwargs=call.arguments, value=output, text=render_value(output)),))


def published_messages(dialogue: Dialogue, place: int, form: str) -> Sequence[Message]:
    """The turns before this place as the original shows them. The last message is never the assistant's."""
    messages: list[Message] = []
    for turn in dialogue.turns[:place]:
        if isinstance(turn, Said):
            messages.append(Message.of("user" if turn.role == "User" else "assistant", turn.text))
        else:
            messages.append(Message.of("assistant", shown_earlier(form, ToolCall(turn.api, (), turn.texts))))
            messages.append(Message.of("user", response_text(turn.response.output)))
    if not messages or messages[-1].role == "assistant":
        messages.append(Message.of("user", CONTINUE))
    return _alternating(messages, "\n")
