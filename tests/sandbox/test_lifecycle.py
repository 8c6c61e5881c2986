"""Beginning and end: nothing of a box outlives its session or its host; hosts are served, or refused clearly."""

from __future__ import annotations

import gc
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import anyio
import pytest

from codeact.errors import SandboxError
from codeact.sandbox import sandbox
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox

from .conftest import no_filter
from .kin import below

pytestmark = pytest.mark.anyio

NOBODY = 65534


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what others make in the shared one meanwhile is not counted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


def processes() -> set[int]:
    """Processes of boxes that this process has started, and everything below them."""
    return below(os.getpid())


def open_files() -> dict[str, str]:
    return {fd.name: os.readlink(fd) for fd in Path("/proc/self/fd").iterdir() if os.path.lexists(fd)}


def folders() -> set[Path]:
    return set(Path(tempfile.gettempdir()).glob("codeact-*"))


async def test_thirty_sessions_leave_nothing(server: LocalSandbox) -> None:
    async with server.open() as session:
        await session.run("1")
    gc.collect()
    before = processes(), len(open_files()), folders()
    for number in range(30):
        async with server.open() as session:
            if number % 10 == 0:
                await session.run(
                    "import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '1000']); import os; os._exit(1)"
                )
            assert (await session.run("1")).value == "1"
    gc.collect()
    assert (processes(), len(open_files()), folders()) == before


@pytest.mark.parametrize("name", ["local", "subprocess"])
async def test_a_sandbox_leaves_nothing(name: str) -> None:
    box = sandbox(name, preload=())
    before = processes(), len(open_files()), folders()

    async def use() -> None:
        async with box.open() as session:
            await session.run("import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '1000']); open('f', 'w')")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()
    assert (processes(), len(open_files()), folders()) == before


async def test_cancelling_a_start_leaves_nothing() -> None:
    before = processes(), len(open_files()), folders()
    for name in ("local", "subprocess"):
        with anyio.move_on_after(0.15):
            async with sandbox(name).open():
                await anyio.sleep_forever()
    assert (processes(), len(open_files()), folders()) == before


async def test_many_sessions_at_once(server: LocalSandbox) -> None:
    values: list[str | None] = []

    async def one(number: int) -> None:
        async with server.open() as session:
            await session.run(f"x = {number}")
            await anyio.sleep(0.1)
            values.append((await session.run("x")).value)

    async with anyio.create_task_group() as tasks:
        for number in range(12):
            tasks.start_soon(one, number)
    assert sorted(values, key=str) == sorted(map(str, range(12)))


HOST = """
import anyio, os, sys
from codeact.sandbox import sandbox
async def main():
    async with sandbox(sys.argv[1], preload=()).open() as session:
        await session.run("import subprocess; subprocess.Popen(['setsid', '-f', 'sleep', '4321'])")
        print(session.info.workspace, flush=True)
        await session.run("import time; time.sleep(1000)", time_limit=1000)
anyio.run(main)
"""


@pytest.mark.parametrize("name", ["local", "subprocess"])
def test_killing_the_host_leaves_nothing(name: str) -> None:
    host = subprocess.Popen([sys.executable, "-c", HOST, name], stdout=subprocess.PIPE, text=True)
    assert host.stdout is not None
    with host.stdout:
        workspace = host.stdout.readline().strip()
    started = below(host.pid)
    assert started
    os.kill(host.pid, signal.SIGKILL)
    host.wait()
    deadline = time.monotonic() + 10
    while (alive := [pid for pid in started if running(pid)]) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert alive == []
    if name == "subprocess":
        assert not Path(workspace).parent.exists()


def running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


async def test_a_server_killed_by_hand_ends_its_sessions_clearly() -> None:
    others = processes()

    async def use(server: LocalSandbox) -> None:
        async with server.open() as session:
            await session.run("x = 1")
            os.kill(min(processes() - others), signal.SIGKILL)
            while True:  # until the kernel has ended all that the server had started
                await session.run("x")

    async with LocalSandbox(preload=()) as server:
        for _ in range(2):
            with anyio.fail_after(20), pytest.raises(SandboxError):
                await use(server)
        values: list[str | None] = []

        async def one() -> None:
            async with server.open() as session:
                values.append((await session.run("6 * 7")).value)

        async with anyio.create_task_group() as tasks:  # the first of them starts another server, the others wait
            for _ in range(4):
                tasks.start_soon(one)
        assert values == ["42"] * 4
    assert processes() <= others


