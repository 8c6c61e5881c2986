"""The service as the chart starts it, on a cluster of this machine: a chat's code runs in a pod, and nothing stays."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from codeact.server.client import connect

from ..sandbox.loopback import node  # noqa: TID252  # tests are no package that has a name
from ..sandbox.loopback.server import Cluster, cluster  # noqa: TID252
from .manifests import of_kind

pytestmark = pytest.mark.anyio

TOKEN = "cat_" + "0" * 40
OTHERWISE = (  # than there
    *("--host=", "--port=", "--reach=", "--tls-elsewhere", "--allow-host=", "--model=", "--sandbox-option="),
)


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Cluster]:
    if reason := node.why_not():
        pytest.skip(reason)
    with cluster(tmp_path) as made:
        yield made


def command(there: Cluster, script: Path) -> list[str]:
    [service] = [each for each in of_kind("Deployment", "outside") if each["metadata"]["name"] == "chat-codeact"]
    given = service["spec"]["template"]["spec"]["containers"][0]["args"]
    place = [f"--sandbox-option=kubeconfig={there.kubeconfig}", "--sandbox-option=preload=[]"]
    kept = [word for word in given if not word.startswith(OTHERWISE)]
    return [sys.executable, "-m", "codeact", *kept, *place, "--port=0", f"--model=scripted:{script}", "--no-page"]


@contextmanager
def serving(command: list[str], home: Path) -> Iterator[str]:
    """Its address; it is told to end as a node does, and ends well."""
    environment = {**os.environ, "CODEACT_HOME": str(home), "CODEACT_SERVE_TOKEN": TOKEN}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield json.loads(process.stdout.readline())["url"]
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
    assert process.returncode == 0


@pytest.mark.timeout(240)
async def test_a_chat_s_code_runs_in_a_pod_and_the_end_takes_it_away(there: Cluster, tmp_path: Path) -> None:
    (script := tmp_path / "replies.json").write_text(json.dumps(["```python\nprint(6 * 7)\n```", "It is 42."]))
    with serving(command(there, script), tmp_path) as url:
        async with connect(url, token=TOKEN) as client:
            chat = await client.create()
            run = await chat.ask("What is 6 * 7?")
            assert run.status == "answered"
            assert len(there.pods) == 1
    assert not there.pods
