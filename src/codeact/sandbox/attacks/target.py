"""What is attacked, in words, so that each lane can make it for itself."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """A sandbox to be attacked."""

    sandbox: str  # its name
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    views: Sequence[str] = ()  # functions that show results, each as `module:name`

    def as_json(self) -> str:
        return json.dumps(asdict(self))
