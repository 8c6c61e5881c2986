"""A job's results as Inspect's logs: read back by Inspect itself, and shown by its viewer."""

from __future__ import annotations

import json
import math
import os
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from urllib.error import URLError
from urllib.parse import quote
from urllib.request import urlopen

import anyio
import pytest
from inspect_ai.event import ModelEvent, ToolEvent
from inspect_ai.log import EvalLog, read_eval_log
from inspect_ai.model import ChatMessageAssistant, ChatMessageTool, ContentImage, ContentReasoning

from codeact.cli.export import export
from codeact.errors import ConnectionLostError, UsageError
from codeact.inspect.logs import export_logs
from codeact.inspect.messages import chat_messages, completion_of, model_output
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Job, Key, oracle, read_results, run_job
from codeact.rollouts.episode import Driver
from codeact.tasks import Task, suite
from codeact.trajectory.history import messages_of
from codeact.types import Completion, Image, Message, NativeCall, NativeResult, Text, Usage


def some_tasks(count: int = 2) -> list[Task]:
    return list(suite("m3tooleval").tasks()[:count])


def results_of(
    path: Path, play: Driver, *, actions: tuple[str, ...] = ("json",), seeds: tuple[int, ...] = (7,)
) -> Path:
    job = Job(suite="m3tooleval", profile="fixed", model="m", tasks=some_tasks(), actions=actions, seeds=seeds)
    with ThreadPoolExecutor(1) as alone:  # this thread may be that of other tests' event loop
        alone.submit(anyio.run, run_job, job, path, play).result()
    return path


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return results_of(tmp_path_factory.mktemp("job") / "r.jsonl", oracle, actions=("code", "json"), seeds=(7, 3))


def logs_of(results: Path, folder: Path) -> list[EvalLog]:
    return [read_eval_log(str(path), resolve_attachments=True) for path in export_logs(read_results(results), folder)]


def test_the_formats_are_logs_of_one_task_with_all_that_was_said_and_done(results: Path, tmp_path: Path) -> None:
    code, calls = logs_of(results, tmp_path)
    known = read_results(results)
    assert [code.eval.task_args, calls.eval.task_args] == [
        {"actions": "code", "profile": "fixed"},
        {"actions": "json", "profile": "fixed"},
    ]
    for log in (code, calls):
        assert (log.status, log.eval.task, log.eval.model) == ("success", "codeact/m3tooleval", "m")
        assert log.results is not None
        metrics = {name: metric.value for name, metric in log.results.scores[0].metrics.items()}
        assert metrics["accuracy"] == 1
        assert 0 < metrics["wilson_low"] < metrics["wilson_high"] <= 1
        assert log.samples is not None
        assert [(sample.id, sample.epoch) for sample in log.samples] == [
            (task.id, epoch) for epoch in (1, 2) for task in some_tasks()
        ]
        for sample in log.samples:
            seed = (7, 3)[sample.epoch - 1]
            trajectory = known.rollouts[Key(str(sample.id), log.eval.task_args["actions"], seed)].trajectory
            assert trajectory is not None
            assert trajectory.outcome is not None
            said = [(message.role, message.text) for message in messages_of(trajectory)]
            assert [(message.role, message.text) for message in sample.messages] == said
            assert sample.scores is not None
            assert sample.scores["verdict"].value == "C"
            assert sample.scores["verdict"].answer == trajectory.outcome.answer.text
            assert sample.model_usage["m"].total_tokens == trajectory.outcome.usage.tokens
            assert sample.metadata["domain"] == "message_decoder"
            assert sample.metadata["seed"] == seed
            assert sum(isinstance(event, ModelEvent) for event in sample.events) == len(trajectory.steps)
    tools = [event for event in code.samples[0].events if isinstance(event, ToolEvent)]
    assert [tool.function for tool in tools] == ["python", "convert_hex_to_ascii", "reverse_string", "caesar_decode"]
    assert "final_answer(result)" in tools[0].arguments["code"]
    tools = [event for event in calls.samples[0].events if isinstance(event, ToolEvent)]
    assert tools[0].arguments == {"args": ["7a686b7a686d666d686b"]}
    assert tools[0].result == "zhkzhmfmhk"


def test_what_failed_is_told_apart(tmp_path: Path) -> None:
    """A wrong answer, a limit, a tool's error; and the machinery's failure, which is no result."""
    first, second = (task.id for task in some_tasks())

    def play(task: Task, space: object, tools: object) -> ScriptedModel:
        if task.id == second:
            raise ConnectionLostError("the server has gone")
        return ScriptedModel([json.dumps({"tool": "reverse_string", "args": []}), json.dumps({"answer": 5})])

    (log,) = logs_of(results_of(tmp_path / "r.jsonl", play), tmp_path / "logs")
    assert log.samples is not None
    wrong, broken = log.samples
    assert (wrong.id, broken.id) == (first, second)
    assert wrong.scores is not None
    assert wrong.scores["verdict"].value == "I"
    assert "expected 'fchahcufcu', got" in (wrong.scores["verdict"].explanation or "")
    assert [event.error.message[:9] for event in wrong.events if isinstance(event, ToolEvent) and event.error] == [
        "TypeError"
    ]
    assert broken.scores is None
    assert broken.error is not None
    assert broken.error.message == "ConnectionLostError: the server has gone"
    assert log.results is not None
    assert (log.results.total_samples, log.results.completed_samples) == (2, 1)


