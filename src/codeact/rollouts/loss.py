"""What is paid for and gives no result: tries of an episode whose machinery breaks."""

from __future__ import annotations

import time
from collections.abc import Generator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, fields
from typing import Any

from codeact.agent import Conversation
from codeact.types import JSON, Usage

_AMOUNTS = tuple(part.name for part in fields(Usage))


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What broken tries have used. What of a reply was lost with its endpoint is not known, and so not in it."""

    tries: int = 0
    usage: Usage = field(default_factory=Usage)
    seconds: float = 0.0

    def __add__(self, other: Loss) -> Loss:
        return Loss(
            tries=self.tries + other.tries, usage=self.usage + other.usage, seconds=self.seconds + other.seconds
        )

    def to_record(self) -> dict[str, JSON]:
        return {"tries": self.tries, **asdict(self.usage), "seconds": round(self.seconds, 3)}

    @staticmethod
    def from_record(record: Mapping[str, Any]) -> Loss:
        """Raises KeyError for a record that is none."""
        usage = Usage(**{name: record[name] for name in _AMOUNTS})
        return Loss(tries=record["tries"], usage=usage, seconds=record["seconds"])


@dataclass(slots=True, kw_only=True)
class Bill:
    """What a try of an episode has used so far: known also where it ends in an error."""

    lost: Loss = field(default_factory=Loss)  # by the tries before it
    usage: Usage = field(default_factory=Usage)
    started: float = field(default_factory=time.monotonic)

    @contextmanager
    def of(self, conversation: Conversation) -> Generator[None]:
        """Put on the bill what this conversation has used by the end of the body, however that ends."""
        try:
            yield
        finally:
            self.usage += conversation.usage

    def broken(self) -> Loss:
        """What is lost in all when this try breaks now."""
        return self.lost + Loss(tries=1, usage=self.usage, seconds=time.monotonic() - self.started)
