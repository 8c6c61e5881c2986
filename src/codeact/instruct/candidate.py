"""A candidate: a row that may be selected, with the facts of each turn that filters go by.

Facts are read from the record and not from words: whether code raised is `ExecResult.error`, whether a reply could be
read is whether it has been. An output with the word "Error" in it is no error.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from hashlib import sha256
from typing import Literal, cast

from codeact.instruct.row import Row, RowMessage
from codeact.models.openai_messages import render_messages
from codeact.models.wire_messages import SURROGATE
from codeact.trajectory.history import messages_of, step_messages
from codeact.trajectory.messages import copied_context
from codeact.types import JSON, Answer, ExecResult, Result, Step, ToolResults, Trajectory

Kind = Literal["action", "answer", "unreadable"]
Fault = Literal["unreadable", "cut", "erred", "wrong"]
FAULTS: Mapping[Fault, str] = {
    "unreadable": "no action could be read in it",
    "cut": "it ends where the limit of a reply cut it off",
    "erred": "its code raised, or its call failed",
    "wrong": "it is an answer that was sent back",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """What came of one message of the assistant. A reply that was empty left none, and is no turn here."""

    message: int  # its place in the row
    kind: Kind
    erred: bool = False  # it raised, or a call of it failed
    says_error: bool = False  # the word "Error" is in its observation: what the paper went by
    answered_wrong: bool = False  # an answer, sent back
    cut: bool = False  # by the limit of a reply
    step: int = 0  # whose reply it is, 1-based; 0 where the record has no steps

    @property
    def clean(self) -> bool:
        return self.kind == "action" and not self.erred

    def has(self, fault: Fault) -> bool:
        match fault:
            case "unreadable":
                return self.kind == "unreadable"
            case "cut":
                return self.cut
            case "erred":
                return self.erred
            case "wrong":
                return self.answered_wrong


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A row with what is known of its turns."""

    row: Row
    turns: tuple[Turn, ...]
    asked: str  # what the user wanted, without what is said to every task
    format: str  # "code", "json" or "text"
    plain: bool = True  # whether all of it is text of the three roles, without native calls
    answered: bool = True  # whether the run ended with an answer, right or wrong
    unreadable: int = 0  # replies that could not be read, also such as left no message

    @property
    def erred_then_fixed(self) -> bool:
        """Something went wrong on the way, a later action ran cleanly, and it succeeded in the end."""
        slips = [index for index, turn in enumerate(self.turns[:-1]) if turn.erred or turn.kind == "unreadable"]
        return self.row.success and bool(slips) and any(turn.clean for turn in self.turns[slips[0] + 1 :])

    @property
    def same_task(self) -> str:
        """Equal for candidates of one task; a generator's tasks of different seeds may share a name, never a prompt."""
        return sha256(f"{self.row.task}\0{self.asked}".encode()).hexdigest()

    def as_context(self, faults: Sequence[Fault], steps: int = 0) -> Row:
        """The row, its messages with these faults, and those of its first steps, as context only: not learned."""
        marked = {turn.message for turn in self.turns if 0 < turn.step <= steps or any(map(turn.has, faults))}
        messages = [
            replace(message, is_copied_context=message.is_copied_context or index in marked)
            for index, message in enumerate(self.row.messages)
        ]
        return replace(self.row, messages=tuple(messages))

    def to_line(self) -> bytes:
        """For a file of our own that a filter sets candidates aside in."""
        rest = {name: getattr(self, name) for name in _PLAIN_FIELDS}
        turns = [asdict(turn) for turn in self.turns]
        return json.dumps({"row": self.row.to_record(), "turns": turns, **rest}).encode() + b"\n"

    @staticmethod
    def from_line(line: bytes) -> Candidate:
        """What `to_line` wrote; nothing is checked again."""
        record = cast("dict[str, JSON]", json.loads(line))
        row, turns = record.pop("row"), record.pop("turns")
        messages = tuple(RowMessage(**message) for message in row.pop("messages"))
        return Candidate(row=Row(messages=messages, **row), turns=tuple(Turn(**turn) for turn in turns), **record)


_PLAIN_FIELDS = ("asked", "format", "plain", "answered", "unreadable")


@dataclass(frozen=True, slots=True, kw_only=True)
class About:
    """What a trajectory does not say of itself."""

    id: str
    success: bool
    domain: str
    task: str
    source: str
    licence: str
    model: str
    origin: Mapping[str, JSON]


def of_trajectory(trajectory: Trajectory, about: About) -> Candidate:
    """The episode as the model saw it, word for word, up to its last reply.

    Written as a text model is served: by the same function, which tells of images instead of showing them, joins
    neighbours of one role and leaves out what is empty. What follows the last reply was never read by the model of this
    run, so it is no part of the row. The assistant's messages in the prompt are another run's, or the task's, so they
    are context only.
    """
    entries = render_messages(messages_of(trajectory), images=False)
    first = len(render_messages(trajectory.prompt, images=False))
    copied = len(render_messages(trajectory.prompt[: copied_context(trajectory)], images=False))
    replies = [index for index, entry in enumerate(entries) if index >= first and entry["role"] == "assistant"]
    entries = entries[: replies[-1] + 1 if replies else len(entries)]
    messages = tuple(
        _message(entry, index < copied or (index < first and entry["role"] == "assistant"))
        for index, entry in enumerate(entries)
    )
    said = [step for step in trajectory.steps if step_messages(step)[0].text.strip() or step.completion.calls]
    turns = tuple(map(_turn, replies, said))
    row = Row(
        messages=messages,
        turns=len(trajectory.steps),
        id=about.id,
        success=about.success,
        domain=about.domain,
        task=about.task,
        source=about.source,
        licence=about.licence,
        model=about.model,
        origin={**about.origin, "errors": "recorded"},
    )
    users = [message.text for message in trajectory.prompt if message.role == "user"]
    return Candidate(
        row=row,
        turns=turns,
        asked=utf8("\n".join(users) or trajectory.task),
        format=str(trajectory.agent.get("actions", "code")),
        plain=all(map(_is_plain, entries)),
        answered=trajectory.outcome is not None and trajectory.outcome.status == "answered",
        unreadable=sum(step.reply is None for step in trajectory.steps),
    )


def _turn(message: int, step: Step) -> Turn:
    answers = step.reply is not None and (isinstance(step.reply.action, Answer) or _gives_answer(step.result))
    seen = step.observation.text if step.observation else ""
    return Turn(
        message=message,
        kind="unreadable" if step.reply is None else "answer" if answers else "action",
        erred=_failed(step.result),
        says_error="Error" in seen,
        answered_wrong=answers and step.observation is not None,
        cut=step.completion.finish == "length",
        step=step.number,
    )


def _gives_answer(result: Result | None) -> bool:
    return isinstance(result, ExecResult) and result.answer is not None


def _failed(result: Result | None) -> bool:
    match result:
        case ExecResult(error=error):
            return error is not None
        case ToolResults(records):
            return any(record.error is not None for record in records)
        case None:
            return False


def _message(entry: Mapping[str, JSON], copied: bool) -> RowMessage:
    role = entry["role"] if entry["role"] in ("system", "user", "assistant") else "user"
    return RowMessage(role=role, content=utf8(str(entry["content"] or "")), is_copied_context=copied)


def _is_plain(entry: Mapping[str, JSON]) -> bool:
    return entry["role"] != "tool" and "tool_calls" not in entry


def utf8(text: str) -> str:
    """With a mark for each lone surrogate, as it is served: neither a tokenizer nor a Parquet file can hold one."""
    return SURROGATE.sub("\N{REPLACEMENT CHARACTER}", text)
