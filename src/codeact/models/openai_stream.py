"""Reading the chunks of an OpenAI-compatible stream: plain JSON, because servers differ from the SDK's types."""

from __future__ import annotations

import json
import re

from codeact.models.streamed import PartialCall, StreamedReply
from codeact.models.untrusted import count, fields, items, text
from codeact.types import JSON, Finish, Usage

FINISH: dict[str, Finish] = {
    "length": "length",
    "content_filter": "filtered",
    "tool_calls": "tool_calls",
    "function_call": "tool_calls",
}
TROUBLE = re.compile("malformed|error", re.IGNORECASE)  # Gemini's end of a call that it could not write; OpenRouter's


def absorb(chunk: JSON, reply: StreamedReply) -> None:
    """Take in one chunk, or the whole answer of a server that does not stream."""
    for choice in map(fields, items(fields(chunk).get("choices"))[:1]):
        delta = fields(choice.get("delta") or choice.get("message"))
        reply.add_reasoning(text(delta.get("reasoning_content") or delta.get("reasoning")))
        _add_content(delta.get("content"), reply)
        if not reply.stopped:
            for call in items(delta.get("tool_calls")):
                _add_call(fields(call), reply.calls)
        finish = text(choice.get("finish_reason"))
        if TROUBLE.search(finish):
            reply.trouble = finish
        elif finish:
            reply.finish = FINISH.get(finish, "stop")
    reply.usage = _read_usage(fields(chunk)) or reply.usage


def _add_content(content: JSON, reply: StreamedReply) -> None:
    reply.add_text(text(content))
    for block in map(fields, items(content)):  # Mistral's reasoning models
        for thought in map(fields, items(block.get("thinking"))):
            reply.add_reasoning(text(thought.get("text")))
        reply.add_text(text(block.get("text")))


def _add_call(delta: dict[str, JSON], calls: list[PartialCall]) -> None:
    """One piece of a call, or a whole one. Not every server numbers them, names them or cuts them the same way."""
    function = fields(delta.get("function"))
    call = _call_for(delta, text(function.get("name")), calls)
    call.id = call.id or text(delta.get("id"))
    call.name = call.name or text(function.get("name"))
    arguments = function.get("arguments")
    if arguments is not None:
        call.arguments += arguments if isinstance(arguments, str) else json.dumps(arguments, ensure_ascii=False)


def _call_for(delta: dict[str, JSON], name: str, calls: list[PartialCall]) -> PartialCall:
    index, id = delta.get("index"), text(delta.get("id"))
    known = [call for call in calls if id and call.id == id]
    if known:
        return known[0]
    if isinstance(index, int):
        at_index = [call for call in calls if call.index == index]
        # the same number with another id is another call: some servers number every whole call 0
        if at_index and not (id and at_index[-1].id):
            return at_index[-1]
    elif calls and not id and not name:
        return calls[-1]
    calls.append(PartialCall(index=index if isinstance(index, int) else None))
    return calls[-1]


def _read_usage(chunk: dict[str, JSON]) -> Usage | None:
    usage, timings = fields(chunk.get("usage")), fields(chunk.get("timings"))
    if "prompt_tokens" in usage:
        details = fields(usage.get("prompt_tokens_details"))
        # OpenAI, vLLM | DeepSeek | llama.cpp
        cached = details.get("cached_tokens") or usage.get("prompt_cache_hit_tokens") or timings.get("cache_n")
        prompt = count(usage["prompt_tokens"])
        return Usage(
            input_tokens=prompt,
            cached_tokens=min(count(cached), prompt),
            output_tokens=count(usage.get("completion_tokens")),
        )
    if "prompt_n" in timings:  # llama.cpp, of old with nothing else
        cached = count(timings.get("cache_n"))
        return Usage(
            input_tokens=count(timings["prompt_n"]) + cached,
            cached_tokens=cached,
            output_tokens=count(timings.get("predicted_n")),
        )
    return None
