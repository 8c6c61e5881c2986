"""Problems to be computed: verified twice, solvable by their experts, and judged as mathematics within limits."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from random import Random

import pytest

from codeact.errors import UsageError
from codeact.rollouts import oracle_rows
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Cells, suite, verdict_of
from codeact.tasks.math.comparing import Comparing, failure_of
from codeact.tasks.math.notation import latex_of
from codeact.tasks.math.problem import latex, total
from codeact.tasks.math.reading import cleaned, same
from codeact.tasks.math.rows import SUBJECTS
from codeact.tasks.math.suite import FAMILIES
from codeact.types import Answer

pytestmark = pytest.mark.anyio

SUITE = suite("math")
MATH = Path(__file__).parents[2] / "../shared/data/math"
ROW = {"question": "What is $1+1$?", "answer": "2", "level": "Level 3"}


@pytest.mark.parametrize("family", FAMILIES)
def test_every_answer_is_reached_in_two_ways(family: str) -> None:
    for level in (1, 2, 3):
        for number in range(6):
            problem = FAMILIES[family](Random(f"{family} {level} {number}"), level)
            assert problem.holds, problem.text
            assert same(problem.answer, cleaned(problem.answer))


async def test_experts_compute_check_and_answer(warm_sandbox: LocalSandbox) -> None:
    chosen = ["surd_root", "urn", "lattice_points", "power_remainder"]
    tasks = SUITE.tasks(seed=4, count=4, families=chosen, levels=2)
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox, at_once=2)
    assert [episode.verdict.reason for episode in row.episodes if not episode.verdict.correct] == []
    for episode in row.episodes:
        steps = episode.result.trajectory.steps
        assert len(steps) == 3
        assert [bool(step.reply and step.reply.thought) for step in steps[:2]] == [True, True]


async def test_experts_know_the_method_and_not_the_value() -> None:
    """A large answer, which no part of a problem's code is by chance, stands nowhere in it."""
    large = 0
    for task in SUITE.tasks(seed=2, count=102):
        cells = task.oracles["code"]
        async with task.open("code") as world:
            assert isinstance(world, Comparing)
            assert isinstance(cells, Cells)
            code = "".join(cell if isinstance(cell, str) else cell.code for cell in cells.cells)
            if len(world.reference) > 3:
                large += 1
                assert world.reference not in code
    assert large > 20


async def test_guessing_solves_nothing() -> None:
    tasks = SUITE.tasks(seed=9, count=204)
    references: list[str] = []
    for task in tasks:
        async with task.open("code") as world:
            assert isinstance(world, Comparing)
            references.append(world.reference)
    assert Counter(references).most_common(1)[0][1] <= 12
    assert len({task.prompt for task in tasks}) >= 190  # the smallest families have few problems


def test_the_same_seed_gives_the_same_tasks_and_another_one_others() -> None:
    def made(seed: int) -> list[str]:
        return [task.prompt for task in SUITE.tasks(seed=seed)]

    assert made(1) == made(1)
    assert len(set(made(1)) & set(made(2))) <= 2
    assert Counter(task.labels["level"] for task in SUITE.tasks()) == {1: 17, 2: 17, 3: 17}


@pytest.mark.parametrize(
    ("reference", "answer", "right"),
    [
        ("33,\\!800", "33800", True),
        ("1{,}008{,}016", "$1,008,016$", True),
        ("42", "The answer is \\boxed{42}.", True),
        ("42", "x = 42", True),
        ("42", "42.0", True),
        ("42", "42 inches", True),
        ("42", "41", False),
        ("2", "2pi", False),
        ("2", "2 or", False),
        ("10ab", "10xy", None),
        ("5", "5cm", True),
        ("42", "4 2", False),
        ("42", "41 or 42", False),
        ("42", "6 \\cdot 7", False),
        ("6", "3!", False),
        ("\\frac{1}{3}", "1/3", True),
        ("\\dfrac13", "Rational(1, 3)", True),
        ("\\frac{1}{3}", "0.3333333", True),
        ("\\frac{1}{3}", "0.33", False),
        ("-\\frac{47}{8}", "-5.875", True),
        ("\\$0.25", "0.25", True),
        ("90^\\circ", "90", True),
        ("\\text{Evelyn}", "evelyn", True),
        ("\\text{(C)}", "C", True),
        ("\\frac13", "\\int_0^1 x^2 dx", False),
        ("\\frac12", "1" * 301, False),
        ("\\frac12", "", False),
        ("5", "1e999", False),
        ("(1,2)", "(1, 2)", True),
        ("2\\sqrt{3}", "2*sqrt(3)", None),
        ("2\\frac{1}{3}", "7", None),
    ],
)
def test_most_answers_are_decided_by_their_text(reference: str, answer: str, right: bool | None) -> None:
    assert same(reference, cleaned(answer)) is right


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("2*sqrt(3)", "2 \\cdot \\sqrt{3}"),
        ("[1, -1]", "[1, -1]"),
        ("Matrix([[1, 2], [3, 4]])", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}"),
        ("sp.Union(Interval(0, 1), Interval.open(2, oo))", "[0, 1] \\cup (2, \\infty)"),
        ("x**2 - 1 <= y", "((x)^{2} - 1) \\le y"),
        ("__import__('os').system('true')", None),
        ("(lambda: 1)()", None),
        ("[x for x in y]", None),
        ("open", None),
        ("-" * 5000 + "1", None),
        ("(" * 500, None),
        ("", None),
    ],
)
def test_pythons_notation_is_rewritten_and_never_run(text: str, latex: str | None) -> None:
    assert latex_of(text) == latex


