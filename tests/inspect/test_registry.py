"""Our suites as Inspect's tasks, in processes of their own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import tomllib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from inspect_ai.event import InfoEvent, ModelEvent
from inspect_ai.log import EvalLog, list_eval_logs, read_eval_log

ROOT = Path(__file__).parents[2]
QUICK = """
from codeact.sandbox.local import LocalSandbox

class Quick(LocalSandbox):
    def __init__(self, **options):
        super().__init__(preload=(), checkpoints="none", **options)
"""


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    """What our package says of its entry point in pyproject.toml, as an installed package would say it."""
    entries = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["inspect_ai"]
    info = tmp_path / "packages" / "entry-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: entry\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[inspect_ai]\n" + "".join(f"{n} = {v}\n" for n, v in entries.items()))
    (info.parent / "quick.py").write_text(QUICK)
    places = [str(info.parent), str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])]
    home = tmp_path / "home"
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("INSPECT_", "XDG_"))}
    return {**kept, "HOME": str(home), "PYTHONPATH": os.pathsep.join(places)}


def logs_in(folder: Path) -> list[EvalLog]:
    return [read_eval_log(info.name) for info in list_eval_logs(str(folder), descending=False)]


@pytest.mark.timeout(300)  # seconds of importing; many of them where others burn the cores
def test_inspect_evaluates_a_suite_in_all_three_formats(tmp_path: Path, environment: dict[str, str]) -> None:
    command = [sys.executable, str(Path(__file__).with_name("play_oracles.py")), "logs", "quick:Quick", "2"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    logs = logs_in(tmp_path / "logs")
    assert [(log.status, log.eval.task, log.eval.task_args["actions"]) for log in logs] == [
        ("success", "codeact/m3tooleval", actions) for actions in ("code", "json", "text")
    ]
    for log in logs:
        assert log.results is not None
        assert log.samples is not None
        [score] = log.results.scores
        in_code = log.eval.task_args["actions"] == "code"
        assert (score.name, score.metrics["accuracy"].value) == ("verdict", 1)
        assert (score.metrics["mean_turns"].value == 1) is in_code
        for sample in log.samples:
            assert sample.scores is not None
            assert sample.scores["verdict"].answer == sample.target
            assert sample.metadata["domain"] == "message_decoder"
            replies = [event for event in sample.events if isinstance(event, ModelEvent)]
            assert len(replies) == (sample.scores["verdict"].metadata or {})["turns"]
            told = {event.source for event in sample.events if isinstance(event, InfoEvent)}
            assert told == ({"code", "tool"} if in_code else {"tool", "observation"})
    assert "fchahcufcu" in (logs[0].samples or [])[0].messages[-1].text


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_inspect_command_runs_a_suite_with_a_model_over_http(tmp_path: Path, environment: dict[str, str]) -> None:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            message = {"role": "assistant", "content": '{"answer": "fchahcufcu"}'}
            choice = {"index": 0, "message": message, "finish_reason": "stop"}
            body = json.dumps({"id": "1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]})
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/v1"
        command = [sys.executable, "-m", "inspect_ai", "eval", "codeact/m3tooleval", "-T", "actions=json"]
        model = ["--model", "openai-api/loopback/m", "--model-base-url", url]
        options = ["--limit", "1", "--log-dir", "logs", "--display", "plain"]
        try:
            subprocess.run(
                [*command, *model, *options],
                cwd=tmp_path,
                env={**environment, "LOOPBACK_API_KEY": "x"},
                capture_output=True,
                check=True,
            )
        finally:
            server.shutdown()
            thread.join()
    [log] = logs_in(tmp_path / "logs")
    assert log.status == "success"
    assert log.results is not None
    assert log.results.scores[0].metrics["accuracy"].value == 1
