"""Trainings from beginning to end, on a base of two small layers with a real tokenizer."""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from codeact.errors import SetupError, UsageError
from codeact.training import Trained, callback, dry_run, train
from codeact.training.folder import Folder
from codeact.training.progress import Planned, Progress, Saved, Stepped, Validated
from codeact.training.settings import Settings
from codeact.training.shortage import explained
from codeact.training.trainer import share_of_rate

pytestmark = pytest.mark.usefixtures("one_thread")

ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}  # so that sums are the same in every process, on every machine
OPTIONS: dict[str, Any] = {"length": 128, "batch": 2, "epochs": 2, "rank": 4, "rate": 2e-3, "save_every": 4}


def write_rows(path: Path, count: int = 12, answer: str = "It is") -> Path:
    """Conversations of one to three actions."""
    with path.open("w") as file:
        for number in range(count):
            talk = [("user", f"What is {number} + 2?")]
            for turn in range(number % 3 + 1):
                talk += [("assistant", f"```python\nprint({number} + {turn})\n```"), ("user", f"{number + turn}")]
            talk.append(("assistant", f"{answer} {number + 2}."))
            messages = [{"role": role, "content": content} for role, content in talk]
            file.write(json.dumps({"id": f"r{number}", "messages": messages}) + "\n")
    return path


