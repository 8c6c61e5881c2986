"""Errands in a catalogue on a terminal: screens to leaf through, entries to open, and a value to be found there."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from random import Random

from codeact.tasks.answers import Expected
from codeact.tasks.base import Environment
from codeact.tasks.errands.errand import Errand, answering
from codeact.tasks.naming import words
from codeact.tasks.oracle import Cell
from codeact.tools import ToolSource

PER_SCREEN = 4  # entries of a section


@dataclass(frozen=True, slots=True)
class Theme:
    """What a catalogue is of: its sections, and for each entry some facts."""

    title: str
    thing: str
    sections: Sequence[str]
    facts: Mapping[str, Sequence[str]]  # what is told of an entry, and its possible values


THEMES = (
    Theme("Tulip & Sons, nursery", "plant", ("Shrubs", "Climbers", "Ferns", "Bulbs", "Grasses"),
          {"height": ("40 cm", "75 cm", "1.2 m", "2.5 m"), "bed": ("A4", "B2", "C7", "D1", "E9"), "keeper": ()}),
    Theme("Register of ships", "ship", ("Ferries", "Tugs", "Trawlers", "Icebreakers"),
          {"home port": (), "captain": (), "built in": ("1961", "1974", "1988", "1993", "2007", "2015")}),
    Theme("Museum of instruments", "instrument", ("Strings", "Pipes", "Drums", "Keys", "Bells"),
          {"room": ("12", "15", "21", "27", "33"), "maker": (), "key": ("F", "G", "D minor", "B flat")}),
    Theme("Library of maps", "map", ("Coasts", "Rivers", "Mountains", "Cities"),
          {"shelf": ("K-11", "L-20", "M-03", "P-48"), "drawn by": (), "scale": ("1:5000", "1:25000", "1:100000")}),
    Theme("Club of beekeepers", "member", ("North", "South", "Hills", "Harbour"),
          {"hives": ("3", "7", "12", "18"), "honey": ("lime", "clover", "heather"), "sponsor": ()}),
)  # fmt: skip


@dataclass(slots=True)
class Terminal:
    """A catalogue and where its reader is. Screens are texts; wrong buttons say which there are."""

    theme: Theme
    entries: Mapping[str, Mapping[str, Mapping[str, str]]]  # section -> entry -> fact -> value
    section: str = ""
    part: int = 0
    entry: str = ""
    succeeded: bool | None = field(default=None, init=False)

    def screen(self) -> str:
        """What the screen shows now."""
        return "\n".join([*self._said(), "Buttons: " + ", ".join(self._buttons())])

    def press(self, button: str) -> str:
        """Press a button of the screen, by its name; gives the new screen."""
        if button not in self._buttons():
            raise ValueError(f"there is no button {button!r} here, but: {', '.join(self._buttons())}")
        match button:
            case "Back":
                self.section, self.part, self.entry = ("", 0, "") if not self.entry else (self.section, self.part, "")
            case "More":
                self.part += 1
            case _ if self.section:
                self.entry = button
            case _:
                self.section = button
        return self.screen()

    @property
    def tools(self) -> Sequence[ToolSource]:
        return self.screen, self.press

    def _said(self) -> list[str]:
        if self.entry:
            facts = self.entries[self.section][self.entry]
            return [f"{self.entry} ({self.section})", *(f"{name}: {value}" for name, value in facts.items())]
        if self.section:
            return [f"{self.section}, screen {self.part + 1} of {self._screens()}"]
        return [self.theme.title, f"Choose a section to see every {self.theme.thing} of it."]

    def _buttons(self) -> list[str]:
        if self.entry:
            return ["Back"]
        if not self.section:
            return list(self.theme.sections)
        shown = list(self.entries[self.section])[PER_SCREEN * self.part : PER_SCREEN * (self.part + 1)]
        return [*shown, *(["More"] if self.part + 1 < self._screens() else []), "Back"]

    def _screens(self) -> int:
        return -(-len(self.entries[self.section]) // PER_SCREEN)


def lookup(rng: Random) -> Errand:
    """A fact of one entry, whose section is known: press, leaf, open, read."""
    theme, entries = _catalogue(rng)
    section = rng.choice(theme.sections)
    entry = rng.choice(list(entries[section]))
    fact = rng.choice(list(theme.facts))
    pages = list(entries[section]).index(entry) // PER_SCREEN
    value = entries[section][entry][fact]
    look = Cell("print(screen())", rng.choice(("Let me see the screen first.", "I look at where I am.")))
    cells = [look]
    if rng.random() < 0.3:
        cells.append(Cell(f'page = press("{entry}")\nprint(page)', f"Perhaps {entry} can be opened directly."))
        cells.append(
            Cell(
                f'page = press("{section}")\nprint(page)',
                f"No such button here; the screen names the sections. {section} it is.",
            )
        )
    else:
        cells.append(
            Cell(
                f'page = press("{section}")\nprint(page)',
                f"The {theme.thing} is in the section {section}, so I press that.",
            )
        )
    for _ in range(pages):
        cells.append(Cell('page = press("More")\nprint(page)', f"{entry} is not on this screen; there is More."))
    cells.append(Cell(f'page = press("{entry}")\nprint(page)', f"There is {entry}. I open it."))
    cells.append(_read(rng, fact, value))
    question = rng.choice(
        (f'What is the "{fact}" of {entry}', f'What does the catalogue say under "{fact}" for {entry}')
    )
    return _errand(f"{question}, in the section {section}?", value, cells, theme, entries)


def hunt(rng: Random) -> Errand:
    """A fact of one entry of an unknown section: a loop over all screens."""
    theme, entries = _catalogue(rng)
    section = rng.choice(theme.sections)
    entry = rng.choice(list(entries[section]))
    fact = rng.choice(list(theme.facts))
    value = entries[section][entry][fact]
    code = f"""\
