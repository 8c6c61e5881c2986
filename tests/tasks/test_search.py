"""Questions over an encyclopedia: solvable by searching and not by guessing, over our world and over HotpotQA."""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any, cast

import pytest

from codeact.errors import ToolError, UsageError
from codeact.rollouts import OracleRow, oracle, oracle_rows, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task, suite
from codeact.tasks.search.index import LONGEST, Page, index
from codeact.tasks.search.judge import Mentions
from codeact.tasks.search.questions import number
from codeact.tasks.search.world import make_world
from codeact.tools import ToolSet
from codeact.types import Answer, CodeAction, ToolCall

pytestmark = pytest.mark.anyio

SUITE = suite("search")
HOTPOTQA = Path(__file__).parents[2] / "../shared/data/hotpotqa"

QUESTION: dict[str, Any] = {
    "_id": "5a",
    "question": "In which year was the maker of Lantern Song born?",
    "answer": "1911",
    "type": "bridge",
    "level": "hard",
    "supporting_facts": [["Lantern Song", 0], ["Ida Moll", 1]],
    "context": [
        ["Lantern Song", ["Lantern Song is a poem by Ida Moll.", " It is short."]],
        ["Ida Moll", ["Ida Moll is a poet.", " She was born in May 1911 in Ulm."]],
        ["Ida Moritz", ["Ida Moritz was born in 1890."]],
    ],
}


def failures(row: OracleRow) -> list[str]:
    return [f"{episode.task}: {episode.verdict.reason}" for episode in row.episodes if not episode.verdict.correct]


def written_in(task: Task) -> str:
    """The expert's first action."""
    action = task.oracles["code"].act([], ())
    assert isinstance(action, CodeAction)
    return action.code


def judge_of(task: Task) -> Mentions:
    return cast("Mentions", task.judge)


async def test_the_experts_solve_them_with_a_search_for_each_page() -> None:
    tasks = SUITE.tasks(seed=3, count=25)
    for row in await oracle_rows(tasks, formats=["json", "text"]):
        assert failures(row) == []
        turns = {episode.task: episode.result.turns for episode in row.episodes}
        assert turns == {task.id: task.labels["hops"] + 1 for task in tasks}


async def test_in_code_they_think_search_and_read_turn_by_turn(warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks(seed=7, count=6)
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox)
    assert failures(row) == []
    for task, episode in zip(tasks, row.episodes, strict=True):
        steps = episode.result.trajectory.steps
        acting = [step for step in steps if step.reply and isinstance(step.reply.action, CodeAction)]
        assert 2 <= len(acting) <= task.rules.turns
        assert all(step.reply and step.reply.thought for step in acting)
        written = "".join(step.completion.text for step in acting[:-1])  # the last thought may quote what was seen
        assert judge_of(task).reference not in written


def test_the_same_seed_gives_the_same_tasks_and_another_one_others() -> None:
    def prompts(seed: int) -> list[str]:
        return [task.prompt for task in SUITE.tasks(seed=seed, count=60)]

    assert prompts(1) == prompts(1)
    assert len(set(prompts(1))) == 60
    assert not set(prompts(1)) & set(prompts(2))


def test_guessing_solves_nothing() -> None:
    """No answer is in its prompt, and none is the right one of many questions."""
    tasks = SUITE.tasks(seed=11, count=200)
    answers = Counter(judge_of(task).reference for task in tasks)
    assert answers.most_common(1)[0][1] <= 6
    assert [task.id for task in tasks if judge_of(task).reference in task.prompt] == []


def test_kinds_and_hops_take_turns() -> None:
    tasks = SUITE.tasks(count=10)
    seen = Counter(f"{task.labels['kind']} {task.labels['hops']}" for task in tasks)
    assert seen == dict.fromkeys(["bridge 1", "bridge 2", "comparison 2", "bridge 3", "comparison 3"], 2)
    assert {task.labels["licence"] for task in tasks} == {"own"}


@pytest.mark.parametrize("seed", range(3))
def test_every_page_is_found_by_its_title_and_says_each_fact_once(seed: int) -> None:
    world = make_world(seed, 40)
    with index(world.pages).open() as encyclopedia:
        for page in world.pages:
            assert encyclopedia.best(page.title)[0] == page
            assert len(page.text) <= LONGEST
            for fact in world.entities[page.title].facts.values():
                assert page.text.count(fact.sentence) == 1
                read = re.findall(fact.pattern, page.text)  # not the year in which some archive burned down
                assert read == [fact.value]


def test_facts_agree_with_each_other() -> None:
    world = make_world(5, 30)

    def year(title: str, key: str) -> int:
        return number(world.entities[title].facts[key].value)

    for entity in world.of("person"):
        assert world.entities[entity.facts["birthplace"].value].kind == "town"
        if teacher := entity.facts.get("teacher"):
            assert year(teacher.value, "born") < year(entity.title, "born")
        if employer := entity.facts.get("employer"):
            assert year(employer.value, "founded") <= year(entity.title, "born") + 50
    for entity in world.of("organisation"):
        assert year(entity.title, "founded") >= year(entity.facts["founder"].value, "born") + 20


