"""The embedded model, for real: SmolLM2 135M in llama.cpp, spoken to over the wire that every other endpoint gets."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import cast

import anyio
import httpx2
import pytest

from codeact.errors import ContextLengthError, ModelError, SetupError, UsageError, WeightsError
from codeact.events import Event, TextDelta
from codeact.models import open_model
from codeact.models.local import LocalModel, open_local
from codeact.models.store import PullOptions, Store
from codeact.models.weights import PullProgress
from codeact.types import Completion, Message

from .fake_weights import gguf, weights
from .loopback import Loopback, Reply

pytestmark = [pytest.mark.anyio, pytest.mark.model]

TALE = [Message.of("user", "Tell a long story about a fox. Then tell another one.")]


@pytest.fixture(scope="module")
async def model(smollm2: str, weights_store: Store) -> AsyncIterator[LocalModel]:
    async with open_local(smollm2, store=weights_store, context=2048) as opened:
        yield cast("LocalModel", opened)


def deltas(events: list[Event]) -> str:
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_it_is_a_model_like_any_other(model: LocalModel) -> None:
    events: list[Event] = []
    completion = await model.complete(TALE, max_tokens=12, emit=events.append)
    assert model.name == completion.model == "local:smollm2-135m"
    assert completion.text == deltas(events) != ""
    assert len(events) > 1
    assert completion.finish == "length"
    assert completion.usage.output_tokens == 12
    assert completion.usage.input_tokens > 10
    assert completion.usage.cost is None
    assert completion.first_token is not None
    assert 0 < completion.first_token <= completion.latency


async def test_the_same_question_gets_the_same_answer(model: LocalModel) -> None:
    first, second = [await model.complete(TALE, max_tokens=16, seed=seed) for seed in (1, 2)]
    assert first.text == second.text  # the temperature is 0 unless somebody sets another


async def test_a_temperature_lets_the_seed_decide(smollm2: str, weights_store: Store) -> None:
    async with open_local(smollm2, store=weights_store, context=256, temperature=1.0) as model:
        one, same, other = [(await model.complete(TALE, max_tokens=16, seed=seed)).text for seed in (1, 1, 2)]
    assert one == same != other


async def test_the_same_server_answers_at_another_temperature(model: LocalModel) -> None:
    hot = model.at(1.0)
    one, same, other = [(await hot.complete(TALE, max_tokens=16, seed=seed)).text for seed in (1, 1, 2)]
    assert one == same != other
    assert hot.name == model.name


async def test_a_stop_string_ends_the_text_and_is_not_in_it(model: LocalModel) -> None:
    whole = await model.complete(TALE, max_tokens=24)
    stop = whole.text.split()[4]
    events: list[Event] = []
    cut = await model.complete(TALE, max_tokens=24, stop=[stop], emit=events.append)
    assert cut.finish == "stop"
    assert cut.text == deltas(events) == whole.text[: whole.text.index(stop)]
    assert cut.usage.output_tokens < whole.usage.output_tokens


async def test_the_second_turn_does_not_read_the_first_again(model: LocalModel) -> None:
    """Also when another conversation had the model in between: its cache waits in memory."""
    code = "def area(width, height):\n    return width * height\n" * 20
    talk = [Message.of("system", "You explain code."), Message.of("user", f"{code}\nWhat does this do?")]
    first = await model.complete(talk, max_tokens=16)
    assert first.usage.cached_tokens < 50 < 250 < first.usage.input_tokens
    await model.complete(TALE, max_tokens=4)
    talk += [Message.of("assistant", first.text), Message.of("user", "And what is area(2, 3)?")]
    second = await model.complete(talk, max_tokens=4)
    assert second.usage.cached_tokens >= first.usage.input_tokens
    assert second.usage.input_tokens - second.usage.cached_tokens < 50


async def test_runs_share_one_model(model: LocalModel) -> None:
    questions = ["Name a colour.", "Name an animal.", "Name a city."]
    alone = [await model.complete([Message.of("user", question)], max_tokens=8) for question in questions]
    together: dict[str, Completion] = {}

    async def ask(question: str) -> None:
        together[question] = await model.complete([Message.of("user", question)], max_tokens=8)

    async with anyio.create_task_group() as group:
        for question in questions:
            group.start_soon(ask, question)
    assert [together[question].text for question in questions] == [completion.text for completion in alone]


async def test_a_conversation_that_is_too_long_is_refused_with_a_reason(model: LocalModel) -> None:
    with pytest.raises(ContextLengthError, match="no longer fits into the context of local:smollm2-135m"):
        await model.complete([Message.of("user", "again and " * 3000)])
    assert (await model.complete(TALE, max_tokens=1)).usage.output_tokens == 1


async def busy(model: LocalModel) -> bool:
    headers = {"authorization": f"Bearer {model.process.key}"}
    async with httpx2.AsyncClient(trust_env=False) as client:
        slots = (await client.get(f"{model.process.url}/slots", headers=headers)).json()
    return any(slot["is_processing"] for slot in slots)


async def test_cancelling_stops_the_computing_too(model: LocalModel) -> None:
    writes = anyio.Event()
    async with anyio.create_task_group() as group:

        async def tell() -> None:
            await model.complete(TALE * 3, max_tokens=1500, stop=["never to be said"], emit=lambda event: writes.set())

        group.start_soon(tell)
        await writes.wait()
        assert await busy(model)
        group.cancel_scope.cancel()
    with anyio.fail_after(10):  # writing on would take longer, and the answer below would wait for it
        while await busy(model):  # noqa: ASYNC110  # nobody tells
            await anyio.sleep(0.02)
    assert (await model.complete(TALE, max_tokens=1)).usage.output_tokens == 1


async def test_only_we_can_use_the_server(model: LocalModel) -> None:
    assert model.process.url.startswith("http://127.0.0.1:")
    process = Path("/proc") / str(model.process.pid)
    for source in ("cmdline", "environ"):
        assert model.process.key not in await anyio.Path(process / source).read_text()
    assert model.process.key not in repr(model.process)
    assert os.getpgid(model.process.pid) != os.getpgid(0)  # Ctrl-C in the terminal is not for it
    async with httpx2.AsyncClient(trust_env=False) as client:
        body = {"messages": [{"role": "user", "content": "hi"}], "max_tokens": 1}
        refused = await client.post(f"{model.process.url}/v1/chat/completions", json=body)
        page = await client.get(f"{model.process.url}/")
    assert refused.status_code == 401
    assert "html" not in page.headers.get("content-type", "")


async def test_the_log_does_not_grow_without_end(model: LocalModel) -> None:
    log = Path("/proc") / str(model.process.pid) / "fd" / "2"
    with log.open("ab") as file:
        file.write(b"x" * 2_000_000)
    await model.complete(TALE, max_tokens=1)
    assert log.stat().st_size < 1_000_000


async def test_a_server_that_dies_is_started_again_once(smollm2: str, weights_store: Store) -> None:
    async with open_local(smollm2, store=weights_store, context=512) as opened:
        model = cast("LocalModel", opened)

        def kill(event: Event) -> None:
            if model.process.is_running:
                os.kill(model.process.pid, signal.SIGKILL)

        first = model.process.pid
        with pytest.raises(
            ModelError, match=r"local:smollm2-135m was ended by SIGKILL.*; the next call starts it again"
        ):
            await model.complete(TALE, emit=kill)
        assert (await model.complete(TALE, max_tokens=2)).usage.output_tokens == 2
        second = model.process.pid
        assert second != first
        for _ in range(2):  # it is started once more, and then not again before it has done something
            with pytest.raises(ModelError, match="was ended by SIGKILL"):
                await model.complete(TALE, emit=kill)
        third = model.process.pid
        with pytest.raises(ModelError, match="was ended by SIGKILL"):
            await model.complete(TALE)
        assert model.process.pid == third != second


async def test_a_cancelled_restart_is_tried_again_by_the_next_call(smollm2: str, weights_store: Store) -> None:
    async with open_local(smollm2, store=weights_store, context=256) as opened:
        model = cast("LocalModel", opened)
        os.kill(model.process.pid, signal.SIGKILL)
        assert await model.process.has_ended()
        with anyio.move_on_after(0.05) as scope:
            await model.complete(TALE, max_tokens=1)
        assert scope.cancelled_caught
        assert not model.process.is_running
        assert (await model.complete(TALE, max_tokens=1)).usage.output_tokens == 1


PARENT = """
import sys, time, anyio
from codeact.models import open_model
async def main():
    async with open_model(sys.argv[1], context=256) as model:
        print(model.process.pid, flush=True)
        time.sleep(60)
