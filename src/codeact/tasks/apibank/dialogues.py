"""API-Bank's files, in the publisher's format: dialogues as json lines, databases as JSON."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from codeact.errors import UsageError
from codeact.tasks.files import read_text
from codeact.types import JSON

DIALOGUES = "level-1-given-desc"  # despite its name it holds dialogues of one API and of several
DATABASES = "init_database"
NEEDED = (
    *("Account", "Agenda", "Alarm", "Appointments", "Bank", "HealthData", "History", "Hotel", "Meeting"),
    *("QuestionAnswering", "Reminder", "Scenes", "SearchEngine", "SpeechRecognition", "Stock", "Symptom"),
    *("TimeSwitch", "Wiki"),
)  # databases; ImageCaptioning is not in every copy, and what was recorded can stand for it
SOURCE = "https://github.com/AlibabaResearch/DAMO-ConvAI/tree/main/api-bank"

_PLACES = {DIALOGUES: (DIALOGUES, f"lv1-lv2-samples/{DIALOGUES}"), DATABASES: (DATABASES,)}
_LEVEL = re.compile(r"-level-(\d+)-")


@dataclass(frozen=True, slots=True)
class Said:
    """A turn in words."""

    role: Literal["User", "AI"]
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Response:
    """What an API gave. `arguments` are what it took, with their types; it failed where there is an `exception`."""

    arguments: Mapping[str, JSON]
    output: JSON
    exception: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Called:
    """A turn in which the assistant calls an API."""

    api: str
    texts: Mapping[str, str]  # the arguments as the data set writes them: every value is a text
    response: Response

    @property
    def arguments(self) -> dict[str, JSON]:
        """What was passed, with the types that the response shows."""
        return {name: self.response.arguments.get(name, text) for name, text in self.texts.items()}


Turn = Said | Called


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialogue:
    name: str
    turns: Sequence[Turn]

    @property
    def calls(self) -> Sequence[tuple[int, Called]]:
        """The calls, with their places among the turns."""
        return [(place, turn) for place, turn in enumerate(self.turns) if isinstance(turn, Called)]

    @property
    def apis(self) -> Sequence[str]:
        """The APIs that occur, in order of first appearance."""
        return list(dict.fromkeys(call.api for _, call in self.calls))

    @property
    def level(self) -> int:
        """1 with one API, 2 with several, as the file's name says."""
        found = _LEVEL.search(self.name)
        return int(found[1]) if found else 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiBank:
    """All that was read."""

    dialogues: Sequence[Dialogue]
    databases: Mapping[str, JSON]  # as every episode begins; nobody may change them


def read_api_bank(path: str | Path) -> ApiBank:
    """Read a folder that holds `level-1-given-desc` and `init_database`, as API-Bank's own does.

    Raises:
        UsageError: something is missing, or is not in the publisher's format.
    """
    root = Path(path)
    if not root.is_dir():
        raise UsageError(f"there is no folder {str(path)!r}; {_wanted(DIALOGUES, DATABASES)}")
    found = {kind: _folder(root, places) for kind, places in _PLACES.items()}
    if missing := [kind for kind, place in found.items() if place is None]:
        raise UsageError(f"{str(path)!r} has no {' and no '.join(missing)}; {_wanted(*missing)}")
    dialogues = [_dialogue(file) for file in sorted(_files(found[DIALOGUES], "*.jsonl"))]
    databases = {file.stem: _json(file, read_text(file)) for file in _files(found[DATABASES], "*.json")}
    if absent := [name for name in NEEDED if name not in databases]:
        names = ", ".join(f"{name}.json" for name in absent)
        raise UsageError(f"{str(found[DATABASES])!r} has no {names}; {_wanted(DATABASES)}")
    return ApiBank(dialogues=dialogues, databases=databases)


def _wanted(*kinds: str) -> str:
    return f"data= takes API-Bank's folder with {' and '.join(kinds)}; its publisher offers it at {SOURCE}"


def _folder(root: Path, places: Sequence[str]) -> Path | None:
    return next((root / place for place in places if (root / place).is_dir()), None)


def _files(folder: Path | None, pattern: str) -> list[Path]:
    files = sorted(folder.glob(pattern)) if folder else []
    if not files:
        raise UsageError(f"{str(folder)!r} holds no {pattern}; the publisher's folder is at {SOURCE}")
    return files


# --- the rows, as they come -----------------------------------------------------------------------


class _SaidRow(BaseModel):
    role: Literal["User", "AI"]
    text: str


class _ResultRow(BaseModel):
    input: dict[str, Any] | None  # None for an API without parameters
    output: Any
    exception: str | None


class _CalledRow(BaseModel):
    role: Literal["API"]
    api_name: str
    param_dict: dict[str, str]
    result: _ResultRow


_ROW: TypeAdapter[_SaidRow | _CalledRow] = TypeAdapter(Annotated[_SaidRow | _CalledRow, Field(discriminator="role")])


def _dialogue(file: Path) -> Dialogue:
    lines = read_text(file).splitlines()
    turns = [_turn(f"{file}:{number}", line) for number, line in enumerate(lines, start=1) if line.strip()]
    return Dialogue(name=file.stem, turns=turns)


def _turn(place: str, line: str) -> Turn:
    try:
        row = _ROW.validate_python(_json(place, line))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        where = ".".join(map(str, problem["loc"])) or "the line"
        raise UsageError(f"{place} is no turn of an API-Bank dialogue: {where}: {problem['msg']}") from error
    if isinstance(row, _SaidRow):
        return Said(row.role, row.text)
    result = row.result
    response = Response(arguments=result.input or {}, output=result.output, exception=result.exception)
    return Called(api=row.api_name, texts=row.param_dict, response=response)


def _json(place: str | Path, text: str) -> JSON:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{str(place)!r} is not JSON ({error}); take it anew from {SOURCE}") from error
