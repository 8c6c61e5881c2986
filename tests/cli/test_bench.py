"""`codeact bench`, as it is typed: what it measures, keeps, says and refuses."""

from __future__ import annotations

import json
import os
import signal
import time
from pathlib import Path
from typing import Any

import pytest

from codeact.cli.bench_models import listed_models
from codeact.cli.bench_options import BenchOptions
from codeact.cli.bench_plan import plan
from codeact.errors import UsageError
from codeact.models.store import Store

from ..models.fake_weights import adapter  # noqa: TID252  # tests are no package that has a name
from .command import Codeact

RESULTS = "codeact-runs/bench/m3gen-plain/m3gen-plain"
ONE_CALL = ("bench", "m3gen", "--no-report", "--option", "calls=1", "--option", "count=8")


def keys(path: Path) -> list[tuple[str, str, int]]:
    lines = [json.loads(line)["rollout"] for line in path.read_text().splitlines()[1:]]
    return [(line["task"], line["actions"], line["seed"]) for line in lines]


def test_the_oracles_table_and_nothing_twice(codeact: Codeact) -> None:
    command = ("bench", "m3tooleval", "-m", "oracle", "--tasks", "5", "--seeds", "3", "--no-report")
    done = codeact(*command)
    assert done.returncode == 0, done.stderr
    assert "1 model, 5 of 82 tasks in code, json, text: 15 episodes, 0 done already" in done.stderr
    assert "oracle: 15/15, 100.0 % (56.6 to 100.0) solved" in done.stderr
    assert "15 of 15 episodes are in codeact-runs/bench/m3tooleval-fixed" in done.stderr
    rows = [line.split() for line in done.stdout.splitlines()[1:]]
    assert [row[:6] for row in rows] == [
        ["oracle", actions, "5/5", "100.0", "(56.6", "to"] for actions in ("code", "json", "text")
    ]
    assert [row[7] for row in rows] == ["1.00", "4.20", "4.20"]
    path = codeact.folder / "codeact-runs/bench/m3tooleval-fixed/m3tooleval-fixed-oracle.jsonl"
    header, whole = json.loads(path.read_text().splitlines()[0]), path.read_bytes()
    assert header["options"] == {"subset": {"tasks": 5, "of": 82, "seed": 0}}
    again = codeact(*command)
    assert "15 done already" in again.stderr
    assert (again.stdout, path.read_bytes()) == (done.stdout, whole)


def test_two_models_for_machines(codeact: Codeact) -> None:
    wrong = codeact.script("Answer: nothing")
    done = codeact(*ONE_CALL, "-m", "oracle", "-m", wrong, "--tasks", "1", "--actions", "text", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["kind"] for line in lines] == ["plan", "plan", "progress", "progress", "row", "row"]
    assert [(line["episodes"], line["done"]) for line in lines[:2]] == [(1, 0), (1, 0)]
    assert [line["file"] for line in lines[:2]] == [f"{RESULTS}-oracle.jsonl", f"{RESULTS}-scripted-script.txt.jsonl"]
    assert [(line["model"], line["solved"], line["mean_turns"]) for line in lines[4:]] == [
        ("oracle", 1, 2),
        (wrong, 0, 1),
    ]


def test_a_report_is_written_and_can_be_made_again(codeact: Codeact) -> None:
    models = ("-m", "oracle", "-m", codeact.script("Answer: nothing"))
    done = codeact("bench", "m3gen", *models, "--tasks", "2", "--seeds", "2", "--actions", "json,text", "--out", "here")
    assert done.returncode == 0, done.stderr
    assert "no report" not in done.stderr
    assert done.stdout.endswith("report  here/report.md, .html, .json\n")
    page = (codeact.folder / "here" / "report.md").read_text()
    again = codeact("report", *(str(path) for path in sorted((codeact.folder / "here").glob("*.jsonl"))), "--json")
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["html"].endswith("/here/report.html")
    assert (codeact.folder / "here" / "report.md").read_text() == page


def test_a_budget_ends_it_and_a_dry_run_says_how_far_it_is(codeact: Codeact) -> None:
    done = codeact(*ONE_CALL, "-m", "oracle", "-m", codeact.script("x"), "--actions", "json", "--max-tokens", "1")
    assert done.returncode == 1
    assert "stopped: --max-tokens is used up; 8 of 16 episodes are in" in done.stderr
    assert "the same command goes on" in done.stderr
    dry = codeact(*ONE_CALL, "-m", "oracle", "--actions", "json", "--dry-run")
    assert (dry.returncode, dry.stdout) == (0, "")
    assert "8 episodes, 8 done already" in dry.stderr