anyio.run(main)
"""


async def test_the_server_dies_with_its_parent(smollm2: str, weights_store: Store) -> None:
    path = str(weights_store.path(smollm2))
    command = [sys.executable, "-c", PARENT, f"local:{path}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as parent:  # noqa: ASYNC220  # it says one line
        assert parent.stdout is not None
        server = int(parent.stdout.readline())
        assert is_alive(server)
        parent.send_signal(signal.SIGKILL)
    with anyio.fail_after(10):
        while is_alive(server):  # noqa: ASYNC110  # nobody tells
            await anyio.sleep(0.02)


def is_alive(pid: int) -> bool:
    """A process that ended, but that nobody has asked about yet, is not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


async def test_nothing_is_left_of_a_start_that_was_cancelled_or_took_too_long(
    smollm2: str, weights_store: Store
) -> None:
    before = servers()
    with pytest.raises(SetupError, match=r"did not load .* within 0.05 seconds; remedy: set a longer start_limit"):
        async with open_local(smollm2, store=weights_store, start_limit=0.05):
            pass
    with anyio.move_on_after(0.05) as scope:
        async with open_local(smollm2, store=weights_store):
            pass
    assert scope.cancelled_caught
    assert servers() == before


def servers() -> set[int]:
    """Those whose parent is this process: at least the one of the module."""
    found: set[int] = set()
    for process in Path("/proc").glob("[0-9]*"):
        try:
            ours = f"PPid:\t{os.getpid()}\n" in (process / "status").read_text()
            if ours and b"llama_server" in (process / "cmdline").read_bytes():
                found.add(int(process.name))
        except OSError:  # it has ended
            continue
    return found


