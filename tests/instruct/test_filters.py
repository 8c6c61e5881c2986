"""Filters one by one, de-duplication, and pipelines of them with their funnel."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.errors import UsageError
from codeact.instruct import filters
from codeact.instruct.candidate import Candidate, Turn
from codeact.instruct.duplicates import Best, Unlike, distinct, likeness, shingles
from codeact.instruct.filters import Filter
from codeact.instruct.funnel import Funnel
from codeact.instruct.pipeline import CATALOGUE, OURS, PAPER, made, pipeline
from codeact.instruct.tokens import Counter

from .episodes import candidate

ERRED = Turn(message=0, kind="action", erred=True, says_error=True)
PRINTED = Turn(message=0, kind="action", says_error=True)  # the word, and no error
SILENT = Turn(message=0, kind="action", erred=True)  # an error, and not the word


def left(filter: Filter, *given: Candidate) -> list[str]:
    return [each.row.id for each in filter(iter(given))]


def test_what_the_papers_rules_drop() -> None:
    good, failed = candidate("good"), candidate("failed", success=False)
    short = candidate("short", "action", "answer")
    assert left(filters.success(), good, failed) == ["good"]
    assert left(filters.success("answered"), failed) == ["failed"]
    assert left(filters.turns(3), good, short) == ["good"]
    assert left(filters.turns(2), good, short) == ["good", "short"]
    blind = candidate("blind", "unreadable", "unreadable", "answer")
    assert left(filters.readable(), good, blind) == ["good"]
    assert left(filters.once(), good, good, failed) == ["good", "failed"]


def test_talks_with_a_message_missing() -> None:
    good = candidate("good")
    messages = good.row.messages
    odd, stumbling = (
        candidate("odd", messages=messages[:-2]),
        candidate("stumbling", messages=(*messages[:3], *messages[2:4], messages[5], messages[6])),
    )
    odd = candidate("odd", messages=(*messages[:3], *messages[4:]))
    assert left(filters.even(), good, odd, stumbling) == ["good", "stumbling"]
    assert left(filters.alternating(), good, odd, stumbling) == ["good"]


def test_a_clean_step_by_the_exception_and_by_the_word() -> None:
    by_exception, by_word = filters.clean_step(), filters.clean_step("word")
    printed = candidate("printed", PRINTED, PRINTED, "answer")
    silent = candidate("silent", SILENT, SILENT, "answer")
    guessed = candidate("guessed", "answer", "answer", "answer")
    unread = candidate("unread", "unreadable", ERRED, "answer")
    mixed = candidate("mixed", ERRED, "action", "answer")
    every = (printed, silent, guessed, unread, mixed)
    assert left(by_exception, *every) == ["printed", "mixed"]
    assert left(by_word, *every) == ["silent", "unread", "mixed"], "as the paper had it"
    assert left(filters.fixed(), *every) == ["mixed"]
    late = candidate("late", "action", ERRED, "answer")
    assert not late.erred_then_fixed, "nothing ran cleanly after the error"


def test_formats_terms_and_length() -> None:
    ours, theirs = candidate("ours"), candidate("theirs", model="openai:gpt-5.2", licence="")
    assert left(filters.models(), ours, theirs) == ["ours"]
    assert left(filters.models(["local:*"]), ours, theirs) == ["theirs"]
    assert left(filters.models(), candidate("open", model="openai:gpt-oss-20b")) == ["open"]
    for name in ("openai:anthropic/claude-3.5-sonnet", "openai:openai/gpt-4o", "openai:chatgpt-4o-latest", "openai:o3"):
        assert left(filters.models(), candidate("proxied", model=name)) == [], name
    for name in ("openai:meta-llama/Llama-3-70b-chat-hf", "codellama/CodeLlama-7b-Instruct-hf", "gpt-4-0613"):
        assert left(filters.models(), candidate("derived", model=name)) == [], name
    for name in (
        "local:qwen2.5-coder-1.5b",
        "openai:Qwen/Qwen3-8B",
        "openai:mistralai/Mistral-7B-Instruct-v0.3",
        "expert",
    ):
        assert left(filters.models(), candidate("free", model=name)) == ["free"], name
    assert left(filters.licences(), ours, theirs) == ["ours"]
    assert left(filters.licences(["unknown"]), ours, theirs) == ["theirs"]
    assert left(filters.formats(["json"]), ours) == []
    letters = Counter("letters", len)
    length = letters.of_row(ours.row)
    assert left(filters.tokens(length, letters), ours) == ["ours"]
    assert left(filters.tokens(length - 1, letters), ours) == []


def test_what_is_said_twice() -> None:
    first = candidate("first", said=["one  two", "three", "four"])
    again = candidate("again", said=["one two", "three", "four"], task="sums/first")
    elsewhere = candidate("elsewhere", said=["one two", "three", "four"])
    assert left(distinct(), first, again, elsewhere) == ["first", "elsewhere"]
    other_prompt = candidate("other", said=["one two", "three", "four"], task="sums/first", asked="Which?")
    assert left(distinct(), first, other_prompt) == ["first", "other"]


def test_of_near_duplicates_the_better_one_stays() -> None:
    code = "total = sum(values)\nprint(total)\nfor value in values:\n    print(value * {}, value + total)  # {}"
    one = candidate("one", said=[code.format(2, "a"), "then", "done"], task="t")
    alike = candidate("alike", ERRED, "action", "answer", said=[code.format(2, "b"), "then", "done"], task="t")
    other = candidate("other", said=["import pandas as pd", "pd.DataFrame(rows).mean()", "done"], task="t")
    assert shingles(one) == shingles(alike), "comments do not count"
    assert left(Unlike(0.8), one, alike, other) == ["alike", "other"], "it erred and was fixed"
    assert left(Unlike(1.0), one, alike, other) == ["one", "alike", "other"]
    assert left(Best(1), one, alike, other) == ["alike"]
    assert left(Best(2), other, one, alike) == ["other", "alike"], "in the order in which they came"
    assert likeness(frozenset(), frozenset()) == 1.0


@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 5)), max_size=12), st.integers(1, 3))
@settings(deadline=None, max_examples=40)
def test_no_task_keeps_more_than_it_may(drawn: list[tuple[int, int]], most: int) -> None:
    every = [
        candidate(f"{number}", said=[f"say {said}", "then", "done"], task=f"task {task}")
        for number, (task, said) in enumerate(drawn)
    ]
    kept = list(Best(most)(iter(every)))
    tasks = [each.row.task for each in every]
    assert {task: sum(each.row.task == task for each in kept) for task in tasks} == {
        task: min(most, tasks.count(task)) for task in tasks
    }
    assert kept == [each for each in every if each in kept], "the same, in the same order"


def test_pipelines_are_data() -> None:
    assert list(pipeline("paper")) == ["once", "success", "turns", "readable", "even", "clean_step"] == list(PAPER)
    assert pipeline() == dict(OURS)
    assert {"even", "fixed"} == CATALOGUE.keys() - OURS.keys()
    chosen = pipeline("paper", {"turns": 2, "even": "off", "fixed": "on", "keep": True})
    assert chosen == {
        "once": "on",
        "success": "judged",
        "turns": 2,
        "readable": "on",
        "clean_step": "word",
        "fixed": "on",
        "keep": 2,
    }
    assert [each.name for each in made(chosen)] == ["plain", *chosen]
    assert all(each.reason and "\n" not in each.reason for each in made(pipeline("ours", {"fixed": "on"})))


@pytest.mark.parametrize(
    ("name", "value", "words"),
    [
        ("turns", "many", "whole number"),
        ("turns", True, "whole number"),
        ("keep", 0, "from 1 on"),
        ("unlike", 2, "share from 0 to 1"),
        ("clean_step", "luck", "one of exception, word"),
        ("even", 3, "on or off"),
        ("licences", 3, "list of names"),
    ],
)
def test_a_value_that_a_filter_cannot_take(name: str, value: object, words: str) -> None:
    with pytest.raises(UsageError, match=f"the filter {name} cannot take .*{words}"):
        made({name: value})


def test_a_filter_that_there_is_not() -> None:
    with pytest.raises(UsageError, match="no filter 'luck'; there are: once, formats"):
        pipeline("ours", {"luck": 1})


def test_the_funnel_counts_by_domain_and_reads_as_it_goes() -> None:
    read: list[str] = []

    def source() -> Iterator[Candidate]:
        for number in range(6):
            read.append(str(number))
            yield candidate(str(number), domain="even" if number % 2 == 0 else "odd", success=number > 1)

    funnel = Funnel()
    stream = funnel.through(source(), [filters.success(), filters.models(["nobody"])])
    assert next(stream).row.id == "2"
    assert read == ["0", "1", "2"], "nothing is read before it is needed"
    assert [each.row.id for each in stream] == ["3", "4", "5"]
    assert funnel.to_records()[0] == {
        "filter": "success",
        "drops": "its task was not solved",
        "in": 6,
        "dropped": 2,
        "left": 4,
        "domains": {"even": [3, 2], "odd": [3, 2]},
    }
    assert (funnel.read, funnel.left, funnel.domains) == (6, 4, ["even", "odd"])
