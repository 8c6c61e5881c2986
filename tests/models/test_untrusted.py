"""Whatever a server sends, reading it does not crash: it is text, a call, or nothing."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from codeact.events import ignore
from codeact.models.anthropic_stream import AnthropicEvents
from codeact.models.openai_stream import absorb
from codeact.models.streamed import StreamedReply
from codeact.models.untrusted import count
from codeact.types import Completion, Usage

LEAVES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5)


def objects(values: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.dictionaries(st.text(max_size=5), values, max_size=3)


ANY_JSON = st.recursive(LEAVES, lambda inner: st.lists(inner, max_size=3) | objects(inner), max_leaves=5)


def mangled(**fields: Any) -> st.SearchStrategy[Any]:
    """An object of the protocol, any part of which may be something else, or missing."""
    parts = {
        name: ANY_JSON | (value if isinstance(value, st.SearchStrategy) else st.just(value))
        for name, value in fields.items()
    }
    return st.fixed_dictionaries({}, optional=parts) | ANY_JSON


FUNCTION = mangled(name="look_up", arguments=st.text(max_size=5))
CALLS = st.lists(mangled(index=st.integers(0, 2), id=st.sampled_from(["a", "b"]), function=FUNCTION), max_size=3)
DELTA = mangled(content=st.text(max_size=5), reasoning_content=st.text(max_size=5), tool_calls=CALLS)
CHOICES = st.lists(mangled(delta=DELTA, finish_reason=st.sampled_from(["stop", "length", "tool_calls"])), max_size=2)
OPENAI_USAGE = mangled(prompt_tokens=9, completion_tokens=2, prompt_tokens_details=mangled(cached_tokens=4))
CHUNK = mangled(choices=CHOICES, usage=OPENAI_USAGE, timings=mangled(cache_n=3, prompt_n=4, predicted_n=5))

BLOCK = mangled(type="tool_use", id="a", name="look_up", input=objects(LEAVES), text="x", thinking="y")
ANTHROPIC_DELTA = mangled(text="x", thinking="y", partial_json="{", stop_reason="end_turn")
EVENT = mangled(
    type=st.sampled_from(["message_start", "content_block_start", "content_block_delta", "message_delta"]),
    index=st.integers(0, 2),
    message=mangled(usage=mangled(input_tokens=3, cache_read_input_tokens=2)),
    content_block=BLOCK,
    delta=ANTHROPIC_DELTA,
    usage=mangled(output_tokens=4),
)


def ended(reply: StreamedReply) -> Completion:
    completion = reply.completion(usage=reply.usage or Usage(), model="m")
    assert isinstance(completion.text, str)
    assert all(call.id and isinstance(call.arguments, str) for call in completion.calls)
    assert 0 <= completion.usage.cached_tokens <= completion.usage.input_tokens
    return completion


def test_a_count_is_a_whole_number_and_not_negative() -> None:
    given_counts = [7, 7.0, -1, float("inf"), float("nan"), "7", None, [7], {}]
    assert [count(value) for value in given_counts] == [7, 7, 0, 0, 0, 0, 0, 0, 0]


@given(chunks=st.lists(CHUNK, max_size=5))
def test_any_openai_stream(chunks: list[Any]) -> None:
    reply = StreamedReply(ignore, ["ab"])
    for chunk in chunks:
        absorb(chunk, reply)
    ended(reply)


@given(events=st.lists(EVENT, max_size=5))
def test_any_anthropic_stream(events: list[Any]) -> None:
    reply = StreamedReply(ignore, ["ab"])
    taken = AnthropicEvents(reply)
    for event in events:
        taken.absorb(event)
    ended(reply)
