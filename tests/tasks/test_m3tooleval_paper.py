"""The paper's edition behaves as the original does, its defects included."""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.actions import FORMATS
from codeact.errors import ParseError, UsageError
from codeact.tasks import Workbench, suite
from codeact.tasks.m3tooleval import paper_space
from codeact.tasks.m3tooleval.paper_judge import PaperJudge
from codeact.tasks.m3tooleval.paper_space import PaperSpace
from codeact.tools import ToolSet
from codeact.types import (
    Answer,
    CodeAction,
    Completion,
    ExecError,
    ExecResult,
    Reply,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolResults,
)

GOLDEN = Path(__file__).parent / "golden"


def passes(value: object, text: str) -> bool:
    return PaperJudge(value)(Answer(text), Workbench()).correct


def read(space: str, text: str) -> Reply:
    return PaperSpace(space).parse(Completion(text=text))


@pytest.mark.parametrize(
    ("value", "text", "verdict"),
    [
        (161.25, "161.25", True),
        (161.25, "161", True),  # the expected value is cut to an integer
        (161.25, "162", False),
        (68.71, "68", True),
        (1050, "1050.", True),
        (False, "0", True),
        (False, "false", False),
        (False, "False", True),
        (380.41999999999996, "380.42", False),
        (380.41999999999996, "380.41999999999996", True),
        (237.942, "237.94", False),
        (68.71, "$68.71", False),
        (8100.0, "8,100", False),
        (8100.0, "8100", True),
        ("UUU", "UUU.", False),
        ("UUU", "'UUU'", True),
        ([36380.0, 48150.0], "[36380.0, 48150.0]", True),
        ([36380.0, 48150.0], "[36380, 48150]", False),
        ([36380.0, 48150.0], "36380.0, 48150.0", False),
        (("A", 3), "('A', 3)", True),
        (("A", 3), "A", False),
        ({"T": 1, "A": 2}, "{'T': 1, 'A': 2}", True),
        ({"T": 1, "A": 2}, "{'A': 2, 'T': 1}", False),
    ],
)
def test_the_checker_has_the_originals_quirks(value: object, text: str, verdict: bool) -> None:
    assert passes(value, text) is verdict


def test_fourteen_tasks_accept_the_truncated_integer() -> None:
    accepting = 0
    for task in suite("m3tooleval").tasks("paper"):
        assert isinstance(task.judge, PaperJudge)
        value = task.judge.value
        accepting += isinstance(value, float) and int(value) != value and passes(value, str(int(value)))
    assert accepting == 14


@given(st.text())
def test_no_text_breaks_the_checker(text: str) -> None:
    for value in (1.5, 7, True, "word", [1.0], ("A", 3), {"T": 1}):
        passes(value, text)


@pytest.mark.parametrize("space", FORMATS)
def test_an_answer_is_all_that_follows_its_marker(space: str) -> None:
    assert read(space, "Thought: easy\nAnswer: 42 ").action == Answer("42")


@pytest.mark.parametrize("space", FORMATS)
def test_a_message_without_a_marker_is_invalid(space: str) -> None:
    with pytest.raises(ParseError, match="invalid"):
        read(space, "I think it is 42.")


def test_text_arguments_are_split_and_guessed() -> None:
    assert read("text", "Action: f, 0031, 31e3, 'a, b' End Action").action == ToolCalls(
        (ToolCall("f", (31, 31000.0, "'a", "b'")),)
    )
    assert read("text", "Action: view, End Action").action == ToolCalls((ToolCall("view", ("",)),))


def test_json_arguments_are_a_list_and_all_else_becomes_one_argument() -> None:
    call = read("json", 'Action: {"tool": "f", "args": {"x": 1}} End Action').action
    assert call == ToolCalls((ToolCall("f", ({"x": 1},)),))
    for broken in ("{", '{"tool": "f"}', "[]", "3"):
        with pytest.raises(ParseError, match="The call failed"):
            read("json", f"Action: {broken} End Action")


def test_a_second_marker_cuts_the_reply_also_inside_code() -> None:
    reply = read("code", 'Action:\nprint("Answer:", 3)\nEnd Action')
    assert reply.action == CodeAction('print("')
    assert reply.notes == (paper_space.REMINDER,)
    assert read("code", "Action:\nx = 1\nEnd Action\nAnswer: 5").action == CodeAction("x = 1")
    assert read("code", "Answer: 5\nThought: or not").action == Answer("5")


@given(st.text(), st.sampled_from(FORMATS))
def test_reading_fails_in_words_only(text: str, space: str) -> None:
    with suppress(ParseError):
        PaperSpace(space).parse(Completion(text=f"Action: {text}"))


@pytest.mark.parametrize("space", FORMATS)
def test_what_is_written_is_read_back(space: str) -> None:
    action = CodeAction("x = 1\nprint(x)") if space == "code" else ToolCalls((ToolCall("f", ("a", 2)),))
    for one in (action, Answer("[1, 2]")):
        assert PaperSpace(space).parse(PaperSpace(space).render(one)).action == one


def test_what_text_cannot_quote_has_no_form() -> None:
    for argument in ("0031", "a, b"):
        with pytest.raises(UsageError, match="no way to write"):
            PaperSpace("text").render(ToolCalls((ToolCall("f", (argument,)),)))


def test_only_code_is_shown_the_exception() -> None:
    failed = ToolRecord(name="f", error="ValueError: no location 'X'")
    unknown = ToolRecord(name="g", error="NameError: there is no tool 'g'")
    seen = [PaperSpace("json").observe(ToolResults((record,))).text for record in (failed, unknown)]
    assert seen == [paper_space.FAILED, paper_space.UNKNOWN]
    error = ExecError(kind="exception", name="ValueError", message="no location 'X'", traceback="Traceback …")
    assert "no location 'X'" in PaperSpace("code").observe(ExecResult(error=error)).text


def test_output_is_read_as_a_literal_and_cut() -> None:
    def seen(**result: str) -> str:
        return PaperSpace("code").observe(ExecResult(**result)).text  # type: ignore[arg-type]

    assert seen(stdout="'abc'\n") == "abc"
    assert seen(value="[1, 2]") == "[1, 2]"
    assert seen() == paper_space.NOTHING_SHOWN
    assert seen(stdout="x" * 5000) == "x" * 2000 + paper_space.CUT


@pytest.mark.anyio
@pytest.mark.parametrize("space", FORMATS)
async def test_the_first_message_is_the_golden_one(space: str) -> None:
    task = next(task for task in suite("m3tooleval").tasks("paper") if task.id.endswith("plan_trip_to_0"))
    assert task.rules.opening is not None
    async with task.open(space) as world:
        text = task.rules.opening(space, task.prompt, ToolSet(world.tools).specs)
    golden = GOLDEN / f"m3tooleval-paper-{space}.txt"
    if not golden.exists():  # how a golden file is renewed: delete it, run this, read what it wrote
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden.name} was written; read it")
    assert text == golden.read_text(encoding="utf-8")
