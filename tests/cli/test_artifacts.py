"""Names from an untrusted box, on this machine."""

from datetime import datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.cli.artifacts import RunFolder, free_path, plan_folder, safe_name, slug
from codeact.errors import UsageError

NOW = datetime(2026, 3, 1, 12, 30, 5)


@given(st.text())
def test_no_name_leaves_the_folder(name: str) -> None:
    safe = safe_name(name)
    assert not safe.is_absolute()
    assert ".." not in safe.parts
    assert safe.parts
    assert all(len(part.encode()) < 1000 and "\x00" not in part for part in safe.parts)


@pytest.mark.parametrize(
    ("name", "safe"),
    [
        ("plot.png", "plot.png"),
        ("out/plot.png", "out/plot.png"),
        ("../../etc/passwd", "_/_/etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("a\x1b]0;x\x07.txt", "a_]0;x_.txt"),
        ("C:\\windows\\x", "C__windows_x"),
        ("", "unnamed"),
        ("x" * 300 + ".csv", "x" * 104 + ".csv"),
    ],
)
def test_names_stay_readable(name: str, safe: str) -> None:
    assert safe_name(name) == Path(safe)


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "plot.png").write_bytes(b"mine")
    folder = RunFolder(tmp_path)
    assert folder.save("plot.png", b"theirs").path == tmp_path / "plot-2.png"
    assert folder.save("plot.png", b"newer").path == tmp_path / "plot-3.png"
    assert (tmp_path / "plot.png").read_bytes() == b"mine"


def test_no_file_is_written_through_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "plot.png").symlink_to(target)  # dangling: it does not "exist"
    saved = RunFolder(tmp_path / "run").save("plot.png", b"x")
    assert saved.path.name == "plot-2.png"
    assert not target.exists()


def test_a_run_gets_a_folder_named_after_time_and_task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = plan_folder("Plot the sales of 2025, please!", None, now=NOW)
    assert first.path == Path("codeact-runs/20260301-123005-plot-the-sales-of-2025-please")
    assert not first.path.exists()
    first.create()
    assert plan_folder("Plot the sales of 2025, please!", None, now=NOW).path.name.endswith("-please-2")


def test_a_folder_with_a_run_in_it_is_refused(tmp_path: Path) -> None:
    (tmp_path / "trajectory.jsonl").touch()
    with pytest.raises(UsageError, match="already holds a run"):
        plan_folder("task", tmp_path, now=NOW)


def test_a_folder_that_cannot_be_made_is_the_callers_to_mend(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot make the folder"):
        RunFolder(tmp_path / "file" / "run").create()


@given(st.text())
def test_slugs_are_plain_and_short(task: str) -> None:
    text = slug(task)
    assert 0 < len(text) <= 48
    assert set(text) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")


def test_free_paths_count_up(tmp_path: Path) -> None:
    (tmp_path / "a.txt").touch()
    (tmp_path / "a-2.txt").touch()
    assert free_path(tmp_path / "a.txt") == tmp_path / "a-3.txt"