async def test_an_interpreter_that_does_not_start_is_named() -> None:
    for kind in (LocalSandbox, SubprocessSandbox):
        with pytest.raises(SandboxError, match="no-such-python"):
            async with kind(python="/no-such-python").open():
                pass
        with pytest.raises(SandboxError, match="ended while starting"):
            async with kind(python="/bin/false").open():
                pass


USER = """
import anyio, json, os
from codeact.sandbox import sandbox
from codeact.sandbox.probe import probe
codes = "1 + 1", "import os; os.getuid()", "sorted(os.listdir('/proc'))[0]"
async def main():
    async with sandbox("local", preload=()).open() as session:
        values = [(await session.run(code)).value for code in codes]
        stuck = await session.run("sum(range(10**12))", time_limit=0.2)
        level = session.info.isolation
    failed = [check.name for check in (await probe()).checks if not check.held]
    print(json.dumps([os.getuid(), values, stuck.state, level, failed]))
anyio.run(main)
"""


@pytest.fixture(scope="module")
def readable_python() -> Iterator[str]:
    """A Python with our packages that an ordinary user can read; this one may live in root's home."""
    if os.getuid() != 0:
        yield sys.executable
        return
    python = shutil.which("python3", path="/usr/local/bin:/usr/bin") or "/bin/false"
    ask = [python, "-c", "import sys; print(sys.version_info[:2])"]
    version = subprocess.run(ask, capture_output=True, text=True, check=False).stdout.strip()
    if version != str(sys.version_info[:2]):
        pytest.skip(f"the tests run as root, and the system has no Python {sys.version_info[:2]} for ordinary users")
    folder = Path(tempfile.mkdtemp(prefix="user-python-", dir="/tmp"))
    try:
        subprocess.run([python, "-m", "venv", "--without-pip", str(folder)], check=True)
        folder.chmod(0o755)
        packages = next(folder.glob("lib/python*/site-packages"))
        for name in needed_by("ipython", "anyio", "h11", "landlockpy", "platformdirs", "seccompy"):
            copy_package(name, packages)
        shutil.copytree(Path(__file__).parents[2] / "src" / "codeact", packages / "codeact")
        yield str(folder / "bin" / "python")
    finally:
        shutil.rmtree(folder)


def needed_by(*names: str) -> set[str]:
    found, waiting = set[str](), list(names)
    while waiting:
        name = waiting.pop()
        try:
            requires = metadata.requires(name) or []
        except metadata.PackageNotFoundError:
            continue
        if name not in found:
            found.add(name)
            waiting += [re.split(r"[^\w.-]", need)[0] for need in requires if "extra ==" not in need]
    return found


def copy_package(name: str, target: Path) -> None:
    for file in metadata.files(name) or []:
        if ".." not in file.parts and file.suffix != ".pyc":
            (target / file.parent).mkdir(parents=True, exist_ok=True)
            shutil.copy(file.locate(), target / file)


def test_an_ordinary_user_gets_the_same_isolation(readable_python: str) -> None:
    ids = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    done = subprocess.run(
        [readable_python, "-c", USER],
        capture_output=True,
        text=True,
        check=False,
        cwd="/",
        env={"PATH": "/usr/bin:/bin"},
        **ids,
    )
    assert done.returncode == 0, done.stderr
    uid, values, state, level, not_held = json.loads(done.stdout)
    assert uid == (NOBODY if ids else os.getuid())
    assert (values, state, level, not_held) == (["2", "1000", "'1'"], "restored", "namespace", [])


PROXIED = """
import anyio, http.server, threading
from codeact.sandbox import Allow, sandbox
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"hello")
server = http.server.HTTPServer(("127.0.0.1", 0), Page)
threading.Thread(target=server.serve_forever, daemon=True).start()
host = f"127.0.0.1:{server.server_port}"
code = f"import urllib.request; urllib.request.urlopen('http://{host}/').read()"
async def main():
    async with sandbox("local", preload=()).open(network=Allow((host,))) as session:
        print((await session.run(code)).value, [request.allowed for request in session.requests])
anyio.run(main)
"""


