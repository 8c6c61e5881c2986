"""Looking into a cluster's objects: JSON in which anything may be missing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

Json = Mapping[str, Any]


def part(found: Json, key: str) -> Json:
    """What is below `key`; empty when there is nothing."""
    below = found.get(key)
    return cast("Json", below) if isinstance(below, dict) else {}


def items(found: Json, key: str) -> list[Json]:
    """The list below `key`; empty when there is none."""
    below = found.get(key)
    return cast("list[Json]", below) if isinstance(below, list) else []


def named(found: Json, key: str, name: str) -> Json:
    """The one of that name in the list below `key`; empty when there is none."""
    nothing: Json = {}
    return next((each for each in items(found, key) if each.get("name") == name), nothing)
