"""Programs to be written: generated problems, MBPP, APPS; how they are tried without being told what is expected."""

from __future__ import annotations

import io
import itertools
import json
import random
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeact.errors import UsageError
from codeact.models import ScriptedModel
from codeact.rollouts import oracle_rows, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Task, suite
from codeact.tasks.programming import generated, lists, worlds
from codeact.tasks.programming.compare import alike, read_value, same_output
from codeact.tasks.programming.draft import Draft, Family, program_of, stdin_of
from codeact.tasks.programming.mbpp import SPLITS, reference
from codeact.tasks.programming.mbpp import test_of as as_test
from codeact.tasks.programming.proof import Call, Claim, Run, Test, Trial
from codeact.tasks.programming.rows import MBPP, MbppRow, read_rows
from codeact.types import Answer

pytestmark = pytest.mark.anyio

MBPP_FILE = Path(__file__).parents[3] / "shared/data/mbpp/mbpp.jsonl"
with_mbpp = pytest.mark.skipif(not MBPP_FILE.is_file(), reason=f"MBPP's published file is not at {MBPP_FILE}")

SUITE = suite("programming")
MBPP_ROW = {
    "task_id": 601,
    "text": "Write a function to add.",
    "code": "def add(a, b):\r\n\treturn a + b",
    "test_setup_code": "",
    "test_list": ["assert add(1, 2) == 3", "assert add(0, 0) == 0"],
    "challenge_test_list": ["assert isinstance(add(1, 1), int)"],
}
APPS_ROWS = [
    {
        "problem_id": 1,
        "question": "Add the two numbers on each line.",
        "input_output": json.dumps({"inputs": ["1 2\n3 4\n", ["5 6"]], "outputs": ["3\n7\n", ["11"]]}),
        "solutions": json.dumps(["import sys\nfor line in sys.stdin:\n    print(sum(map(int, line.split())))"]),
        "difficulty": "introductory",
        "starter_code": "",
        "url": "",
    },
    {
        "problem_id": 2,
        "question": "Halve it.",
        "input_output": json.dumps({"fn_name": "halve", "inputs": [[3], [4]], "outputs": [[1.5], 2]}),
        "solutions": json.dumps(["class Solution:\n    def halve(self, n):\n        return n / 2"]),
        "difficulty": "interview",
        "starter_code": "class Solution:\n    def halve(self, n: int) -> float:",
    },
    {"problem_id": 3, "question": "?", "input_output": "", "solutions": "", "difficulty": "interview"},
]


UNEVEN = '{"inputs": ["1"], "outputs": []}'


@pytest.fixture
def mbpp(tmp_path: Path) -> str:
    (tmp_path / "mbpp.jsonl").write_text(json.dumps(MBPP_ROW) + "\n")
    return str(tmp_path)


@pytest.fixture
def apps(tmp_path: Path) -> str:
    (tmp_path / "train.jsonl").write_text("\n".join(map(json.dumps, APPS_ROWS)))
    return str(tmp_path)


async def reasons(tasks: list[Task], sandbox: LocalSandbox) -> list[str]:
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=sandbox)
    return [f"{episode.task}: {episode.verdict.reason}" for episode in row.episodes if not episode.verdict.correct]


async def failure(program: str, tests: list[Test], sandbox: LocalSandbox) -> str:
    trial = Trial(tests)
    await trial.prove(Answer(program), sandbox)
    assert trial.succeeded is not bool(trial.failure)
    return trial.failure


