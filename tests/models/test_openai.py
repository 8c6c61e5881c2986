from __future__ import annotations

import json
from typing import Any

import pytest

from codeact.errors import BadResponseError, ConnectionLostError
from codeact.events import Event, Retrying, TextDelta
from codeact.types import Message, NativeCall, Usage

from .conftest import Hosted
from .loopback import Cut, Loopback, Pause, Reply, json_reply
from .speech import USAGE, chat_chunk, chat_reply, chat_stream
from .talk import LOOK_UP

pytestmark = pytest.mark.anyio

ASK = [Message.of("user", "Hello")]


async def test_a_reply_as_it_streams(openai: Hosted) -> None:
    openai.server.will(chat_reply({"role": "assistant", "content": ""}, "Grüße", " 🌍", "!"))
    events: list[Event] = []
    async with openai.open() as model:
        completion = await model.complete(ASK, emit=events.append)
    assert completion.text == "Grüße 🌍!"
    assert events == [TextDelta("Grüße"), TextDelta(" 🌍"), TextDelta("!")]
    assert completion.usage == Usage(input_tokens=20, cached_tokens=12, output_tokens=5)
    assert completion.finish == "stop"
    assert completion.model == "openai:test-model"
    assert completion.first_token is not None
    assert 0 <= completion.first_token <= completion.latency


async def test_a_character_split_over_packets(openai: Hosted) -> None:
    whole = b"".join(chat_stream("Grüße 🌍"))
    openai.server.will(Reply(body=[whole[at : at + 1] for at in range(len(whole))]))
    async with openai.open() as model:
        assert (await model.complete(ASK)).text == "Grüße 🌍"


@pytest.mark.parametrize("field", ["reasoning_content", "reasoning"])
async def test_reasoning_has_a_channel_of_its_own(openai: Hosted, field: str) -> None:
    openai.server.will(chat_reply({field: "Observation:", "content": None}, {field: " hm"}, "42"))
    events: list[Event] = []
    async with openai.open() as model:
        completion = await model.complete(ASK, stop=["Observation:"], emit=events.append)
    assert (completion.reasoning, completion.text) == ("Observation: hm", "42")
    assert events[0] == TextDelta("Observation:", reasoning=True)


@pytest.mark.parametrize(
    ("reason", "finish"),
    [
        ("stop", "stop"),
        ("length", "length"),
        ("content_filter", "filtered"),
        ("eos", "stop"),
        ("tool_calls", "tool_calls"),
    ],
)
async def test_why_it_ended(openai: Hosted, reason: str, finish: str) -> None:
    openai.server.will(chat_reply("x", finish=reason))
    async with openai.open() as model:
        assert (await model.complete(ASK)).finish == finish


def call_delta(arguments: Any, *, name: str | None = None, **fields: Any) -> dict[str, Any]:
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    return {"tool_calls": [{**fields, "type": "function", "function": function}]}


FR, DE = '{"country": "FR"}', '{"country": "DE"}'
TWO_CALLS = (NativeCall("a", "look_up", FR), NativeCall("b", "look_up", DE))


@pytest.mark.parametrize(
    "deltas",
    [
        pytest.param(
            [
                call_delta("", index=0, id="a", name="look_up"),
                *(call_delta(letter, index=0) for letter in FR),
                call_delta("", index=1, id="b", name="look_up"),
                *(call_delta(letter, index=1) for letter in DE),
            ],
            id="in pieces, as OpenAI",
        ),
        pytest.param(
            [call_delta(FR, index=0, id="a", name="look_up"), call_delta(DE, index=1, id="b", name="look_up")],
            id="each whole in one delta",
        ),
        pytest.param(
            [call_delta(FR, index=0, id="a", name="look_up"), call_delta(DE, index=0, id="b", name="look_up")],
            id="all with number 0",
        ),
        pytest.param(
            [call_delta(FR, id="a", name="look_up"), call_delta(DE, id="b", name="look_up")], id="without a number"
        ),
        pytest.param(
            [
                *(call_delta(letter, id="a", name="look_up") for letter in FR),
                *(call_delta(letter, id="b", name="look_up") for letter in DE),
            ],
            id="id and name in every delta",
        ),
        pytest.param(
            [
                call_delta({"country": "FR"}, index=0, id="a", name="look_up"),
                call_delta({"country": "DE"}, index=1, id="b", name="look_up"),
            ],
            id="arguments as an object",
        ),
        pytest.param(
            [
                {
                    "tool_calls": [
                        {"index": 0, "id": "a", "function": {"name": "look_up", "arguments": FR}},
                        {"index": 1, "id": "b", "function": {"name": "look_up", "arguments": DE}},
                    ]
                }
            ],
            id="all in one delta",
        ),
    ],
)
@pytest.mark.parametrize("reason", ["tool_calls", "stop"])
async def test_native_calls(openai: Hosted, deltas: list[dict[str, Any]], reason: str) -> None:
    openai.server.will(chat_reply("Let me see.", *deltas, finish=reason))
    async with openai.open() as model:
        completion = await model.complete(ASK, tools=[LOOK_UP])
    assert completion.calls == TWO_CALLS
    assert completion.text == "Let me see."
    assert completion.finish == "tool_calls"


