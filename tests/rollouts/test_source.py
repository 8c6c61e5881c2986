"""Which tasks a job takes, by name."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.errors import UsageError
from codeact.rollouts import TaskSource, subset
from codeact.tasks import Expected, Profile, Suite, Task, suite, workbench


def tasks(domains: str) -> list[Task]:
    return [
        Task(id=f"{domain}{n}", domain=domain, prompt="?", open=workbench(lambda actions: []), judge=Expected(n))
        for n, domain in enumerate(domains)
    ]


@given(st.text("abc", min_size=1, max_size=30), st.integers(0, 5), st.data())
def test_a_subset_is_even_ordered_and_within_every_larger_one(domains: str, seed: int, data: st.DataObject) -> None:
    everything = tasks(domains)
    count = data.draw(st.integers(1, len(everything)))
    drawn = [task.id for task in subset(everything, count, seed)]
    assert len(drawn) == count
    assert drawn == [task.id for task in everything if task.id in drawn]
    assert set(drawn) <= {task.id for task in subset(everything, min(count + 1, len(everything)), seed)}
    there, taken = Counter(domains), Counter(id[0] for id in drawn)
    unfinished = [taken[domain] for domain in there if taken[domain] < there[domain]]
    assert all(most - least <= 1 for least in unfinished for most in taken.values())


def test_a_subset_of_a_real_suite_is_the_same_one_everywhere() -> None:
    drawn = subset(suite("m3tooleval").tasks(), 5, 7)
    assert [task.id for task in drawn] == [
        "message_decoder/length_based_decoding_puzzle",
        "cryptobotanists_plant_dna_sequencer/validate_transcribe_translate",
        "trade_calculator/comparative_profit_analysis",
        "travel_itinerary_planning/grand_tour_vacation",
        "web_browsing/reduced_sum_mystical_crystal_ball_magical_spellbook",
    ]
    with pytest.raises(UsageError, match="a subset of 83 tasks cannot be drawn from 82"):
        subset(suite("m3tooleval").tasks(), 83)


def test_a_source_makes_the_same_tasks_again() -> None:
    source = TaskSource(suite="m3gen", options={"count": 3, "calls": [2, 4]}, reply_tokens=99)
    assert [task.id for task in source.tasks()] == [task.id for task in suite("m3gen").tasks(count=3, calls=[2, 4])]
    assert {task.rules.reply_tokens for task in source.tasks()} == {99}
    assert TaskSource(suite="m3gen").tasks()[0].rules == suite("m3gen").tasks()[0].rules


def test_an_option_that_a_suite_does_not_have_is_named() -> None:
    plain = Profile(name="plain", summary="", tasks=lambda: tasks("a"))  # pyright: ignore[reportArgumentType] -- as in docs/tasks.md
    bare = Suite(name="bare", summary="", readme=__file__, profiles=[plain])  # pyright: ignore[reportArgumentType]
    with pytest.raises(UsageError, match="bare has no option 'size'; the profile 'plain' takes none"):
        bare.tasks(size=3)
