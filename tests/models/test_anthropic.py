from __future__ import annotations

import pytest

from codeact.errors import BadResponseError
from codeact.events import Event, TextDelta
from codeact.models.base import Tempered
from codeact.types import Message, NativeCall, NativeResult, Usage

from .conftest import Hosted
from .loopback import Pause, Reply, json_reply
from .speech import anthropic_block, anthropic_end, anthropic_event, anthropic_reply, anthropic_start, anthropic_text
from .talk import LOOK_UP

pytestmark = pytest.mark.anyio

ASK = [Message.of("user", "Hello")]


async def test_a_reply_as_it_streams(anthropic: Hosted) -> None:
    anthropic.server.will(anthropic_reply("Grüße", " 🌍"))
    events: list[Event] = []
    async with anthropic.open() as model:
        completion = await model.complete(ASK, emit=events.append)
    assert completion.text == "Grüße 🌍"
    assert events == [TextDelta("Grüße"), TextDelta(" 🌍")]
    assert completion.usage == Usage(input_tokens=3 + 12 + 5, cached_tokens=12, output_tokens=5)
    assert completion.finish == "stop"
    assert completion.model == "anthropic:test-model"


async def test_a_character_split_over_packets(anthropic: Hosted) -> None:
    whole = b"".join(piece for piece in anthropic_reply("Grüße 🌍").body if isinstance(piece, bytes))
    anthropic.server.will(Reply(body=[whole[at : at + 1] for at in range(len(whole))]))
    async with anthropic.open() as model:
        assert (await model.complete(ASK)).text == "Grüße 🌍"


async def test_thinking_text_and_calls(anthropic: Hosted) -> None:
    thinking = [
        {"type": "thinking_delta", "thinking": "I should"},
        {"type": "thinking_delta", "thinking": " look."},
        {"type": "signature_delta", "signature": "c2ln"},
    ]
    arguments = [{"type": "input_json_delta", "partial_json": piece} for piece in ("", '{"coun', 'try": "FR"}')]
    body = [
        anthropic_start(),
        *anthropic_block(0, {"type": "thinking", "thinking": "", "signature": ""}, thinking),
        *anthropic_block(1, {"type": "redacted_thinking", "data": "eA=="}, []),
        *anthropic_text("Let me see.", index=2),
        *anthropic_block(3, {"type": "tool_use", "id": "toolu_1", "name": "look_up", "input": {}}, arguments),
        *anthropic_block(4, {"type": "tool_use", "id": "toolu_2", "name": "look_up", "input": {"country": "DE"}}, []),
        anthropic_event("something_new", value=1),
        *anthropic_end("tool_use"),
    ]
    anthropic.server.will(Reply(body=body))
    events: list[Event] = []
    async with anthropic.open() as model:
        completion = await model.complete(ASK, tools=[LOOK_UP], emit=events.append)
    assert completion.reasoning == "I should look."
    assert completion.text == "Let me see."
    assert completion.calls == (
        NativeCall("toolu_1", "look_up", '{"country": "FR"}'),
        NativeCall("toolu_2", "look_up", '{"country": "DE"}'),
    )
    assert completion.finish == "tool_calls"
    assert events[:2] == [TextDelta("I should", reasoning=True), TextDelta(" look.", reasoning=True)]


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("refusal", "filtered"),
        ("pause_turn", "stop"),
    ],
)
async def test_why_it_ended(anthropic: Hosted, reason: str, finish: str) -> None:
    anthropic.server.will(anthropic_reply("x", stop_reason=reason))
    async with anthropic.open() as model:
        assert (await model.complete(ASK)).finish == finish


async def test_writing_to_the_cache_has_its_price(anthropic: Hosted) -> None:
    anthropic.server.will(anthropic_reply("x"))
    async with anthropic.open(prices={"input": 3.0, "cached": 0.3, "cache_write": 3.75, "output": 15}) as model:
        completion = await model.complete(ASK)
    assert completion.usage.cost == pytest.approx((3 * 3.0 + 12 * 0.3 + 5 * 3.75 + 5 * 15) / 1e6)


async def test_a_limit_is_always_sent(anthropic: Hosted) -> None:
    anthropic.server.will(*[anthropic_reply("x")] * 3)
    async with anthropic.open() as model:
        await model.complete(ASK)
        await model.complete(ASK, max_tokens=5)
    async with anthropic.open(max_tokens=50) as model:
        await model.complete(ASK)
    assert [request.body["max_tokens"] for request in anthropic.server.requests] == [16_384, 5, 50]


async def test_a_temperature_is_sent_only_where_it_is_given_and_taken(anthropic: Hosted) -> None:
    refusal = {"type": "invalid_request_error", "message": "`temperature` is deprecated for this model."}
    refused = json_reply({"type": "error", "error": refusal}, status=400)
    anthropic.server.will(anthropic_reply("x"), refused, anthropic_reply("x"))
    async with anthropic.open() as model:
        await model.complete(ASK)
    async with anthropic.open(temperature=0.5) as model:
        await model.complete(ASK)
    assert [request.body.get("temperature") for request in anthropic.server.requests] == [None, 0.5, None]


async def test_an_open_model_can_be_had_at_another_temperature(anthropic: Hosted) -> None:
    anthropic.server.will(*[anthropic_reply("x")] * 3)
    async with anthropic.open(temperature=0.5) as model:
        assert isinstance(model, Tempered)
        for each in (model.at(0.9), model, model.at(0.0)):
            await each.complete(ASK)
    assert [request.body.get("temperature") for request in anthropic.server.requests] == [0.9, 0.5, 0.0]


async def test_manual_thinking_pauses_amid_calls_because_its_signatures_are_not_kept(anthropic: Hosted) -> None:
    anthropic.server.will(*[anthropic_reply("x")] * 3)
    enabled = {"thinking": {"type": "enabled", "budget_tokens": 1024}}
    amid_calls = [
        *ASK,
        Message("assistant", (NativeCall("1", "look_up", "{}"),)),
        Message("tool", (NativeResult("1", "20"),)),
    ]
    async with anthropic.open(extra_body=enabled) as model:
        await model.complete(ASK)
        await model.complete(amid_calls)
    async with anthropic.open(extra_body={"thinking": {"type": "adaptive"}}) as model:
        await model.complete(amid_calls)
    sent = [request.body.get("thinking", {}).get("type") for request in anthropic.server.requests]
    assert sent == ["enabled", None, "adaptive"]


async def test_left_at_a_stop_string_the_output_is_estimated(anthropic: Hosted) -> None:
    """The API refuses blank stop strings, so only we look for them, and its count comes at the end."""
    anthropic.server.will(Reply(body=[anthropic_start(), *anthropic_text("x" * 40, "\n\n", "y"), Pause()]))
    async with anthropic.open() as model:
        completion = await model.complete(ASK, stop=["\n\n"])
    assert "stop_sequences" not in anthropic.server.requests[0].body
    assert completion.text == "x" * 40
    assert completion.usage == Usage(input_tokens=20, cached_tokens=12, output_tokens=10)


async def test_json_instead_of_a_stream(anthropic: Hosted) -> None:
    anthropic.server.will(*[json_reply({"content": []})] * 5)
    async with anthropic.open() as model:
        with pytest.raises(BadResponseError, match="answered with application/json, not a stream"):
            await model.complete(ASK)
