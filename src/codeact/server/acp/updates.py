"""Events of a run as updates of an editor's session: thoughts, actions with their code and output, the answer."""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from acp import (
    image_block,
    start_tool_call,
    text_block,
    tool_content,
    update_agent_message_text,
    update_agent_thought_text,
    update_tool_call,
)
from acp.schema import (
    AgentMessageChunk,
    AgentThoughtChunk,
    ContentToolCallContent,
    ToolCallProgress,
    ToolCallStart,
    ToolCallUpdate,
)

from codeact.actions.observation import readable, shorten
from codeact.events import (
    ActionStarted,
    Answered,
    Event,
    Finished,
    Observed,
    OutputChunk,
    ReplyParsed,
    TextDelta,
    ToolReturned,
)
from codeact.types import CodeAction, Image, Observation, Reply, ToolCall, ToolCalls, ToolRecord

Update = AgentMessageChunk | AgentThoughtChunk | ToolCallStart | ToolCallProgress
Subject = CodeAction | ToolCalls | ToolCall

_LONGEST_TITLE = 80  # characters
_MOST_OUTPUT = 10_000  # characters of one action that an editor is shown


@dataclass(slots=True)
class Updates:
    """What an editor is told of one session. An action is one tool call in its words."""

    actions: int = 0
    calls: int = 0
    code: str | None = None  # of the action going on
    output: str = ""  # of it, so far

    def of(self, event: Event) -> list[Update]:
        match event:
            case TextDelta(text=text, reasoning=True):
                return [update_agent_thought_text(text)]
            case ReplyParsed(reply=reply):
                return self._reply(reply)
            case ActionStarted(action=CodeAction()):
                return [update_tool_call(self._id, status="in_progress")]
            case OutputChunk(text=text):
                self.output = (self.output + text)[-_MOST_OUTPUT:]
                return [update_tool_call(self._id, content=self._content(self.output))] if self.code else []
            case ToolReturned(record=record):
                return [self._call(record)]
            case Observed(observation=seen):
                return self._seen(seen)
            case Answered(answer=answer):
                return [update_agent_message_text(readable(answer.text))]
            case Finished(outcome=outcome) if outcome.status not in ("answered", "cancelled"):
                return [update_agent_message_text(f"({readable(outcome.message or outcome.status)})")]
            case _:
                return []

    def asked(self, subject: Subject) -> ToolCallUpdate:
        """What permission is asked for; code stands there as a tool call already."""
        match subject:
            case CodeAction(code=code):
                return ToolCallUpdate(tool_call_id=self._id, title=_title(code), kind="execute")
            case ToolCall():
                calls = [subject]
            case ToolCalls(calls=calls):
                pass
        whole = [_call_text(call.name, call.args, call.kwargs) for call in calls]
        return ToolCallUpdate(
            tool_call_id=f"asked-{self.actions}-{self.calls}",
            title="; ".join(map(_short, whole)),
            kind="other",
            content=[
                tool_content(text_block(_fenced(text, "python"))) for text in whole
            ],  # nothing is let through unseen
        )

    @property
    def _id(self) -> str:
        return f"action-{self.actions}"

    def _reply(self, reply: Reply) -> list[Update]:
        if isinstance(reply.action, CodeAction):
            self.actions, self.code, self.output = self.actions + 1, reply.action.code, ""
            begun = start_tool_call(
                self._id,
                _title(self.code),
                kind="execute",
                status="pending",
                content=self._content(""),
                raw_input={"code": self.code},
            )
            return [*_thought(reply), begun]
        return [*_thought(reply)] if isinstance(reply.action, ToolCalls) else []

    def _seen(self, seen: Observation) -> list[Update]:
        if self.code is None:
            return []
        content = self._content(seen.text, seen.images)
        self.code = None
        return [update_tool_call(self._id, status="failed" if seen.is_error else "completed", content=content)]

    def _content(self, output: str, images: Sequence[Image] = ()) -> list[ContentToolCallContent]:
        texts = [_fenced(self.code or "", "python"), *([_fenced(readable(output))] if output else [])]
        shown = [image_block(base64.b64encode(image.data).decode(), image.mime) for image in images]
        return [tool_content(block) for block in (*map(text_block, texts), *shown)]

    def _call(self, record: ToolRecord) -> ToolCallStart:
        self.calls += 1
        text = shorten(readable(record.error or record.text), _MOST_OUTPUT)
        return start_tool_call(
            f"call-{self.calls}",
            _call_title(record.name, record.args, record.kwargs),
            kind="other",
            status="failed" if record.error else "completed",
            content=[tool_content(text_block(text))] if text else None,
        )


def _thought(reply: Reply) -> list[Update]:
    return [update_agent_thought_text(readable(reply.thought) + "\n")] if reply.thought else []


def _title(code: str) -> str:
    lines = [line.strip() for line in readable(code).splitlines() if line.strip()]
    return _short(lines[0] if lines else "Python")


def _call_title(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    return _short(_call_text(name, args, kwargs))


def _call_text(name: str, args: Sequence[Any], kwargs: Mapping[str, Any]) -> str:
    given = [*map(repr, args), *(f"{key}={value!r}" for key, value in kwargs.items())]
    return readable(f"{name}({', '.join(given)})").replace("\n", " ")


def _short(text: str) -> str:
    return text if len(text) <= _LONGEST_TITLE else f"{text[: _LONGEST_TITLE - 1]}…"


def _fenced(text: str, language: str = "") -> str:
    """Code or output as Markdown, behind a fence that is longer than any in it."""
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
