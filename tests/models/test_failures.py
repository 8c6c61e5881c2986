"""What goes wrong at an endpoint, on both wires: one clear sentence each, retries where they help, never the key."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import anyio
import pytest

from codeact.errors import (
    AuthenticationError,
    BadResponseError,
    ConnectionLostError,
    ContextLengthError,
    ModelError,
    RateLimitError,
)
from codeact.events import Event, Retrying, TextDelta
from codeact.models.retries import RetryPolicy
from codeact.types import Message

from .conftest import KEY, Hosted
from .loopback import Cut, Loopback, Pause, Reply, html_reply, json_reply, loopback
from .speech import anthropic_event, anthropic_start, anthropic_text, chat_chunk

pytestmark = pytest.mark.anyio

ASK = [Message.of("user", "Hello")]


def error_reply(status: int, message: str, headers: dict[str, str] | None = None, **fields: Any) -> Reply:
    return json_reply({"type": "error", "error": {"message": message, **fields}}, status=status, headers=headers)


def beginning(hosted: Hosted, text: str) -> list[bytes]:
    """The first events of a reply, so far with this text."""
    if hosted.provider == "openai":
        return [chat_chunk({"content": text})]
    return [anthropic_start(), *anthropic_text(text)]


async def fails(hosted: Hosted, **options: Any) -> ModelError:
    async with hosted.open(**options) as model:
        with pytest.raises(ModelError) as caught:
            await model.complete(ASK)
    assert KEY not in str(caught.value)
    assert "\n" not in str(caught.value)
    assert KEY not in "".join(traceback.format_exception(caught.value))
    return caught.value


CASES = [
    (
        401,
        "Incorrect API key provided: sk-very-****6789",
        AuthenticationError,
        r"refused the API key; check [A-Z]+_API_KEY",
    ),
    (403, "Not for you", AuthenticationError, r"does not let this API key use test-model: Not for you"),
    (
        404,
        "The model `test-model` does not exist.",
        BadResponseError,
        r"has no model 'test-model': The model .*; check",
    ),
    (404, "Not Found", BadResponseError, r"is not the address of a model \(status 404\); check base_url"),
    (400, "messages: wrong", BadResponseError, r"refused the request with status 400: messages: wrong"),
    (
        400,
        "This model's maximum context length is 16384 tokens.",
        ContextLengthError,
        r"no longer fits into the context",
    ),
    (400, "the request exceeds the available context size.", ContextLengthError, r"no longer fits into the context"),
    (400, "However, the model's context length is only 1024 tokens", ContextLengthError, r"no longer fits"),
    (400, "prompt is too long: 210000 tokens > 200000 maximum", ContextLengthError, r"no longer fits into the context"),
    (500, "the request exceeds the available context size.", ContextLengthError, r"no longer fits into the context"),
    (413, "Request exceeds the maximum size", ContextLengthError, r"no longer fits into the context"),
    (429, "You exceeded your current quota; insufficient_quota", RateLimitError, r"has no credit left"),
]


@pytest.mark.parametrize(("status", "message", "error", "words"), CASES, ids=[f"{c[0]}-{c[1][:20]}" for c in CASES])
async def test_failures_that_no_retry_helps(
    hosted: Hosted, status: int, message: str, error: type[ModelError], words: str
) -> None:
    hosted.server.will(error_reply(status, message))
    raised = await fails(hosted)
    assert type(raised) is error
    assert len(hosted.server.requests) == 1
    with pytest.raises(error, match=words):
        raise raised


@pytest.mark.parametrize("reply", [html_reply(200), html_reply(404), html_reply(405)], ids=["200", "404", "405"])
async def test_a_page_instead_of_json(hosted: Hosted, reply: Reply) -> None:
    hosted.server.will(reply)
    raised = await fails(hosted)
    assert isinstance(raised, BadResponseError)
    ending = "should end in /v1" if hosted.provider == "openai" else "should not end in /v1"
    assert "answered with HTML instead of JSON: is base_url right?" in str(raised)
    assert ending in str(raised)
    assert len(hosted.server.requests) == 1


async def test_too_many_requests_then_ok(hosted: Hosted) -> None:
    date = format_datetime(datetime.now(UTC) + timedelta(seconds=30), usegmt=True)
    hosted.server.will(
        error_reply(429, "Slow down", {"retry-after": "7"}),
        error_reply(429, "Slow down", {"retry-after": date}),
        error_reply(429, "Slow down"),
        hosted.says("ok"),
    )
    events: list[Event] = []
    async with hosted.open() as model:
        assert (await model.complete(ASK, emit=events.append)).text == "ok"
    seconds, by_date, by_itself = hosted.waits
    assert seconds == 7.0
    assert 25 < by_date <= 30
    assert 1.5 <= by_itself <= 2.5
    retrying = [event for event in events if isinstance(event, Retrying)]
    assert retrying[0].reason.endswith("limits the rate of requests and asks to wait 7 seconds: Slow down")
    assert [event.delay for event in retrying] == hosted.waits


async def test_a_wait_that_is_too_long_is_said_and_not_waited(hosted: Hosted) -> None:
    hosted.server.will(error_reply(429, "Come back tomorrow", {"retry-after": "86400"}))
    raised = await fails(hosted)
    assert isinstance(raised, RateLimitError)
    assert "asks to wait 86400 seconds: Come back tomorrow" in str(raised)
    assert hosted.waits == []


@pytest.mark.parametrize("status", [408, 409, 500, 502, 503, 529])
async def test_troubles_of_the_server_are_tried_again(hosted: Hosted, status: int) -> None:
    page = html_reply(status) if status == 502 else error_reply(status, "Overloaded")
    hosted.server.will(page, hosted.says("ok"))
    async with hosted.open() as model:
        assert (await model.complete(ASK)).text == "ok"
    assert len(hosted.waits) == 1


async def test_troubles_that_stay(hosted: Hosted) -> None:
    hosted.server.will(*[error_reply(503, f"Key {KEY} is overloaded.\nTry later.")] * 5)
    raised = await fails(hosted)
    assert str(raised).endswith("failed with status 503: Key [key] is overloaded. Try later (tried 5 times)")
    assert len(hosted.server.requests) == 5


async def test_a_server_that_says_not_to_try_again(hosted: Hosted) -> None:
    hosted.server.will(error_reply(500, "No", {"x-should-retry": "false"}))
    await fails(hosted)
    assert len(hosted.server.requests) == 1


@pytest.mark.parametrize("how", ["broken", "ended"])
async def test_a_stream_cut_in_the_middle_starts_anew(hosted: Hosted, how: str) -> None:
    half = beginning(hosted, "Let me")
    hosted.server.will(Reply(body=[*half, Cut()] if how == "broken" else half), hosted.says("Let me see."))
    events: list[Event] = []
    async with hosted.open() as model:
        completion = await model.complete(ASK, emit=events.append)
    assert completion.text == "Let me see."
    shown, retrying, again = events
    assert (shown, again) == (TextDelta("Let me"), TextDelta("Let me see."))
    assert isinstance(retrying, Retrying)


async def test_a_stream_that_is_always_cut(hosted: Hosted) -> None:
    hosted.server.will(*[Reply(body=[*beginning(hosted, "Let me")[:-1], b"data: {", Cut()])] * 5)
    raised = await fails(hosted)
    assert isinstance(raised, ConnectionLostError)
    assert "broke (peer closed connection" in str(raised)


@pytest.mark.parametrize("junk", [b"data: {broken\n\n", b"data: \xff\xfe\n\n"], ids=["json", "utf-8"])
async def test_a_broken_chunk(hosted: Hosted, junk: bytes) -> None:
    junk = junk if hosted.provider == "openai" else b"event: content_block_delta\n" + junk
    broken = Reply(body=[*beginning(hosted, "x"), junk])
    hosted.server.will(broken, hosted.says("ok"), *[broken] * 5)
    async with hosted.open() as model:
        assert (await model.complete(ASK)).text == "ok"
    raised = await fails(hosted)
    assert isinstance(raised, BadResponseError)
    assert "answered with broken JSON" in str(raised)


def error_in_stream(hosted: Hosted, **error: Any) -> bytes:
    if hosted.provider == "openai":
        return chat_chunk(error=error)
    return anthropic_event("error", error=error)


@pytest.mark.parametrize(
    "error",
    [
        {"type": "overloaded_error", "message": "Overloaded"},
        {"code": 502, "message": "Overloaded"},
        {"message": "Overloaded"},
    ],
)
async def test_an_error_in_the_middle_of_a_stream(hosted: Hosted, error: dict[str, Any]) -> None:
    hosted.server.will(Reply(body=[*beginning(hosted, "x"), error_in_stream(hosted, **error)]), hosted.says("ok"))
    async with hosted.open() as model:
        assert (await model.complete(ASK)).text == "ok"
    assert len(hosted.waits) == 1


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": 400, "message": "This model's maximum context length is 5 tokens"}, ContextLengthError),
        ({"type": "invalid_request_error", "message": "prompt is too long"}, ContextLengthError),
        ({"type": "exceed_context_size_error", "message": "exceeds the available context size"}, ContextLengthError),
        ({"type": "authentication_error", "message": "no"}, AuthenticationError),
    ],
)
async def test_an_error_in_a_stream_that_no_retry_helps(
    hosted: Hosted, error: dict[str, Any], expected: type[ModelError]
) -> None:
    hosted.server.will(Reply(body=[error_in_stream(hosted, **error)]))
    assert type(await fails(hosted)) is expected
    assert len(hosted.server.requests) == 1


@pytest.mark.parametrize("when", ["first byte", "middle"])
async def test_silence_longer_than_the_timeout(hosted: Hosted, when: str) -> None:
    body = [Pause()] if when == "first byte" else [*beginning(hosted, "x"), Pause()]
    hosted.server.will(Reply(body=body), hosted.says("ok"), *[Reply(body=body)] * 2)
    policy = RetryPolicy(attempts=2, first_delay=0.0)
    async with hosted.open(timeout=0.05, retries=policy) as model:
        assert (await model.complete(ASK)).text == "ok"
    raised = await fails(hosted, timeout=0.05, retries=policy)
    assert isinstance(raised, ConnectionLostError)
    assert "sent nothing for 0.05 seconds; if it is just slow, set a longer timeout=" in str(raised)


async def test_nobody_listens(hosted: Hosted) -> None:
    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    port = listener.extra(anyio.abc.SocketAttribute.local_port)
    await listener.aclose()
    url = f"http://127.0.0.1:{port}/v1"
    raised = await fails(hosted, base_url=url)
    assert isinstance(raised, ConnectionLostError)
    assert f"cannot connect to {url} (Connection refused): is the server running, and base_url right?" in str(raised)
    assert len(hosted.waits) == 4


async def test_a_host_that_does_not_answer(hosted: Hosted) -> None:
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:  # takes the call and says nothing
        url = f"https://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}/v1"
        raised = await fails(hosted, base_url=url, connect_timeout=0.05, retries=RetryPolicy(attempts=1))
    assert isinstance(raised, ConnectionLostError)
    assert str(raised) == f"cannot connect to {url} within 0.05 seconds: is it the right host?"


async def test_a_host_that_does_not_exist(hosted: Hosted) -> None:
    raised = await fails(hosted, base_url="http://nowhere.invalid/v1")
    assert isinstance(raised, ConnectionLostError)
    assert "cannot connect to http://nowhere.invalid/v1 (" in str(raised)


async def test_a_password_in_the_url_is_not_shown(hosted: Hosted) -> None:
    hosted.server.will(error_reply(400, "No"))
    raised = await fails(hosted, base_url=hosted.base_url.replace("http://", "http://me:hush@") + "?token=hush")
    assert "hush" not in str(raised)


@pytest.mark.parametrize("status", [400, 401, 403, 503])
async def test_an_answer_that_quotes_the_key_is_not_in_the_traceback(hosted: Hosted, status: int) -> None:
    hosted.server.will(error_reply(status, f"bad key {KEY}"))
    raised = await fails(hosted, retries=RetryPolicy(attempts=1))
    assert raised.__cause__ is None


async def test_other_answers_are_the_cause(hosted: Hosted) -> None:
    hosted.server.will(error_reply(400, "messages: wrong"))
    assert "messages: wrong" in str((await fails(hosted)).__cause__)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
async def test_headers_do_not_follow_a_redirect_to_another_origin(hosted: Hosted, status: int) -> None:
    async with loopback() as other:
        target = other.url.replace("http://", "http://me:hush@") + "/v1?token=hush"
        hosted.server.will(Reply(status=status, content_type="text/plain", headers={"location": target}))
        raised = await fails(hosted, headers={"x-gateway-key": "hush"})
        assert other.requests == []
    assert isinstance(raised, BadResponseError)
    assert f"redirects to {other.url}/v1; that is not followed" in str(raised)
    assert "hush" not in "".join(traceback.format_exception(raised))


@pytest.mark.parametrize(
    ("location", "words"), [("/elsewhere", "/elsewhere; that"), ("http://h:port/", "an address that is none; that")]
)
async def test_a_redirect_says_where_it_leads(hosted: Hosted, location: str, words: str) -> None:
    hosted.server.will(Reply(status=307, content_type="text/plain", headers={"location": location}))
    assert words in str(await fails(hosted))


async def test_data_nested_too_deeply_is_a_failure_of_the_endpoint(hosted: Hosted) -> None:
    deep = b"event: content_block_delta\ndata: " + b"[" * 100_000 + b"\n\n"
    hosted.server.will(Reply(body=[*beginning(hosted, "x"), deep]))
    raised = await fails(hosted, retries=RetryPolicy(attempts=1))
    assert isinstance(raised, BadResponseError)
    assert "answered with broken JSON (maximum recursion depth exceeded" in str(raised)


@pytest.mark.parametrize("content_type", ["application/json", "text/event-stream"])
async def test_an_answer_with_broken_compression_is_a_failure_of_the_endpoint(
    hosted: Hosted, content_type: str
) -> None:
    hosted.server.will(Reply(content_type=content_type, headers={"content-encoding": "gzip"}, body=[b"not gzip"]))
    await fails(hosted, retries=RetryPolicy(attempts=1))


async def test_a_lone_surrogate_in_a_message_reaches_the_endpoint_as_a_mark(hosted: Hosted) -> None:
    hosted.server.will(hosted.says("ok"))
    async with hosted.open() as model:
        assert (await model.complete([Message.of("user", "a\ud800b")])).text == "ok"
    assert "a\N{REPLACEMENT CHARACTER}b" in str(hosted.server.requests[0].body)


async def test_long_words_of_an_endpoint_are_cut(hosted: Hosted) -> None:
    hosted.server.will(error_reply(400, "no " * 1000))
    assert len(str(await fails(hosted))) < 450


@pytest.mark.parametrize(
    "body", [{"error": "plain words"}, {"detail": "plain words"}, {"message": "plain words"}, "plain words"]
)
async def test_errors_come_in_many_forms(hosted: Hosted, body: Any) -> None:
    hosted.server.will(json_reply(body, status=400))
    assert str(await fails(hosted)).endswith("refused the request with status 400: plain words")


async def test_a_failure_leaves_no_connection_behind(server: Loopback, hosted: Hosted) -> None:
    server.will(Reply(body=[*beginning(hosted, "x"), b"event: x\ndata: {broken\n\n", Pause()]))
    await fails(hosted, retries=RetryPolicy(attempts=1))
    with anyio.fail_after(5):
        await server.left.wait()
        await server.idle.wait()