@pytest.fixture(scope="module")
def rows(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_rows(tmp_path_factory.mktemp("rows") / "rows.jsonl")


@pytest.fixture(scope="module")
def held_out(rows: Path) -> Path:
    return write_rows(rows.with_name("held_out.jsonl"), 3, answer="That makes")


@pytest.fixture(scope="module")
def unbroken(
    tiny_smollm2: Path, rows: Path, held_out: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Trained, list[Progress]]:
    """A whole training, and what it said."""
    said: list[Progress] = []
    out = tmp_path_factory.mktemp("trained") / "out"
    return train(tiny_smollm2, rows, out, validation=[held_out], report=said.append, **OPTIONS), said


def weights(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(folder / "adapter_model.safetensors")


def same(one: Path, other: Path) -> bool:
    ours, theirs = weights(one), weights(other)
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def losses(said: list[Progress]) -> list[float]:
    return [progress.loss for progress in said if isinstance(progress, Stepped)]


def test_the_loss_falls_and_the_folder_holds_what_was_promised(unbroken: tuple[Trained, list[Progress]]) -> None:
    trained, said = unbroken
    assert not trained.stopped
    assert losses(said)[-1] < losses(said)[0]
    files = {path.name for path in trained.folder.iterdir()}
    assert files == {
        "adapter.gguf", "adapter_model.safetensors", "adapter_config.json", "training.json", "loss.png", "start.json"
    }  # fmt: skip
    report = json.loads((trained.folder / "training.json").read_text())
    assert report["settings"]["rank"] == 4
    assert report["precision"] in ("bfloat16", "float32")
    assert [loss for _, loss in report["losses"]] == losses(said)
    assert len(report["validation_losses"]) == 2
    assert [entry["for"] for entry in report["data"]] == ["data", "validation"]
    assert len(report["base"]["sha256"]) == 64


def test_what_is_said_on_the_way(unbroken: tuple[Trained, list[Progress]]) -> None:
    trained, said = unbroken
    plan = said[0]
    assert isinstance(plan, Planned)
    assert (plan.counts["data"].rows, plan.counts["validation"].rows, plan.steps) == (12, 3, trained.of)
    assert 0 < plan.weights < plan.all_weights
    assert [progress.step for progress in said if isinstance(progress, Stepped)] == list(range(1, trained.of + 1))
    assert [progress.epoch for progress in said if isinstance(progress, Validated)] == [1.0, 2.0]
    assert any(isinstance(progress, Saved) for progress in said)


def test_the_curves_are_drawn_while_it_trains(
    tiny_smollm2: Path, rows: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(callback, "DRAW_EVERY", 0.0)
    pictures: list[bytes] = []

    def look(progress: Progress) -> None:
        if isinstance(progress, Stepped) and progress.step > 1:
            pictures.append((tmp_path / "out" / "loss.png").read_bytes())

    train(tiny_smollm2, rows, tmp_path / "out", report=look, **{**OPTIONS, "epochs": 1})
    assert len(pictures) > 1
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(set(pictures)) == len(pictures), "each shows a step more"


def test_the_same_seed_gives_the_same_losses_and_the_same_adapter(
    unbroken: tuple[Trained, list[Progress]], tiny_smollm2: Path, rows: Path, held_out: Path, tmp_path: Path
) -> None:
    """Also when it was stopped and gone on with in between."""
    first, said = unbroken
    again: list[Progress] = []

    def stop() -> bool:
        return len(losses(again)) == 2 and not any(isinstance(progress, Saved) for progress in again)

    arguments: Any = {"validation": [held_out], "report": again.append, **OPTIONS}
    halted = train(tiny_smollm2, rows, tmp_path / "out", stop=stop, **arguments)
    assert (halted.stopped, halted.steps) == (True, 3)
    with pytest.raises(UsageError, match="holds a training that has not ended; --resume goes on with it"):
        train(tiny_smollm2, rows, tmp_path / "out", **arguments)
    with pytest.raises(UsageError, match=r"was started with rate 0.002, not 0.001"):
        train(tiny_smollm2, rows, tmp_path / "out", resume=True, **{**arguments, "rate": 1e-3})
    second = train(tiny_smollm2, rows, tmp_path / "out", resume=True, **arguments)
    assert losses(again) == losses(said)
    assert second.validation == first.validation
    assert same(first.folder, second.folder)


def test_what_a_checkpoint_has_is_not_lost(tiny_smollm2: Path, rows: Path, held_out: Path, tmp_path: Path) -> None:
    """Ended right after the checkpoint of an epoch's last step: its validation is in it. Saved is then as asked now."""
    said: list[Progress] = []

    def end(progress: Progress) -> None:
        said.append(progress)
        if isinstance(progress, Saved) and any(isinstance(earlier, Validated) for earlier in said):
            raise KeyboardInterrupt

    arguments: Any = {"validation": [held_out], **OPTIONS}
    with pytest.raises(KeyboardInterrupt):
        train(tiny_smollm2, rows, tmp_path / "out", report=end, **{**arguments, "save_every": 1})
    later: list[Progress] = []
    arguments["save_every"] = 3
    trained = train(tiny_smollm2, rows, tmp_path / "out", resume=True, report=later.append, **arguments)
    found = json.loads((trained.folder / "training.json").read_text())["validation_losses"]
    assert [step for step, _ in found] == [trained.of // 2, trained.of]
    assert {progress.step % 3 for progress in later if isinstance(progress, Saved)} <= {0, trained.of % 3}


def test_a_folder_is_one_trainings_at_a_time(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with Folder(out).held(), pytest.raises(UsageError, match=r"another process trains in '.*out'"):
        train(tiny_smollm2, rows, out, **OPTIONS)
    assert not out.exists()


@contextmanager
def small_files() -> Iterator[None]:
    """As on a full disk: no file can grow beyond 100 kB."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_a_sentence(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    few: dict[str, Any] = {**OPTIONS, "epochs": 1, "rank": 32}
    with pytest.raises(SetupError, match=r"disk of the training's folder is full; free some space"), small_files():
        train(tiny_smollm2, rows, tmp_path / "out", **few)
    assert not train(tiny_smollm2, rows, tmp_path / "out", resume=True, **few).stopped


def test_another_seed_gives_another_adapter(
    unbroken: tuple[Trained, list[Progress]], tiny_smollm2: Path, rows: Path, tmp_path: Path
) -> None:
    other = train(tiny_smollm2, rows, tmp_path / "out", **{**OPTIONS, "seed": 1, "epochs": 1})
    assert not same(unbroken[0].folder, other.folder)


@contextmanager
def killed_at(command: list[str], word: str) -> Iterator[list[str]]:
    """Run a command, and kill it as soon as a line of its output has the word; gives the lines until then."""
    lines: list[str] = []
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=ONE_THREAD)
    try:
        assert process.stdout is not None
        for line in process.stdout:
            lines.append(line)
            if word in line:
                break
        process.kill()
        yield lines
    finally:
        process.kill()
        process.communicate()


@pytest.mark.timeout(300)  # a process that imports torch, where processors are busy
def test_a_killed_training_ends_with_the_weights_of_an_unbroken_one(
    unbroken: tuple[Trained, list[Progress]], tiny_smollm2: Path, rows: Path, held_out: Path, tmp_path: Path
) -> None:
    """By the real command and a real kill -9; then half a checkpoint lies there as well."""
    given = [f"--{name.replace('_', '-')}={value}" for name, value in OPTIONS.items()]
    arguments = ["--base", str(tiny_smollm2), "--data", str(rows), "--validation", str(held_out), *given, "--json"]
    for number in range(5):  # where processors are busy the training may be over before the kill
        out = tmp_path / f"out{number}"
        with killed_at([sys.executable, "-m", "codeact", "train", *arguments, "--out", str(out)], '"saved"') as lines:
            assert json.loads(lines[0])["counts"]["data"]["rows"] == 12
        if not (out / "training.json").exists():
            break
    half = out / "checkpoints" / "checkpoint-5"
    half.mkdir(exist_ok=True)
    (half / "adapter_model.safetensors").write_bytes(b"")
    said: list[Progress] = []
    trained = train(tiny_smollm2, rows, out, validation=[held_out], resume=True, report=said.append, **OPTIONS)
    assert isinstance(said[0], Planned)
    assert said[0].done >= 4
    assert trained.validation == unbroken[0].validation
    assert same(unbroken[0].folder, out)
    with pytest.raises(UsageError, match="is finished"):
        train(tiny_smollm2, rows, out, validation=[held_out], resume=True, **OPTIONS)


def test_general_conversations_make_up_their_share(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    general = write_rows(tmp_path / "general.jsonl", 200, answer="Nice weather,")
    plan = dry_run(tiny_smollm2, rows, general=[general], general_share=0.25, **OPTIONS)
    ours, mixed = plan.counts["data"].tokens, plan.counts["general"].tokens
    assert 0.25 <= mixed / (ours + mixed) < 0.25 + 80 / (ours + mixed)  # up to the row that reaches it
    assert plan.seconds is not None
    assert plan.seconds > 0


def test_all_weights(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    few: dict[str, Any] = {"length": 128, "batch": 4, "epochs": 0.3}
    trained = train(tiny_smollm2, rows, tmp_path / "out", full=True, checkpointing=True, **few)
    assert not trained.stopped
    assert {"model.safetensors", "tokenizer.json", "training.json"} <= {path.name for path in trained.folder.iterdir()}


def test_the_rate_rises_from_the_first_step_on_and_falls_to_its_share() -> None:
    settings = Settings(warmup=4, decay=0.1)
    shares = [share_of_rate(settings, 14, step) for step in range(15)]
    assert shares[:5] == [0.2, 0.4, 0.6, 0.8, 1.0]
    assert shares[4:] == sorted(shares[4:], reverse=True)
    assert shares[-1] == pytest.approx(0.1)
    assert share_of_rate(Settings(), 1, 0) > 0, "a training of one step trains"


def test_a_training_is_gone_on_with_as_it_was_started(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    general = write_rows(tmp_path / "general.jsonl", 20, answer="Nice weather,")
    with pytest.raises(UsageError, match="cannot be divided"):
        train(tiny_smollm2, rows, tmp_path / "out", **{**OPTIONS, "batch": 3, "at_once": 2})
    # what was refused has left nothing
    train(tiny_smollm2, rows, tmp_path / "out", general=[general], stop=lambda: True, **OPTIONS)
    with pytest.raises(UsageError, match=r"was started with files: general 1 '[0-9a-f]{64}', not None"):
        train(tiny_smollm2, rows, tmp_path / "out", resume=True, **OPTIONS)


def test_the_report_names_the_data_as_they_were_at_the_start(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    data = write_rows(tmp_path / "rows.jsonl")
    digest = sha256(data.read_bytes()).hexdigest()

    def lost(progress: Progress) -> None:
        if isinstance(progress, Planned):
            data.unlink()

    trained = train(tiny_smollm2, data, tmp_path / "out", report=lost, **{**OPTIONS, "epochs": 0.1})
    assert json.loads((trained.folder / "training.json").read_text())["data"][0]["sha256"] == digest
    assert any(tensor.count_nonzero() for name, tensor in weights(trained.folder).items() if "lora_B" in name)


def test_a_folder_of_something_else_is_left_alone(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(UsageError, match="no empty folder"):
        train(tiny_smollm2, rows, tmp_path)
    with pytest.raises(UsageError, match=r"no training in .* to go on with"):
        train(tiny_smollm2, rows, tmp_path / "new", resume=True)


def test_settings_that_cannot_be(tiny_smollm2: Path, rows: Path, tmp_path: Path) -> None:
    for options, message in (
        ({"ranks": 4}, "no option 'ranks'"),
        ({"epochs": 0}, "epochs of a training must be positive, not 0"),
        ({"general_share": 1.0}, "general_share of a training is a share"),
        ({"precision": "bf16"}, "precision of a training is one of auto, float32, bfloat16, not 'bf16'"),
        ({"batch": 3, "at_once": 2}, "--batch 3 cannot be divided into 2 at once"),
    ):
        with pytest.raises(UsageError, match=message):
            train(tiny_smollm2, rows, tmp_path / "new", **options)


SHORT = """
import resource
from pathlib import Path
import codeact.training.finetune  # torch and its like are there before the limit counts
from codeact.cli import main
status = Path("/proc/self/status").read_text()
taken = int(status.partition("VmData:")[2].split()[0]) * 1024
resource.setrlimit(resource.RLIMIT_DATA, (taken + 2**30, taken + 2**30))
main()
"""


@pytest.mark.timeout(300)  # a process that imports torch, where processors are busy
def test_a_training_for_which_there_is_no_memory_says_what_to_lower(tiny_smollm2: Path, tmp_path: Path) -> None:
    """A real shortage: what may be one GB more than the libraries need, where a step needs several."""
    said = " ".join(map(str, range(8_000)))
    messages = [{"role": "user", "content": "Count."}, {"role": "assistant", "content": said}]
    (tmp_path / "rows.jsonl").write_text(json.dumps({"messages": messages}) + "\n")
    arguments = ["--base", str(tiny_smollm2), "--data", "rows.jsonl", "--out", "out", "--length", "65536"]
    done = subprocess.run(
        [sys.executable, "-c", SHORT, "train", *arguments, "--precision", "float32", "--epochs", "1"],
        cwd=tmp_path,
        env=ONE_THREAD,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3, done.stderr
    *_, last = done.stderr.splitlines()
    assert "out of memory; lower what is kept of each layer (--checkpointing), --length (it is 65,536), --rank" in last
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "out" / "training.json").exists()


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),  # of a file that is to be mapped
        RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried …"),
        torch.OutOfMemoryError(),
    ],
)
def test_out_of_memory_says_what_to_lower(error: Exception) -> None:
    remedies = r"--at-once \(it is 2\).*--checkpointing.*--length \(it is 4,096\).*--rank"
    with pytest.raises(SetupError, match=remedies), explained(Settings(at_once=2)):
        raise error
    with pytest.raises(RuntimeError, match=r"^shapes$"), explained(Settings()):
        raise RuntimeError("shapes")
