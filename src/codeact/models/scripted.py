"""A model that says what it was told to, for tests and documentation; it streams, stops and counts like a real one."""

from __future__ import annotations

import json
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import anyio
from anyio.lowlevel import checkpoint

from codeact.errors import ModelError, UsageError
from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.models.metering import CHARACTERS_PER_TOKEN, estimated_usage
from codeact.models.streamed import PartialCall, StreamedReply
from codeact.models.untrusted import fields, items, text
from codeact.types import JSON, Completion, Message, NativeCall, ToolSpec, Usage

ScriptedReply = str | Completion | Callable[[Sequence[Message]], str | Completion]

SEPARATOR = "---"  # a line of its own between two replies of a text file


@dataclass(slots=True)
class ScriptedModel:
    """Gives its replies one by one, in the order in which it is asked; a callable is given the messages so far.

    Unlike a hosted model it has a memory: where it is in its script, and what it was asked (`asked`, by completion).
    """

    replies: Sequence[ScriptedReply]
    name: str = "scripted:script"
    pace: float = 0.0  # seconds between two pieces of text, to try out what happens in the middle of a reply
    asked: list[tuple[Message, ...]] = field(default_factory=list[tuple[Message, ...]])

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
        """See `Model.complete`.

        Raises:
            ModelError: the script has come to its end.
        """
        number = len(self.asked)
        if number >= len(self.replies):
            raise ModelError(
                f"{self.name} has {len(self.replies)} replies and was asked for one more; "
                "add a reply, or let the last one be an answer"
            )
        self.asked.append(tuple(messages))
        reply = self.replies[number]
        said = reply(messages) if callable(reply) else reply
        completion = Completion(text=said) if isinstance(said, str) else said
        completion = await play(_limited(completion, max_tokens), stop=stop, emit=emit, pace=self.pace)
        if completion.usage == Usage():
            output = completion.reasoning + completion.text + "".join(call.arguments for call in completion.calls)
            completion = replace(completion, usage=estimated_usage(messages, tools, output))
        return replace(completion, model=completion.model or self.name)


async def play(
    completion: Completion, *, stop: Sequence[str] = (), emit: Emit = ignore, pace: float = 0.0, size: int = 7
) -> Completion:
    """Let a completion happen again, `size` characters at a time; it ends before the first stop string."""
    reply = StreamedReply(emit, stop, finish=completion.finish)
    reply.calls += [PartialCall(id=call.id, name=call.name, arguments=call.arguments) for call in completion.calls]
    for add, whole in ((reply.add_reasoning, completion.reasoning), (reply.add_text, completion.text)):
        for start in range(0, len(whole), size):
            add(whole[start : start + size])
            await (anyio.sleep(pace) if pace else checkpoint())
    return reply.completion(usage=completion.usage, model=completion.model)


@asynccontextmanager
async def open_scripted(file: str, *, pace: float = 0.0) -> AsyncGenerator[Model]:
    """Open the script in a file: JSON, or text with a line `---` between two replies.

    JSON is a list of texts and of objects with `text`, `reasoning` and `calls` (each with `name` and `arguments`).

    Raises:
        UsageError: no such file, or it cannot be read as a script.
    """
    yield ScriptedModel(read_script(Path(file)), name=f"scripted:{file}", pace=pace)


def read_script(path: Path) -> list[str | Completion]:
    """The replies in a file, as `open_scripted` takes them.

    Raises:
        UsageError: no such file, or it cannot be read as a script.
    """
    try:
        content = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"cannot read the script {str(path)!r}: {error}") from error
    if path.suffix != ".json":
        return [reply.strip("\n") for reply in f"\n{content}\n".split(f"\n{SEPARATOR}\n")]
    try:
        return [_read_reply(reply, number) for number, reply in enumerate(json.loads(content), start=1)]
    except (ValueError, TypeError) as error:
        raise UsageError(f"the script {str(path)!r} is not a JSON list of replies: {error}") from error


def _read_reply(reply: JSON, number: int) -> str | Completion:
    if isinstance(reply, str):
        return reply
    found = fields(reply)
    unknown = sorted(found.keys() - {"text", "reasoning", "calls"})
    if unknown or not found:
        raise ValueError(f"reply {number} must be a text, or an object with text, reasoning and calls, not {reply!r}")
    calls = tuple(_read_call(fields(call), f"call_{number}_{at}") for at, call in enumerate(items(found.get("calls"))))
    return Completion(
        text=text(found.get("text")),
        reasoning=text(found.get("reasoning")),
        calls=calls,
        finish="tool_calls" if calls else "stop",
    )


def _read_call(call: dict[str, JSON], id: str) -> NativeCall:
    arguments = call.get("arguments", {})
    as_text = arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)
    return NativeCall(text(call.get("id")) or id, text(call.get("name")), as_text)


def _limited(completion: Completion, max_tokens: int | None) -> Completion:
    limit = None if max_tokens is None else max_tokens * CHARACTERS_PER_TOKEN
    if limit is None or len(completion.text) <= limit:
        return completion
    return replace(completion, text=completion.text[:limit], finish="length")
