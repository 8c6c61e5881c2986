"""The suite: questions about tables, from two sources."""

from __future__ import annotations

from pathlib import Path

from codeact.tasks.base import Profile, Suite
from codeact.tasks.tables import generated, wtq

SUITE = Suite(
    name="tables",
    summary="questions about a table in the session, by SQL and by pandas: generated ones, WikiTableQuestions",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="generated", summary="8 domains and 10 kinds of questions from a seed", tasks=generated.tasks),
        Profile(name="wikitablequestions", summary="its training questions (data=PATH)", tasks=wtq.tasks),
    ),
)
