from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.models.stops import StopWatch

SMALL = st.text(alphabet="ab\n", max_size=30)


def cut_whole(text: str, stops: list[str]) -> str:
    """The definition: look after every character, end before the first stop string that is complete."""
    for end in range(len(text) + 1):
        complete = [stop for stop in stops if stop and text[:end].endswith(stop)]
        if complete:
            return text[: end - max(map(len, complete))]
    return text


@given(pieces=st.lists(SMALL), stops=st.lists(st.text(alphabet="ab\n", max_size=4), max_size=4))
def test_the_pieces_do_not_matter(pieces: list[str], stops: list[str]) -> None:
    watch = StopWatch(stops)
    shown = "".join(watch.feed(piece) for piece in pieces) + watch.finish()
    assert shown == cut_whole("".join(pieces), stops)
    assert not any(stop in shown for stop in stops if stop)
    assert watch.stopped == (shown != "".join(pieces))


def test_text_is_held_back_only_while_it_may_be_a_stop_string() -> None:
    watch = StopWatch(["</execute>"])
    assert watch.feed("print(1)") == "print(1)"
    assert watch.feed("</exe") == ""
    assert watch.feed("mplary>") == "</exemplary>"
    assert watch.feed("x</execute>y") == "x"
    assert watch.stopped
    assert watch.feed("more") == ""


@pytest.mark.parametrize("stops", [[], [""]])
def test_nothing_to_stop_at(stops: list[str]) -> None:
    watch = StopWatch(stops)
    assert watch.feed("all of it") == "all of it"
    assert not watch.stopped