def test_a_bar_on_a_terminal_and_the_list_of_suites(codeact: Codeact) -> None:
    with codeact.terminal(*ONE_CALL, "-m", "oracle", "--actions", "json", columns=120) as child:
        child.expect("8/8")
        child.expect("100.0 % ")
        child.expect("8 of 8 episodes are in")
    listed = codeact("bench")
    assert listed.returncode == 0
    assert {"m3tooleval", "m3gen"} <= set(listed.stdout.split())


STUCK = '''
from contextlib import asynccontextmanager
from pathlib import Path

import anyio

from codeact.models import ScriptedModel


class Stuck(ScriptedModel):
    """Answers twice, then hangs until it is allowed to go on."""

    async def complete(self, messages, **options):
        if len(self.asked) == 2 and not Path("go on").exists():
            Path("stuck").touch()
            await anyio.sleep_forever()
        return await super().complete(messages, **options)


@asynccontextmanager
async def opened(**options):
    yield Stuck(["Answer: 1"] * 99)
'''


def test_ctrl_c_keeps_what_is_done_and_the_same_command_goes_on(codeact: Codeact) -> None:
    codeact.write("models/stuck.py", STUCK)
    command = (*ONE_CALL, "-m", "models.stuck:opened", "--tasks", "2", "--at-once", "1")
    process = codeact.start(*command)
    while not (codeact.folder / "stuck").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    codeact.interrupt(process)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "2 of 6 episodes are in codeact-runs/bench/m3gen-plain; the same command goes on" in err
    assert "0/1" in out
    codeact.write("go on", "")
    done = codeact(*command)
    assert done.returncode == 0, done.stderr
    assert "6 episodes, 2 done already" in done.stderr
    found = keys(codeact.folder / f"{RESULTS}-models.stuck-opened.jsonl")
    assert len(found) == len(set(found)) == 6


