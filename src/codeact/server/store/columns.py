"""Nouns as columns of a table, and back. Trajectories are kept in their own encoding, which loses nothing.

A run's prompt holds the talk before it, with its figures, so a chat would grow with the square of its length. Each
message is kept once, and a trajectory names the messages of its prompt by their digests.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from types import MappingProxyType
from typing import Any, Final, cast

from pydantic import TypeAdapter, ValidationError

from codeact.errors import StoreError
from codeact.server.nouns import Chat, Deed, Run, SavedSession, Settings, Share, Told
from codeact.server.store.work import Row, weight
from codeact.trajectory.encoding import encode, from_line, to_line
from codeact.trajectory.load import whole_trajectory
from codeact.types import JSON, Trajectory

# In the order in which the functions below take and give them.
CHAT: Final = "id, owner, title, settings, head, by_hand, created, changed"
RUN: Final = "id, chat, parent, text, files, status, created, trajectory"
TOLD: Final = "number, run, event, at"
SAVED: Final = "chat, head, state, files, skipped, saved"
SHARE: Final = "token, chat, head, created"
DEED: Final = "at, owner, chat, what, detail"

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SETTINGS = TypeAdapter(Settings)


def micros(at: datetime) -> int:
    """Raises `TypeError` for a moment without a time zone, which could be any of a day's."""
    return (at - _EPOCH) // timedelta(microseconds=1)


def moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


def to_json(value: JSON) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def searched(text: str) -> str:
    """A text in the form in which it is searched: neither case nor the way an accent was typed matters."""
    return unicodedata.normalize("NFKC", text).casefold()


# --- chats and runs -------------------------------------------------------------------------------


def chat_row(chat: Chat) -> Row:
    settings = to_json({name: value for name, value in asdict(chat.settings).items() if value is not None})
    moments = micros(chat.created), micros(chat.changed)
    return chat.id, chat.owner, chat.title, settings, chat.head, int(chat.by_hand), *moments


def chat_of(row: Row) -> Chat:
    """Raises `StoreError` where the settings are not of this program."""
    id, owner, title, settings, head, by_hand, created, changed = row
    try:
        read = _SETTINGS.validate_json(settings)
    except ValidationError as error:
        raise StoreError(f"the settings of the chat {id!r} cannot be read: {_first(error)}") from error
    return Chat(
        id=id,
        owner=owner,
        title=title,
        settings=read,
        head=head,
        by_hand=bool(by_hand),
        created=moment(created),
        changed=moment(changed),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRow:
    """A run in parts."""

    row: Row
    said: str  # by the user and the agent, as it is searched
    size: int  # bytes of what it says and how it went
    messages: Mapping[str, str]  # of its prompt, by digest


def run_row(run: Run) -> RunRow:
    trajectory, messages = (None, dict[str, str]()) if run.trajectory is None else _parted(run.trajectory)
    files = to_json(run.files)
    row = run.id, run.chat, run.parent, run.text, files, run.status, micros(run.created), trajectory
    said = searched("\n".join(_said(run)))
    return RunRow(row=row, said=said, size=weight((run.text, files, trajectory, said)), messages=messages)


def run_of(row: Row, messages: Mapping[str, str] = MappingProxyType({})) -> Run:
    """Raises `StoreError` where the trajectory is not of this program."""
    id, chat, parent, text, files, status, created, trajectory = row
    return Run(
        id=id,
        chat=chat,
        parent=parent,
        text=text,
        files=tuple(json.loads(files)),
        status=status,
        created=moment(created),
        trajectory=None if trajectory is None else _joined(id, trajectory, messages),
    )


def _parted(trajectory: Trajectory) -> tuple[str, dict[str, str]]:
    record = encode(trajectory)
    lines = [to_line(message) for message in record["prompt"]]
    digests = [sha256(line).hexdigest() for line in lines]
    messages = {digest: line.decode() for digest, line in zip(digests, lines, strict=True)}
    return to_line({**record, "prompt": digests}).decode(), messages


def _joined(run: str, line: str, messages: Mapping[str, str]) -> Trajectory:
    try:
        record = cast("dict[str, JSON]", from_line(line.encode()))
        record["prompt"] = [from_line(messages[digest].encode()) for digest in record["prompt"]]
        return whole_trajectory(record)
    except (ValueError, KeyError, TypeError) as error:  # also pydantic's
        reason = _first(error) if isinstance(error, ValidationError) else repr(error)
        raise StoreError(f"the trajectory of the run {run!r} cannot be read: {reason}") from error


def _said(run: Run) -> Iterator[str]:
    yield run.text
    if run.trajectory is None:
        return
    for step in run.trajectory.steps:
        yield step.completion.text
    outcome = run.trajectory.outcome
    if outcome is not None and outcome.answer is not None:
        yield outcome.answer.text


def _first(error: ValidationError) -> str:
    first = error.errors(include_url=False, include_input=False)[0]
    return f"{'.'.join(map(str, first['loc']))}: {first['msg']}"


# --- the rest -------------------------------------------------------------------------------------


def told_of(row: Row) -> Told:
    number, run, event, at = row
    return Told(number=number, run=run, event=json.loads(event), at=moment(at))


def saved_row(saved: SavedSession) -> Row:
    return saved.chat, saved.head, saved.state, saved.files, to_json(dict(saved.skipped)), micros(saved.saved)


def saved_of(row: Row) -> SavedSession:
    chat, head, state, files, skipped, saved = row
    return SavedSession(
        chat=chat, head=head, state=state, files=files, skipped=json.loads(skipped), saved=moment(saved)
    )


def share_row(share: Share) -> Row:
    return share.token, share.chat, share.head, micros(share.created)


def share_of(row: Row) -> Share:
    token, chat, head, created = row
    return Share(token=token, chat=chat, head=head, created=moment(created))


def deed_row(deed: Deed) -> Row:
    return micros(deed.at), deed.owner, deed.chat, deed.what, to_json(dict(deed.detail))


def deed_of(row: Row) -> Deed:
    at, owner, chat, what, detail = row
    fields: dict[str, Any] = json.loads(detail)
    return Deed(at=moment(at), owner=owner, chat=chat, what=what, detail=fields)
