"""The prompts, as golden files: whoever changes one reads the whole of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeact.actions import DIALECTS, ActionSpace, CodeSpace, action_space
from codeact.errors import UsageError
from codeact.types import Answer, BoxInfo, CodeAction, Completion, ToolCall, ToolCalls, ToolSpec

GOLDEN = Path(__file__).parent / "golden"
ALL = [f"{space}/{dialect}" for space, dialects in DIALECTS.items() for dialect in dialects]
TOOLS = (
    ToolSpec(
        name="lookup_rates",
        signature="(country: str) -> tuple[float, float]",
        doc="Exchange rate to USD, and tax rate, of a country.",
        schema={"type": "object", "properties": {"country": {"type": "string"}}, "required": ["country"]},
    ),
    ToolSpec(
        name="search",
        signature="(query: str, *, limit: int = 5) -> list[str]",
        doc='Search the shop.\n\nArgs:\n    query: words, or a """phrase"""\n    limit: most results',
        schema={"type": "object", "properties": {"query": {"type": "string"}, "limit": {"type": "integer"}}},
    ),
)
BOX = BoxInfo(python="3.11.7", workspace="/workspace", packages={"numpy": "2.2.1", "pandas": "3.1.0"})


@pytest.mark.parametrize("name", ALL)
def test_instructions_are_the_golden_ones(name: str) -> None:
    golden = GOLDEN / f"{name.replace('/', '-')}.txt"
    text = action_space(name).instructions(TOOLS, BOX)
    if not golden.exists():  # how a golden file is renewed: delete it, run this, read what it wrote
        golden.write_text(text, encoding="utf-8")
        pytest.fail(f"{golden.name} was written; read it")
    assert text == golden.read_text(encoding="utf-8")


@pytest.mark.parametrize("name", ALL)
def test_instructions_without_tools_are_short(name: str) -> None:
    text = action_space(name).instructions((), BOX)
    assert len(text) < 1200  # characters; about 300 tokens
    assert "{" not in text.replace('{"tool"', "").replace('{"answer"', "").replace("{parameter", "").replace(
        '{"path"', ""
    ).replace("{dicts}", "")


@pytest.mark.parametrize("name", ["code/fenced", "code/execute", "code/action", "json/plain", "text/comma"])
def test_the_worked_example_is_in_the_dialect_itself(name: str) -> None:
    """A model that copies the example word for word is understood."""
    space = action_space(name)
    example = space.instructions((), BOX).rpartition("Example, ")[2]
    first = example.partition("\n")[2].partition("Observation:")[0]
    reply = space.parse(Completion(text=first))
    assert isinstance(reply.action, CodeAction | ToolCalls)
    assert reply.notes == ()


def test_the_space_and_its_dialect_are_chosen_by_name() -> None:
    assert action_space("code") == CodeSpace(dialect="fenced", max_observation=4000)
    assert action_space("code", "execute") == action_space("code/execute")
    assert [action_space(name).dialect for name in ("json", "text")] == ["plain", "comma"]
    assert action_space("json/native", max_observation=100).name == "json"
    spaces: list[ActionSpace] = [action_space(name) for name in ALL]  # each of them keeps the contract
    assert [f"{space.name}/{space.dialect}" for space in spaces] == ALL


@pytest.mark.parametrize("name", ["yaml", "code/jupyter", "json/fenced", ""])
def test_an_unknown_name_says_what_there_is(name: str) -> None:
    with pytest.raises(UsageError, match=r"code/fenced, code/execute, .* text/comma"):
        action_space(name)


def test_an_observation_needs_room() -> None:
    with pytest.raises(UsageError, match="at least 1 character, not 0"):
        action_space("code", max_observation=0)


def test_only_native_dialects_offer_functions() -> None:
    offered = {name: [tool.name for tool in action_space(name).functions(TOOLS)] for name in ALL}
    assert {name: tools for name, tools in offered.items() if tools} == {
        "code/native": ["python"],
        "json/native": ["lookup_rates", "search"],
    }


def test_text_spaces_stop_before_a_made_up_result() -> None:
    assert all(("\nObservation:" in action_space(name).stop) == ("native" not in name) for name in ALL)


def test_an_answer_keeps_its_value_in_json_only() -> None:
    answer = Answer("[1, 2]", [1, 2])
    assert action_space("json").parse(action_space("json").render(answer)).action == answer
    assert action_space("code").parse(action_space("code").render(answer)).action == Answer("[1, 2]")


def test_native_calls_keep_their_ids_and_positions() -> None:
    space = action_space("json/native")
    calls = ToolCalls((ToolCall("add", (1, 2), {}, "call_a"), ToolCall("view", id="call_b")))
    completion = space.render(calls, "Both at once.")
    assert [call.id for call in completion.calls] == ["call_a", "call_b"]
    assert space.parse(completion).action == calls
    assert space.parse(completion).thought == "Both at once."


def test_a_thought_survives_beside_its_action() -> None:
    for name in ALL:
        space = action_space(name)
        action = CodeAction("print(1)") if name.startswith("code") else ToolCalls((ToolCall("view"),))
        assert space.parse(space.render(action, "I look first.")).thought == "I look first."