def test_a_limit_is_a_limit_and_a_job_that_was_stopped_is_no_success(tmp_path: Path) -> None:
    call = json.dumps({"tool": "string_length", "args": ["ab"]})
    path = results_of(tmp_path / "r.jsonl", lambda task, space, tools: ScriptedModel([call] * 30))
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:2]))
    (log,) = logs_of(path, tmp_path / "logs")
    assert log.status == "cancelled"
    assert log.samples is not None
    assert log.samples[0].metadata["outcome"] in ("repeated", "turn_limit")
    path.write_text(lines[0])
    with pytest.raises(UsageError, match="no episodes yet"):
        export_logs(read_results(path), tmp_path / "none")


def test_a_log_is_never_written_over(results: Path, tmp_path: Path) -> None:
    export_logs(read_results(results), tmp_path)
    with pytest.raises(UsageError, match=r"exists; give another folder"):
        export_logs(read_results(results), tmp_path)


def test_native_calls_images_and_reasoning_have_inspects_form() -> None:
    history = [
        Message.of("user", "look", [Image(b"png")]),
        Message("assistant", (Text("so"), NativeCall("1", "f", '{"x": 2}'), NativeCall("2", "g", "{broken"))),
        Message("tool", (NativeResult("1", "four"), NativeResult("2", "no", (Image(b"png"),)))),
    ]
    user, assistant, one, two = chat_messages(history)
    assert isinstance(user.content[1], ContentImage)
    assert user.content[1].image == "data:image/png;base64,cG5n"
    assert isinstance(assistant, ChatMessageAssistant)
    assert assistant.tool_calls is not None
    assert [call.arguments for call in assistant.tool_calls] == [{"x": 2}, {"arguments": "{broken"}]
    assert assistant.tool_calls[1].parse_error
    assert isinstance(one, ChatMessageTool)
    assert (one.tool_call_id, one.text, two.text) == ("1", "four", "no")
    completion = Completion(
        text="so",
        calls=(NativeCall("1", "f", '{"x": 2}'),),
        reasoning="hm",
        finish="length",
        usage=Usage(input_tokens=10, cached_tokens=4, output_tokens=3, cost=0.5),
        model="m",
        latency=1.5,
    )
    output = model_output(completion)
    assert isinstance(output.message.content[0], ContentReasoning)
    assert output.usage is not None
    assert (output.usage.input_tokens, output.usage.input_tokens_cache_read) == (6, 4)
    assert completion_of(output) == completion
    assert math.isclose(completion_of(output).latency, 1.5)


@pytest.mark.timeout(300)  # the viewer takes seconds to import; many where others burn the cores
def test_the_command_writes_logs_that_the_viewer_shows(
    results: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(results, "inspect", tmp_path / "logs") == 0
    names = capsys.readouterr().out.splitlines()
    assert [Path(name).name.split("_")[1] for name in names] == ["m3tooleval-fixed-code", "m3tooleval-fixed-json"]
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = str(free.getsockname()[1])
    viewer = [sys.executable, "-m", "inspect_ai", "view", "start", "--log-dir", "logs", "--host", "127.0.0.1"]
    environment = {**os.environ, "HOME": str(tmp_path)}
    with subprocess.Popen(
        [*viewer, "--port", port], cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as server:
        try:
            assert "<title>Inspect View</title>" in fetched(f"http://127.0.0.1:{port}/", server)
            listed = json.loads(fetched(f"http://127.0.0.1:{port}/api/log-files", server))
            assert sorted(Path(file["name"]).name for file in listed["files"]) == sorted(Path(n).name for n in names)
            log = json.loads(fetched(f"http://127.0.0.1:{port}/api/logs/{quote(names[0], safe='')}", server))
            assert log["eval"]["task"] == "codeact/m3tooleval"
            assert log["samples"][0]["scores"]["verdict"]["value"] == "C"
        finally:
            server.kill()


def fetched(url: str, server: subprocess.Popen[bytes]) -> str:
    """What is there, as soon as the server listens."""
    deadline = time.monotonic() + 200
    while True:
        try:
            with urlopen(url, timeout=30) as page:
                return page.read().decode()
        except (URLError, ConnectionError):
            if server.poll() is not None or time.monotonic() > deadline:
                raise
            time.sleep(0.1)
