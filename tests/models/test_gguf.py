from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeact.errors import WeightsError
from codeact.models.gguf import GgufInfo, read_gguf

from .fake_weights import gguf

WHOLE = gguf(tensor_bytes=256)


def written(folder: Path, data: bytes) -> Path:
    path = folder / "model.gguf"
    path.write_bytes(data)
    return path


def test_a_whole_file_says_what_it_is(tmp_path: Path) -> None:
    assert read_gguf(written(tmp_path, WHOLE)) == GgufInfo(
        architecture="llama", name="A small fake", context=128, has_chat_template=False, tensors=1, size=len(WHOLE)
    )


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"", "not a GGUF file"),
        (b"<!doctype html><title>Sign in</title>", "not a GGUF file"),
        (b"GGUF", "goes on behind its end"),
        (b"GGUF" + (99).to_bytes(4, "little") + bytes(100), "version is 99"),
        (WHOLE[:100], "goes on behind its end"),
        (WHOLE[:-1], f"is cut short: it has {len(WHOLE) - 1:,} bytes and its tensors need {len(WHOLE):,}"),
        (WHOLE[:8] + b"\xff" * 8 + WHOLE[16:], "claims to hold 18,446,744,073,709,551,615 tensors"),
    ],
)
def test_broken_files_are_told_apart(tmp_path: Path, data: bytes, words: str) -> None:
    with pytest.raises(WeightsError, match=words):
        read_gguf(written(tmp_path, data))


def test_no_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"cannot read the model file '.*missing.gguf': No such file"):
        read_gguf(tmp_path / "missing.gguf")
    with pytest.raises(WeightsError, match="Is a directory"):
        read_gguf(tmp_path)


@given(cut=st.integers(0, len(WHOLE) - 1))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_no_cut_goes_unseen(tmp_path: Path, cut: int) -> None:
    with pytest.raises(WeightsError):
        read_gguf(written(tmp_path, WHOLE[:cut]))


@given(place=st.integers(4, len(WHOLE) - 257), damage=st.binary(min_size=1, max_size=16))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_damaged_header_is_read_or_refused_but_nothing_else(tmp_path: Path, place: int, damage: bytes) -> None:
    damaged = WHOLE[:place] + damage + WHOLE[place + len(damage) :]
    try:
        info = read_gguf(written(tmp_path, damaged))
    except WeightsError:
        return
    assert info.size <= len(damaged)
