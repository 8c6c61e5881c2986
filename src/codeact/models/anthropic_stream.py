"""Reading the events of an Anthropic stream."""

from __future__ import annotations

import json

from codeact.models.streamed import PartialCall, StreamedReply
from codeact.models.untrusted import count, fields, text
from codeact.types import JSON, Finish, Usage

FINISH: dict[str, Finish] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "filtered",
}


class AnthropicEvents:
    """Takes in one event after another. The usage comes in two parts: the input's first, the output's at the end."""

    def __init__(self, reply: StreamedReply) -> None:
        self._reply = reply
        self._usage: dict[str, JSON] = {}

    def absorb(self, event: JSON) -> None:
        found = fields(event)
        match found.get("type"):
            case "message_start":
                self._add_usage(fields(fields(found.get("message")).get("usage")))
            case "content_block_start":
                self._begin_block(found.get("index"), fields(found.get("content_block")))
            case "content_block_delta":
                self._add_delta(found.get("index"), fields(found.get("delta")))
            case "message_delta":
                self._add_usage(fields(found.get("usage")))
                if reason := text(fields(found.get("delta")).get("stop_reason")):
                    self._reply.finish = FINISH.get(reason, "stop")
            case _:  # pings, ends of blocks, and what may be added one day
                pass

    def _begin_block(self, index: JSON, block: dict[str, JSON]) -> None:
        if block.get("type") == "tool_use" and not self._reply.stopped:
            given = fields(block.get("input"))  # empty where the arguments follow in pieces, as they do
            arguments = json.dumps(given, ensure_ascii=False) if given else ""
            call = PartialCall(index=index, id=text(block.get("id")), name=text(block.get("name")), arguments=arguments)
            self._reply.calls.append(call)
        self._reply.add_reasoning(text(block.get("thinking")))
        self._reply.add_text(text(block.get("text")))

    def _add_delta(self, index: JSON, delta: dict[str, JSON]) -> None:
        self._reply.add_reasoning(text(delta.get("thinking")))
        self._reply.add_text(text(delta.get("text")))
        for call in self._reply.calls:
            if call.index == index:
                call.arguments += text(delta.get("partial_json"))

    def _add_usage(self, usage: dict[str, JSON]) -> None:
        self._usage |= {name: value for name, value in usage.items() if value is not None}
        if not self._usage:
            return
        cached = count(self._usage.get("cache_read_input_tokens"))
        written = count(self._usage.get("cache_creation_input_tokens"))
        self._reply.cache_written = written
        self._reply.usage = Usage(
            input_tokens=count(self._usage.get("input_tokens")) + cached + written,  # the API counts them apart
            cached_tokens=cached,
            output_tokens=count(self._usage.get("output_tokens")),
        )
