"""What happens while an agent runs, as it happens.

Producers call `emit(event)`, a plain function that must not block and must not raise.
`agent.stream()` turns it into an async iterator.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from codeact.types import (
    Action,
    Answer,
    Display,
    NetworkRequest,
    Observation,
    Outcome,
    Reply,
    Result,
    ToolCall,
    ToolRecord,
)


@dataclass(frozen=True, slots=True)
class TurnStarted:
    number: int  # 1-based
    kind: Literal["turn_started"] = "turn_started"


@dataclass(frozen=True, slots=True)
class TextDelta:
    """A piece of the model's text. `reasoning` marks a separate reasoning channel."""

    text: str
    reasoning: bool = False
    kind: Literal["text_delta"] = "text_delta"


@dataclass(frozen=True, slots=True)
class Retrying:
    """A model call failed and will be tried again."""

    reason: str
    delay: float  # seconds until the next try
    kind: Literal["retrying"] = "retrying"


@dataclass(frozen=True, slots=True)
class ReplyParsed:
    """The model's turn is complete and understood."""

    reply: Reply
    kind: Literal["reply_parsed"] = "reply_parsed"


@dataclass(frozen=True, slots=True)
class ActionStarted:
    action: Action
    kind: Literal["action_started"] = "action_started"


@dataclass(frozen=True, slots=True)
class OutputChunk:
    """Output of running code, as it is produced."""

    text: str
    stream: Literal["stdout", "stderr"] = "stdout"
    kind: Literal["output_chunk"] = "output_chunk"


@dataclass(frozen=True, slots=True)
class DisplayShown:
    display: Display
    kind: Literal["display_shown"] = "display_shown"


@dataclass(frozen=True, slots=True)
class NetworkRequested:
    """Code asks for a host, or has been refused one. Its bytes are not counted yet: `session.requests` has them."""

    request: NetworkRequest
    kind: Literal["network_requested"] = "network_requested"


@dataclass(frozen=True, slots=True)
class ToolCalled:
    call: ToolCall
    kind: Literal["tool_called"] = "tool_called"


@dataclass(frozen=True, slots=True)
class ToolReturned:
    record: ToolRecord
    kind: Literal["tool_returned"] = "tool_returned"


@dataclass(frozen=True, slots=True)
class ApprovalAsked:
    subject: Action | ToolCall
    kind: Literal["approval_asked"] = "approval_asked"


@dataclass(frozen=True, slots=True)
class ActionFinished:
    result: Result
    kind: Literal["action_finished"] = "action_finished"


@dataclass(frozen=True, slots=True)
class Observed:
    observation: Observation
    kind: Literal["observed"] = "observed"


@dataclass(frozen=True, slots=True)
class Answered:
    answer: Answer
    kind: Literal["answered"] = "answered"


@dataclass(frozen=True, slots=True)
class Finished:
    """The last event of every run, also of a cancelled or failed one."""

    outcome: Outcome
    kind: Literal["finished"] = "finished"


Event = (
    TurnStarted
    | TextDelta
    | Retrying
    | ReplyParsed
    | ActionStarted
    | OutputChunk
    | DisplayShown
    | NetworkRequested
    | ToolCalled
    | ToolReturned
    | ApprovalAsked
    | ActionFinished
    | Observed
    | Answered
    | Finished
)

Emit = Callable[[Event], None]


def ignore(event: Event) -> None:
    """The `emit` of callers who do not listen."""