async def test_calls_without_ids_get_ids_that_differ(openai: Hosted) -> None:
    one = call_delta(FR, name="look_up")
    pieces = [call_delta('{"country"', name="look_up"), call_delta(': "DE"}')]
    openai.server.will(chat_reply(one, *pieces))
    async with openai.open() as model:
        first, second = (await model.complete(ASK, tools=[LOOK_UP])).calls
    assert (first.arguments, second.arguments) == (FR, DE)
    assert first.id
    assert second.id not in {"", first.id}


async def test_a_call_cut_by_the_token_limit_stays_cut(openai: Hosted) -> None:
    openai.server.will(chat_reply(call_delta('{"coun', index=0, id="a", name="look_up"), finish="length"))
    async with openai.open() as model:
        completion = await model.complete(ASK, tools=[LOOK_UP])
    assert completion.finish == "length"
    assert completion.calls[0].arguments == '{"coun'


async def test_a_server_that_returns_the_stop_string_still_reports_its_usage(openai: Hosted) -> None:
    openai.server.will(chat_reply("print(1)", "</exec", "ute> and more", " and more"))
    events: list[Event] = []
    async with openai.open() as model:
        completion = await model.complete(ASK, stop=["</execute>"], emit=events.append)
    assert completion.text == "print(1)"
    assert completion.finish == "stop"
    assert completion.usage.output_tokens == 5
    assert events == [TextDelta("print(1)")]


async def test_a_server_that_does_not_know_stop_is_left_at_the_stop_string(openai: Hosted) -> None:
    refusal = "Unsupported parameter: 'stop' is not supported with this model."
    body = [chat_chunk({"content": "print(1)</execute> and"}), Pause()]
    openai.server.will(json_reply({"error": {"message": refusal, "param": "stop"}}, status=400), Reply(body=body))
    async with openai.open() as model:
        completion = await model.complete(ASK, stop=["</execute>"])
        await openai.server.left.wait()
    assert completion.text == "print(1)"
    assert completion.usage.input_tokens > 0  # estimated


def refuses(name: str, message: str = "Unsupported parameter: '{}' is not supported with this model.") -> Reply:
    error = {"message": message.format(name), "type": "invalid_request_error", "param": name}
    return json_reply({"error": {**error, "code": "unsupported_parameter"}}, status=400)


async def test_what_a_model_refuses_is_left_out_from_then_on(openai: Hosted) -> None:
    """As o-series and gpt-5 models do."""
    limit = "Unsupported parameter: '{}' is not supported with this model. Use 'max_completion_tokens' instead."
    temperature = "Unsupported value: '{}' does not support 0 with this model. Only the default (1) value is supported."
    refusals = [refuses("max_tokens", limit), refuses("temperature", temperature), refuses("stop"), refuses("seed")]
    openai.server.will(*refusals, chat_reply("one"), chat_reply("two"))
    events: list[Event] = []
    async with openai.open() as model:
        for _ in range(2):
            await model.complete(ASK, stop=["x"], max_tokens=9, seed=1, emit=events.append)
    told = [event.reason for event in events if isinstance(event, Retrying)]
    assert told[1] == "'temperature' is left out, because openai:test-model refuses it"
    assert [reason.split("'")[1] for reason in told] == ["max_tokens", "temperature", "stop", "seed"]
    first, *_, last = (request.body for request in openai.server.requests)
    assert first["max_tokens"] == 9
    assert last.keys() == {"model", "messages", "stream", "stream_options", "max_completion_tokens"}
    assert openai.waits == []
    assert len(openai.server.requests) == 6


