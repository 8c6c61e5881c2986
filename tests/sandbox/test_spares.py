"""Sessions that are ready before anybody asks: as good as any other, for one taker each, and gone with their server."""

from __future__ import annotations

import gc
import os
import signal
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import anyio
import pytest

from codeact.errors import UsageError
from codeact.sandbox import Allow, Limits, NetworkPolicy, cgroups
from codeact.sandbox.ladder import Form
from codeact.sandbox.local import LocalSandbox

from .conftest import HostTools, add, echo, no_filter
from .kin import below

pytestmark = pytest.mark.anyio

MiB = 1 << 20
PATIENCE = 60  # seconds; many times what anything here takes
MEMORY = "import resource; resource.getrlimit(resource.RLIMIT_DATA)[0]"
POLICY = "import os; os.environ['CODEACT_NETWORK']"
OTHERS = set[int]()  # processes that were there before a test: the servers of other tests
DRAW = "import random, numpy; (random.random(), numpy.random.random(), numpy.random.default_rng().random())"


@pytest.fixture(autouse=True)
def own_temporary_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that what others make in the shared one meanwhile is not counted."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))


@pytest.fixture(autouse=True)
def others() -> None:
    OTHERS.clear()
    OTHERS.update(below(os.getpid()))


@pytest.fixture
async def shared() -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox(preload=()) as box:
        yield box


async def until(holds: Callable[[], bool]) -> None:
    with anyio.fail_after(PATIENCE):
        while not holds():  # noqa: ASYNC110 (nothing tells)
            await anyio.sleep(0.01)


def processes() -> set[int]:
    """Those that a test has started, and all below them."""
    return below(os.getpid()) - OTHERS


def alive() -> set[int]:
    """Those that are not waiting for burial."""
    return {pid for pid in processes() if cgroups.start_of(pid)}


def things() -> dict[str, set[object]]:
    """What a spare could leave behind."""
    gc.collect()  # what earlier tests have left to it
    places = {place.folder for place in cgroups.host().places.values()}
    return {
        "processes": set(processes()),
        "descriptors": {fd.name for fd in Path("/proc/self/fd").iterdir()},
        "groups": {folder for place in places for folder in place.glob(f"codeact-*.{os.getpid()}.*")},
        "files": set(Path(tempfile.gettempdir()).rglob("*")),
    }


def sizes(found: dict[str, set[object]]) -> dict[str, int]:
    return {name: len(things) for name, things in found.items()}


async def stock(box: LocalSandbox, *, limits: Limits | None = None, network: NetworkPolicy = "none") -> None:
    """Ask for a session of a kind, and leave when there is a spare of it."""
    async with box.open(limits=limits, network=network):
        taken = box.ready
        await until(lambda: box.ready > taken)


async def rested(box: LocalSandbox) -> None:
    """Nothing goes on any more: there are a server with its launcher, and one spare with its worker."""
    await until(lambda: box.ready == 1 and len(processes()) == 4)


async def test_who_takes_a_spare_gets_own_tools_and_an_empty_workspace(shared: LocalSandbox) -> None:
    async with shared.open(HostTools(echo=echo)) as session:
        await session.run("echo(1); open('theirs', 'w')")
        await until(lambda: shared.ready == 1)
    tools = HostTools(add=add)
    async with shared.open(tools) as session:
        assert shared.ready == 0
        assert (await session.run("add(2, b=3)")).value == "5"
        assert (await session.run("import os; 'echo' in globals(), os.listdir(), In[1]")).value == (
            "(False, [], 'add(2, b=3)')"
        )
        assert session.info.isolation == "namespace"
        await session.run("import os; os._exit(1)")
        assert (await session.run("add(3)")).value == "4"
        await session.reset()
        assert (await session.run("add(4)")).value == "5"
    assert [call.name for call in tools.calls] == ["add"] * 3


async def test_spares_are_kept_for_each_kind_of_session(shared: LocalSandbox) -> None:
    small = Limits(memory=512 * MiB)
    for kind in (Limits(), small):
        await stock(shared, limits=kind)
    await stock(shared, network="open")
    async with shared.open(network=Allow(("127.0.0.1:9",))) as session:  # with a proxy of its own: not a kind to keep
        await session.run("1")
    assert shared.ready == 3
    async with shared.open(limits=small) as one, shared.open(network="open") as two, shared.open() as three:
        assert (await one.run(MEMORY)).value == str(small.memory)
        assert [(await each.run(POLICY)).value for each in (one, two, three)] == ["'none'", "'open'", "'none'"]
        assert (await three.run(MEMORY)).value == str(Limits().memory)


async def test_of_many_kinds_spares_are_kept_for_those_asked_for_last(shared: LocalSandbox) -> None:
    kinds = [Limits(open_files=number) for number in range(100, 106)]
    for kind in kinds[:4]:
        await stock(shared, limits=kind)
    assert shared.ready == 4
    for kind in kinds[4:]:
        async with shared.open(limits=kind) as session:
            await session.run("1")
    for kind in kinds[4:]:  # the oldest have given way, so these are there, or come
        await until(lambda: shared.ready == 4)
        async with shared.open(limits=kind):
            assert shared.ready == 3


