"""Reading JSON that a server may have got wrong: whatever is not of the expected type reads as nothing."""

from __future__ import annotations

import math
from typing import cast

from codeact.types import JSON


def fields(value: JSON) -> dict[str, JSON]:
    return cast("dict[str, JSON]", value) if isinstance(value, dict) else {}


def items(value: JSON) -> list[JSON]:
    return cast("list[JSON]", value) if isinstance(value, list) else []


def text(value: JSON) -> str:
    return value if isinstance(value, str) else ""


def count(value: JSON) -> int:
    return int(value) if isinstance(value, int | float) and 0 < value < math.inf else 0
