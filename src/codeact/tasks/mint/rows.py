"""The publisher's files: `<family>/test_prompts.json`, one task a line."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, StringConstraints

from codeact.errors import UsageError
from codeact.tasks import jsonl
from codeact.tasks.files import read_text
from codeact.types import JSON

Family = Literal["gsm8k", "math", "mmlu", "hotpotqa", "theoremqa", "humaneval", "mbpp"]
FAMILIES: tuple[Family, ...] = ("gsm8k", "math", "mmlu", "hotpotqa", "theoremqa", "humaneval", "mbpp")
IN_DOMAIN = frozenset({"math", "hotpotqa"})  # of the paper's training data; with ALFWorld, which is not here
PUBLISHER = "https://github.com/xingyaoww/mint-bench (data/processed)"

Stripped = Annotated[str, StringConstraints(strip_whitespace=True)]


class Row(BaseModel):
    """One task, as it is published; what only some families have is empty elsewhere."""

    id: int
    prompt: Stripped
    reference: JSON
    answer_type: str = ""  # theoremqa
    canonical_solution: str = ""  # humaneval: the body below the prompt
    code: str = ""  # mbpp
    test_setup_code: str = ""


def read_rows(data: JSON, family: Family) -> Sequence[Row]:
    """The tasks of a family, in the file's order.

    Raises:
        UsageError: there is no such file, or a line of it is not a task.
    """
    numbered = jsonl.read_rows(
        folder_of(data) / family / "test_prompts.json",
        Row,
        other="not a task of mint",
        missing=f"mint's family {family!r} is missing: ",
        remedy=f"take it from {PUBLISHER}, or leave the family out (families=…)",
    )
    return [row for _, row in numbered]


def folder_of(data: JSON) -> Path:
    """The folder of the families: the one that was given, or `processed` in it.

    Raises:
        UsageError: none was given, or it is not there.
    """
    if not isinstance(data, str) or not data:
        raise UsageError(f"mint has no data of its own; remedy: data=FOLDER with the files of {PUBLISHER}")
    given = Path(data)
    found = next((folder for folder in (given / "data/processed", given / "processed", given) if folder.is_dir()), None)
    if found is None:
        raise UsageError(f"mint's data={data!r} is no folder; remedy: the folder with the files of {PUBLISHER}")
    return found


def read_corpus(corpus: JSON) -> dict[str, str]:
    """Paragraphs by title, from a file in HotpotQA's form: title -> list of sentences.

    Raises:
        UsageError: the file cannot be read as that.
    """
    try:
        pages = json.loads(read_text(Path(str(corpus))))
        return {str(title): "".join(sentences).strip() for title, sentences in pages.items()}
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f"corpus={corpus!r} is no corpus ({error}); remedy: a JSON file of title -> list of sentences"
        ) from error
