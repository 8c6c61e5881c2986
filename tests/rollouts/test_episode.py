"""One episode, by the rules of its task."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import pytest

from codeact import Agent
from codeact.actions import ActionSpace
from codeact.agent.replay import replay
from codeact.errors import SetupError, UsageError
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Environment, Expected, Rules, Task, reached, suite, workbench
from codeact.tools import ToolSource
from codeact.trajectory.notebook import notebook
from codeact.types import Message, ToolCall, ToolCalls

pytestmark = pytest.mark.anyio

PAPER = suite("m3tooleval").tasks("paper")[0]


def task(**options: object) -> Task:
    plain = Task(id="t", domain="", prompt="6 * 7?", open=workbench(lambda actions: []), judge=Expected(42))
    return replace(plain, **options)


async def test_one_attempt_unless_the_rules_say_more() -> None:
    episode = await play_episode(task(), ScriptedModel(['{"answer": 41}', '{"answer": 42}']), actions="json")
    assert (episode.verdict.correct, episode.result.turns) == (False, 1)
    assert "expected 42, got 41" in episode.verdict.reason


async def test_a_wrong_answer_is_sent_back_while_there_are_attempts() -> None:
    rules = Rules(attempts=2, try_again="Wrong.")
    model = ScriptedModel(['{"answer": 41}', '{"answer": 42}', "never asked"])
    episode = await play_episode(task(rules=rules), model, actions="json")
    assert (episode.verdict.correct, episode.result.turns) == (True, 2)
    assert "Wrong." in model.asked[1][-1].text
    assert not any("42" in message.text.replace("6 * 7", "") for message in model.asked[1])


@pytest.mark.parametrize(
    ("actions", "broken"),
    [("code", "```python\nprint((\n```"), ("json", '{"tool": (('), ("text", "Action: (( End Action")],
)
async def test_what_cannot_be_read_costs_a_turn_in_every_format(actions: str, broken: str) -> None:
    model = ScriptedModel([broken, "Answer: 42" if actions == "text" else "42"])
    episode = await play_episode(task(rules=Rules(turns=1)), model, actions=actions)
    assert (episode.verdict.correct, episode.result.status, episode.result.turns) == (False, "turn_limit", 1)


async def test_a_task_may_begin_in_the_middle_of_a_talk() -> None:
    def earlier(space: ActionSpace) -> Sequence[Message]:
        call = ToolCalls((ToolCall("product", (6, 7)),))
        said = space.render(call, "I multiply.").text
        return Message.of("user", "Multiply!"), Message.of("assistant", said), Message.of("user", "Observation:\n42")

    model = ScriptedModel(['{"answer": 42}'])
    episode = await play_episode(task(earlier=earlier), model, actions="json")
    assert (episode.verdict.correct, episode.result.turns) == (True, 1)
    assert [message.role for message in model.asked[0]] == ["system", "user", "assistant", "user"]
    assert '"product"' in model.asked[0][2].text
    assert model.asked[0][3].text == "Observation:\n42\n\n6 * 7?"
    assert episode.result.trajectory.prompt == model.asked[0]


async def test_by_the_papers_rules_everything_costs_a_turn_and_answers_are_free() -> None:
    replies = ["what?", "Answer: a", 'Action: {"tool": "f", "args": []} End Action', *["Answer: b"] * 7]
    model = ScriptedModel(replies)
    episode = await play_episode(PAPER, model, actions="json")
    assert (episode.verdict.correct, episode.result.turns) == (False, 10)
    seen = [message.text for message in model.asked[-1]]
    assert model.asked[0][0].role == "user"  # no system prompt: all is in the first message
    assert "[1] convert_hex_to_ascii" in seen[0]
    assert "invalid" in seen[2]
    assert "Try again" in seen[4]
    assert "no tool of that name" in seen[6]
    assert not any("Only one turn is left" in text or "this very action" in text for text in seen)


async def test_a_model_that_never_writes_the_format_ends_at_the_papers_limit() -> None:
    episode = await play_episode(PAPER, ScriptedModel(["hm"] * 11), actions="text")
    assert (episode.verdict.reason, episode.result.turns) == ("no answer", 10)


@dataclass
class Switch:
    """A world with a signal of its own."""

    on: bool = False
    log: list[str] = field(default_factory=list)

    @property
    def succeeded(self) -> bool | None:
        return self.on

    @property
    def tools(self) -> Sequence[ToolSource]:
        def press() -> str:
            """Press the switch."""
            self.on = True
            return "click"

        return [press]


async def test_a_world_can_judge_by_itself_and_is_closed_after_the_episode() -> None:
    worlds: list[Switch] = []

    @asynccontextmanager
    async def opened(actions: str) -> AsyncIterator[Environment]:
        worlds.append(Switch())
        yield worlds[-1]
        worlds[-1].log.append("closed")

    pressing = task(open=opened, judge=reached)
    script = ['{"tool": "press", "args": {}}', "done"]
    first = await play_episode(pressing, ScriptedModel(script), actions="json")
    second = await play_episode(pressing, ScriptedModel(["done"]), actions="json")
    assert (first.verdict.correct, second.verdict.correct) == (True, False)
    assert [world.log for world in worlds] == [["closed"], ["closed"]]


@dataclass(frozen=True, slots=True)
class Furniture:
    session_setup: str
    tools: Sequence[ToolSource] = ()
    succeeded: bool | None = None


def furnished(setup: str) -> Task:
    @asynccontextmanager
    async def open_world(actions: str) -> AsyncIterator[Environment]:
        yield Furniture(setup)

    return task(open=open_world)


async def test_a_world_may_be_in_the_session_before_the_first_turn(warm_sandbox: LocalSandbox) -> None:
    model = ScriptedModel(["```python\nfactor * 7\n```", "42"])
    episode = await play_episode(furnished("print('unseen')\nfactor = 6"), model, sandbox=warm_sandbox)
    assert episode.verdict.correct
    assert not any("unseen" in message.text for message in model.asked[-1])
    run = episode.result.trajectory
    assert len(run.steps) == 2
    assert await replay(run, warm_sandbox) == []
    assert next(cell["source"] for cell in notebook(run)["cells"] if cell["cell_type"] == "code").endswith("factor = 6")


async def test_a_world_that_cannot_be_put_into_the_session_is_nobodys_failure(warm_sandbox: LocalSandbox) -> None:
    with pytest.raises(SetupError, match="cannot be prepared: ModuleNotFoundError"):
        await play_episode(furnished("import nowhere_at_all"), ScriptedModel(["42"]), sandbox=warm_sandbox)
    with pytest.raises(UsageError, match="'json' runs no code"):
        await play_episode(furnished("factor = 6"), ScriptedModel(["42"]), actions="json", sandbox=warm_sandbox)


async def test_what_was_prepared_is_there_again_after_a_reset(warm_sandbox: LocalSandbox) -> None:
    async with Agent(ScriptedModel([]), sandbox=warm_sandbox).open() as conversation:
        await conversation.prepare("factor = 6")
        await conversation.reset()
        assert (await conversation.session.run("factor")).value == "6"