async def test_an_episode_can_only_read() -> None:
    task = SUITE.tasks(count=1)[0]
    async with task.open("code") as world:
        tools = ToolSet(world.tools)
        before = await tools.call(ToolCall("wikipedia_search", ("town",)))
        for hostile in ('" OR title:x', "NEAR(a b)", "town*", "'; DROP TABLE pages; --", "a" * 5000, "", "\x00", "🙂"):
            assert isinstance(await tools.call(ToolCall("wikipedia_search", (hostile,))), str)
        assert await tools.call(ToolCall("wikipedia_search", ("town",))) == before
        with pytest.raises(ToolError):
            await tools.call(ToolCall("wikipedia_search", (7,)))


def test_a_result_has_three_pages_and_the_query_three_hundred_characters() -> None:
    pages = [Page(f"Ferry {number}", "A ferry. " + "x" * 3000) for number in range(9)]
    with index([*pages, Page("Needle", "It is in the hay.")]).open() as encyclopedia:
        found = encyclopedia.search("ferry")
        assert (found.count("Page: Ferry "), found.count("Summary: A ferry.")) == (3, 3)
        assert len(found) < 3 * (LONGEST + 40)
        assert encyclopedia.search(" " * 300 + "needle") == "No page was found."
        assert encyclopedia.search("NEEDLES").startswith("Page: Needle\nSummary: It is in the hay.")


@pytest.mark.parametrize(
    ("judge", "answer", "right"),
    [
        (Mentions("Ida Moll"), "Ida Moll", True),
        (Mentions("Ida Moll"), 'The answer is "ida moll".', True),
        (Mentions("the Ulm Guild"), "Ulm Guild", True),
        (Mentions("Ida Moll"), "Ida", False),
        (Mentions("Ida Moll"), "It may be one of Ada Moll, Bela Moll, Cato Moll or Ida Moll", False),
        (Mentions("Ulm", frozenset({"Bonn"})), "Ulm or Bonn", False),
        (Mentions("1911"), "1911", True),
        (Mentions("1911"), "in 1911.", True),
        (Mentions("1911"), "1910, 1911, 1912", False),
        (Mentions("1911"), "19111", False),
        (Mentions("1911"), "1912", False),
        (Mentions("6,960"), "6960", True),
        (Mentions("6,960"), "6,960 inhabitants", True),
        (Mentions("2.5"), "2.50", True),
        (Mentions("2.5"), "2.6", False),
        (Mentions("yes"), "Yes, both are.", True),
        (Mentions("no"), "I do not know; no or yes", False),
    ],
)
async def test_an_answer_names_the_reference_and_hardly_more(judge: Mentions, answer: str, right: bool) -> None:
    async with SUITE.tasks(count=1)[0].open("code") as world:
        assert judge(Answer(answer), world).correct is right
        assert not judge(None, world).correct


