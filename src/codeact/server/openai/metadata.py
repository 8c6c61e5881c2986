"""What a client notes down with what is kept for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated

from pydantic import Field
from starlette.datastructures import QueryParams

Metadata = Annotated[
    dict[Annotated[str, Field(max_length=64)], Annotated[str, Field(max_length=512)]], Field(max_length=16)
]
_ASKED = re.compile(r"metadata\[(.*)\]", re.DOTALL)


def asked_in(query: QueryParams) -> Mapping[str, str]:
    """What is to be looked for: `?metadata[key]=value`."""
    return {found[1]: value for name, value in query.multi_items() if (found := _ASKED.fullmatch(name))}
