"""Decontamination: what hits the bench, in which way, and what does not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.instruct.bench_texts import BENCH, DATALESS, BenchText, texts_of_file, texts_of_suite
from codeact.instruct.contamination import Decontaminate, Hit, Index
from codeact.tasks import suite

from .episodes import candidate, mint_line

LONG = "A baker sells twelve loaves in the morning and nine in the afternoon. How many loaves are sold in two days?"
SET = Path(__file__).parents[3] / "shared/data"
with_real_data = pytest.mark.skipif(not (SET / "mint").is_dir(), reason=f"MINT's published files are not at {SET}")


def index(*texts: str, bench: str = "bench") -> Index:
    found = Index()
    found.add(BenchText(bench, f"task-{number}", text) for number, text in enumerate(texts))
    return found


def test_the_three_ways_of_being_hit() -> None:
    bench = Decontaminate(index(LONG), ("m3gen",))
    given = [
        candidate("same", asked=LONG.upper().replace(".", " !")),
        candidate("inside", asked=f"Use tools. {LONG} Give the number alone, and nothing else."),
        candidate("half", asked=LONG.partition(" in the")[0] + " every day of the week. How much is that?"),
        candidate("other", asked="What is the capital of France?"),
        candidate("played", asked="What?", origin={"suite": "m3gen"}),
    ]
    assert [each.row.id for each in bench(iter(given))] == ["half", "other"]
    assert bench.hits == [
        Hit(row="same", bench="bench", task="task-0", way="exact"),
        Hit(row="inside", bench="bench", task="task-0", way="n-grams", share=1.0),
        Hit(row="played", bench="m3gen", task="", way="suite"),
    ]


def test_what_many_tasks_have_in_common_hits_nothing() -> None:
    form = "Answer with the value alone, without any words around it, and nothing else besides that."
    found = index(*(f"Question {number} about apples. {form}" for number in range(12)))
    assert found.find(f"Something quite different is asked here. {form}") is None
    assert found.find(f"question 7 about apples {form}") is not None


def test_the_share_and_the_words_compared() -> None:
    half = " ".join(LONG.split()[:13]) + " Write a poem on bread that a child can learn by heart in a week."
    assert index(LONG).find(half) is None
    sharper = Index(n=4, share=0.4)
    sharper.add([BenchText("bench", "task", LONG)])
    found = sharper.find(half)
    assert found is not None
    assert 0.4 <= found[2] < 1
    phrase = "How many loaves are sold in two days, then?"
    assert index(LONG).find(phrase) is None, "one phrase in common is no task in common"
    whole = index(f"{LONG} Assert that it is 42. Write a function with this signature and these tests in mind.")
    assert whole.find(LONG) is not None, "a bench task may hold a row's, too"
    assert index("Three words only").find("three words only") is not None
    assert index("Three words only").find("three words only are said here") is None


def test_the_suites_that_need_no_data() -> None:
    found = Index()
    for name in DATALESS:
        found.add(texts_of_suite(name))
    assert found.sizes["m3tooleval"] > 82
    for task in suite("m3tooleval").tasks()[::9]:
        assert found.find(f"{task.prompt} Thank you.") is not None
    assert set(DATALESS) < set(BENCH)


def test_a_suite_with_generated_tasks_and_published_ones(tmp_path: Path) -> None:
    alone = [text.task for text in texts_of_suite("programming")]
    assert {name.partition("/")[0] for name in alone} == {"generated"}
    with pytest.raises(UsageError, match="m3gen needs no data"):
        list(texts_of_suite("m3gen", tmp_path))
    with pytest.raises(UsageError, match="apibank needs data=PATH"):
        list(texts_of_suite("apibank"))


SIGNATURE = """\
def loaves_left(baked: List[int], sold: List[int]) -> int:
    \""" How many loaves are left in the evening, when so many were baked and sold in each hour of the day.
    >>> loaves_left([12, 9], [10, 4])
    7
    \"""
"""
PUBLISHED = {  # rows in their publishers' formats
    "gsm8k": {"question": LONG, "answer": "12 + 9 = 21, and 2 * 21 = <<2*21=42>>42\n#### 42"},
    "humaneval": {
        "task_id": "HumanEval/3",
        "prompt": SIGNATURE,
        "entry_point": "loaves_left",
        "canonical_solution": "    return sum(baked) - sum(sold)\n",
        "test": "def check(candidate):\n    assert candidate([1], [1]) == 0\n",
    },
}


@pytest.mark.parametrize(("name", "asked"), [("gsm8k", LONG), ("humaneval", SIGNATURE)])
def test_the_suites_whose_data_have_to_be_given(name: str, asked: str, tmp_path: Path) -> None:
    """Their tasks are found in rows of any suite; without data nothing can be compared but the suite's name."""
    with pytest.raises(UsageError, match=f"{name} has no data of its own; remedy: data=FILE"):
        list(texts_of_suite(name))
    path = tmp_path / "published.jsonl"
    path.write_text(json.dumps(PUBLISHED[name]) + "\n")
    texts = list(texts_of_suite(name, path))
    assert {text.task.partition("/")[0] for text in texts} == {"agent", "plain"}
    found = Index()
    found.add(texts)
    bench = Decontaminate(found, BENCH)
    given = [
        candidate("as-played", asked=texts[-1].text, origin={"suite": "math"}),
        candidate("as-published", asked=f"{asked}\nSolve it with code.", origin={"suite": "programming"}),
        candidate("other", asked="A tailor cuts five coats from thirty metres of cloth. How much cloth is in one?"),
        candidate("by-name", asked="What is left?", origin={"suite": name}),
    ]
    assert [each.row.id for each in bench(iter(given))] == ["other"]
    assert [(hit.row, hit.bench, hit.way) for hit in bench.hits] == [
        ("as-played", name, "exact"),
        ("as-published", name, "n-grams"),
        ("by-name", name, "suite"),
    ]


def test_a_suite_whose_tasks_are_told_by_their_worlds() -> None:
    """Its prompt is the same for all of them, so words say no more of a task than the suite's name."""
    texts = list(texts_of_suite("scienceworld"))
    assert len({text.text for text in texts}) == 1
    assert len(texts) > 100


def test_any_set_of_json_lines(tmp_path: Path) -> None:
    path = tmp_path / "set.jsonl"
    path.write_text(json.dumps({"question": "Why?", "deep": {"er": "How?"}}) + "\n" + mint_line("hi", prompt="What?"))
    assert [text.text for text in texts_of_file(path)] == ["Why?", "What?"]
    assert next(iter(texts_of_file(path, "deep.er"))).text == "How?"
    with pytest.raises(UsageError, match=r"set\.jsonl', line 2: no text at 'deep\.er'; name the field"):
        list(texts_of_file(path, "deep.er"))
    path.write_text("{")
    with pytest.raises(UsageError, match="line 1: not JSON"):
        list(texts_of_file(path))


@with_real_data
def test_nothing_of_mints_outputs_passes_by_its_words() -> None:
    """But for the household tasks, which the suite `mint` does not have: those go by the suite's name."""
    found = Index()
    found.add(texts_of_suite("mint", SET / "mint"))
    found.add(texts_of_suite("apibank", SET / "api_bank"))
    outputs = list(texts_of_file(SET / "mint/outputs/gpt-4-0613.max5.jsonl.xz"))
    missed = [text.text for text in outputs if found.find(text.text) is None]
    assert len(outputs) == 188
    assert len(missed) == 34
    assert all("You are in the middle of a room" in text for text in missed)