async def test_showing_all_that_was_found_is_no_answer() -> None:
    for task in SUITE.tasks(count=20, hops=1):
        async with task.open("json") as world:
            title = written_in(task).split('"')[1]
            found = await ToolSet(world.tools).call(ToolCall("wikipedia_search", (title,)))
            assert judge_of(task).reference in found.replace("\n", " ")
            assert not task.judge(Answer(found), world).correct


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"hops": 4}, "1, 2 or 3 hops, not 4"),
        ({"kinds": "riddle"}, "no kind 'riddle'; there are: bridge, comparison"),
        ({"kinds": "comparison", "hops": 1}, "a comparison has 2 or 3"),
        ({"count": 0}, "count=0"),
        ({"size": 1000}, "size=1000"),
        ({"size": 8, "hops": 1, "count": 10_000}, "too few questions"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SUITE.tasks(**options)


# --- HotpotQA ---------------------------------------------------------------------------------------


def publish(folder: Path, *questions: object, name: str = "hotpot_train_v1.1.json") -> Path:
    file = folder / name
    file.write_text(json.dumps(questions))
    return file


async def test_hotpotqas_expert_reads_both_pages(tmp_path: Path, warm_sandbox: LocalSandbox) -> None:
    publish(tmp_path, QUESTION)
    (tmp_path / "paragraphs_1.json").write_text(json.dumps({"Ulm": ["Ulm is a city."]}))
    [task] = SUITE.tasks("hotpotqa", data=str(tmp_path))
    assert (task.id, task.labels["licence"], task.labels["level"]) == ("hotpotqa/5a", "CC-BY-SA-4.0", "hard")
    episode = await play_episode(task, oracle, sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.result.turns) == (True, 4)
    assert "1911" not in "".join(step.completion.text for step in episode.result.trajectory.steps[:2])


async def test_other_pages_can_be_searched_too(tmp_path: Path) -> None:
    corpus = tmp_path / "more.jsonl"
    corpus.write_text('{"title": "Bonn", "text": "Bonn lies on the Rhine."}\n\n{"title": "Aue", "text": "A town."}\n')
    [task] = SUITE.tasks("hotpotqa", data=str(publish(tmp_path, QUESTION)), corpus=str(corpus))
    async with task.open("json") as world:
        found = await ToolSet(world.tools).call(ToolCall("wikipedia_search", ("Rhine",)))
    assert found == "Page: Bonn\nSummary: Bonn lies on the Rhine."


def test_an_expert_needs_a_way_that_can_be_walked(tmp_path: Path) -> None:
    unnamed = {**QUESTION, "_id": "5b", "question": "In which year was the poet born?"}
    compared = {**QUESTION, "_id": "5c", "type": "comparison", "answer": "Ida Moll"}
    other_words = {**QUESTION, "_id": "5d", "answer": "the year 1911"}
    publish(tmp_path, unnamed, compared, other_words)
    tasks = SUITE.tasks("hotpotqa", data=str(tmp_path))
    assert [dict(task.oracles) for task in tasks] == [{}, {}, {}]
    assert judge_of(tasks[1]).others == {"Lantern Song"}


def test_levels_and_a_sample_can_be_asked_for(tmp_path: Path) -> None:
    rows = [{**QUESTION, "_id": str(number), "level": "hard" if number % 2 else "easy"} for number in range(20)]
    file = str(publish(tmp_path, *rows))
    assert len(SUITE.tasks("hotpotqa", data=file, levels="hard")) == 10
    drawn = [task.id for task in SUITE.tasks("hotpotqa", data=file, count=5)]
    assert len(drawn) == 5
    assert drawn == [task.id for task in SUITE.tasks("hotpotqa", data=file, count=5)]
    assert drawn != [task.id for task in SUITE.tasks("hotpotqa", data=file, count=5, seed=1)]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('[{"_id": "1", "ques', "is truncated: .*line 1"),
        ('{"Ulm": ["A city."]}', "no file of HotpotQA's questions"),
        (
            '[{"_id": "1", "question": "Why?"}]',
            "question 1 of .*train.json is none of HotpotQA's: answer: Field required",
        ),
        ('[{"task_id": 1, "text": "x"}]', "question 1 of .*: _id: Field required"),
    ],
)
def test_a_wrong_file_of_questions_is_refused_with_its_place(tmp_path: Path, content: str, words: str) -> None:
    (tmp_path / "train.json").write_text(content)
    with pytest.raises(UsageError, match=words):
        SUITE.tasks("hotpotqa", data=str(tmp_path))


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "c.jsonl",
            '{"title": "A", "text": "B"}\n{"title": "A"}',
            "line 2 of .*c.jsonl is no page: text: Field required",
        ),
        ("c.jsonl", '{"title": "A", "te', "line 1 of .*c.jsonl is no page"),
        ("c.json", '{"A": "a text"}', "page 'A' of .*c.json is not a list of sentences"),
        ("c.json", "[1]", "c.json is no corpus"),
    ],
)
def test_a_wrong_corpus_is_refused_with_its_place(tmp_path: Path, name: str, content: str, words: str) -> None:
    (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=words):
        SUITE.tasks("hotpotqa", data=str(publish(tmp_path, QUESTION)), corpus=str(tmp_path / name))


def test_missing_data_says_where_it_is_offered(tmp_path: Path) -> None:
    for data in (None, str(tmp_path), str(tmp_path / "none")):
        with pytest.raises(UsageError, match=r"hotpotqa\.github\.io"):
            SUITE.tasks("hotpotqa", data=data)
    with pytest.raises(UsageError, match="no level 'very hard'"):
        SUITE.tasks("hotpotqa", data=str(publish(tmp_path, QUESTION)), levels="very hard")


@pytest.mark.skipif(not HOTPOTQA.is_dir(), reason=f"HotpotQA's files are not at {HOTPOTQA}")
async def test_all_hundred_of_the_publishers_questions_load_and_have_experts_where_they_may() -> None:
    tasks = SUITE.tasks("hotpotqa", data=str(HOTPOTQA))
    assert len(tasks) == 100
    assert sum("code" in task.oracles for task in tasks) == 34
    async with tasks[0].open("code") as world:
        for task in tasks:
            assert task.judge(Answer(judge_of(task).reference), world).correct
        found = await ToolSet(world.tools).call(ToolCall("wikipedia_search", ("Demon Dice",)))
    assert found.startswith("Page: Demon Dice\nSummary: Demon Dice, originally published")
