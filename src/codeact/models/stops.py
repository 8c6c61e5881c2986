"""Stop strings, watched on our side: not every endpoint takes them, and some return them as part of the text."""

from __future__ import annotations

from collections.abc import Sequence


class StopWatch:
    """Passes text on piece by piece and ends it before the first stop string, wherever the pieces were cut.

    The first stop string is the one that is complete first, as on a server that looks after every token.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = tuple(stop for stop in stops if stop)
        self._held = ""  # the end of the text so far, as long as it may be the beginning of a stop string
        self.stopped = False

    def feed(self, piece: str) -> str:
        """What can be shown of the text up to and with `piece`; empty once it has stopped."""
        if self.stopped:
            return ""
        text = self._held + piece
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.stopped, self._held = True, ""
            return text[: min(ends)[1]]
        keep = self._possible_beginning(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def finish(self) -> str:
        """The text has ended: what was held back."""
        held, self._held = self._held, ""
        return held

    def _possible_beginning(self, text: str) -> int:
        """Length of the longest end of `text` with which a stop string begins."""
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(text)), 0, -1):
            if any(stop.startswith(text[-length:]) for stop in self._stops):
                return length
        return 0
