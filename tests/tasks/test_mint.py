"""MINT's families: its files, its checkers as its records show them, programs proved in a box, whole episodes."""

from __future__ import annotations

import json
import lzma
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeact.errors import ParseError, UsageError
from codeact.models import ScriptedModel
from codeact.rollouts import OracleRow, oracle_rows, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Judge, Task, Workbench, suite
from codeact.tasks.mint.judges import Choice, Phrase, rounded, theorem
from codeact.tasks.mint.paper_judge import Contained, Lettered, Theorem, options_of
from codeact.tasks.mint.paper_space import TagSpace
from codeact.tasks.mint.programs import Proof, program_in, proved
from codeact.tasks.mint.rows import FAMILIES
from codeact.tasks.mint.wiki import Wiki
from codeact.types import JSON, Answer, CodeAction, Completion

pytestmark = pytest.mark.anyio

REAL = Path(__file__).parents[3] / "shared/data/mint"
with_real_data = pytest.mark.skipif(not REAL.is_dir(), reason=f"MINT's published files are not at {REAL}")

SUITE = suite("mint")
MOONS = "Which is a moon?\nOptions: A ) Mars , B ) Ceres (a dwarf planet) , C ) Io , D ) 4 Vesta"
ROWS: dict[str, JSON] = {
    "gsm8k": {"prompt": "Tom has 3 bags of 4 apples. How many apples?", "reference": "12"},
    "math": {"prompt": "What is $2^3$?", "reference": "8.0"},
    "mmlu": {"prompt": MOONS, "reference": "c"},
    "hotpotqa": {"prompt": "Who wrote the book?", "reference": "the Rev. John Smith"},
    "theoremqa": {"prompt": "Two primes below 4?", "reference": [2, 3], "answer_type": "list of integer"},
    "humaneval": {
        "prompt": 'def twice(n: int) -> int:\n    """ Twice n. """',
        "reference": "def check(candidate):\n    assert candidate(2) == 4\n\ncheck(twice)",
        "canonical_solution": "    return 2 * n\n",
    },
    "mbpp": {
        "prompt": '"""\nWrite a function to add.\nassert add(1, 2) == 3\n"""\n',
        "reference": "assert add(1, 2) == 3\nassert add(0, 0) == 0",
        "code": "def add(a, b):\r\n\treturn a + b",
    },
}


@pytest.fixture
def data(tmp_path: Path) -> str:
    """A file of each family in the publisher's form."""
    for family, row in ROWS.items():
        (tmp_path / "processed" / family).mkdir(parents=True)
        (tmp_path / "processed" / family / "test_prompts.json").write_text(json.dumps({"id": 7, **row}) + "\n\n")
    return str(tmp_path)


def failures(row: OracleRow) -> list[str]:
    return [f"{episode.task}: {episode.verdict.reason}" for episode in row.episodes if not episode.verdict.correct]