def test_what_is_broken_is_said_and_the_exit_code_tells_it(codeact: Codeact) -> None:
    done = codeact(*ONE_CALL, "-m", codeact.script("Hm.\n\nAction: nothing(1)"), "--tasks", "2", "--actions", "text")
    assert done.returncode == 1
    assert "0 of 2 episodes are in" in done.stderr
    assert "2 of the others broken by the machinery" in done.stderr
    assert "has 1 replies and was asked for one more" in done.stderr


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"model": []}, "bench needs a model: .* --model oracle"),
        ({"model": ["oracle", "oracle"]}, "'oracle' would write to the file of another --model"),
        ({"actions": "code,yaml"}, "there is no action format 'yaml'; there are: code, json, text"),
        ({"option": ["calls"]}, "--option 'calls' should be NAME=VALUE, as in calls="),
        ({"option": ["colour=red"]}, "m3gen has no option 'colour'; there are: seed, count"),
        ({"data": Path("x")}, "m3gen has no option 'data'"),
        ({"profile": "papr"}, "m3gen has no profile 'papr'; there are: plain"),
        ({"domain": ["mial"]}, "--domain 'mial' is not in this suite; did you mean 'mail'?"),
        ({"task": ["1"]}, "--task '1' is not in this suite; there are: decoder/0.0-c1"),
        ({"tasks": 99}, "a subset of 99 tasks cannot be drawn from 40"),
        ({"model": ["openai:a"], "prices": ["openai:b=1,2"]}, "for 'openai:b', which is no --model of this bench"),
        ({"models": ["papr"]}, "there is no list of models 'papr'; there are: paper"),
        ({"models": ["paper"]}, "its weights are open; serve codellama/CodeLlama-7b-Instruct-hf .* --base-url"),
        ({"model": ["openai:a"], "max_cost": 1.0}, "--max-cost cannot be held without the prices of openai:a"),
    ],
)
def test_bad_input_is_said_before_anything_starts(
    options: dict[str, Any], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    with pytest.raises(UsageError, match=said):
        plan("m3gen", BenchOptions(**{"model": ["oracle"], **options}))


def test_settings_are_in_the_header_and_keys_are_not(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "secret")
    options = BenchOptions(
        model=["openai:a", "local:b", "oracle"],
        temperature=0.5,
        reply_tokens=64,
        base_url="http://localhost:1/v1",
        model_option=["max_tokens=9"],
        sandbox="docker",
        prices=["1,2"],
        at_once=3,
        seeds=2,
        out=tmp_path,
    )
    hosted, local, oracle = plan("m3gen", options)
    settings = {"temperature": 0.5, "max_tokens": 9, "reply_tokens": 64, "sandbox": "docker"}
    assert hosted.job.settings == local.job.settings == settings
    assert oracle.job.settings == {"reply_tokens": 64, "sandbox": "docker"}
    assert (hosted.at_once, local.model_options["parallel"], list(oracle.job.seeds)) == (3, 3, [0])
    assert "secret" not in repr(hosted) + json.dumps(hosted.job.header())


def test_results_of_two_adapters_are_never_mixed(tmp_path: Path) -> None:
    """Also when both lie at the same path, one after the other."""
    path = tmp_path / "lora.gguf"
    for options in ({"model": [f"local:b+{path}"]}, {"model": ["local:b"], "model_option": [f"adapter={path}"]}):
        settings: list[Any] = []
        for seed in ("1", "2"):
            path.write_bytes(adapter({"general.type": "adapter", "adapter.type": "lora", "codeact.seed": seed}))
            [planned] = plan("m3gen", BenchOptions(**options, out=tmp_path))
            settings.append(planned.job.settings["adapter"])
        assert len(set(settings)) == 2
        assert str(path) not in settings


def test_the_papers_models_are_those_that_can_still_be_had(codeact: Codeact) -> None:
    assert [len(listed_models(["paper"])), sum(bool(model.gone) for model in listed_models(["paper"]))] == [17, 9]
    done = codeact(
        *("bench", "m3tooleval", "--profile", "paper", "--tasks", "1", "--actions", "text"),
        *("--models", "paper", "--base-url", "http://127.0.0.1:1/v1", "-m", "oracle"),
        "--dry-run",
    )
    assert done.returncode == 0, done.stderr
    assert "9 models, 1 of 82 tasks in text: 9 episodes" in done.stderr
    assert "not run: gpt-4-0613, shut down by OpenAI in October 2026" in done.stderr


def test_a_model_that_cannot_be_had_does_not_stop_the_others(codeact: Codeact) -> None:
    done = codeact(*ONE_CALL, "-m", "local:none", "-m", "oracle", "--tasks", "1", "--actions", "text")
    assert done.returncode == 3
    assert "local:none cannot go on: " in done.stderr
    assert "1 of 2 episodes are in" in done.stderr
    assert done.stdout.splitlines()[1].split()[:3] == ["oracle", "text", "1/1"]


def test_another_jobs_file_and_a_folder_that_is_none_are_refused(codeact: Codeact) -> None:
    command = (*ONE_CALL, "-m", "oracle", "--actions", "json", "--out", "here")
    assert codeact(*command).returncode == 0
    other = codeact(*command, "--reply-tokens", "99")
    assert other.returncode == 2
    assert "its settings.reply_tokens is not given, and here it is 99;" in other.stderr
    assert "name another file or folder" in other.stderr
    codeact.write("file", "")
    lost = codeact(*command, "--out", "file/below")
    assert lost.returncode == 3
    assert "cannot write the results file 'file/below/" in lost.stderr


@pytest.mark.model
@pytest.mark.timeout(300)
def test_a_real_model_killed_and_gone_on_with(codeact: Codeact, smollm2: str, weights_store: Store) -> None:
    codeact.env["CODEACT_HOME"] = str(weights_store.root.parent)
    model = ("-m", f"local:{smollm2}", "--reply-tokens", "2", "--model-option", "context=2048")
    tasks = ("--option", "domains=decoder", "--option", "count=2")  # of one domain: half of their prompts is the same
    command = (*ONE_CALL, *tasks, *model, "--json")
    process = codeact.start(*command)
    assert process.stdout is not None
    progress = 0
    for line in process.stdout:
        progress += json.loads(line)["kind"] == "progress"
        if progress == 2:
            break
    os.killpg(process.pid, signal.SIGKILL)
    process.communicate()
    path = codeact.folder / f"{RESULTS}-local-{smollm2}.jsonl"
    before = keys(path)
    assert 2 <= len(before) < 6
    done = codeact(*command)
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert lines[0]["done"] == len(before)
    assert [(line["actions"], line["episodes"]) for line in lines if line["kind"] == "row"] == [
        ("code", 2),
        ("json", 2),
        ("text", 2),
    ]
    assert keys(path)[: len(before)] == before
    assert len(keys(path)) == len(set(keys(path))) == 6