async def test_the_experts_solve_generated_problems_in_three_turns(warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks(count=38)[9:29:3]  # both styles
    [row] = await oracle_rows(tasks, formats=["code"], sandbox=warm_sandbox)
    assert [episode.verdict.reason for episode in row.episodes if not episode.verdict.correct] == []
    assert row.most_turns == 3
    assert all(step.reply.thought for step in row.episodes[0].result.trajectory.steps if step.reply)


def test_the_same_seed_gives_the_same_tasks_and_another_gives_others() -> None:
    tasks = [SUITE.tasks(seed=seed, count=114) for seed in (0, 0, 1)]
    prompts = [[task.prompt for task in each] for each in tasks]
    assert prompts[0] == prompts[1]
    assert len(set(prompts[0] + prompts[2])) == 228
    assert len({task.domain for task in tasks[0]}) == len(generated.FAMILIES)
    assert {task.labels["format"] for task in tasks[0]} == {"function", "stdin"}


@pytest.mark.parametrize("family", generated.FAMILIES.values(), ids=generated.FAMILIES)
def test_no_constant_passes_and_the_examples_do_not_say_all(family: Family) -> None:
    for seed in range(12):
        draft = family(random.Random(seed))
        results = [(repr(values), repr(value)) for values, value in _results(draft)]
        assert len({value for _, value in results}) > 1, draft.story
        shown, hidden = results[: generated.SHOWN], results[generated.SHOWN :]
        assert {values for values, _ in hidden} - {values for values, _ in shown}


def _results(draft: Draft) -> list[tuple[tuple[Any, ...], Any]]:
    return generated._results(draft)


def numbers_in(text: str) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", text)]


def checked(family: Family, wanted: str, solve: Callable[..., object], small: int) -> int:
    """How many results of a family's problems, of those with these words, agree with another way to find them."""
    count = 0
    for seed in range(40):
        draft = family(random.Random(seed))
        if wanted in draft.story:
            for values, value in _results(draft):
                if len(str(values)) <= small:
                    assert value == solve(draft.story, *values), (draft.story, values)
                    count += 1
    return count


def ways(story: str, amount: int) -> int:
    coins = numbers_in(story)[: story.split(", as many")[0].count(",") + 1]
    counts = [range(amount // coin + 1) for coin in coins]
    return sum(
        sum(n * coin for n, coin in zip(chosen, coins, strict=True)) == amount for chosen in itertools.product(*counts)
    )


def apart(story: str, numbers: list[int]) -> int:
    least = numbers_in(story)[0]
    choices = (c for size in range(len(numbers) + 1) for c in itertools.combinations(range(len(numbers)), size))
    return max(sum(numbers[i] for i in c) for c in choices if all(b - a >= least for a, b in itertools.pairwise(c)))


def talks_heard(story: str, talks: list[list[int]]) -> int:
    pause = (numbers_in(story) or [0])[0]
    choices = (c for size in range(len(talks) + 1) for c in itertools.combinations(sorted(talks), size))
    return max(len(c) for c in choices if all(b[0] >= a[1] + pause for a, b in itertools.pairwise(c)))


def block_lengths(story: str, bookings: list[list[int]]) -> int:
    gap = (re.findall(r"at most (\d+) after", story) or ["0"])[0]
    covered = {(a, b) for a, b in bookings}
    while True:  # join any two that touch, until none do
        pairs = ((x, y) for x in covered for y in covered if x != y and x[0] <= y[0] <= x[1] + int(gap))
        if not (found := next(pairs, None)):
            return sum(b - a for a, b in covered)
        covered = (covered - set(found)) | {(found[0][0], max(found[0][1], found[1][1]))}


def minutes(story: str, rows: list[str]) -> int:
    mud, slow = re.findall(r"'(.)' is mud", story)[0], int(re.findall(r"mud takes (\d+)", story)[0])
    cost = {".": 1, mud: slow}
    squares = {(x, y): cost[square] for y, row in enumerate(rows) for x, square in enumerate(row) if square in cost}
    best = {(0, 0): 0}
    for _ in squares:  # Bellman and Ford
        for (x, y), price in squares.items():
            near = [best[n] + price for n in ((x + 1, y), (x - 1, y), (x, y + 1), (x, y - 1)) if n in best]
            best[x, y] = min([*near, best[x, y]] if (x, y) in best else near, default=10**9)
            if best[x, y] >= 10**9:
                del best[x, y]
    return best.get((len(rows[0]) - 1, len(rows) - 1), -1)


@pytest.mark.parametrize(
    ("family", "wanted", "solve", "small"),
    [
        (lists.coins, "in how many ways", ways, 4),
        (lists.chains, "apart (0 if", apart, 40),
        (lists.greedy, "how many talks can be heard", talks_heard, 120),
        (lists.intervals, "sum of the lengths", block_lengths, 10_000),
        (worlds.mazes, "Give the least number", minutes, 120),
    ],
    ids=["coins", "chains", "greedy", "intervals", "mazes"],
)
def test_another_way_to_the_result_agrees(
    family: Family, wanted: str, solve: Callable[..., object], small: int
) -> None:
    assert checked(family, wanted, solve, small) >= 10


async def test_a_wrong_program_fails_with_a_reason_and_may_be_put_right_once(warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks(families="chains", styles="function", count=1)
    model = ScriptedModel(["```python\nfinal_answer('def best(numbers): return 0')\n```"] * 3)
    episode = await play_episode(task, model, sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.result.turns) == (False, 2)
    assert re.search(r"test \d of 7: best\(.*\) gave 0, expected", episode.verdict.reason)
    assert "has not seen" not in model.asked[1][-1].text
    assert "you have not seen" in model.asked[1][-1].text


async def test_only_code_makes_sense(warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks(count=1)
    with pytest.raises(UsageError, match="programming has no tools, so it cannot be played in 'json' actions"):
        await play_episode(task, ScriptedModel(["x"]), actions="json", sandbox=warm_sandbox)


ADD: list[Test] = [Call("add(1, 2)", [3]), Call("add([1], [2])", [[1, 2]])]
LINES: list[Test] = [Run("1 2\n", "3\n"), Run("", "")]
EQUAL = "    def __eq__(self, other): return True\ndef add(a, b): return Any()"
GUARDED = """
if __name__ == "__main__":
    try:
        print(sum(map(int, input().split())))
    except EOFError:
        exit(0)
"""
SUMS = "import sys\nfor line in sys.stdin:\n    print(sum(map(int, line.split())))"


@pytest.mark.parametrize(
    ("program", "tests", "reason"),
    [
        ("def add(a, b): return a + b", ADD, ""),
        ("```python\ndef add(a, b):\n    print = repr = list = None\n    return a + b\n```", ADD, ""),
        ("print = repr = None\ndef add(a, b): return a + b", ADD, ""),
        ("def add(a, b): print('3'); return 4", ADD, "test 1 of 2: add(1, 2) gave 4, expected 3"),
        ("def add(a, b)", ADD, "the program does not run: SyntaxError"),
        ("def add(a, b): raise SystemExit(0)", ADD, "test 1 of 2: SystemExit"),
        ("", ADD, "no program was proposed"),
        # What says that it is equal to everything is no plain value; what it shows itself as is compared in the host.
        (f"class Any:\n{EQUAL}", ADD, "no plain value but <"),
        (f"class Any(int):\n{EQUAL}", ADD, "gave 0, expected 3"),
        (SUMS, LINES, ""),
        (GUARDED, LINES, ""),
        ("print(3)", LINES, "test 2 of 2: it wrote '3\\n', expected ''"),
        ("print(1 / 0)", LINES, "test 1 of 2: it ended with status 1"),
        ("", [Claim("assert True")], "no program was proposed"),
        ("x = 1", [Claim("assert x == 2")], "test 1 of 1: AssertionError"),
        ("x = 2", [Claim("assert x == 2")], ""),
    ],
)  # fmt: skip
async def test_what_a_program_is_told_to_have_done(
    program: str, tests: list[Test], reason: str, warm_sandbox: LocalSandbox
) -> None:
    found = await failure(program, tests, warm_sandbox)
    assert reason in found
    assert bool(found) is bool(reason)


async def test_what_is_expected_never_enters_the_box(warm_sandbox: LocalSandbox) -> None:
    """A program that looks through everything it can reach does not find it."""
    search = (
        "import gc, sys\ndef find(x):\n    frame, texts = sys._getframe(), []\n    while frame:\n"
        "        texts.append(repr(frame.f_locals) + repr(frame.f_globals))\n        frame = frame.f_back\n"
        "    texts += [value for value in gc.get_objects() if isinstance(value, str)]\n"
        "    return any('98' + '7654' in text for text in texts)"
    )
    assert "gave False, expected 987654" in await failure(search, [Call("find(1)", [987654])], warm_sandbox)


@pytest.mark.parametrize(
    ("expected", "given", "loose", "same"),
    [
        ([1, 2], (1, 2), False, False),
        ([1, 2], (1, 2), True, True),
        (0.1 + 0.2, 0.3, False, False),
        (0.1 + 0.2, 0.3, True, True),
        (1, True, True, False),
        (2, 2.0, False, True),
        ({"a": [1]}, {"a": [1]}, True, True),
        ("1", 1, True, False),
        (1.5, 10**400, True, False),
        (10**400, 1e300, True, False),
    ],
)
def test_values_are_compared_strictly_or_loosely(expected: object, given: object, loose: bool, same: bool) -> None:
    assert alike(expected, given, loose=loose) is same


@pytest.mark.parametrize("value", [3, -1.5, float("inf"), "a'b", b"x", None, [1, (2, {"k": {3}})], set(), True])
def test_a_shown_value_is_read_again(value: object) -> None:
    assert read_value(repr(value)) == value


@pytest.mark.parametrize("text", ["<object>", "print(1)", "a", "", "(" * 5000, "1 +"])
def test_what_is_no_value_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no plain value"):
        read_value(text)


@pytest.mark.parametrize(
    ("expected", "given", "same"),
    [
        ("1 2\n", "1 2 \n\n", True),
        ("0.333333333", "0.3333333333333", True),
        ("3", "3.0", False),
        ("a\nb", "a b", False),
        ("1.5 x", "1.5 y", False),
    ],
)
def test_outputs_are_compared_by_lines(expected: str, given: str, same: bool) -> None:
    assert same_output(expected, given) is same


def test_a_function_becomes_a_program() -> None:
    draft = worlds.mazes(random.Random(0))
    assert program_of(draft).endswith("rows = [input() for _ in range(int(input()))]\nprint(cross(rows))")
    assert stdin_of(draft, (["..", ".."],)) == "2\n..\n..\n"


@pytest.mark.parametrize("family", generated.FAMILIES.values(), ids=generated.FAMILIES)
def test_a_program_reads_its_input_and_writes_what_the_function_gives(
    family: Family, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for seed in range(6):
        draft = family(random.Random(seed))
        for test in generated.tests_of(draft, "stdin"):
            assert isinstance(test, Run)
            monkeypatch.setattr("sys.stdin", io.StringIO(test.stdin))
            exec(program_of(draft), {})
            assert same_output(test.stdout, capsys.readouterr().out), draft.story


async def test_mbpp_shows_one_test_and_holds_the_others_back(mbpp: str, warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks("mbpp", data=mbpp)
    assert task.id == "mbpp/601"
    assert "add(1, 2) == 3" in task.prompt
    assert "add(0, 0)" not in task.prompt
    assert await reasons([task], warm_sandbox) == []
    async with task.open("code") as world:
        assert isinstance(world, Trial)
        assert [type(test) for test in world.tests] == [Call, Call, Claim]
    [both] = SUITE.tasks("mbpp", data=mbpp, shown=2)
    assert "add(0, 0)" in both.prompt


async def test_apps_of_both_kinds(apps: str, warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks("apps", data=apps)
    assert [(task.id, task.labels["format"]) for task in tasks] == [("apps/1", "stdin"), ("apps/2", "function")]
    assert await reasons(list(tasks), warm_sandbox) == []
    assert [task.id for task in SUITE.tasks("apps", data=apps, difficulty="interview")] == ["apps/2"]


@pytest.mark.parametrize(
    ("profile", "line", "wrong"),
    [
        ("mbpp", json.dumps({**MBPP_ROW, "test_list": None}), r"line 2 of .*: test_list"),
        ("mbpp", json.dumps(MBPP_ROW)[:-30], r"line 2 of .*Invalid JSON"),
        ("mbpp", json.dumps({"question": "1 + 1?", "answer": "2"}), r"line 2 of .*: task_id: Field required"),
        ("mbpp", json.dumps({**MBPP_ROW, "test_list": ["assert ("]}), "problem 601 has a test that is no Python"),
        ("apps", json.dumps({**APPS_ROWS[0], "input_output": "{"}), r"line 2 of .*: input_output"),
        ("apps", json.dumps({**APPS_ROWS[0], "input_output": UNEVEN}), "1 inputs and 0 outputs"),
        ("apps", json.dumps(MBPP_ROW), r"line 2 of .*: problem_id: Field required"),
    ],
)  # fmt: skip
def test_a_line_that_is_no_row_is_named(profile: str, line: str, wrong: str, tmp_path: Path) -> None:
    good = json.dumps(MBPP_ROW if profile == "mbpp" else APPS_ROWS[0])
    (tmp_path / "rows.jsonl").write_text(f"{good}\n{line}\n")
    with pytest.raises(UsageError, match=wrong):
        SUITE.tasks(profile, data=str(tmp_path / "rows.jsonl"))


@pytest.mark.parametrize(
    ("profile", "options", "wrong"),
    [
        ("mbpp", {}, r"no data of its own; remedy: data=PATH of https://"),
        ("mbpp", {"data": "/nowhere"}, "cannot be read"),
        ("mbpp", {"data": "/nowhere", "split": "tests"}, "no split 'tests'; there are: prompt, test"),
        ("mbpp", {"data": "/nowhere", "shown": 0}, "shown=0 must be 1 or more"),
        ("apps", {"data": "/nowhere", "difficulty": "easy"}, "no difficulty 'easy'"),
        ("generated", {"families": "poems"}, "no family 'poems'; there are: strings"),
        ("generated", {"styles": "cli"}, "no style 'cli'"),
        ("generated", {"count": 0}, "count of 1 or more"),
    ],
)
def test_options_that_cannot_be(profile: str, options: dict[str, Any], wrong: str) -> None:
    with pytest.raises(UsageError, match=wrong):
        SUITE.tasks(profile, **options)


@with_mbpp
def test_all_of_mbpp_loads_and_can_be_taken_apart() -> None:
    rows = read_rows(str(MBPP_FILE), "mbpp.jsonl", MbppRow, MBPP)
    tests = [as_test(row, source) for row in rows for source in (*row.test_list, *row.challenge_test_list)]
    assert len(rows) == 974
    assert (len(tests), sum(isinstance(test, Claim) for test in tests)) == (2938, 3)
    sizes = {name: sum(row.task_id in ids for row in rows) for name, ids in SPLITS.items()}
    assert sizes == {"prompt": 10, "test": 500, "validation": 90, "train": 374, "all": 974}
    assert not any("\r" in reference(row) for row in rows)


@with_mbpp
async def test_a_sample_of_mbpps_references_passes(warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks("mbpp", data=str(MBPP_FILE), split="all")
    assert await reasons(list(tasks[1::300]), warm_sandbox) == []
