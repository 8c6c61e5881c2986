"""HotpotQA as its publisher has it: a file of questions with their paragraphs; and other files of pages to search."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Annotated, Any, Literal, cast

from pydantic import BaseModel, Field, StringConstraints, TypeAdapter, ValidationError

from codeact.errors import UsageError
from codeact.tasks.files import read_text
from codeact.tasks.search.index import Page
from codeact.tasks.search.judge import words
from codeact.types import JSON

PUBLISHER = "https://hotpotqa.github.io (hotpot_train_v1.1.json)"
LEVELS = ("easy", "medium", "hard")

Filled = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class Question(BaseModel):
    """A question with its paragraphs: two that are needed (`supporting_facts`) and some that are not."""

    id: Filled = Field(alias="_id")
    question: Filled
    answer: Filled
    type: Literal["bridge", "comparison"]
    level: Literal["easy", "medium", "hard"]
    supporting_facts: list[tuple[str, int]]  # title, and number of the sentence
    context: list[tuple[str, list[str]]]

    @property
    def support(self) -> list[str]:
        """The titles of the paragraphs that are needed."""
        return list(dict.fromkeys(title for title, _ in self.supporting_facts))

    @property
    def alternatives(self) -> frozenset[str]:
        """What a comparison offers beside its answer."""
        if self.type == "bridge":
            return frozenset()
        near = {title for title in self.support if set(words(title)) & set(words(self.answer))}
        return frozenset(self.support) - near if near else frozenset()


def read_hotpotqa(
    data: JSON, corpus: JSON, levels: Sequence[str], count: int | None, seed: int
) -> tuple[list[Question], list[Page]]:
    """The questions that are wanted, in the file's order, and the pages to search for them, one for each title.

    Raises:
        UsageError: a file that is missing, truncated or another's, or a level that there is not.
    """
    if unknown := [level for level in levels if level not in LEVELS]:
        raise UsageError(f"HotpotQA has no level {unknown[0]!r}; there are: {', '.join(LEVELS)}")
    if count is not None and (not isinstance(cast("object", count), int) or count < 1):
        raise UsageError(f"search needs a count of 1 or more, not {count!r}")
    file, beside = _files(data)
    rows = [row for row in _questions(file) if row.level in levels]
    if count is not None and count < len(rows):
        drawn = set(Random(seed).sample(range(len(rows)), count))  # noqa: S311 -- not for secrets
        rows = [row for number, row in enumerate(rows) if number in drawn]
    own = (Page(title, "".join(sentences).strip()) for row in rows for title, sentences in row.context)
    given = [page for path in beside + ([Path(str(corpus))] if corpus is not None else []) for page in read_pages(path)]
    return rows, list({page.title: page for page in [*own, *given]}.values())


def read_pages(path: Path) -> list[Page]:
    """A corpus: JSON of title -> list of sentences, as HotpotQA's paragraphs are, or JSON lines with title and text.

    Raises:
        UsageError: the file is none of both; says where.
    """
    text = _text(path)
    if path.suffix != ".jsonl":
        pages = _json(path, text)
        if isinstance(pages, dict):
            return [_paragraph(path, title, said) for title, said in cast("Mapping[str, JSON]", pages).items()]
        raise UsageError(
            f"{path} is no corpus; remedy: JSON of title -> list of sentences, or .jsonl of title and text"
        )
    lines = ((number, line) for number, line in enumerate(text.splitlines(), start=1) if line.strip())
    return [_line(path, number, line) for number, line in lines]


def _files(data: JSON) -> tuple[Path, list[Path]]:
    """The file of questions, and those of paragraphs beside it."""
    if not isinstance(data, str | Path) or not str(data):
        raise UsageError(f"hotpotqa has no data of its own; remedy: data=PATH of the file offered at {PUBLISHER}")
    given = Path(data)
    folder = given if given.is_dir() else given.parent
    questions = [given] if given.is_file() else sorted(folder.glob("*train*.json"))
    if not questions:
        raise UsageError(f"{given} is neither a file of questions nor a folder with *train*.json; it is at {PUBLISHER}")
    return questions[0], sorted(folder.glob("paragraphs*.json"))


def _questions(path: Path) -> list[Question]:
    rows = _json(path, _text(path))
    if not isinstance(rows, list):
        raise UsageError(f"{path} is no file of HotpotQA's questions: it is a list of them; it is at {PUBLISHER}")
    found: list[Question] = []
    for number, row in enumerate(cast("list[JSON]", rows), start=1):
        try:
            found.append(Question.model_validate(row))
        except ValidationError as error:
            raise UsageError(f"question {number} of {path} is none of HotpotQA's: {_first(error)}") from error
    return found


def _text(path: Path) -> str:
    try:
        return read_text(path)
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path} cannot be read: {error}") from error


def _json(path: Path, text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError as error:
        raise UsageError(f"{path} is not JSON, or is truncated: {error}") from error


_SENTENCES = TypeAdapter(list[str])


def _paragraph(path: Path, title: str, said: JSON) -> Page:
    try:
        return Page(title, "".join(_SENTENCES.validate_python(said)).strip())
    except ValidationError as error:
        raise UsageError(f"the page {title!r} of {path} is not a list of sentences: {_first(error)}") from error


class _Line(BaseModel):
    title: Filled
    text: Filled


def _line(path: Path, number: int, line: str) -> Page:
    try:
        page = _Line.model_validate_json(line)
    except ValidationError as error:
        raise UsageError(f"line {number} of {path} is no page: {_first(error)}") from error
    return Page(page.title, page.text)


def _first(error: ValidationError) -> str:
    wrong = error.errors()[0]
    return f"{'.'.join(map(str, wrong['loc'])) or 'the whole'}: {wrong['msg']}"
