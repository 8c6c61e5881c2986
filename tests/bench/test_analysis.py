"""The numbers of a section, worked out by hand from episodes that were really played."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from codeact.actions.base import ActionSpace
from codeact.bench.analysis import Analysis, analyse
from codeact.bench.models import MOST
from codeact.bench.published import is_same_model, published
from codeact.bench.sections import sections_of
from codeact.bench.statistics import SignTest
from codeact.errors import ConnectionLostError, UsageError
from codeact.models.base import Model
from codeact.rollouts import Results, Spending, wilson
from codeact.tasks import Task
from codeact.types import ToolSpec

from .runs import Player, money, played

pytestmark = pytest.mark.anyio


def analysed(*results: Results) -> Analysis:
    [section] = sections_of(results)
    [analysis] = analyse(section).analyses
    return analysis


async def test_a_cell_by_hand(tmp_path: Path) -> None:
    """Six tasks; text fails two of them. An episode takes 2 turns in json and 3 in text, wrong ones too."""
    player = Player(wrong=[("task-1", "text"), ("task-3", "text")])
    found = analysed(await played(tmp_path, player))
    text = found.formats["text"]
    assert (text.episodes, text.tasks, text.successes, text.interval) == (6, 6, 4, wilson(4, 6))
    assert text.turns is not None
    assert text.solved_turns is not None
    assert (text.turns.value, text.solved_turns.value) == (3, 3)
    assert text.output_tokens > 0
    assert text.cost is None
    assert {name: cells["text"].successes for name, cells in found.domains.items()} == {"even": 3, "odd": 1}
    assert found.failures["text"].episodes["wrong answer"] == 2
    assert (found.failures["text"].turns, found.failures["text"].steps["wrong answer"]) == (18, 2)
    assert found.calls == {}


async def test_a_comparison_by_hand(tmp_path: Path) -> None:
    player = Player(wrong=["task-0", ("task-1", "text"), ("task-3", "text"), ("task-5", "json")])
    [comparison] = analysed(await played(tmp_path, player)).comparisons
    assert (comparison.first, comparison.second, comparison.pairs, comparison.tasks) == ("json", "text", 6, 6)
    assert comparison.won == SignTest(2, 1)
    assert comparison.success.mean.value == pytest.approx(1 / 6)
    assert (comparison.success.p, comparison.success.adjusted) == (1, 1)
    assert comparison.turns.mean.value == -1
    assert comparison.turns.p == 2 / 2**6
    assert comparison.both_solved == 2
    assert comparison.solved_turns is not None
    assert comparison.solved_turns.value == -1


async def test_the_correction_is_over_all_models_of_a_section(tmp_path: Path) -> None:
    results = [await played(tmp_path, model=model) for model in ("one", "two", "three")]
    [section] = sections_of(results)
    assert [test.turns.adjusted for one in analyse(section).analyses for test in one.comparisons] == [3 * 2 / 2**6] * 3


async def test_a_base_and_its_adapted_model_by_hand(tmp_path: Path) -> None:
    """Of eight tasks the base misses five and the adapted model another one, in either format; it takes a turn less."""
    tasks, base = money(8), "local:small"
    quick = Player(turns={"json": 1, "text": 2}, wrong=["task-7"])
    [section] = sections_of(
        [
            await played(tmp_path, Player(wrong=[f"task-{n}" for n in range(5)]), model=base, tasks=tasks),
            await played(tmp_path, quick, model=f"{base}+runs/adapter.gguf", tasks=tasks),
        ]
    )
    found = analyse(section).models
    assert [(test.actions, test.adapted, test.numbers.second) for test in found] == [
        ("json", True, base),
        ("text", True, base),
    ]
    for test in found:
        numbers = test.numbers
        assert (numbers.pairs, numbers.tasks, numbers.won, numbers.both_solved) == (8, 8, SignTest(5, 1), 2)
        assert numbers.success.mean.value == 0.5
        assert numbers.success.mean.interval is not None
        assert -1 <= numbers.success.mean.interval.low < 0.5 < numbers.success.mean.interval.high <= 1
        assert numbers.success.p == 2 * (1 + 6) / 2**6  # McNemar: 6 tasks differ, at most one of them the other way
        assert numbers.success.adjusted == 2 * numbers.success.p  # two tests in the table
        assert (numbers.turns.mean.value, numbers.turns.p) == (-1, 2 / 2**8)


async def test_models_are_compared_on_what_both_have(tmp_path: Path) -> None:
    """One has run less of it, and another format; the base is given last."""
    [section] = sections_of(
        [
            await played(tmp_path, model="m+a", tasks=money(4), actions=("json", "text")),
            await played(tmp_path, model="m", tasks=money(9), actions=("text",), seeds=(0, 1)),
            await played(tmp_path, model="none", tasks=money(9), actions=("text",), seeds=(5,)),
        ]
    )
    [test] = analyse(section).models
    assert (test.actions, test.adapted, test.numbers.first, test.numbers.pairs) == ("text", True, "m+a", 4)


async def test_many_models_are_compared_with_the_first(tmp_path: Path) -> None:
    results = [await played(tmp_path, model=f"m{n}", tasks=money(2), actions=("text",)) for n in range(MOST + 1)]
    [few], [many] = sections_of(results[:3]), sections_of(results)
    assert [(test.numbers.first, test.numbers.second) for test in analyse(few).models] == [
        ("m1", "m0"),
        ("m2", "m0"),
        ("m2", "m1"),
    ]
    assert {test.numbers.second for test in analyse(many).models} == {"m0"}
    assert len(analyse(many).models) == MOST


async def test_several_seeds_of_a_task_are_one_task(tmp_path: Path) -> None:
    once = analysed(await played(tmp_path, Player(wrong=["task-1"])))
    thrice = analysed(await played(tmp_path, Player(wrong=["task-1"]), seeds=(0, 1, 2)))
    assert (thrice.formats["json"].episodes, thrice.formats["json"].tasks) == (18, 6)
    assert thrice.formats["json"].interval == once.formats["json"].interval
    assert thrice.comparisons[0].pairs == 18
    assert thrice.comparisons[0].turns.p == once.comparisons[0].turns.p


async def test_only_what_all_formats_have_is_compared(tmp_path: Path) -> None:
    """The job is stopped after its first episode, task-0 in json: text has nothing to compare it with."""
    stopped = await played(tmp_path, spending=Spending(tokens=1))
    found = analysed(stopped)
    assert (found.entrant.planned, found.entrant.judged("json"), found.entrant.judged("text")) == (12, 1, 0)
    assert found.entrant.common == []
    assert found.comparisons == []
    assert found.formats["json"].episodes == 0


async def test_broken_episodes_are_no_results(tmp_path: Path) -> None:
    class Lossy(Player):
        def __call__(self, task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> Model:
            if task.id == "task-2" and space.name == "text":
                raise ConnectionLostError("gone")
            return super().__call__(task, space, tools)

    found = analysed(await played(tmp_path, Lossy()))
    assert list(found.entrant.broken.values()) == ["ConnectionLostError: gone"]
    assert len(found.entrant.common) == 5
    assert found.formats["json"].episodes == found.formats["text"].episodes == 5


async def test_by_the_number_of_calls(tmp_path: Path) -> None:
    found = analysed(await played(tmp_path, tasks=money(7, calls=True)))
    assert {calls: cells["json"].episodes for calls, cells in found.calls.items()} == {1: 3, 2: 2, 4: 2}
    assert list(found.calls) == [1, 2, 4]


async def test_formats_of_one_job_may_come_from_two_files(tmp_path: Path) -> None:
    one, other = await played(tmp_path, actions=("json",)), await played(tmp_path, actions=("text",))
    assert analysed(one, other).comparisons[0].pairs == 6
    with pytest.raises(UsageError, match="two results files of 'counter' on 'money' hold 'json'"):
        sections_of([one, one])


async def test_what_may_not_be_mixed_is_said(tmp_path: Path) -> None:
    one = await played(tmp_path, actions=("json",))
    for other, field in (
        (await played(tmp_path, actions=("text",), seeds=(1,)), "seeds"),
        (await played(tmp_path, actions=("text",), tasks=money(2)), "tasks"),
    ):
        with pytest.raises(UsageError, match=f"differ in their {field}"):
            sections_of([one, other])
    with pytest.raises(UsageError, match="schema 9; this codeact reads schema 1"):
        sections_of([replace(one, job={**one.job, "schema": 9})])
    with pytest.raises(UsageError, match="does not say its seeds"):
        sections_of([replace(one, job={name: value for name, value in one.job.items() if name != "seeds"})])


async def test_suites_profiles_and_options_are_sections_of_their_own(tmp_path: Path) -> None:
    results = [
        await played(tmp_path, profile="plain"),
        await played(tmp_path, profile="fancy"),
        await played(tmp_path, options={"size": 3}),
        await played(tmp_path, model="other"),
        await played(tmp_path, suite="more money"),
    ]
    sections = sections_of(results)
    assert [(one.suite, one.profile, one.options, len(one.entrants)) for one in sections] == [
        ("money", "plain", {}, 2),
        ("money", "fancy", {}, 1),
        ("money", "plain", {"size": 3}, 1),
        ("more money", "plain", {}, 1),
    ]


def test_the_papers_numbers_are_whole() -> None:
    rows = {suite: published(suite) for suite in ("m3tooleval", "apibank")}
    assert {suite: len(found) for suite, found in rows.items()} == {"m3tooleval": 17, "apibank": 17}
    assert published("m3gen") == ()
    best = {"code": 0, "json": 0, "text": 0}
    for row in rows["m3tooleval"]:
        top = max(cell.success for cell in row.formats.values())
        for actions, cell in row.formats.items():
            best[actions] += cell.success == top
    assert best == {"code": 12, "json": 5, "text": 4}, "the counts that the paper states"
    assert all(
        abs(cell.success * 3.99 - round(cell.success * 3.99)) < 0.05
        for row in rows["apibank"]
        for cell in row.formats.values()
    ), "shares of 399 samples"


def test_our_name_of_a_model_of_the_papers() -> None:
    assert is_same_model("openai:gpt-4-0613", "gpt-4-0613")
    assert is_same_model("vllm:codellama/CodeLlama-7b-Instruct-hf", "CodeLlama-7b-Instruct-hf")
    assert not is_same_model("openai:gpt-4-0613", "gpt-4-1106-preview")
