"""What a box or a model says, as JSON that every store and every client takes."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from codeact.server.wire import LONGEST, Wire


def test_integers_that_no_database_holds_are_told_as_text() -> None:
    plain = Wire().plain({"n": 10**100_000, 10**5000: -(2**63), 3: 2**63 - 1, "yes": True})
    told = json.loads(json.dumps(plain))
    assert told["n"].startswith("0x")
    assert len(told["n"]) < LONGEST + 100
    assert told["3"] == 2**63 - 1
    assert told["yes"] is True
    assert hex(-(2**63)) in told.values()


def test_a_value_whose_text_fails_is_named_by_its_type() -> None:
    class Mute:
        def __repr__(self) -> str:
            raise ValueError("no")

    assert Wire().plain([Mute()]) == ["<Mute, whose text failed: ValueError>"]


ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.binary(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.integers(), inner),
)


@given(value=ANYTHING)
def test_whatever_is_told_json_takes(value: object) -> None:
    json.dumps(Wire().plain(value), allow_nan=False)
