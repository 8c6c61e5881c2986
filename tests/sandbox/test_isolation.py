"""What the local sandbox must hold against code that wants out."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import anyio
import pytest

from codeact.sandbox import Limits, Session
from codeact.sandbox.isolation import IsolationReport, Layer, meets, refusal, report, unmet
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.probe import probe

pytestmark = pytest.mark.anyio


async def error_of(session: Session, code: str) -> str:
    """The name of the error that the code meets; the test fails when it meets none."""
    result = await session.run(code)
    assert result.error is not None, f"not held: {code} gave {result.value} {result.stdout}"
    return result.error.name


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret.txt"
    path.write_text("a secret of the host")
    path.chmod(0o644)
    return path


async def test_files_of_the_host_are_not_there(local: Session, secret: Path) -> None:
    for path in (
        secret,
        Path.home() / ".bashrc",
        Path(__file__),
        "/etc/shadow",
        "/etc/hostname",
        "/var/log",
        "/run",
        "/sys",
        "/boot",
    ):
        assert await error_of(local, f"open({str(path)!r}).read()") == "FileNotFoundError"
    assert (
        await local.run(
            "import os; sorted(set(os.listdir('/')) & {'root', 'var', 'run', 'sys', 'boot', 'mnt', 'old', 'new'})"
        )
    ).value in (
        "[]",
        "['root']",  # a folder that holds nothing but the interpreter
    )


async def test_only_its_own_folders_can_be_written(local: Session) -> None:
    for path in ("/x", "/etc/x", "/usr/x", "/home/x", "/dev/x", os.__file__ + "x"):
        assert await error_of(local, f"open({path!r}, 'w')") in ("OSError", "PermissionError", "FileNotFoundError"), (
            path
        )
    assert (
        await local.run("for p in ('x', '/tmp/x', '/dev/shm/x', '/dev/null'):\n    open(p, 'w').write('y')")
    ).error is None


async def test_the_environment_of_the_host_is_not_inherited(
    server: LocalSandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SECRET_KEY", "sk-very-secret")
    async with LocalSandbox(preload=()).open() as session:
        for source in (
            "dict(__import__('os').environ)",
            "open('/proc/self/environ', 'rb').read()",
            "open('/proc/1/environ', 'rb').read()",
        ):
            result = await session.run(source)
            assert "sk-very-secret" not in str(result.value)
        assert "PATH" in str((await session.run("list(__import__('os').environ)")).value)


async def test_there_is_no_network_but_its_own_loopback(local: Session) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener, socket.socket(socket.AF_UNIX) as abstract:
        port = listener.getsockname()[1]
        abstract.bind(name := f"\0codeact-test-{os.getpid()}")
        abstract.listen()
        assert (
            await error_of(local, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
            == "ConnectionRefusedError"
        )
        assert await error_of(local, "socket.create_connection(('10.255.255.1', 80), 2)") == "OSError"
        assert await error_of(local, "socket.getaddrinfo('example.com', 80)") == "gaierror"
        assert await error_of(local, f"socket.socket(socket.AF_UNIX).connect({name!r})") in (
            "ConnectionRefusedError",
            "PermissionError",
        )
    assert (await local.run("[name for _, name in socket.if_nameindex()]")).value == "['lo']"
    loopback = "s = socket.create_server(('127.0.0.1', 0)); c = socket.create_connection(s.getsockname()); c.send(b'x')"
    assert (await local.run(loopback)).value == "1"


async def test_an_open_network_is_the_hosts(server: LocalSandbox) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        async with server.open(network="open") as session:
            code = f"import socket; socket.create_connection(('127.0.0.1', {listener.getsockname()[1]}), 2).send(b'x')"
            assert (await session.run(code)).value == "1"


async def test_the_first_worker_is_what_a_later_one_is(server: LocalSandbox) -> None:
    """It is forked before the layers of its session are made."""
    code = (
        "import os, resource, sys\n"
        "status = open('/proc/self/status').read().splitlines()\n"
        "kept = ('Uid', 'Gid', 'Cap', 'NoNewPrivs', 'Seccomp:')\n"
        "limits = [resource.getrlimit(kind) for kind in range(16)]\n"
        "spaces = sorted((name, os.readlink(f'/proc/self/ns/{name}')) for name in os.listdir('/proc/self/ns'))\n"
        "around = os.getcwd(), sys.path, sorted(os.environ.items())\n"
        "[line for line in status if line.startswith(kept)], limits, spaces, around"
    )
    async with server.open() as session:
        first = await session.run(code)
        await session.reset()
        later = await session.run(code)
    assert first.error is None
    assert first.value == later.value


async def test_processes_of_the_host_cannot_be_seen_or_signalled(local: Session) -> None:
    result = await local.run("import os; sorted(int(p) for p in os.listdir('/proc') if p.isdigit())")
    assert result.value == "[1, 2]"
    assert await error_of(local, f"os.kill({os.getpid()}, 0)") in ("ProcessLookupError", "PermissionError")
    for code in (
        "os.kill(1, 9)",
        "os.kill(1, 19)",
        "open('/proc/1/mem', 'rb')",
        "os.listdir('/proc/1/fd')",
        "os.readlink('/proc/1/root')",
    ):
        await local.run(code)
        assert (await local.run("1")).value == "1", code
    assert await error_of(local, "open('/proc/1/mem', 'rb')") == "PermissionError"
    await local.run("import os, signal; signal.signal(15, signal.SIG_IGN); os.killpg(0, 15)")
    await local.run("os.kill(-1, 9)")
    assert (await local.run("'alive'")).value == "'alive'"


async def test_neighbours_do_not_meet(server: LocalSandbox) -> None:
    async with server.open() as one, server.open() as two:
        await one.run("open('/tmp/x', 'w').write('one'); open('/dev/shm/x', 'w').write('one')")
        listen = "s = socket.socket(socket.AF_UNIX); s.bind('\\0name'); s.listen()"
        await one.run(f"import socket; {listen}; t = socket.create_server(('127.0.0.1', 4000))")
        for path in ("/tmp/x", "/dev/shm/x"):
            assert await error_of(two, f"open({path!r})") == "FileNotFoundError"
        assert (
            await error_of(two, "import socket; socket.socket(socket.AF_UNIX).connect('\\0name')")
            == "ConnectionRefusedError"
        )
        assert await error_of(two, "socket.create_connection(('127.0.0.1', 4000), 2)") == "ConnectionRefusedError"
        await two.run("import os; os.kill(-1, 9)", time_limit=5)
        assert (await one.run("1")).value == "1"


async def test_privileges_are_gone(local: Session) -> None:
    status = (await local.run("print(open('/proc/self/status').read())")).stdout
    fields = dict(line.split(":\t", 1) for line in status.splitlines() if ":\t" in line)
    only_chroot = f"{1 << 18:016x}"  # for moving into the files of a branch
    held = {name: fields[name] for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")}
    assert held == {
        "CapInh": "0" * 16,
        "CapAmb": "0" * 16,
        **dict.fromkeys(("CapPrm", "CapEff", "CapBnd"), only_chroot),
    }
    of_a_program = (await local.run("!grep CapEff /proc/self/status")).stdout
    assert of_a_program.split() == ["CapEff:", "0" * 16]
    assert (fields["NoNewPrivs"], fields["Seccomp"]) == ("1", "2")
    assert (await local.run("import os; os.getuid(), os.geteuid(), os.getgid()")).value == "(1000, 1000, 1000)"


SYSTEM_CALLS = {
    "unshare": 272, "setns": 308, "mount": 165, "umount2": 166, "pivot_root": 155, "ptrace": 101,
    "process_vm_readv": 310, "bpf": 321, "perf_event_open": 298, "userfaultfd": 323, "io_uring_setup": 425,
    "keyctl": 250, "add_key": 248, "init_module": 175, "kexec_load": 246, "open_by_handle_at": 304, "personality": 135,
    "pidfd_getfd": 438, "fsopen": 430, "move_mount": 429, "mount_setattr": 442,
}  # fmt: skip


@pytest.mark.skipif(os.uname().machine != "x86_64", reason="the numbers of the calls are those of x86-64")
async def test_dangerous_system_calls_are_refused(local: Session) -> None:
    code = (
        "import ctypes, errno\nlibc = ctypes.CDLL(None, use_errno=True)\n"
        "def call(*args):\n    r = libc.syscall(*map(ctypes.c_long, args))\n"
        "    return r if r >= 0 else errno.errorcode[ctypes.get_errno()]\n"
        f"print({{name: call(number, 0, 0, 0, 0, 0) for name, number in {SYSTEM_CALLS!r}.items()}})\n"
        "sockets = [call(41, family, 2, 0) for family in (17, 38, 40)]  # packet, alg, vsock\n"
        "call(435, 0, 0), call(56, 0x10000000 | 17, 0, 0, 0, 0), call(0x40000000 | 39), sockets"
    )
    result = await local.run(code)
    assert result.error is None, result.error
    assert eval(result.stdout) == dict.fromkeys(SYSTEM_CALLS, "EPERM")
    assert result.value == "('ENOSYS', 'EPERM', 'ENOSYS', ['EAFNOSUPPORT', 'EAFNOSUPPORT', 'EAFNOSUPPORT'])"


async def test_a_fork_bomb_is_contained(server: LocalSandbox) -> None:
    async with server.open(limits=Limits(processes=40)) as session, server.open() as neighbour:
        code = (
            "import os, time\nwhile True:\n    try:\n        os.fork()\n    except OSError:\n        time.sleep(0.01)"
        )
        with anyio.fail_after(20):
            result = await session.run(code, time_limit=0.5)
        assert result.error is not None
        assert (await neighbour.run("1")).value == "1"
        assert (await session.run("import os; len([p for p in os.listdir('/proc') if p.isdigit()])")).value is not None
        await session.reset()
        left = (await session.run("import os; len([p for p in os.listdir('/proc') if p.isdigit()])")).value
        assert left == "3"  # its first process, the interpreter and its standby


async def test_the_workspace_is_bounded(server: LocalSandbox) -> None:
    async with server.open(limits=Limits(workspace=8 << 20)) as session:
        result = await session.run(
            "for n in range(100):\n    open(f'/tmp/{n}' if n % 2 else f'{n}', 'wb').write(bytes(1 << 20))"
        )
        assert result.error is not None
        assert "No space left" in result.error.message
        assert (await session.run("print('x' * 50_000)")).overflow is None  # there is no room for it
        assert (await session.run("1")).value == "1"


async def test_a_restart_ends_what_was_started(local: Session) -> None:
    await local.run("import subprocess; subprocess.Popen(['setsid', 'sleep', '1000'])")
    await local.run("import os; os._exit(1)")
    assert (await local.run("import os; sorted(int(p) for p in os.listdir('/proc') if p.isdigit())[0]")).value == "1"
    assert "sleep" not in (await local.run("!cat /proc/*/cmdline")).stdout.replace("cat /proc", "")


async def test_the_probe_says_what_holds() -> None:
    found = await probe()
    assert found.level == "namespace"
    active = {layer.name for layer in found.layers if layer.active}
    assert {"namespaces", "files", "network", "privileges", "seccomp", "resources"} <= active
    assert all(layer.remedy for layer in found.missing)
    assert {check.name: check.held for check in found.checks} == dict.fromkeys(
        (check.name for check in found.checks), True
    )
    assert len(found.checks) >= 6


def test_the_level_comes_from_the_layers() -> None:
    rows = [[name, True, ""] for name in ("namespaces", "files", "privileges", "seccomp")]
    assert report(rows).level == "namespace"
    for missing in range(4):
        found = report([row if n != missing else [row[0], False, "why"] for n, row in enumerate(rows)])
        assert found.level == "process"
        assert [layer.name for layer in unmet(found)] == [rows[missing][0]]
        assert rows[missing][0] in refusal(unmet(found), "namespace")
        assert not meets(found.level, "namespace")
    assert IsolationReport(layers=(Layer(name="files", active=True),)).level == "process"