FILTERED = """
import anyio, json, os
from codeact.sandbox.local import LocalSandbox
async def main():
    async with LocalSandbox(preload=(), require="filter", forms=["filter"]) as server, server.open() as session:
        values = [(await session.run(code)).value for code in ("1 + 1", "import os; os.getuid()")]
        stuck = await session.run("sum(range(10**12))", time_limit=0.2)
        print(json.dumps([values, stuck.error.kind, (await server.examine()).level]))
anyio.run(main)
"""


def test_an_ordinary_user_has_a_network_by_list(readable_python: str) -> None:
    ids = {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.getuid() == 0 else {}
    command, environment = [readable_python, "-c", PROXIED], {"PATH": "/usr/bin:/bin"}
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd="/", env=environment, **ids)
    assert done.stdout == "b'hello' [True]\n", done.stderr


@pytest.mark.parametrize("root", [True, False], ids=["root", "user"])
def test_the_filter_of_root_and_of_an_ordinary_user(readable_python: str, root: bool) -> None:
    if no_filter() or (root and os.getuid() != 0):
        pytest.skip(no_filter() or "the tests do not run as root")
    ids = {} if root or os.getuid() != 0 else {"user": NOBODY, "group": NOBODY, "extra_groups": []}
    done = subprocess.run(
        [readable_python, "-c", FILTERED], capture_output=True, text=True, check=False, cwd="/", env={}, **ids
    )
    assert done.returncode == 0, done.stderr
    (two, uid), kind, level = json.loads(done.stdout)
    assert (two, kind, level) == ("2", "timeout", "filter")
    expected = int(uid) >= 0x7000_0000 if root else int(uid) == (NOBODY if ids else os.getuid())
    assert expected, uid


REFUSED = """
import anyio, errno, os, sys
from seccompy import Filter
from codeact.errors import IsolationError
from codeact.sandbox import sandbox
from codeact.sandbox.probe import probe
filter = Filter()
for name in ("unshare", "setns", "mount", "clone3"):
    filter.errno(name, errno.EPERM if name != "clone3" else errno.ENOSYS)
filter.load()
async def main():
    try:
        async with sandbox("local", preload=()).open():
            print("opened")
    except IsolationError as error:
        print(error)
    print((await probe()).level)
    async with sandbox("subprocess", preload=()).open() as session:
        print((await session.run("6 * 7")).value, session.info.isolation)
anyio.run(main)
"""


def test_a_host_without_namespaces_is_refused_with_the_remedy() -> None:
    """As in a container with Docker's default seccomp profile."""
    done = subprocess.run([sys.executable, "-c", REFUSED], capture_output=True, text=True, check=False)
    refusal, level, plain = done.stdout.splitlines()
    assert "cannot isolate code at the level 'namespace'" in refusal
    assert "Operation not permitted" in refusal
    assert "--security-opt seccomp=unconfined" in refusal
    assert (level, plain) == ("process" if no_filter() else "filter", "42 process")


LACKING = """
import anyio, errno, sys
from seccompy import Filter
from codeact.errors import IsolationError
from codeact.sandbox import sandbox
filter = Filter()
if sys.argv[1] == "landlock":
    filter.errno(444, errno.EPERM)
else:
    filter.errno("prctl", errno.EINVAL, args={0: 22})
filter.load()
async def main():
    for require in ("namespace", "process"):
        try:
            async with sandbox("local", preload=(), require=require).open() as session:
                missing = [layer.name for layer in session.isolation.missing if layer.name != "total memory"]
                print((await session.run("6 * 7")).value, session.info.isolation, *missing)
        except IsolationError as error:
            print(error)
anyio.run(main)
"""


@pytest.mark.parametrize("lacking", ["landlock", "seccomp"])
def test_a_host_that_lacks_a_layer_is_reported_as_it_is(lacking: str) -> None:
    done = subprocess.run([sys.executable, "-c", LACKING, lacking], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    strict, lenient = done.stdout.splitlines()
    if lacking == "landlock":
        assert strict == lenient == "42 namespace landlock"
    else:
        assert strict.startswith("this host cannot isolate code at the level 'namespace' (seccomp: [Errno 22]")
        assert "CONFIG_SECCOMP_FILTER" in strict
        assert lenient == "42 process seccomp"
