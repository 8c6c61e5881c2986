"""Nothing is trained twice: a repair and the episode that it was made from begin with the same steps."""

from __future__ import annotations

from dataclasses import dataclass, field

from codeact.instruct.candidate import Candidate


@dataclass(slots=True)
class Learned:
    """How many first steps of each episode are in the rows so far, by its trajectory's id.

    Rows may come in any order: of an episode, its repair, and another repair of it, each holds what none before had.
    """

    _steps: dict[str, int] = field(default_factory=dict[str, int])

    def before(self, candidate: Candidate) -> int:
        """How many first steps of it an earlier row holds already; it counts as seen from now on."""
        episode, shared = _shared(candidate)
        known = self._steps.get(episode, 0)
        self._steps[episode] = max(known, shared)
        held = min(known, shared)
        return held if held < candidate.row.turns else 0  # the same episode again is for the filter `once`


def _shared(candidate: Candidate) -> tuple[str, int]:
    """Of which episode how many first steps are in it: of its own all."""
    row = candidate.row
    own = str(row.origin.get("trajectory", row.id))
    match row.origin.get("repaired"):
        case {"from": str(episode), "step": int(step)} if episode != own:  # its own where no try could be made
            return episode, step
        case _:
            return own, row.turns
