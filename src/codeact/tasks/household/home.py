"""A house of our own: the rules of ALFWorld for one room, in plain Python, with its sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from codeact.tasks.household.goal import Goal
from codeact.tasks.household.rooms import APPLIANCES, FIT, LAMPS, OPENABLE, SPOTS
from codeact.tasks.household.world import NOTHING, Verb

DONE = {"clean": "clean", "heat": "hot", "cool": "cool"}  # what a thing is after it


@dataclass(frozen=True, slots=True)
class Plan:
    """How a house is at first: its receptacles in the order in which they are named, and what lies in each."""

    places: Mapping[str, tuple[str, ...]]
    goal: Goal


@dataclass(slots=True)
class Home:
    """A house as it is now."""

    plan: Plan
    at: str = ""  # the receptacle that the robot is at; empty in the middle of the room
    held: str = ""
    won: bool = False
    lies: dict[str, list[str]] = field(init=False)
    opened: set[str] = field(default_factory=set[str])
    lit: set[str] = field(default_factory=set[str])
    state: dict[str, set[str]] = field(default_factory=dict[str, set[str]])  # of a thing: clean, hot or cool

    def __post_init__(self) -> None:
        self.lies = {place: list(things) for place, things in self.plan.places.items()}

    @property
    def told(self) -> str:
        return f"{self._look()}\n\nYour task is to: {self.plan.goal.text}"

    def act(self, verb: Verb, *names: str) -> str:
        match (verb, *names):
            case ("look",):
                said = self._look()
            case ("goto", place) if place in self.lies:
                self.at = place
                said = f"You arrive at {place}. {self._view(place)}"
            case ("open" | "close", place) if self.at == place:
                said = self._turned(place, verb == "open")
            case ("take", thing, place) if self.at == place:
                said = self._taken(thing, place)
            case ("put", thing, place) if self.at == place and self.held == thing:
                said = self._put(thing, place)
            case ("clean" | "heat" | "cool", thing, place) if self.at == place and self.held == thing:
                said = self._treated(verb, thing, place)
            case ("use" | "toggle", lamp):
                said = self._switched(lamp)
            case _:
                said = NOTHING
        self.won = self.won or self._reached()
        return said

    def _look(self) -> str:
        if self.at:
            return f"You are facing the {self.at}. Next to it, you see nothing."
        seen = listed(self.lies)
        return f"You are in the middle of a room. Looking quickly around you, you see {seen}."

    def _view(self, place: str) -> str:
        if kind_of(place) not in OPENABLE:
            return f"On the {place}, you see {listed(self.lies[place])}."
        if place not in self.opened:
            return f"The {place} is closed."
        return f"The {place} is open. In it, you see {listed(self.lies[place])}."

    def _within_reach(self, place: str) -> bool:
        return kind_of(place) not in OPENABLE or place in self.opened

    def _turned(self, place: str, open: bool) -> str:
        if kind_of(place) not in OPENABLE or (place in self.opened) is open:
            return NOTHING
        if not open:
            self.opened.remove(place)
            return f"You close the {place}."
        self.opened.add(place)
        return f"You open the {place}. {self._view(place)}"

    def _taken(self, thing: str, place: str) -> str:
        movable = kind_of(thing) in SPOTS and thing in self.lies[place]
        if self.held or not movable or not self._within_reach(place):
            return NOTHING
        self.lies[place].remove(thing)
        self.held = thing
        return f"You pick up the {thing} from the {place}."

    def _put(self, thing: str, place: str) -> str:
        if kind_of(place) not in SPOTS[kind_of(thing)] or not self._within_reach(place):
            return NOTHING
        self.lies[place].append(thing)
        self.held = ""
        return f"You put the {thing} in/on the {place}."

    def _treated(self, verb: str, thing: str, place: str) -> str:
        if kind_of(place) != APPLIANCES[verb] or kind_of(thing) not in FIT[verb]:
            return NOTHING
        state = self.state.setdefault(thing, set())
        state -= {"hot", "cool"} if verb != "clean" else set()
        state.add(DONE[verb])
        return f"You {verb} the {thing} using the {place}."

    def _switched(self, lamp: str) -> str:
        if kind_of(lamp) not in LAMPS or lamp not in self.lies.get(self.at, ()):
            return NOTHING
        self.lit ^= {lamp}
        return f"You turn {'on' if lamp in self.lit else 'off'} the {lamp}."

    def _reached(self) -> bool:
        goal = self.plan.goal
        if goal.family == "examine":
            here = {kind_of(lamp) for lamp in self.lit if lamp in self.lies.get(self.at, ())}
            return kind_of(self.held) == goal.thing and goal.target in here
        wanted = {DONE[goal.family]} if goal.family in DONE else set[str]()
        counts = [
            sum(kind_of(thing) == goal.thing and wanted <= self.state.get(thing, set()) for thing in things)
            for place, things in self.lies.items()
            if kind_of(place) == goal.target
        ]
        return max(counts, default=0) >= (2 if goal.family == "puttwo" else 1)


def kind_of(name: str) -> str:
    """`desk 2` is a desk."""
    return name.partition(" ")[0]


def listed(names: Iterable[str]) -> str:
    """As ALFWorld lists them: `a desk 1, an apple 1, and a mug 1`."""
    said = [f"{'an' if name[0] in 'aeiou' else 'a'} {name}" for name in names]
    return ", ".join([*said[:-1], f"and {said[-1]}"]) if len(said) > 1 else said[0] if said else "nothing"
