"""What the host keeps of a stream."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from codeact.sandbox.output import Kept


@given(st.lists(st.binary(max_size=30)), st.integers(2, 60))
def test_head_and_tail_are_kept_and_the_rest_is_counted(pieces: list[bytes], limit: int) -> None:
    kept, whole = Kept(limit), b"".join(pieces)
    heads = sum(kept.add(piece) for piece in pieces)
    half = limit // 2
    assert kept.size == len(whole)
    assert heads == min(half, len(whole))
    assert kept.dropped == max(0, len(whole) - 2 * half)
    if not kept.dropped:
        assert kept.text == whole.decode("utf-8", "replace")
    else:
        assert kept.text.startswith(whole[:half].decode("utf-8", "replace"))
        assert kept.text.endswith(whole[-half:].decode("utf-8", "replace"))
        assert f"{kept.dropped:,} bytes of output were dropped" in kept.text
