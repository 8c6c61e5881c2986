"""The statistics, against scipy, against values worked out by hand, and against what must hold for any data."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from codeact.bench.statistics import Mean, SignTest, flip_test, holm, mean, sign_test
from codeact.rollouts import effective_size, share_interval

Outcomes = st.lists(st.lists(st.booleans(), min_size=1, max_size=4), min_size=1, max_size=30)
Differences = st.lists(st.lists(st.integers(-9, 9), min_size=1, max_size=3), max_size=10)


@pytest.mark.parametrize(("successes", "total"), [(0, 10), (10, 10), (41, 82), (1, 3), (61, 82)])
def test_with_one_seed_the_interval_is_wilsons(successes: int, total: int) -> None:
    found = share_interval([[number < successes] for number in range(total)])
    right = stats.binomtest(successes, total).proportion_ci(method="wilson")
    assert (found.low, found.high) == pytest.approx((right.low, right.high), abs=1e-6)


def test_seeds_that_agree_add_nothing() -> None:
    once = [[number < 41] for number in range(82)]
    thrice = [cluster * 3 for cluster in once]
    assert effective_size(thrice) == 82
    assert share_interval(thrice) == share_interval(once)


def test_seeds_that_differ_as_tasks_do_count_in_full() -> None:
    """Worked out by hand: 4 tasks of 2 seeds, 1 success each: no variance between tasks at all."""
    assert effective_size([[True, False]] * 4) == 8
    # sums 2, 1, 1, 0 around 1: between = 2 * 4/3; share (1 - share) total² = 16; 16 / (8/3) = 6
    assert effective_size([[True, True], [True, False], [False, True], [False, False]]) == pytest.approx(6)


@given(Outcomes)
def test_an_interval_holds_its_share(outcomes: list[list[bool]]) -> None:
    total, successes = sum(map(len, outcomes)), sum(map(sum, outcomes))
    interval = share_interval(outcomes)
    assert 0 <= interval.low <= successes / total + 1e-12
    assert successes / total - 1e-12 <= interval.high <= 1
    assert len(outcomes) <= effective_size(outcomes) <= total


def test_the_interval_of_nothing() -> None:
    interval = share_interval([])
    assert (interval.low, interval.high) == (0, 1)
    assert mean([]) is None
    assert mean([[], []]) is None


@pytest.mark.parametrize(("first", "second"), [(0, 0), (1, 0), (5, 0), (3, 9), (17, 4), (40, 41)])
def test_mcnemar_is_exact(first: int, second: int) -> None:
    right = stats.binomtest(first, first + second).pvalue if first + second else 1.0
    assert SignTest(first, second).p == pytest.approx(right)
    assert SignTest(second, first).p == SignTest(first, second).p


def test_a_task_is_won_by_more_of_its_seeds() -> None:
    assert sign_test([[1, 1, -1], [0, 0, -1], [1, -1], [0, 0], [1]]) == SignTest(2, 1)


@settings(max_examples=25)
@given(st.lists(st.integers(-6, 6), min_size=1, max_size=9))
def test_the_flip_test_is_scipys_permutation_test(differences: list[int]) -> None:
    found = flip_test([[value] for value in differences])
    nonzero = [value for value in differences if value]
    if len(nonzero) < 2:
        assert found == 1
        return
    right = stats.permutation_test((nonzero,), np.sum, permutation_type="samples", n_resamples=math.inf)
    assert found == pytest.approx(right.pvalue)


def test_five_of_one_sign_are_not_yet_significant() -> None:
    assert flip_test([[2]] * 5) == 2 / 32
    assert flip_test([[1]] * 5) == SignTest(5, 0).p


def test_the_flip_test_of_many_tasks_is_near_the_normal_one() -> None:
    rng = np.random.default_rng(1)
    values = [[float(value)] for value in rng.normal(0.2, 1, 100)]
    normal = 2 * stats.norm.sf(abs(sum(v for [v] in values)) / math.sqrt(sum(v * v for [v] in values)))
    assert flip_test(values) == pytest.approx(normal, abs=0.01)
    assert flip_test(values) == flip_test(values), "the seed is fixed"


@given(Differences)
def test_a_flip_test_has_no_favourite(differences: list[list[int]]) -> None:
    p = flip_test(differences)
    assert 0 < p <= 1
    assert flip_test([[-value for value in cluster] for cluster in differences]) == p


def test_the_bootstrap_is_scipys() -> None:
    values = [float(value) for value in np.random.default_rng(2).exponential(3, 60)]
    found = mean([[value] for value in values])
    right = stats.bootstrap((values,), np.mean, method="percentile", n_resamples=10_000, rng=np.random.default_rng(3))
    assert found is not None
    assert found.interval is not None
    assert found.value == pytest.approx(np.mean(values))
    low, high = right.confidence_interval
    assert (found.interval.low, found.interval.high) == pytest.approx((low, high), abs=0.05)


def test_the_bootstrap_draws_tasks_and_not_episodes() -> None:
    once = mean([[float(value)] for value in range(20)])
    thrice = mean([[float(value)] * 3 for value in range(20)])
    assert once == thrice
    assert mean([[1.0], [3.0]]) is not None
    assert mean([[1.0, 2.0], [3.0]]).value == 2  # pyright: ignore[reportOptionalMemberAccess]
    assert mean([[1.0], [3.0]]).interval is None  # pyright: ignore[reportOptionalMemberAccess]


def test_no_interval_where_all_are_alike() -> None:
    assert mean([[2.0]] * 9) == Mean(2.0, None)


def test_holm_by_hand() -> None:
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []


@given(st.lists(st.floats(0, 1), max_size=12))
def test_holm_only_raises_and_keeps_the_order(ps: list[float]) -> None:
    adjusted = holm(ps)
    assert all(p <= raised <= 1 for p, raised in zip(ps, adjusted, strict=True))
    order = sorted(range(len(ps)), key=ps.__getitem__)
    assert [adjusted[index] for index in order] == sorted(adjusted)
