from __future__ import annotations

from pathlib import Path

import pytest

from codeact.models.cores import count_cores, physical_cores, quota


def topology(folder: Path, cores: dict[int, tuple[int, int]]) -> Path:
    """A copy of the kernel's folder: logical CPU to (package, core)."""
    for cpu, (package, core) in cores.items():
        place = folder / f"cpu{cpu}" / "topology"
        place.mkdir(parents=True)
        (place / "physical_package_id").write_text(f"{package}\n")
        (place / "core_id").write_text(f"{core}\n")
    return folder


def test_hyper_threads_count_once_and_other_packages_do_not_mix(tmp_path: Path) -> None:
    folder = topology(tmp_path, {0: (0, 0), 1: (0, 1), 2: (1, 0), 3: (1, 1), 4: (0, 0), 5: (0, 1)})
    assert count_cores(range(6), folder) == 4
    assert count_cores({0, 4}, folder) == 1


def test_a_system_that_does_not_say_has_as_many_cores_as_cpus(tmp_path: Path) -> None:
    assert count_cores(range(3), tmp_path) == 3


@pytest.mark.parametrize(
    ("text", "cpus"), [("max 100000\n", None), ("150000 100000\n", 2), ("50000 100000\n", 1), ("nonsense", None)]
)
def test_quota_of_a_container(tmp_path: Path, text: str, cpus: int | None) -> None:
    (tmp_path / "cpu.max").write_text(text)
    assert quota(tmp_path / "cpu.max") == cpus


def test_this_machine(tmp_path: Path) -> None:
    assert quota(tmp_path / "missing") is None
    assert physical_cores() >= 1