@pytest.mark.parametrize(
    ("reference", "answer", "right"),
    [
        ("8,1,-1,-8", "[-8, -1, 1, 8]", True),
        ("(1,2)", "[1, 2]", False),
        ("(-\\infty,2]", "x <= 2", True),
    ],
)
async def test_the_rest_is_compared_as_mathematics(reference: str, answer: str, right: bool) -> None:
    assert (not await failure_of(reference, answer)) is right


def test_an_answer_of_any_length_is_read_at_once() -> None:
    assert len(cleaned("`" * 100_000 + "x")) == 100_001


async def test_a_hostile_answer_is_not_the_answer() -> None:
    assert "9**9**9" in await failure_of("2\\sqrt{3}", "9**9**9", seconds=1)


async def test_an_answer_is_compared_once() -> None:
    async with SUITE.tasks(count=1)[0].open("code") as world:
        task, sandbox = SUITE.tasks(count=1)[0], LocalSandbox()  # which is not needed, and not started
        assert not (await verdict_of(task, None, world, sandbox)).correct
        assert isinstance(world, Comparing)
        assert (await verdict_of(task, Answer(world.reference), world, sandbox)).correct
        assert world.succeeded
        wrong = await verdict_of(task, Answer("no idea"), world, sandbox)
        assert (wrong.correct, "got 'no idea'" in wrong.reason) == (False, True)


def test_sums_are_written_as_in_textbooks() -> None:
    assert total([1, -1, 0, 3], ["x^2", "x", "y", ""]) == "x^2 - x + 3"
    assert total([-2, 1], ["x", ""], "*") == "-2*x + 1"
    assert (latex(-0.5), latex(4.0)) == ("-\\frac{1}{2}", "4")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"families": "knots"}, "no family 'knots'; there are: linear_system"),
        ({"levels": 4}, "levels 1, 2 and 3, not 4"),
        ({"count": 0}, "count=0"),
        ({"levels": ()}, "a level and a family"),
        ({"colour": "red"}, "colour"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, object], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SUITE.tasks(**options)


# --- MATH -------------------------------------------------------------------------------------------


def publish(folder: Path, subject: str, *lines: str) -> str:
    (folder / f"{subject}.jsonl").write_text("\n".join(lines))
    return str(folder)


def test_maths_problems_from_level_three_on(tmp_path: Path) -> None:
    rows = [{**ROW, "level": f"Level {level}"} for level in (1, 2, 3, 4, 5, "?")]
    data = publish(tmp_path, "geometry", *map(json.dumps, [*rows, {**ROW, "answer": ""}]))
    tasks = SUITE.tasks("math", data=data, subjects="geometry")
    assert [task.id for task in tasks] == ["math/geometry/3", "math/geometry/4", "math/geometry/5"]
    assert tasks[0].labels == {"source": "MATH", "licence": "MIT", "subject": "geometry", "level": 3}
    assert len(SUITE.tasks("math", data=data, subjects="geometry", min_level=0)) == 6


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        ([json.dumps(ROW), json.dumps(ROW)[:20]], "line 2 of .*algebra.jsonl is no problem of MATH"),
        (['{"question": "Why?", "answer": "#### 4"}'], "line 1 of .*: level: Field required"),
        (['{"question": "Why?", "answer": "4", "level": "hard"}'], "line 1 of .*: level: "),
        (['{"task_id": 1, "text": "x"}'], "line 1 of .*: question: Field required"),
        (["[1]"], "line 1 of "),
    ],
)
def test_a_wrong_line_is_refused_with_its_place(tmp_path: Path, lines: list[str], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        SUITE.tasks("math", data=publish(tmp_path, "algebra", *lines), subjects="algebra")


def test_missing_files_say_where_they_are_offered(tmp_path: Path) -> None:
    for data in (None, str(tmp_path / "none"), publish(tmp_path, "algebra", json.dumps(ROW))):
        with pytest.raises(UsageError, match=r"github\.com/hendrycks/math"):
            SUITE.tasks("math", data=data)
    with pytest.raises(UsageError, match="no subject 'knots'"):
        SUITE.tasks("math", data=str(tmp_path), subjects="knots")
    with pytest.raises(UsageError, match="min_level=6 must be 0 to 5"):
        SUITE.tasks("math", data=str(tmp_path), min_level=6)


@pytest.mark.skipif(not MATH.is_dir(), reason=f"MATH's files are not at {MATH}")
async def test_all_of_maths_problems_load_and_a_sample_of_answers_is_judged_equal_to_itself() -> None:
    tasks = SUITE.tasks("math", data=str(MATH), min_level=0)
    assert len(tasks) == 7498  # of 7,500, two of which have no answer
    assert len(SUITE.tasks("math", data=str(MATH))) == 5584  # the paper's 5,586, less those two
    assert {task.labels["subject"] for task in tasks} == set(SUBJECTS)
    for task in Random(0).sample(tasks, 500):
        async with task.open("code") as world:
            assert isinstance(world, Comparing)
            assert await failure_of(world.reference, f"The answer is ${world.reference}$.") == ""