@pytest.mark.parametrize("profile", ["fixed", "paper"])
async def test_who_knows_the_answer_solves_every_family(data: str, profile: str, warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks(profile, data=data)
    assert [task.id for task in tasks] == [f"{family}/7" for family in FAMILIES]
    assert Counter(task.labels["group"] for task in tasks) == {"ID": 2, "OD": 5}
    formats = ["code", "json", "text"] if profile == "fixed" else ["code"]
    for row in await oracle_rows(tasks, formats=formats, sandbox=warm_sandbox):
        assert (failures(row), row.most_turns) == ([], 1)


async def test_a_wrong_program_may_be_proposed_twice_and_its_code_never_runs_in_the_host(
    data: str, warm_sandbox: LocalSandbox, tmp_path: Path
) -> None:
    [task] = SUITE.tasks("paper", data=data, families="mbpp")
    escape = f"open({str(tmp_path / 'escaped')!r}, 'w')\ndef add(a, b): return 3"
    model = ScriptedModel(
        [f"<solution>{text}</solution>" for text in (escape, "def add(a, b): return 3", "never asked for")]
    )
    episode = await play_episode(task, model, sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.result.turns) == (False, 2)
    assert not (tmp_path / "escaped").exists()


async def test_a_proposal_that_is_put_right_counts(data: str, warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks("paper", data=data, families="mbpp")
    right = "<thought> plus </thought>\n<solution>\ndef add(a, b):\n    return a + b\n</solution>"
    model = ScriptedModel(["<execute>print(1 + 2)</execute>", "<solution>add = max</solution>", right])
    episode = await play_episode(task, model, sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.result.turns) == (True, 3)


async def test_one_turn_has_one_proposal(data: str, warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks("paper", data=data, families="gsm8k", turns=1)
    assert (task.rules.turns, task.rules.attempts) == (1, 1)
    episode = await play_episode(task, ScriptedModel(["<solution> 12 </solution>"]), sandbox=warm_sandbox)
    assert episode.verdict.correct


@pytest.mark.parametrize(
    ("program", "failure"),
    [
        ("def add(a, b): return a + b", ""),
        ("```python\ndef add(a, b): return a + b\n```", ""),
        ("def add(a, b): return 0", "a test failed: AssertionError"),
        ("def add(a, b): raise SystemExit(0)", "a test failed: SystemExit"),
        ("def add(a, b)", "the program does not run: SyntaxError"),
        ("", "a test failed: NameError"),
    ],
)
async def test_a_program_has_passed_only_if_its_tests_ran_to_the_end(
    program: str, failure: str, warm_sandbox: LocalSandbox
) -> None:
    proof = Proof(tests="assert add(1, 2) == 3")
    await proof.prove(Answer(program), warm_sandbox)
    assert proof.failure.startswith(failure)
    assert proof.succeeded is not bool(failure)
    await proof.prove(None, warm_sandbox)
    assert proved(None, proof).reason == "no program was proposed"


@pytest.mark.parametrize(
    ("reference", "text", "verdict"),
    [
        ("6", "6.2", True),  # within 5 %
        ("6", "6.4", False),
        ("-4.0", "-4.0", False),  # no negative reference can be met
        ("6", "it is 16 or so", True),  # as text, it has to be inside
        ("American", "Not British but American, or German", True),
    ],
)
def test_the_originals_containment(reference: str, text: str, verdict: bool) -> None:
    assert Contained(reference)(Answer(text), Workbench()).correct is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("C", True), ("Io", True), ("c) Io", True), ("because of Mars", True), ("A) Io, or C", False), ("Mars", False)],
)
def test_the_originals_letters(text: str, verdict: bool) -> None:
    assert Lettered("c", options_of(MOONS))(Answer(text), Workbench()).correct is verdict


@pytest.mark.parametrize(
    ("reference", "text", "verdict"),
    [
        (25, "25", True),
        (25, "24", False),
        (5.65, "5.7 m", True),
        (5.65, "5.9", False),
        (91.17, "457068079940963/5000000000000", True),
        (2.0, "2*pi", False),
        ([3, 2], "[2, 3]", True),
        ([3, 2], "[2, 3, 1]", False),
        ([3, 2], "none", False),
        (False, "False, as it is constant", True),
        ("(c)", "c ) the third", True),
        ("c", "a", False),
    ],
)
def test_the_originals_theorems(reference: JSON, text: str, verdict: bool) -> None:
    assert Theorem(reference)(Answer(text), Workbench()).correct is verdict


@pytest.mark.parametrize(
    ("text", "verdict"),
    [("C", True), ("(c)", True), ("C ) Io", True), ("Io", True), ("C) or D)", False), ("A good one", False)],
)
def test_a_choice_is_a_letter_or_its_option(text: str, verdict: bool) -> None:
    options = {"a": "Mars", "b": "Ceres (a dwarf planet)", "c": "Io", "d": "4 Vesta"}
    assert Choice("c", options)(Answer(text), Workbench()).correct is verdict


@pytest.mark.parametrize(
    ("reference", "text", "verdict"),
    [
        ("the late 12th Century", "Late 12th century.", True),
        ("American", "He was an American.", True),
        ("American", "He was either British or French or American or none of these", False),
        ("yes", "Yes, both were American", True),
        ("yes", "No, yes, no", False),
    ],
)
def test_a_phrase_is_not_found_in_a_dump(reference: str, text: str, verdict: bool) -> None:
    assert Phrase(reference)(Answer(text), Workbench()).correct is verdict


def test_numbers_are_judged_by_what_their_references_say() -> None:
    def accepted(judge: Judge, text: str) -> bool:
        return judge(Answer(text), Workbench()).correct

    assert [accepted(rounded(0.63), text) for text in ("0.63", "5/8", "0.625", "0.66")] == [True, False, True, False]
    assert [accepted(rounded(-4.0), text) for text in ("-4", "-4.1")] == [True, False]
    assert [accepted(theorem(5.65), text) for text in ("5.7", "5.9")] == [True, False]
    assert [accepted(theorem([1, 2]), text) for text in ("[1, 2]", "[2, 1]")] == [True, False]
    assert accepted(theorem("c"), "C")


def test_the_tags_are_read_as_the_original_reads_them() -> None:
    space = TagSpace()

    def read(text: str) -> object:
        return space.parse(Completion(text=text)).action

    assert read("<execute>a = 1</execute> and <execute>print(a)</execute>") == CodeAction("a = 1\nprint(a)")
    assert read("<execute>x</execute><solution> A </solution>") == Answer("A")
    assert read("<solution>\na\n</solution> or <solution> b </solution>") == Answer("a\nb")
    for broken in ("nothing", "<solution> never closed", "<execute> never closed"):
        with pytest.raises(ParseError, match="could not be read"):
            read(broken)
    for action in (CodeAction("print(1)"), Answer("42")):
        assert space.parse(space.render(action, "why")).action == action
    with pytest.raises(UsageError, match="no way to write"):
        space.render(Answer("</solution>"))


async def test_a_corpus_is_what_wikipedia_search_finds_in(data: str, tmp_path: Path) -> None:
    pages = {"Io": ["Io is a moon.", " It has volcanoes."], "Mars": ["Mars is a planet."], "Vesta": ["An asteroid."]}
    (tmp_path / "pages.json").write_text(json.dumps(pages))
    [task] = SUITE.tasks(data=data, families="mmlu", corpus=str(tmp_path / "pages.json"))
    async with task.open("code") as world:
        assert [getattr(tool, "__name__", "") for tool in world.tools] == ["wikipedia_search"]
    wiki = Wiki({title: "".join(sentences) for title, sentences in pages.items()})
    assert wiki.search("a moon with volcanoes").startswith("Page: Io\nSummary: Io is a moon. It has volcanoes.")
    assert wiki.search("xylophone") == "No page was found."


def test_what_cannot_be_is_named(data: str, tmp_path: Path) -> None:
    for options, told in {
        "data": ({}, "no data of its own"),
        "folder": ({"data": "/nowhere"}, "is no folder"),
        "family": ({"data": data, "families": "chess"}, "no family 'chess'"),
        "game": ({"data": data, "families": ["alfworld"]}, "needs the game"),
        "turns": ({"data": data, "turns": 6}, "must be 1 to 5"),
        "option": ({"data": data, "k": 5}, "no option 'k'"),
        "corpus": ({"data": data, "corpus": data}, "is no corpus"),
    }.values():
        with pytest.raises(UsageError, match=told):
            SUITE.tasks("fixed", **options)
    [task] = SUITE.tasks("paper", data=data, families="gsm8k")
    with pytest.raises(UsageError, match="code actions only"):
        task.rules.space("json")
    broken = tmp_path / "processed/gsm8k/test_prompts.json"
    for line, told in {
        '{"id": 1}': "line 1 .* prompt",
        "{": "line 1",
        '{"id":1,"prompt":"","reference":"x"}': "'x'",
    }.items():
        broken.write_text(line)
        with pytest.raises(UsageError, match=told):
            SUITE.tasks(data=data)
    broken.unlink()
    with pytest.raises(UsageError, match=r"family 'gsm8k' is missing: .*mint-bench"):
        SUITE.tasks(data=data)


# --- against what the publisher has recorded ------------------------------------------------------


def recorded(model: str) -> Iterator[tuple[Task, str, bool]]:
    """Every proposal of a model's trajectories in the reasoning families, with its recorded verdict."""
    families = [family for family in FAMILIES if family not in ("humaneval", "mbpp")]
    by_question = {_question(task.prompt): task for task in SUITE.tasks("paper", data=str(REAL), families=families)}
    with lzma.open(REAL / f"outputs/{model}.max5.jsonl.xz", "rt", encoding="utf-8") as lines:
        for line in lines:
            episode = json.loads(line)
            task = by_question.get(_question(episode["task"]["prompt"]))
            replies = [message["content"] for message in episode["state"]["history"] if message["role"] == "assistant"]
            blocks = [re.findall(r"<solution>(.*?)</solution>", reply, re.DOTALL) for reply in replies]
            proposals = ["\n".join(map(str.strip, block)) for block in blocks if block]
            for number, proposal in enumerate(proposals, start=1):
                if task is not None:
                    yield task, proposal, bool(episode["state"]["success"]) and number == len(proposals)


def _question(prompt: str) -> str:
    return re.sub(r"\AAnswer the (?:following )?question with a number.*?True or False\. ", "", prompt).strip()


@with_real_data
@pytest.mark.parametrize("model", ["gpt-4-0613", "Eurus-7B-KTO", "CodeLlama-34b-Instruct-hf", "zephyr-7b-beta"])
def test_the_paper_profiles_checkers_agree_with_the_recorded_verdicts(model: str) -> None:
    judged = [
        (task, text, right, task.judge(Answer(text), Workbench()).correct) for task, text, right in recorded(model)
    ]
    assert len(judged) > 80
    assert [(task.id, text) for task, text, right, ours in judged if ours is not right] == []


@with_real_data
async def test_the_published_programs_pass_their_tests(warm_sandbox: LocalSandbox) -> None:
    tasks = SUITE.tasks(data=str(REAL), families=["humaneval", "mbpp"])
    [row] = await oracle_rows(tasks[::15], formats=["json"], sandbox=warm_sandbox)
    assert failures(row) == []


def test_a_fence_is_no_part_of_a_program() -> None:
    assert program_in("```python\nx = 1\n```") == "x = 1"
    assert program_in("\nx = 1\n") == "x = 1"
