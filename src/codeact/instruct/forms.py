"""The forms in which trainers read rows as JSON lines, and back: chat messages, ShareGPT, the paper's.

Each holds a row whole: what a form has no place for stands beside its own fields, where its readers pass it over.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from codeact.errors import UsageError
from codeact.instruct.lines import read_lines
from codeact.instruct.row import Row, RowMessage
from codeact.types import JSON

SPEAKERS = {"system": "system", "user": "human", "assistant": "gpt"}
_ROLES = {speaker: role for role, speaker in SPEAKERS.items()}
_COPIED = "is_copied_context"


@dataclass(frozen=True, slots=True)
class Form:
    """One form: how a row is written in it, and its record as a row's again."""

    name: str
    to_record: Callable[[Row], dict[str, JSON]]
    to_row_record: Callable[[Mapping[str, JSON]], Mapping[str, JSON]]


def _to_sharegpt(row: Row) -> dict[str, JSON]:
    said = [{"from": SPEAKERS[each.role], "value": each.content, **_mark(each)} for each in row.messages]
    return {"id": row.id, "conversations": said, **row.facts()}


def _from_sharegpt(record: Mapping[str, JSON]) -> Mapping[str, JSON]:
    def message(said: Mapping[str, JSON]) -> dict[str, JSON]:
        rest = {name: value for name, value in said.items() if name not in ("from", "value")}
        return {"role": _ROLES.get(said["from"], said["from"]), "content": said["value"], **rest}

    return _with_messages(record, message)


def _to_paper(row: Row) -> dict[str, JSON]:
    """As CodeActInstruct was published: an id that reads like a path, and `conversations` by role."""
    return {"id": row.id, "conversations": [each.to_record() for each in row.messages], **row.facts()}


def _from_paper(record: Mapping[str, JSON]) -> Mapping[str, JSON]:
    return _with_messages(record, dict)


def _with_messages(
    record: Mapping[str, JSON], message: Callable[[Mapping[str, JSON]], Mapping[str, JSON]]
) -> dict[str, JSON]:
    rest = {name: value for name, value in record.items() if name != "conversations"}
    return {**rest, "messages": [message(said) for said in record["conversations"]]}


def _mark(message: RowMessage) -> dict[str, JSON]:
    return {_COPIED: True} if message.is_copied_context else {}


FORMS: Mapping[str, Form] = {
    form.name: form
    for form in (
        Form("messages", Row.to_record, lambda record: record),
        Form("sharegpt", _to_sharegpt, _from_sharegpt),
        Form("paper", _to_paper, _from_paper),
    )
}


def read_form(path: Path, name: str) -> Iterator[Row]:
    """The rows of a file in one of the forms, as they were written.

    Raises:
        UsageError: the file cannot be read, or a line of it is none of ours in that form; names the line.
    """
    form = FORMS[name]
    for number, line in read_lines(path):
        try:
            yield Row.from_line(json.dumps(form.to_row_record(json.loads(line))).encode())
        except KeyError as error:
            raise UsageError(f"{str(path)!r}, line {number}: not a row as {name}: it has no {error}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise UsageError(f"{str(path)!r}, line {number}: not a row as {name} ({error})") from error
