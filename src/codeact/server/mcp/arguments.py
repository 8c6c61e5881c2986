"""What a client may send with a call: bytes from outside become values here."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Any, Literal, TypeVar, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codeact.errors import UsageError
from codeact.server.mcp.desk import MAIN
from codeact.types import JSON

_NAME = r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,39}$"

Branch = Annotated[str, Field(pattern=_NAME, description=f"Which branch; `{MAIN}` unless you have forked.")]
Path = Annotated[
    str, Field(min_length=1, max_length=1000, description="Relative to the working directory, as in `data/a.csv`.")
]


class Arguments(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class OfBranch(Arguments):
    branch: Branch = MAIN


class OfRun(OfBranch):
    code: Annotated[str, Field(description="Python source, of any number of lines.")]
    time_limit: Annotated[
        float | None, Field(gt=0, description="Seconds after which the code is stopped; its variables stay.")
    ] = None


class OfFork(OfBranch):
    name: Annotated[str, Field(pattern=_NAME, description="Name of the new branch.")]
    branch: Annotated[str, Field(pattern=_NAME, description="The branch that is copied.")] = MAIN


class OfDrop(Arguments):
    branch: Annotated[str, Field(pattern=_NAME, description="The branch that is ended, with its files.")]


class OfWrite(OfBranch):
    path: Path
    text: Annotated[str | None, Field(description="The whole text of the file. Give this or `base64`.")] = None
    base64: Annotated[str | None, Field(description="The whole file as base64, for binary ones.")] = None

    def data(self) -> bytes:
        """Raises `UsageError`: both forms or none, or no base64."""
        match self.text, self.base64:
            case str(text), None:
                return text.encode(errors="surrogatepass")
            case None, str(coded):
                try:
                    return base64.b64decode(coded, validate=True)
                except (binascii.Error, ValueError) as error:
                    raise UsageError(f"`base64` is not base64: {error}") from None
            case _:
                raise UsageError("give either `text` or `base64`")


class OfRead(OfBranch):
    path: Path
    start: Annotated[int, Field(ge=0, description="For text: the first character that is wanted.")] = 0
    most: Annotated[int, Field(ge=1, le=200_000, description="For text: characters at most.")] = 20_000


class OfTransfer(OfBranch):
    name: Annotated[str, Field(min_length=1, max_length=255, description="A file's name, without folders.")]


A = TypeVar("A", bound=Arguments)


def read(kind: type[A], tool: str, given: Mapping[str, Any] | None) -> A:
    """The arguments of a call.

    Raises:
        UsageError: they are not what the tool takes; says which and why, for a model that will try again.
    """
    try:
        return kind.model_validate(dict(given or {}))
    except ValidationError as error:
        wrong = "; ".join(
            f"{'.'.join(map(str, each['loc'])) or 'arguments'}: {each['msg']}"
            for each in error.errors(include_input=False, include_url=False)[:5]
        )
        takes = ", ".join(kind.model_fields) or "nothing"
        raise UsageError(f"{tool} cannot be called like this: {wrong}. It takes: {takes}") from None


def schema(kind: type[BaseModel], *, mode: Literal["validation", "serialization"] = "validation") -> dict[str, Any]:
    """Its JSON schema, without the titles that only repeat names."""
    return _untitled(kind.model_json_schema(mode=mode))


def _untitled(node: JSON) -> JSON:
    match node:
        case dict():
            rows = cast("dict[str, JSON]", node).items()
            return {key: _untitled(value) for key, value in rows if key != "title" or not isinstance(value, str)}
        case list():
            return [_untitled(each) for each in cast("list[JSON]", node)]
        case _:
            return node
