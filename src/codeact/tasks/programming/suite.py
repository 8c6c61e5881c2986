"""The suite: one kind of task, from three sources."""

from __future__ import annotations

from pathlib import Path

from codeact.tasks.base import Profile, Suite
from codeact.tasks.programming import apps, generated, mbpp

SUITE = Suite(
    name="programming",
    summary="programs to be written and tested on hidden inputs: generated ones, MBPP, APPS",
    readme=Path(__file__).with_name("README.md"),
    profiles=(
        Profile(name="generated", summary="14 families from a seed; needs no data", tasks=generated.tasks),
        Profile(name="mbpp", summary="MBPP's 974 problems by split (data=PATH)", tasks=mbpp.tasks),
        Profile(name="apps", summary="APPS' problems (data=PATH)", tasks=apps.tasks),
    ),
)
