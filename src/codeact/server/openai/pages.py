"""Lists, a page at a time, as the official client walks through them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from fastapi import Query
from pydantic import BaseModel, ConfigDict, Field

from codeact.server.openai.errors import InvalidRequestError
from codeact.types import JSON


class Paging(BaseModel):
    """The part of a query that all lists share; `after` is the id of the last one of the page before."""

    model_config = ConfigDict(frozen=True)
    after: str | None = None
    limit: Annotated[int, Field(ge=1, le=100)] = 20
    order: Literal["asc", "desc"] = "desc"


class FilePaging(Paging):
    limit: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    purpose: str | None = None


class ContainerPaging(Paging):
    name: str | None = None


class CompletionPaging(Paging):
    order: Literal["asc", "desc"] = "asc"
    model: str | None = None


class MessagePaging(Paging):
    order: Literal["asc", "desc"] = "asc"


Paged = Annotated[Paging, Query()]
PagedFiles = Annotated[FilePaging, Query()]
PagedContainers = Annotated[ContainerPaging, Query()]
PagedCompletions = Annotated[CompletionPaging, Query()]
PagedMessages = Annotated[MessagePaging, Query()]


def page(cards: Sequence[dict[str, JSON]], asked: Paging) -> dict[str, JSON]:
    """A page of cards, which come oldest first.

    Raises:
        InvalidRequestError: `after` is none of them.
    """
    found = list(cards) if asked.order == "asc" else list(reversed(cards))
    if asked.after is not None:
        ids = [card["id"] for card in found]
        if asked.after not in ids:
            raise InvalidRequestError(f"{asked.after[:100]!r} is not in this list", param="after")
        found = found[ids.index(asked.after) + 1 :]
    shown = found[: asked.limit]
    return {
        "object": "list",
        "data": shown,
        "first_id": shown[0]["id"] if shown else None,
        "last_id": shown[-1]["id"] if shown else None,
        "has_more": len(found) > len(shown),
    }
