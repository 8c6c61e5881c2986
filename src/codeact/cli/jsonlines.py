"""A run for machines: one JSON object a line, an event each, the result last.

Bytes (figures) are given by their count: their content is in the run's folder.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from datetime import datetime
from typing import TextIO, cast

from codeact.types import JSON


def write_line(stream: TextIO, value: object) -> None:
    """Write one value as a line, at once."""
    stream.write(json.dumps(plain(value), ensure_ascii=False, allow_nan=False) + "\n")
    stream.flush()


def plain(value: object) -> JSON:
    """A value of ours as what JSON knows."""
    match value:
        case None | bool() | int() | str():
            return value
        case float():
            return value if math.isfinite(value) else repr(value)
        case bytes():
            return {"bytes": len(value)}
        case datetime():
            return value.isoformat()
        case Mapping():
            return {str(key): plain(item) for key, item in cast("Mapping[object, object]", value).items()}
        case Sequence():
            return [plain(item) for item in cast("Sequence[object]", value)]
        case _ if is_dataclass(value):
            names = sorted((field.name for field in fields(value)), key=lambda name: name != "kind")  # kind first
            return {name: plain(getattr(value, name)) for name in names}
        case _:
            return repr(value)
