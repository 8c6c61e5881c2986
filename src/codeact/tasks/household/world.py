"""The world of an episode: a robot with the paper's eleven functions, in a house of ours or in a game of ALFWorld."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol

from codeact.tools import ToolSource, tool

Verb = Literal["put", "goto", "take", "open", "close", "toggle", "clean", "heat", "cool", "use", "look"]
NOTHING = "Nothing happens."
_ARRIVAL = re.compile(r"\AYou arrive at [^.]*\.\s*")  # cut off, as the paper does: what is seen follows it


class House(Protocol):
    """What a robot acts in."""

    @property
    def told(self) -> str:
        """What is seen at first, and what is to be done."""
        ...

    @property
    def won(self) -> bool: ...

    def act(self, verb: Verb, *names: str) -> str:
        """Do one thing and get what the house says to it.

        Raises:
            SandboxError: the machinery of the house failed.
        """
        ...


@dataclass(slots=True)
class Robot:
    """A house, and the functions that act in it."""

    house: House
    _moved: bool = False  # away from the middle of the room
    _turn: threading.Lock = field(default_factory=threading.Lock, repr=False)  # calls come from several threads

    @property
    def told(self) -> str:
        return self.house.told

    @property
    def succeeded(self) -> bool:
        return self.house.won

    @property
    def tools(self) -> Sequence[ToolSource]:
        return functions(self._act)

    def _act(self, verb: Verb, *names: str) -> str:
        with self._turn:
            if verb == "look" and not self._moved:  # ALFWorld's engine says it once, and then that there is nothing
                return self.told.partition("\n")[0]
            said = self.house.act(verb, *(" ".join(name.lower().split()) for name in names))
            self._moved = self._moved or (verb == "goto" and said != NOTHING)
        return _ARRIVAL.sub("", said)


def functions(act: Callable[..., str]) -> Sequence[ToolSource]:
    """The paper's eleven, each of which is one command."""

    @tool
    def put(object: str, receptacle: str) -> str:
        """Put what you hold into or onto the receptacle that you are at: `put("mug 1", "desk 2")`."""
        return act("put", object, receptacle)

    @tool
    def goto(receptacle: str) -> str:
        """Go to a receptacle, and see what is in or on it, or that it is closed: `goto("drawer 1")`."""
        return act("goto", receptacle)

    @tool
    def take_from(object: str, receptacle: str) -> str:
        """Take an object from the receptacle that you are at; your hand must be empty."""
        return act("take", object, receptacle)

    @tool
    def open_receptacle(receptacle: str) -> str:
        """Open the receptacle that you are at, and see what is in it."""
        return act("open", receptacle)

    @tool
    def close_receptacle(receptacle: str) -> str:
        """Close the receptacle that you are at."""
        return act("close", receptacle)

    @tool
    def toggle(object_or_receptacle: str) -> str:
        """Turn something that is here on or off."""
        return act("toggle", object_or_receptacle)

    @tool
    def clean(object: str, receptacle: str) -> str:
        """Clean what you hold with the sink basin that you are at: `clean("mug 1", "sinkbasin 1")`."""
        return act("clean", object, receptacle)

    @tool
    def heat(object: str, receptacle: str) -> str:
        """Heat what you hold with the microwave that you are at; it may stay closed."""
        return act("heat", object, receptacle)

    @tool
    def cool(object: str, receptacle: str) -> str:
        """Cool what you hold with the fridge that you are at; it may stay closed."""
        return act("cool", object, receptacle)

    @tool
    def use(receptacle: str) -> str:
        """Use a thing that is here, a lamp: `use("desklamp 1")`."""
        return act("use", receptacle)

    @tool(read_only=True)
    def look() -> str:
        """What is around you. Before you went anywhere: all receptacles of the room."""
        return act("look")

    return [
        put,
        goto,
        take_from,
        open_receptacle,
        close_receptacle,
        toggle,
        clean,
        heat,
        cool,
        use,
        look,
    ]