@pytest.mark.parametrize(
    "refusal",
    [
        json_reply({"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"]}]}, status=422),
        json_reply({"message": "Unrecognized request argument supplied: stream_options"}, status=400),
    ],
)
async def test_servers_refuse_in_many_words(openai: Hosted, refusal: Reply) -> None:
    body = chat_stream("ok", usage=None)
    if refusal.status == 422:
        extra = json.loads(refusal.body[0])  # type: ignore[arg-type]
        extra["detail"][0]["msg"] = "Extra inputs are not permitted"
        refusal = json_reply(extra, status=422)
    openai.server.will(refusal, Reply(body=body))
    async with openai.open() as model:
        completion = await model.complete(ASK)
    assert completion.text == "ok"
    assert "stream_options" not in openai.server.requests[-1].body
    assert completion.usage == Usage(input_tokens=6, output_tokens=1)  # estimated


async def test_usage_is_estimated_where_the_server_reports_none(openai: Hosted) -> None:
    openai.server.will(chat_reply("x" * 40, usage=None))
    async with openai.open() as model:
        assert (await model.complete(ASK)).usage == Usage(input_tokens=6, output_tokens=10)


@pytest.mark.parametrize(
    ("chunk", "usage"),
    [
        ({"usage": {**USAGE, "prompt_tokens_details": None}}, Usage(input_tokens=20, output_tokens=5)),
        (
            {"usage": {"prompt_tokens": 20, "completion_tokens": 5, "prompt_cache_hit_tokens": 16}},
            Usage(input_tokens=20, cached_tokens=16, output_tokens=5),
        ),
        (
            {"usage": {"prompt_tokens": 20, "completion_tokens": 5}, "timings": {"cache_n": 15, "prompt_n": 5}},
            Usage(input_tokens=20, cached_tokens=15, output_tokens=5),
        ),
        (
            {"timings": {"cache_n": 15, "prompt_n": 5, "predicted_n": 7}},
            Usage(input_tokens=20, cached_tokens=15, output_tokens=7),
        ),
    ],
    ids=["OpenAI", "DeepSeek", "llama.cpp", "llama.cpp of old"],
)
async def test_cached_tokens_are_reported_in_many_ways(openai: Hosted, chunk: dict[str, Any], usage: Usage) -> None:
    body = [chat_chunk({"content": "x"}, "stop", usage=None), chat_chunk(**chunk), b"data: [DONE]\n\n"]
    openai.server.will(Reply(body=body))
    async with openai.open() as model:
        assert (await model.complete(ASK)).usage == usage


async def test_cost_where_prices_are_given(openai: Hosted) -> None:
    openai.server.will(chat_reply("x"))
    async with openai.open(prices={"input": 2.0, "cached": 0.5, "output": 10}) as model:
        completion = await model.complete(ASK)
    assert completion.usage.cost == pytest.approx((8 * 2.0 + 12 * 0.5 + 5 * 10) / 1e6)


async def test_a_server_that_does_not_stream(openai: Hosted) -> None:
    message = {"role": "assistant", "content": "all at once", "reasoning_content": "hm"}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    openai.server.will(json_reply({"object": "chat.completion", "choices": [choice], "usage": USAGE}))
    async with openai.open() as model:
        completion = await model.complete(ASK)
    assert (completion.text, completion.reasoning, completion.usage.output_tokens) == ("all at once", "hm", 5)


async def test_a_json_body_cut_short_is_tried_again(openai: Hosted) -> None:
    cut = Reply(content_type="application/json", body=[b'{"choi', Cut()])
    openai.server.will(cut, chat_reply("ok"), *[cut] * 5)
    async with openai.open() as model:
        assert (await model.complete(ASK)).text == "ok"
        with pytest.raises(ConnectionLostError, match=r"broke \(peer closed connection"):
            await model.complete(ASK)


async def test_an_error_with_status_200(openai: Hosted) -> None:
    openai.server.will(json_reply({"error": {"message": "no such thing", "code": 400}}))
    async with openai.open() as model:
        with pytest.raises(BadResponseError, match="refused the request with status 400: no such thing"):
            await model.complete(ASK)