@pytest.mark.parametrize("form", ["namespace", "filter"])
async def test_a_session_from_a_spare_does_what_any_does(form: Form) -> None:
    if form == "filter" and (reason := no_filter()):
        pytest.skip(reason)
    async with LocalSandbox(preload=(), require=form, forms=[form]) as box:
        await stock(box)
        async with box.open(HostTools(add=add)) as session:
            assert session.info.isolation == form
            await session.put("in.txt", b"given")
            assert (await session.run("x = add(1); open('in.txt').read()")).value == "'given'"
            kept = await session.checkpoint()
            stuck = await session.run("x = 0; sum(range(10**12))", time_limit=0.2)
            assert (stuck.error and stuck.error.kind, stuck.state) == ("timeout", "restored")
            await session.run("x = 5; open('out.txt', 'w')")
            await session.restore(kept)
            assert (await session.run("x")).value == "2"
            assert [file.path for file in await session.files()] == ["in.txt"]


async def test_sessions_draw_different_numbers() -> None:
    drawn = set[str | None]()
    async with LocalSandbox(preload=["numpy"], spares=2) as box:
        await stock(box)
        for _ in range(4):
            await until(lambda: box.ready > 0)
            async with box.open() as session:
                drawn.add((await session.run(DRAW)).value)
    assert len(drawn) == 4


@pytest.mark.parametrize("which", [0, 1], ids=["init", "worker"])
async def test_a_spare_that_was_killed_is_not_given_to_anybody(shared: LocalSandbox, which: int) -> None:
    server = alive()
    await stock(shared)
    await rested(shared)
    before = things()
    killed = sorted(alive() - server, key=lambda pid: -len(below(pid)))[which]
    os.kill(killed, signal.SIGKILL)
    await until(lambda: not cgroups.start_of(killed))
    async with shared.open() as session:
        assert (await session.run("6 * 7")).value == "42"
        await until(lambda: shared.ready == 1)
    await rested(shared)
    assert sizes(things()) == sizes(before)


async def test_spares_of_a_server_that_was_killed_are_not_given_to_anybody(shared: LocalSandbox) -> None:
    await stock(shared)
    os.kill(min(alive()), signal.SIGKILL)
    await until(lambda: not alive())
    async with shared.open() as session:
        assert (await session.run("6 * 7")).value == "42"


async def test_many_at_once_are_opened_with_one_spare_beside_them(shared: LocalSandbox) -> None:
    server = len(alive())
    done, opened = anyio.Event(), list[str | None]()

    async def one() -> None:
        async with shared.open() as session:
            opened.append((await session.run("1")).value)
            await done.wait()

    async with anyio.create_task_group() as tasks:
        for _ in range(20):
            tasks.start_soon(one)
        await until(lambda: len(opened) == 20)
        await until(lambda: shared.ready == 1)
        assert len(alive()) <= server + 21 * 3  # an init, a worker and a standby each
        done.set()
    await rested(shared)


@pytest.mark.parametrize("number", [30, pytest.param(200, marks=pytest.mark.slow)])
async def test_sessions_in_a_row_leave_nothing_but_one_spare(number: int) -> None:
    empty = things()
    async with LocalSandbox(preload=()) as box:
        counted = list[dict[str, int]]()
        for turns in (3, number):
            for turn in range(turns):
                async with box.open() as session:
                    await session.run("import os; os._exit(1)" if turn % 5 == 4 else str(turn))
            await rested(box)
            counted.append(sizes(things()))
        assert counted[0] == counted[1]
    assert things() == empty


@pytest.mark.parametrize("seconds", [0, 0.035, 0.05])
async def test_leaving_while_a_spare_is_made_leaves_nothing(seconds: float) -> None:
    before = things()
    async with LocalSandbox(preload=()) as box:
        for _ in range(3):
            async with box.open():
                await anyio.sleep(seconds)
    assert things() == before


async def test_cancelling_while_spares_are_made_and_taken_leaves_nothing(shared: LocalSandbox) -> None:
    await stock(shared)
    await rested(shared)
    before = sizes(things())
    for milliseconds in range(0, 60, 4):
        with anyio.move_on_after(milliseconds / 1000):
            while True:
                async with shared.open(), shared.open():
                    pass
    async with shared.open():  # the spare may be there already, or nobody may have asked for one any more
        pass
    await rested(shared)
    assert sizes(things()) == before


async def test_an_error_in_the_block_keeps_its_name() -> None:
    async def use() -> None:
        async with LocalSandbox(preload=()) as box:
            await stock(box)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await use()


async def test_without_spares_nothing_is_made_beforehand() -> None:
    async with LocalSandbox(preload=(), spares=0, checkpoints="none") as box:
        async with box.open() as session:
            await session.run("1")
            running = alive()
            await anyio.sleep(0.1)
            assert alive() <= running
        assert box.ready == 0
    with pytest.raises(UsageError, match="spares=-1 is less than none"):
        LocalSandbox(spares=-1)
