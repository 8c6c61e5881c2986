"""Containers for real, by Podman's service: what is around a session, and that nothing of it stays."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import docker
import pytest

from codeact.errors import SandboxError, SetupError, UnsupportedError, UsageError
from codeact.sandbox import Limits, Session, sandbox
from codeact.sandbox.base import MiB
from codeact.sandbox.box.root import WORKSPACE
from codeact.sandbox.containers import DockerSandbox, PodmanSandbox, profile
from codeact.sandbox.containers.engine import Attached, sockets
from codeact.sandbox.session import BoxSession

pytestmark = pytest.mark.anyio
real = pytest.mark.containers  # needs an engine

LIMITS = Limits(memory=512 * MiB, processes=32, workspace=32 * MiB)
PATIENCE = 60  # seconds

HOST = """
import anyio, sys
from codeact.sandbox.containers import DockerSandbox

async def main():
    async with DockerSandbox(host=sys.argv[1], preload=()).open() as session:
        await session.run("import subprocess; subprocess.Popen(['sleep', '600'])")
        print("ready", flush=True)
        await anyio.sleep_forever()

anyio.run(main)
"""


@pytest.fixture(scope="module")
async def contained(engine: str) -> AsyncIterator[BoxSession]:
    """One session for all that look and change nothing."""
    async with DockerSandbox(host=engine, preload=()).open(limits=LIMITS) as session:
        yield session


def _containers(engine: str) -> list[str]:
    client = docker.APIClient(base_url=engine, version="auto")
    try:
        found = client.containers(all=True, filters={"label": profile.LABEL})
    finally:
        client.close()
    return [str(container["Id"]) for container in found]


@real
async def test_a_container_is_reported_by_what_holds(contained: BoxSession) -> None:
    assert contained.info.isolation == contained.isolation.level == "container"
    assert contained.info.workspace == WORKSPACE
    assert contained.isolation.missing == ()
    assert "Podman" in next(layer.detail for layer in contained.isolation.layers if layer.name == "container")


@real
@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("open('/proc/self/status').read().split('CapBnd:')[1].split()[0]", "'0000000000000000'"),
        ("open('/proc/self/status').read().split('NoNewPrivs:')[1].split()[0]", "'1'"),
        ("os.getuid() in range(0x7000_0000, 0x7100_0000), os.getgid() == os.getuid()", "(True, True)"),
        ("sorted(os.listdir('/sys/class/net'))", "['lo']"),
        ("[name for name in os.environ if 'KEY' in name or 'HOST' in name and name != 'HOSTNAME']", "[]"),
        ("os.getppid()", "1"),
        ("import tempfile; tempfile.NamedTemporaryFile().write(b'12'), open('/dev/shm/x', 'w').write('123')", "(2, 3)"),
    ],
)
async def test_what_code_in_a_container_sees(contained: Session, code: str, expected: str) -> None:
    assert (await contained.run(f"import os\n{code}")).value == expected


@real
@pytest.mark.parametrize(
    ("code", "error"),
    [
        ("open('/usr/x', 'w')", "OSError"),
        ("open('/x', 'w')", "OSError"),
        ("open('/proc/1/mem', 'rb')", "PermissionError"),
        ("os.kill(1, 9)", "PermissionError"),
        ("os.setuid(0)", "PermissionError"),
        ("socket.create_connection(('127.0.0.1', 22), 2)", "ConnectionRefusedError"),
        ("open('big', 'wb').write(bytes(64 << 20))", "OSError"),
        ("bytearray(1 << 30)", "MemoryError"),
        ("[subprocess.Popen(['sleep', '20']) for _ in range(64)]", "BlockingIOError"),
    ],
)
async def test_what_code_in_a_container_may_not(contained: Session, code: str, error: str) -> None:
    problem = (await contained.run(f"import os, socket, subprocess\n{code}")).error
    assert problem is not None
    assert problem.name == error or (problem.name, error) == ("PermissionError", "OSError")
    await contained.run("!rm -f big")
    await contained.reset()


@real
async def test_state_is_kept_or_restored_as_on_this_machine(contained: Session) -> None:
    await contained.run("kept = 1")
    result = await contained.run("print('before'); import time; time.sleep(600)", time_limit=0.5)
    assert result.error is not None
    assert (result.stdout, result.error.kind, result.state) == ("before\n", "timeout", "kept")
    await contained.put("file.bin", bytes(range(256)) * 20_000)
    result = await contained.run("sum(range(10**12))", time_limit=0.5)
    assert result.error is not None
    assert (result.error.kind, result.state) == ("timeout", "restored")
    assert (await contained.run("kept")).value == "1"
    assert await contained.get("file.bin") == bytes(range(256)) * 20_000
    assert (await contained.run("print('x' * 3_000_000)")).dropped == 0
    assert (await contained.run("import os; os._exit(3)")).state == "restored"
    await contained.reset()
    assert (await contained.run("kept")).error is not None


@real
async def test_a_container_goes_back_to_checkpoints_but_does_not_branch(contained: Session) -> None:
    assert contained.capabilities == DockerSandbox().offer.capabilities
    await contained.run("steps = [1]; open('steps.txt', 'w').write('1')")
    first = await contained.checkpoint()
    await contained.run("steps.append(2); open('steps.txt', 'a').write('2')")
    second = await contained.checkpoint()
    for checkpoint, steps in ((first, "[1]"), (second, "[1, 2]"), (first, "[1]")):
        await contained.restore(checkpoint)
        assert (await contained.run("steps")).value == steps
        assert (await contained.run("[int(c) for c in open('steps.txt').read()]")).value == steps
    with pytest.raises(UnsupportedError):
        await contained.fork()


async def _run_on(session: Session) -> None:
    while True:
        await session.run("1")


@real
async def test_nothing_stays_however_a_session_ends(engine: str) -> None:
    """In turn: it closes, it is cancelled while it starts, its container is taken away, its host is killed."""
    place = DockerSandbox(host=engine, preload=())
    before = set(_containers(engine))
    with anyio.move_on_after(0.2):
        async with place.open() as session:
            await session.run("1")
    assert set(_containers(engine)) <= before
    async with place.open() as session:
        (own,) = set(_containers(engine)) - before
        client = docker.APIClient(base_url=engine, version="auto")
        await anyio.to_thread.run_sync(client.kill, own)
        client.close()
        with anyio.fail_after(PATIENCE), pytest.raises(SandboxError):
            await _run_on(session)
    assert set(_containers(engine)) <= before


@real
def test_a_container_ends_with_its_host(engine: str) -> None:
    before = set(_containers(engine))
    with subprocess.Popen([sys.executable, "-c", HOST, engine], stdout=subprocess.PIPE) as host:
        assert host.stdout is not None
        assert host.stdout.readline() == b"ready\n"
        assert set(_containers(engine)) - before
        os.kill(host.pid, signal.SIGKILL)
    deadline = time.monotonic() + PATIENCE
    while set(_containers(engine)) - before:
        assert time.monotonic() < deadline
        time.sleep(0.1)


@real
async def test_an_image_that_is_not_there_is_named_with_the_remedy(engine: str) -> None:
    with pytest.raises(SetupError, match=r"no image 'localhost/no-such'.*docker build"):
        async with DockerSandbox(host=engine, image="localhost/no-such").open():
            pass


@real
async def test_an_interpreter_that_is_not_there_is_named(engine: str) -> None:
    with pytest.raises(SandboxError, match="python9"):
        async with DockerSandbox(host=engine, python="python9").open():
            pass


async def test_an_engine_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="does not answer"):
        async with DockerSandbox(host=f"unix://{tmp_path}/none.sock").open():
            pass
    assert sockets("docker")[0] == "/var/run/docker.sock"
    assert "podman" in sockets("podman")[0]


def test_the_sandbox_is_there_by_name() -> None:
    assert isinstance(sandbox("docker", host="unix:///x", require="namespace"), DockerSandbox)
    assert isinstance(sandbox("podman"), PodmanSandbox)
    assert sandbox("podman").name == "podman"
    with pytest.raises(UsageError, match="no isolation level 'vm'"):
        sandbox("docker", require="vm")


def _terms(**changes: object) -> profile.Terms:
    given: dict[str, object] = {"image": "i", "python": "python3", "limits": LIMITS, "network": "none", "runtime": None}
    return profile.Terms(**{**given, "of_root": True, **changes})  # pyright: ignore[reportArgumentType]


def test_the_profile_gives_nothing_away() -> None:
    body = profile.body(_terms())
    host = body["HostConfig"]
    assert host["CapDrop"] == ["ALL"]
    assert "no-new-privileges" in host["SecurityOpt"]
    assert (host["ReadonlyRootfs"], host["Privileged"], host["NetworkMode"]) == (True, False, "none")
    assert not {"Binds", "Mounts", "Devices", "VolumesFrom", "PidMode", "CapAdd"} & set(host)
    assert host["LogConfig"]["Type"] == "none"
    assert host["Memory"] == host["MemorySwap"] == LIMITS.total_memory
    assert "Runtime" not in host
    assert "0" not in body["User"].split(":")
    json.dumps(body)
    other = profile.body(_terms(network="open", runtime="runsc", of_root=False))
    assert (other["HostConfig"]["NetworkMode"], other["HostConfig"]["Runtime"]) == ("bridge", "runsc")
    assert int(other["User"].split(":")[0]) < 65536


@pytest.mark.parametrize(
    ("change", "missing"),
    [
        ({"HostConfig": {"Memory": 1, "PidsLimit": 1, "Privileged": True}}, "container"),
        ({"Mounts": [{"Type": "bind", "Source": "/etc"}]}, "container"),
        ({"HostConfig": {"NetworkMode": "none"}}, "total memory"),
        ({}, "policy"),
    ],
)
def test_a_layer_counts_only_when_the_engine_says_so(change: dict[str, object], missing: str) -> None:
    rows = {row[0]: row[1] for row in profile.layers(change, "Docker", _terms())}
    assert rows[missing] is False


async def test_the_streams_of_an_engine_are_taken_apart_however_they_are_cut() -> None:
    near, far = socket.socketpair()
    stream = Attached(near)
    whole = b"\x01\0\0\0\0\0\0\x05hello\x02\0\0\0\0\0\0\x04oops\x01\0\0\0\0\0\0\x06 world"
    seen = b""
    for place in range(len(whole)):
        far.send(whole[place : place + 1])
        seen += stream.read() or b""
    assert (seen, stream.last_words) == (b"hello world", "oops")
    far.close()
    assert stream.read() == b""
    near.close()