async def test_content_in_blocks(openai: Hosted) -> None:
    thinking = {"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}
    openai.server.will(chat_reply({"content": [thinking]}, {"content": [{"type": "text", "text": "4"}]}, "2"))
    async with openai.open() as model:
        completion = await model.complete(ASK)
    assert (completion.reasoning, completion.text) == ("hm", "42")


async def test_odd_chunks_are_passed_over(openai: Hosted) -> None:
    odd = [b"data: 5\n\n", b"data: []\n\n", b'data: {"choices": null}\n\n', b'data: {"choices": [{"delta": null}]}\n\n']
    odd += [b": keep-alive\n\n", chat_chunk({"content": 7, "tool_calls": "x"})]
    openai.server.will(Reply(body=[*odd, *chat_stream("ok")]))
    async with openai.open() as model:
        assert (await model.complete(ASK)).text == "ok"


async def test_what_breaks_after_the_end_breaks_nothing(openai: Hosted) -> None:
    openai.server.will(Reply(body=[*chat_stream("ok", usage=None)[:-1], b"data: {broken\n\n"]))
    async with openai.open() as model:
        assert (await model.complete(ASK)).text == "ok"
    assert openai.waits == []


async def test_a_prompt_refused_by_the_content_filter(openai: Hosted) -> None:
    """Azure answers so."""
    error = {"message": "The response was filtered", "code": "content_filter", "status": 400}
    openai.server.will(json_reply({"error": error}, status=400))
    async with openai.open() as model:
        completion = await model.complete(ASK)
    assert (completion.text, completion.finish, completion.usage) == ("", "filtered", Usage())


async def test_a_stop_string_inside_of_reasoning_does_not_end_the_reply(openai: Hosted) -> None:
    """vLLM and others look for stop strings in all that a model writes, and the reply is empty."""
    half = chat_reply({"reasoning_content": "I would print(1)"})
    whole = chat_reply({"reasoning_content": "I would print(1)</execute> first."}, "42</execute>")
    openai.server.will(half, whole, chat_reply("43"))
    events: list[Event] = []
    async with openai.open() as model:
        completion = await model.complete(ASK, stop=["</execute>"], emit=events.append)
        await model.complete(ASK, stop=["</execute>"])
    assert (completion.reasoning, completion.text) == ("I would print(1)</execute> first.", "42")
    assert [request.body.get("stop") for request in openai.server.requests] == [["</execute>"], None, None]
    assert Retrying("'stop' is left out, because openai:test-model stops in the middle of its reasoning", 0.0) in events


async def test_reasoning_and_nothing_else_is_a_reply_when_no_stop_string_was_sent(openai: Hosted) -> None:
    openai.server.will(chat_reply({"reasoning_content": "hm"}))
    async with openai.open() as model:
        completion = await model.complete(ASK)
    assert (completion.reasoning, completion.text) == ("hm", "")


@pytest.mark.parametrize("reason", ["function_call_filter: MALFORMED_FUNCTION_CALL", "error"])
async def test_a_reply_that_ends_in_trouble_is_tried_again(openai: Hosted, reason: str) -> None:
    trouble = chat_reply(finish=reason)
    openai.server.will(trouble, chat_reply("ok"), *[trouble] * 5)
    async with openai.open() as model:
        assert (await model.complete(ASK)).text == "ok"
        with pytest.raises(BadResponseError, match=f"answered with finish reason '{reason}' .tried 5 times"):
            await model.complete(ASK)


async def test_limits_and_temperature_are_options(openai: Hosted) -> None:
    openai.server.will(chat_reply("x"), chat_reply("x"))
    async with openai.open(max_tokens=50, temperature=0.7) as model:
        await model.complete(ASK)
        await model.complete(ASK, max_tokens=5)
    default, asked = (request.body for request in openai.server.requests)
    assert (default["max_tokens"], default["temperature"], asked["max_tokens"]) == (50, 0.7, 5)


async def test_more_stop_strings_than_the_api_takes(openai: Hosted) -> None:
    openai.server.will(chat_reply("a", "6", "b"))
    async with openai.open() as model:
        completion = await model.complete(ASK, stop=["1", "2", "3", "4", "5", "6"])
    assert openai.server.requests[0].body["stop"] == ["1", "2", "3", "4"]
    assert completion.text == "a"


async def test_the_key_goes_into_the_header_and_nowhere_else(openai: Hosted) -> None:
    openai.server.will(chat_reply("x"))
    async with openai.open(api_key="sk-0123456789") as model:
        await model.complete(ASK)
    [request] = openai.server.requests
    assert request.headers["authorization"] == "Bearer sk-0123456789"
    assert "sk-0123456789" not in repr(request.body)


async def test_the_environment_is_not_asked(server: Loopback, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ambient")
    monkeypatch.setenv("OPENAI_BASE_URL", "http://127.0.0.1:9/v1")
    server.will(chat_reply("x"))
    hosted = Hosted("openai", server)
    async with hosted.open(api_key=None) as model:
        await model.complete(ASK)
    assert server.requests[0].headers["authorization"] != "Bearer sk-ambient"
