"""What the model writes in a turn, before it is known what it is."""

from __future__ import annotations

import re
from dataclasses import dataclass

from codeact.events import Event, TextDelta, TurnStarted

# Where a reply begins to be something else than words; which of these are taken for that, the action space decides.
MARKS = re.compile(r"```|~~~|<execute>|<think>|^Action:", re.MULTILINE)


@dataclass(slots=True)
class Words:
    """The text of the last turn in which there was any."""

    text: str = ""
    fresh: bool = True  # nothing of the present turn yet

    def hear(self, event: Event) -> None:
        match event:
            case TurnStarted():
                self.fresh = True
            case TextDelta(text=text, reasoning=False):
                self.text = text if self.fresh else self.text + text
                self.fresh = False
            case _:
                pass

    @property
    def partial(self) -> str:
        """The answer, as far as it came before the tokens were used up; empty where these words were none."""
        return "" if MARKS.search(self.text) else self.text
