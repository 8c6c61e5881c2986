"""MiniWoB++: how a page is shown, how it ends, and whole episodes in a real browser."""

from __future__ import annotations

import contextlib
import re
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from typing import Any

import psutil
import pytest

from codeact.errors import MissingExtraError, SandboxError, ToolError, UsageError
from codeact.rollouts import oracle, play_episode
from codeact.sandbox.local import LocalSandbox
from codeact.tasks import Environment, Task, program_oracles, prompt_of, suite
from codeact.tasks.miniwob.world import OVER, Desk, rewarded, shown
from codeact.tools import ToolSet
from codeact.types import ToolCall

pytestmark = pytest.mark.anyio
with_pages = pytest.mark.skipif(find_spec("miniwob") is None, reason="needs the package miniwob")
with_browser = pytest.mark.skipif(
    find_spec("miniwob") is None or not shutil.which("chromium") or not shutil.which("chromedriver"),
    reason="needs the package miniwob, Chromium and chromedriver (scripts/install_chromium.sh)",
)

SUITE = suite("miniwob")


def element(ref: int, tag: str, *place: float, **more: Any) -> dict[str, Any]:
    sides = dict(zip(("left", "top", "width", "height"), place, strict=True))
    return {"ref": ref, "tag": tag, **sides, **more}


FIELD = element(2, "INPUT_text", 7, 78.4, 128, 21, id="user", classes={}, value="Tom", focused=True)
LOOSE = element(-1, "t", 7, 99, 20, 11, text="a text of its own")
FORM = element(1, "BODY", 0, 0, 160, 210, id="", classes="", children=[FIELD, LOOSE])


@dataclass
class Form:
    """A page of one's own, whose only button is element 2."""

    goal: str = "Press it."
    done: bool = False
    reward: float = 0.0
    did: list[object] = field(default_factory=list[object])

    def elements(self) -> dict[str, Any]:
        return FORM

    def click(self, ref: int) -> None:
        self.done, self.reward = True, 1.0 if ref == 2 else -1.0

    def click_at(self, x: float, y: float) -> None:
        self.did.append(("click_at", x, y))

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None:
        self.did.append(("drag", start, end))

    def type(self, text: str) -> None:
        self.did.append(text)

    def press(self, key: str) -> None:
        self.did.append(key)

    def close(self) -> None: ...


def test_a_page_is_a_line_for_each_element() -> None:
    assert list(shown(FORM)) == [
        "[1] body at 0,0,160,210",
        "  [2] input_text value='Tom' id='user' focused at 7,78,128,21",
        "  - t 'a text of its own' at 7,99,20,11",
    ]


@pytest.mark.parametrize(("element", "correct", "reason"), [(2, True, "reward 1.00"), (1, False, "reward -1.00")])
async def test_the_reward_decides_and_is_told(element: int, correct: bool, reason: str) -> None:
    page = Form()
    tools = ToolSet(Desk(page).tools)
    assert rewarded(None, Desk(page)).reason == "reward 0.00"
    for call in (
        ToolCall("click_at", (1, 2.5)),
        ToolCall("drag", (1, 2, 3, 4)),
        ToolCall("type_text", ("hello",)),
        ToolCall("press", ("Tab",)),
    ):
        assert "input_text" in await tools.call(call)
    assert page.did == [("click_at", 1, 2.5), ("drag", (1, 2), (3, 4)), "hello", "Tab"]
    assert await tools.call(ToolCall("click", (element,))) == OVER
    assert (rewarded(None, Desk(page)).correct, rewarded(None, Desk(page)).reason) == (correct, reason)
    with pytest.raises(ToolError, match="is over"):
        await tools.call(ToolCall("page"))


@pytest.mark.skipif(find_spec("miniwob") is not None, reason="miniwob is installed")
def test_without_the_package_it_says_what_to_install() -> None:
    with pytest.raises(MissingExtraError, match="miniwob"):
        SUITE.tasks()


