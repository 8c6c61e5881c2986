"""What every `Model` promises, tried on each of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial

import anyio
import pytest

from codeact.events import Event, TextDelta
from codeact.models import Model, ScriptedModel
from codeact.models.replay import ReplayModel
from codeact.types import Completion, Message, Usage

from .conftest import Hosted
from .loopback import Loopback, Pause, Reply

pytestmark = pytest.mark.anyio

ASK = [Message.of("system", "Be brief."), Message.of("user", "Hello")]
USED = Usage(input_tokens=20, cached_tokens=10, output_tokens=5)

Opener = Callable[..., AbstractAsyncContextManager[Model]]  # takes the texts it will reply with


@asynccontextmanager
async def scripted(*texts: str) -> AsyncIterator[Model]:
    yield ScriptedModel(texts)


@asynccontextmanager
async def replay(*texts: str) -> AsyncIterator[Model]:
    yield ReplayModel([Completion(text=text, usage=USED) for text in texts])


@asynccontextmanager
async def hosted_model(provider: str, server: Loopback, *texts: str) -> AsyncIterator[Model]:
    hosted = Hosted(provider, server)
    for text in texts:
        pieces = [text[at : at + 3] for at in range(0, len(text), 3)]
        server.will(hosted.says(*pieces))
    async with hosted.open() as model:
        yield model
    with anyio.fail_after(5):
        await server.idle.wait()  # it has closed what it opened


@pytest.fixture(params=["scripted", "replay", "openai", "anthropic"])
def opener(request: pytest.FixtureRequest, server: Loopback) -> Opener:
    if request.param in {"openai", "anthropic"}:
        return partial(hosted_model, request.param, server)
    return {"scripted": scripted, "replay": replay}[request.param]


async def test_it_has_a_name_of_the_form_provider_model(opener: Opener) -> None:
    async with opener("Hello!") as model:
        provider, _, rest = model.name.partition(":")
    assert provider
    assert rest


async def test_it_replies_and_says_what_it_used(opener: Opener) -> None:
    async with opener("Grüße, 🌍!\n") as model:
        completion = await model.complete(ASK)
    assert completion.text == "Grüße, 🌍!\n"
    assert completion.finish == "stop"
    assert completion.calls == ()
    assert completion.usage.input_tokens > 0
    assert completion.usage.output_tokens > 0
    assert 0 <= completion.usage.cached_tokens <= completion.usage.input_tokens


async def test_the_deltas_joined_are_the_text(opener: Opener) -> None:
    events: list[Event] = []
    async with opener("one two three four five") as model:
        completion = await model.complete(ASK, emit=events.append)
    deltas = [event.text for event in events if isinstance(event, TextDelta)]
    assert "".join(deltas) == completion.text == "one two three four five"
    assert len(deltas) > 1


@pytest.mark.parametrize(
    ("text", "stop", "kept"),
    [
        ("print(1)</execute> and so on", ["</execute>"], "print(1)"),
        ("print(1)</exec", ["</execute>"], "print(1)</exec"),
        ("</execute>", ["</execute>"], ""),
        ("a\nObservation: b", ["Observation:", "\nObs"], "a"),
        ("nothing here", ["</execute>", "", "Observation:"], "nothing here"),
    ],
)
async def test_a_stop_string_is_never_part_of_the_text(opener: Opener, text: str, stop: list[str], kept: str) -> None:
    events: list[Event] = []
    async with opener(text) as model:
        completion = await model.complete(ASK, stop=stop, emit=events.append)
    assert completion.text == kept
    assert completion.finish == "stop"
    assert "".join(event.text for event in events if isinstance(event, TextDelta)) == kept


async def test_one_completion_after_the_other(opener: Opener) -> None:
    async with opener("one", "two", "three") as model:
        assert [(await model.complete(ASK)).text for _ in range(3)] == ["one", "two", "three"]


async def test_several_runs_may_share_it(opener: Opener) -> None:
    replies: list[str] = []
    async with opener(*["same"] * 8) as model:

        async def run() -> None:
            replies.append((await model.complete(ASK)).text)

        async with anyio.create_task_group() as group:
            for _ in range(8):
                group.start_soon(run)
    assert replies == ["same"] * 8


def own_tasks() -> set[asyncio.Task[object]]:
    return {task for task in asyncio.all_tasks() if "loopback" not in task.get_name()}


async def test_cancelled_in_the_middle_it_ends_at_once_and_can_be_used_again(opener: Opener) -> None:
    async with opener("a long reply that nobody waits for", "another") as model:
        tasks = own_tasks()
        with anyio.CancelScope() as scope:
            await model.complete(ASK, emit=lambda _: scope.cancel())
        assert scope.cancelled_caught
        assert own_tasks() <= tasks
        assert (await model.complete(ASK)).text == "another"


@pytest.mark.parametrize("when", ["before the first byte", "in the middle"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_a_cancelled_completion_hangs_up(provider: str, when: str, server: Loopback) -> None:
    hosted = Hosted(provider, server)
    begun = [] if when == "before the first byte" else [hosted.says("Let me see").body[0]]
    server.will(Reply(body=[*begun, Pause()]))
    async with hosted.open() as model, anyio.create_task_group() as group:
        group.start_soon(model.complete, ASK)
        with anyio.fail_after(5):
            while not server.requests:
                await anyio.lowlevel.checkpoint()
            if begun:
                await server.begun.wait()
            group.cancel_scope.cancel()
    with anyio.fail_after(5):
        await server.left.wait()
        await server.idle.wait()