async def test_weights_that_are_not_here(tmp_path: Path) -> None:
    with pytest.raises(
        WeightsError, match=r"smollm2-135m is not here yet .*; remedy: codeact models pull smollm2-135m"
    ):
        async with open_model("local:smollm2-135m", home=tmp_path):
            pass
    with pytest.raises(WeightsError, match="no weights are called 'smolm'; known are"):
        async with open_model("local:smolm", home=str(tmp_path)):
            pass
    with pytest.raises(WeightsError, match=r"cannot read the model file '.*/no.gguf': No such file"):
        async with open_model(f"local:{tmp_path}/no.gguf"):
            pass


async def test_weights_are_pulled_where_that_is_asked_for(server: Loopback, tmp_path: Path) -> None:
    data = gguf()
    fake = weights(data, hub=True, wheels=False)
    store = Store(tmp_path, known={"fake": fake}, options=PullOptions(hub_url=server.url))
    server.will(Reply(content_type="application/octet-stream", body=[data]))
    seen: list[PullProgress] = []
    with pytest.raises(SetupError, match="could not load"):  # what came is no model, but it came
        async with open_local("fake", store=store, pull=True, progress=seen.append):
            pass
    assert store.path("fake").read_bytes() == data
    assert seen[-1].done == len(data)


async def test_a_file_that_is_cut_short_does_not_reach_llama_cpp(
    smollm2: str, weights_store: Store, tmp_path: Path
) -> None:
    cut = tmp_path / "cut.gguf"
    with weights_store.path(smollm2).open("rb") as whole:
        cut.write_bytes(whole.read(20_000_000))
    with pytest.raises(WeightsError, match=r"cut.gguf' is cut short: it has 20,000,000 bytes and its tensors need 98,"):
        async with open_model(f"local:{cut}"):
            pass
    cut.write_text("<html>")
    with pytest.raises(WeightsError, match="is not a GGUF file"):
        async with open_model(f"local:{cut}"):
            pass


async def test_what_llama_cpp_says_of_a_file_it_cannot_run_is_passed_on(tmp_path: Path) -> None:
    strange = tmp_path / "strange.gguf"
    strange.write_bytes(gguf())
    with pytest.raises(SetupError, match=r"(?s)could not load .*strange.gguf: it ended with status 1; its log ends"):
        async with open_model(f"local:{strange}"):
            pass


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"base_url": "http://x"}, "local models have no option 'base_url'; they have context, threads"),
        ({"context": 0}, "context of a local model must be positive, not 0"),
        ({"context": 100_000}, "smollm2-135m was trained to read 8,192 tokens, so its context cannot be 100,000"),
    ],
)
async def test_wrong_options(smollm2: str, weights_store: Store, options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        async with open_local(smollm2, store=weights_store, **options):
            pass
