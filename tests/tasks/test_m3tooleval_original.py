"""The original's own tasks, in a process of theirs: with a checkout of our own making."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import anyio
import psutil
import pytest

from codeact.errors import SandboxError, SetupError, ToolError, UsageError
from codeact.events import ActionStarted, Event
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import oracle, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task, suite
from codeact.tasks.files import files_read
from codeact.tasks.m3tooleval.original_process import OriginalProcess, checkout_in, original_process
from codeact.types import ToolResults

from . import small_checkout

pytestmark = pytest.mark.anyio


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    return small_checkout.make(tmp_path / "code-act")


@pytest.fixture
def process(checkout: Path) -> Iterator[OriginalProcess]:
    with original_process(checkout_in(str(checkout))) as process:
        yield process


@pytest.fixture(autouse=True)
def _no_process_is_left() -> Iterator[None]:
    yield
    assert not [child for child in psutil.Process().children() if "original_child.py" in _command(child)]


def _command(process: psutil.Process) -> str:
    try:
        return " ".join(process.cmdline())
    except psutil.NoSuchProcess:  # it has ended meanwhile
        return ""


def tasks(checkout: Path) -> dict[str, Task]:
    return {task.id: task for task in suite("m3tooleval").tasks("original", data=str(checkout))}


async def test_what_the_checkout_registers_is_played_with_its_prompts_tools_and_checker(checkout: Path) -> None:
    known = tasks(checkout)
    assert list(known)[:5] == ["sums/two", "sums/four", "sums/pair", "shop/pen", "shop/ink"]
    model = ScriptedModel(
        ['Action: {"tool": "add", "args": ["x", 1]} End Action', "Action: {} End Action", "Answer: 3", "Answer: 2"]
    )
    episode = await play_episode(known["sums/two"], model, actions="json")
    assert episode.verdict.correct
    assert episode.result.turns == 4
    prompt, *steps = episode.result.trajectory.prompt, *episode.result.trajectory.steps
    assert prompt[0].text == "[json_as_action] add, calculator, hang, leave, max: What is 1 + 1?"
    result = steps[0].result
    assert isinstance(result, ToolResults)
    assert result.records[0].error == "ValueError: x is no number"


async def test_code_in_the_box_calls_tools_of_that_process(checkout: Path) -> None:
    code = "try:\n    add('x', 1)\nexcept ValueError as error:\n    print(error, max([3, 4]), add(1, 1))"
    model = ScriptedModel([f"Action:\n{code}\nEnd Action", "Answer: 2"])
    async with LocalSandbox(preload=(), checkpoints="none") as sandbox:
        episode = await play_episode(tasks(checkout)["sums/two"], model, sandbox=sandbox)
    observation = episode.result.trajectory.steps[0].observation
    assert episode.verdict.correct
    assert observation is not None
    assert "x is no number 4 2" in observation.text


async def test_each_episode_has_a_fresh_world(checkout: Path) -> None:
    task = tasks(checkout)["shop/pen"]
    for _ in range(2):  # nothing of the first is in the second
        model = ScriptedModel(["Action: put, pen End Action", "Answer: pen"])
        episode = await play_episode(task, model, actions="text")
        first = episode.result.trajectory.steps[0].observation
        assert first is not None
        assert first.text == "pen"
        assert episode.verdict.correct


async def test_our_oracles_read_the_originals_pages(checkout: Path) -> None:
    web = [task for task in tasks(checkout).values() if task.domain == "web_browsing"]
    for task in web:
        episode = await play_episode(task, oracle, actions="json")
        assert episode.verdict.correct, task.id
        assert "calls" not in task.labels  # ours are those of our own pages
    assert len(web) == 3


def test_results_say_which_pages_they_were_made_from(checkout: Path) -> None:
    def digest() -> str:
        with files_read() as found:
            tasks(checkout)
        return found.digest()

    before = digest()
    [pages] = checkout.rglob("pages.jsonl")
    pages.write_text(pages.read_text().replace("a@b.net", "c@d.net"))
    assert digest() != before


def test_values_and_what_is_raised_cross(process: OriginalProcess) -> None:
    assert process.call("sums/pair", "calculator", ["{'A': (3, None), 1.5: {4}}"], {}) == 2 * (
        "{'A': (3, None), 1.5: {4}}",
    )
    assert process.call("sums/pair", "calculator", [], {"expression": "1e999"}) == ("inf", "inf")
    with pytest.raises(ToolError, match="division by zero") as raised:
        process.call("sums/pair", "calculator", ["1/0"], {})
    assert raised.value.name == "ZeroDivisionError"
    with pytest.raises(ToolError, match="positional argument"):
        process.call("sums/pair", "add", [1], {})
    assert process.accepts("sums/pair", "('A', 3)")
    assert not process.accepts("sums/pair", "A")


def test_a_call_that_hangs_is_interrupted_and_the_world_goes_on(checkout: Path) -> None:
    with original_process(checkout_in(str(checkout)), call_time=0.5, grace=60) as process:
        process.call("shop/pen", "put", ["pen"], {})
        with pytest.raises(ToolError, match="did not finish in time"):
            process.call("sums/two", "hang", ["politely"], {})
        assert process.call("shop/pen", "put", ["ink"], {}) == ("'pen, ink'", "pen, ink")


@pytest.mark.parametrize(
    ("tool", "given", "name"), [("hang", ["for ever"], "TimeoutError"), ("leave", [], "RuntimeError")]
)
def test_one_that_cannot_be_interrupted_is_ended_and_the_world_begins_anew(
    checkout: Path, tool: str, given: list[str], name: str
) -> None:
    with original_process(checkout_in(str(checkout)), call_time=0.5, grace=0.3) as process:
        process.call("shop/pen", "put", ["pen"], {})
        with pytest.raises(ToolError, match="what it changed is lost") as raised:
            process.call("sums/two", tool, given, {})
        assert raised.value.name == name
        assert process.call("shop/pen", "put", ["ink"], {}) == ("'ink'", "ink")


async def test_a_run_that_is_cancelled_leaves_no_process(checkout: Path) -> None:
    model = ScriptedModel(["Action: hang, for ever End Action"])
    with anyio.CancelScope() as scope:

        def cancel_in_the_call(event: Event) -> None:
            if isinstance(event, ActionStarted):
                scope.cancel()

        await play_episode(tasks(checkout)["sums/two"], model, actions="text", emit=cancel_in_the_call)
    assert scope.cancelled_caught


def test_what_a_model_has_evaluated_is_closed_in(process: OriginalProcess, tmp_path: Path) -> None:
    process.start()
    if process.unconfined:
        pytest.skip(f"not on this host: {process.unconfined}")
    secret = tmp_path / "secret"
    secret.write_text("42")
    for expression in (
        f"open({str(secret)!r}).read()",
        f"open({str(secret)!r}, 'w')",
        "__import__('socket').socket()",
        f"__import__('os').kill({psutil.Process().pid}, 0)",
    ):
        with pytest.raises(ToolError):
            process.call("sums/two", "calculator", [expression], {})
    environment, _ = process.call("sums/two", "calculator", ["sorted(__import__('os').environ)"], {})
    assert set(json.loads(environment.replace("'", '"'))) <= {"HOME", "LC_CTYPE", "PATH", "TMPDIR"}


@pytest.mark.parametrize(
    ("sums", "reason"),
    [
        ("import no_such_package\n", r"ModuleNotFoundError: .*no_such_package.* \(tasks/impl/sums.py, line 1\)"),
        ("print('hello')\nraise SystemExit(1)\n", r"SystemExit: 1 \(tasks/impl/sums.py, line 2\)"),
        ("import os\nos._exit(1)\n", "its process has died"),
    ],
)
def test_modules_that_cannot_be_imported_are_named(tmp_path: Path, sums: str, reason: str) -> None:
    with pytest.raises(SetupError, match=f"cannot be imported: {reason}"):
        tasks(small_checkout.make(tmp_path, sums=sums))


def test_another_repository_is_refused(tmp_path: Path) -> None:
    (tmp_path / "scripts/eval/m3tooleval/tasks").mkdir(parents=True)
    with pytest.raises(UsageError, match=r"looked there for scripts/eval/m3tooleval/tasks/__init__\.py, .*git clone"):
        tasks(tmp_path)
    with pytest.raises(UsageError, match="not a checkout of xingyaoww/code-act"):
        tasks(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="data=7 must be the path"):
        suite("m3tooleval").tasks("original", data=7)


def test_options_that_do_not_fit_are_refused(checkout: Path) -> None:
    with pytest.raises(UsageError, match=r"needs data: .*--data PATH"):
        suite("m3tooleval").tasks("original")
    with pytest.raises(UsageError, match="no option 'size'"):
        suite("m3tooleval").tasks("original", data=str(checkout), size=3)
    with pytest.raises(
        UsageError, match=r"no option 'data'; the profile 'fixed' takes none; it is one of the profile 'original'"
    ):
        suite("m3tooleval").tasks(data=str(checkout))


def test_a_checker_that_hangs_is_the_machinerys_failure(
    process: OriginalProcess, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("codeact.tasks.m3tooleval.original_process._CHECK_TIME", 0.3)
    with pytest.raises(SandboxError, match="no verdict on 'loop'"):
        process.accepts("sums/two", "loop")
    monkeypatch.undo()
    assert process.accepts("sums/two", "2")