def find(name):
    for section in {list(theme.sections)!r}:
        page = press(section)
        while name not in page and "More" in page:
            page = press("More")
        if name in page:
            return press(name)
        press("Back")

page = find("{entry}")
print(page)"""
    searching = (
        f"I go through all sections and their screens until {entry} is there.",
        "One loop over sections and screens finds it; then I open it.",
    )
    cells = [
        Cell("print(screen())", f"I don't know in which section {entry} is. First the screen."),
        Cell(code, rng.choice(searching)),
        _read(rng, fact, value),
    ]  # fmt: skip
    return _errand(f'What is the "{fact}" of the {theme.thing} {entry}?', value, cells, theme, entries)


def tally(rng: Random) -> Errand:
    """How many entries of a section have some value, or which: every one is opened."""
    theme, entries = _catalogue(rng)
    section = rng.choice(theme.sections)
    fact = rng.choice([name for name, values in theme.facts.items() if values])
    wanted = rng.choice([facts[fact] for facts in entries[section].values()])
    found = [name for name, facts in entries[section].items() if facts[fact] == wanted]
    collecting = f"""\
names = []
page = press("{section}")
while True:
    buttons = page.split("Buttons: ")[1].split(", ")
    names += [name for name in buttons if name not in ("More", "Back")]
    if "More" not in buttons:
        break
    page = press("More")
print(names)"""
    opening = f"""\
found = []
press("Back")
for name in names:
    page = press("{section}")
    while name not in page:
        page = press("More")
    page = press(name)
    if "{fact}: {wanted}" in page.splitlines():
        found.append(name)
    press("Back")
    press("Back")
print(found)"""
    count = rng.random() < 0.5
    cells = [
        Cell("print(screen())", "First I see what the screen looks like."),
        Cell(collecting, f"I collect all names of {section}, screen after screen."),
        Cell(opening, f'Now I open each one, and note those whose "{fact}" is {wanted}.'),
        Cell("final_answer(len(found))", "Their number is what was asked for.") if count else answering(rng, "found"),
    ]
    asked = "How many entries" if count else "Which entries, as a list in the catalogue's order,"
    prompt = f'{asked} of the section {section} have "{fact}: {wanted}"?'
    return _errand(prompt, len(found) if count else found, cells, theme, entries)


def _read(rng: Random, fact: str, value: str) -> Cell:
    """The value is on the screen: written down as it is seen, or cut out of the text."""
    if rng.random() < 0.6:
        return Cell(
            f"final_answer({value!r})",
            rng.choice((f'The screen says "{fact}: {value}".', f"There it is: {fact}: {value}.")),
        )
    cut = f'value = page.split("{fact}: ")[1].split("\\n")[0]\nprint(value)\nfinal_answer(value)'
    return Cell(cut, f'The line "{fact}" has it; I cut the value out of the text.')


def _errand(
    prompt: str,
    value: str | int | list[str],
    cells: Sequence[Cell],
    theme: Theme,
    entries: Mapping[str, Mapping[str, Mapping[str, str]]],
) -> Errand:
    @asynccontextmanager
    async def open_catalogue(actions: str) -> AsyncGenerator[Environment]:
        yield Terminal(theme, entries)

    return Errand(prompt=prompt, cells=cells, open=open_catalogue, judge=Expected(value))


def _catalogue(rng: Random) -> tuple[Theme, dict[str, dict[str, dict[str, str]]]]:
    theme = rng.choice(THEMES)
    counts = {section: rng.randint(2, 9) for section in theme.sections}
    names, people = iter(words(rng, sum(counts.values()))), words(rng, 12, 5)
    return theme, {
        section: {
            next(names): {fact: rng.choice(values or people) for fact, values in theme.facts.items()}
            for _ in range(count)
        }
        for section, count in counts.items()
    }