@with_pages
def test_every_page_is_a_task_and_an_unknown_one_is_named() -> None:
    tasks = SUITE.tasks()
    assert len({task.id for task in tasks}) == len(tasks) == 4 * len({task.domain for task in tasks})
    assert {"click-button", "login-user", "use-slider"} < {task.domain for task in tasks}
    assert [task.id for task in SUITE.tasks(pages="click-tab", episodes=2, seed=3)] == [
        "click-tab/3.0",
        "click-tab/3.1",
    ]
    with pytest.raises(UsageError, match="no page 'click-moon'"):
        SUITE.tasks(pages=["click-moon"])
    with pytest.raises(UsageError, match="1 or more"):
        SUITE.tasks(episodes=0)
    with pytest.raises(UsageError, match="no option 'tasks'"):
        SUITE.tasks(tasks=46)


def leftovers() -> list[str]:
    return [child.name() for child in psutil.Process().children(recursive=True) if "chrom" in child.name()]


@with_browser
async def test_an_episode_in_a_real_browser(warm_sandbox: LocalSandbox) -> None:
    [task] = SUITE.tasks(pages="click-test", episodes=1)
    program = "import re\nseen = page()\nresult = click(int(re.search(r'\\[(\\d+)\\] button', seen)[1]))"
    task = replace(task, oracles=program_oracles(program))
    episode = await play_episode(task, oracle, sandbox=warm_sandbox)
    assert (episode.verdict.correct, episode.verdict.reason) == (True, "reward 1.00")
    assert (episode.result.answer, leftovers()) == (OVER, [])


@with_browser
async def test_a_browser_that_dies_says_nothing_of_the_agent() -> None:
    [task] = SUITE.tasks(pages="click-test", episodes=1)
    async with task.open("code") as world:
        for child in psutil.Process().children(recursive=True):
            if child.name() == "chromium":
                with contextlib.suppress(psutil.NoSuchProcess):  # they go down together
                    child.kill()
        with pytest.raises(SandboxError, match="the browser of miniwob has failed"):
            await ToolSet(world.tools).call(ToolCall("page"))
    assert leftovers() == []


@with_browser
async def test_a_form_is_filled_in_by_typing_and_a_wrong_one_is_not_rewarded() -> None:
    [right, wrong] = SUITE.tasks(pages="login-user", episodes=2)
    async with right.open("code") as world:
        user, password = wanted(right, world)
        assert await filled(world, [user, password]) == OVER
        assert right.judge(None, world).correct
    async with wrong.open("code") as world:
        assert wanted(wrong, world) != [user, password]  # another seed, another page
        assert await filled(world, ["nobody", "nothing"]) == OVER
        assert wrong.judge(None, world).reason == "reward -1.00"
    assert leftovers() == []


@with_browser
async def test_what_is_not_there_is_said() -> None:
    [task] = SUITE.tasks(pages="login-user", episodes=1)
    async with task.open("code") as world:
        tools = ToolSet(world.tools)
        for call, told in {
            "element": (ToolCall("click", (999,)), "no element 999"),
            "key": (ToolCall("press", ("Any",)), "no key 'Any'"),
            "place": (ToolCall("click_at", (5000, 5000)), "out of bounds"),
        }.values():
            with pytest.raises(ToolError, match=told):
                await tools.call(call)


def wanted(task: Task, world: Environment) -> list[str]:
    return re.findall(r'"([^"]+)"', prompt_of(task, world))


async def filled(world: Environment, texts: Sequence[str]) -> str:
    """Click into the first field, type, go on by the tab key, type, and click on the button."""
    tools = ToolSet(world.tools)
    seen: str = await tools.call(ToolCall("page"))
    fields = [int(number) for number in re.findall(r"\[(\d+)\] (?:input_|button)", seen)]
    await tools.call(ToolCall("click", (fields[0],)))
    await tools.call(ToolCall("type_text", (texts[0],)))
    await tools.call(ToolCall("press", ("Tab",)))
    assert repr(texts[0]) in await tools.call(ToolCall("type_text", (texts[1],)))
    return await tools.call(ToolCall("click", (fields[2],)))
