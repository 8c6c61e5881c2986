"""How far a job is, in words and in counts."""

from __future__ import annotations

import time

from codeact.cli.bench_screen import counts, in_words
from codeact.rollouts import Progress, wilson
from codeact.types import Usage


def half_done() -> Progress:
    """Three of four solved, one broken, of eight; ten seconds ago it began."""
    return Progress(
        total=8,
        broken=1,
        fresh=5,
        usage=Usage(input_tokens=900, output_tokens=500, cost=0.25),
        started=time.monotonic() - 10,
        outcomes={"a": [True], "b": [True], "c": [True], "d": [False]},
    )


def test_words_have_success_with_its_interval_the_pace_the_cost_and_the_time_left() -> None:
    low, high = (100 * end for end in (wilson(3, 4).low, wilson(3, 4).high))
    solved, broken, pace, cost, left = in_words(half_done()).split(", ")
    assert solved == f"75.0 % ({low:.1f} to {high:.1f}) solved"
    assert (broken, cost) == ("1 broken", "$0.25")
    assert pace.endswith(" tokens/s")
    assert 0 < float(pace.split()[0]) <= 50
    assert left.endswith(" left")


def test_words_say_nothing_of_what_is_not_known_yet() -> None:
    assert in_words(Progress(total=8)) == ""


def test_counts_have_the_same_as_numbers() -> None:
    found = counts(half_done())
    assert [found[name] for name in ("total", "done", "successes", "failures", "broken")] == [8, 5, 3, 1, 1]
    assert isinstance(found["seconds_left"], float)
    assert found["seconds_left"] >= 10 / 5 * 3
    assert isinstance(found["tokens_per_second"], float)
    assert 0 < found["tokens_per_second"] <= 50
