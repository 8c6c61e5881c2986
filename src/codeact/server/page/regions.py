"""The page's few elements: regions of HTML that the server draws, and three components with a script of their own.

Everything else NiceGUI offers would need `eval` in the browser (see `policy`), and looks like everybody else's.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast

from nicegui.element import Element
from nicegui.events import GenericEventArguments

from codeact.server.page.draw import Block
from codeact.types import JSON

MOST_ORDERS = 30  # that a browser is told again when one more is added; it carries out each once
Heard = Callable[[str, str, Mapping[str, Sequence[str]]], Any]  # what to do, on what, and a form's fields


class Shell(Element, component="browser/shell.js"):
    """The frame: keys, address, drawers, what is said for a moment.

    What the browser is to do goes to it as a property, in order and each with a number: the toolkit's own way to call a
    method sends JavaScript, which no page of ours runs.
    """

    ordered: tuple[JSON, ...] = ()
    number: int = 0

    def order(self, to: Literal["shell", "composer", "talk"], name: str, *args: JSON) -> None:
        self.number += 1
        self.ordered = (*self.ordered[1 - MOST_ORDERS :], [self.number, to, name, args])
        self.props["orders"] = list(self.ordered)


class Composer(Element, component="browser/composer.js"):
    """Where a message is written."""


class Live(Element, component="browser/live.js"):
    """Hears what is pressed, sent or typed in the HTML within it."""


def tag(name: str, classes: str = "", **attributes: str) -> Element:
    """An element of HTML; attributes as they are, with `_` for `-`."""
    element = Element(name).classes(classes)
    for attribute, value in attributes.items():
        element.props[attribute.rstrip("_").replace("_", "-")] = value
    return element


@dataclass(slots=True)
class Region:
    """A part of the page that is drawn again and again; what stays the same is left alone."""

    live: Live
    _lines: list[tuple[Block, Element]] = field(default_factory=list["tuple[Block, Element]"])

    @staticmethod
    def of(name: str, hear: Heard, *, follow: bool = False, classes: str = "", **attributes: str) -> Region:
        """A region of that tag, in whatever is open now. `follow`: it scrolls with what is added at its end."""
        live = Live().classes(classes)
        live.props["tag"] = name
        live.props.set_bool("follow", follow)
        for attribute, value in attributes.items():
            live.props[attribute.rstrip("_").replace("_", "-")] = value
        live.on("act", lambda event: _heard(hear, event))
        return Region(live)

    def show(self, *blocks: Block) -> None:
        """Draw these, in this order, and nothing else."""
        same = 0
        for (old, element), new in zip(self._lines, blocks, strict=False):
            if old.key != new.key:
                break
            if old != new:
                _fill(element, new)
                self._lines[same] = (new, element)
            same += 1
        for _, element in self._lines[same:]:
            element.delete()
        del self._lines[same:]
        with self.live:
            for block in blocks[same:]:
                element = Element("div")
                _fill(element, block)
                self._lines.append((block, element))

    def html(self, html: str, kind: str = "") -> None:
        self.show(Block("all", kind, html))


def _fill(element: Element, block: Block) -> None:
    element.classes(replace=block.kind)
    element.props["innerHTML"] = block.html


def _heard(hear: Heard, event: GenericEventArguments) -> Any:
    """What a browser says is anything at all, until it has been looked at."""
    match event.args:
        case {"act": str(act), "on": str(on), "fields": fields}:
            return hear(act, on, _texts(fields))
        case _:
            return None


def _texts(fields: Any) -> dict[str, list[str]]:
    pairs = cast("Mapping[Any, Any]", fields).items() if isinstance(fields, Mapping) else ()
    lists = {str(name): cast("list[Any]", values) for name, values in pairs if isinstance(values, list)}
    return {name: [value for value in values if isinstance(value, str)] for name, values in lists.items()}
