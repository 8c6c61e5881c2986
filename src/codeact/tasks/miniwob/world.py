"""The world of an episode: a page as a list of elements, tools that act on it, its reward as the signal."""

from __future__ import annotations

import threading
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol, cast

import anyio
from anyio import to_thread

from codeact.errors import MissingExtraError, ToolError
from codeact.tasks.base import Environment, Verdict
from codeact.tools import ToolSource, tool
from codeact.types import Answer

OVER = "The task is over: answer now."
LONGEST = 60  # characters of a text or a value of an element


class Page(Protocol):
    """What is needed of `browser.Browser`."""

    @property
    def goal(self) -> str: ...

    @property
    def done(self) -> bool: ...

    @property
    def reward(self) -> float: ...

    def elements(self) -> dict[str, Any]: ...

    def click(self, ref: int) -> None: ...

    def click_at(self, x: float, y: float) -> None: ...

    def drag(self, start: tuple[float, float], end: tuple[float, float]) -> None: ...

    def type(self, text: str) -> None: ...

    def press(self, key: str) -> None: ...

    def close(self) -> None: ...


@dataclass(slots=True)
class Desk:
    """A page, and the tools that act on it. Each of them gives the page as it then is."""

    browser: Page
    _turn: threading.Lock = field(
        default_factory=threading.Lock, repr=False
    )  # parallel calls come from several threads

    @property
    def told(self) -> str:
        return self.browser.goal

    @property
    def succeeded(self) -> bool:
        return self.browser.reward > 0

    @property
    def tools(self) -> Sequence[ToolSource]:
        @tool(read_only=True)
        def page() -> str:
            """The page, an element a line: number in brackets, tag, text, value, place (left, top, width, height)."""
            return self._after()

        @tool
        def click(element: int) -> str:
            """Click on an element, by its number. Gives the page as it then is."""
            return self._after("click", element)

        @tool
        def click_at(x: float, y: float) -> str:
            """Click at a place of the page, in pixels. Gives the page as it then is."""
            return self._after("click_at", x, y)

        @tool
        def drag(from_x: float, from_y: float, to_x: float, to_y: float) -> str:
            """Drag from one place of the page to another, in pixels. Gives the page as it then is."""
            return self._after("drag", (from_x, from_y), (to_x, to_y))

        @tool
        def type_text(text: str) -> str:
            """Type into the element that was clicked last. Gives the page as it then is."""
            return self._after("type", text)

        @tool
        def press(key: str) -> str:
            """Press a key: `Enter`, `Tab`, `Backspace`, `ArrowDown`, `Control+a`, … Gives the page as it then is."""
            return self._after("press", key)

        return [page, click, click_at, drag, type_text, press]

    def _after(self, act: str | None = None, *given: object) -> str:
        with self._turn:
            if self.browser.done:
                raise ToolError(OVER)
            if act is not None:
                getattr(self.browser, act)(*given)
            return OVER if self.browser.done else "\n".join(shown(self.browser.elements()))


def shown(element: Mapping[str, Any], depth: int = 0) -> Iterator[str]:
    """An element and all below it, a line each."""
    said = [f"[{element['ref']}]" if element["ref"] > 0 else "-", str(element["tag"]).lower()]
    if text := str(element.get("text") or ""):
        said.append(repr(text[:LONGEST]))
    if element.get("value") not in (None, ""):
        said.append(f"value={str(element['value'])[:LONGEST]!r}")
    said += [
        f"{name}={element[key]!r}" for name, key in (("id", "id"), ("class", "classes")) if _plain(element.get(key))
    ]
    said += ["focused"] if element.get("focused") else []
    said.append("at " + ",".join(str(round(element[side])) for side in ("left", "top", "width", "height")))
    yield "  " * depth + " ".join(said)
    for child in element.get("children", ()):
        yield from shown(child, depth + 1)


def rewarded(answer: Answer | None, environment: Environment) -> Verdict:
    """By the page's reward, whatever the answer says; it is told in any case, because some pages give a part of it."""
    reward = cast("Desk", environment).browser.reward
    return Verdict(reward > 0, f"reward {reward:.2f}")


@asynccontextmanager
async def open_desk(page: Path, seed: str, actions: str) -> AsyncGenerator[Environment]:
    """A browser of its own for this episode.

    Raises:
        MissingExtraError, SetupError: the package, Chromium or chromedriver is not installed.
        SandboxError: the browser failed.
    """
    try:
        module: Any = import_module("codeact.tasks.miniwob.browser")
    except ModuleNotFoundError as error:
        raise MissingExtraError("miniwob", "the suite 'miniwob'") from error
    browser: Page = await to_thread.run_sync(module.open_page, page, seed)  # once begun, not to be cancelled
    try:
        yield Desk(browser)
    finally:
        with anyio.CancelScope(shield=True):
            await to_thread.run_sync(browser.close)


def _plain(value: object) -> bool:
    """A class of SVG is no text."""
    return isinstance(value, str) and value != ""
