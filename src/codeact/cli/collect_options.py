"""The options of `codeact instruct collect`: those of jobs, and its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from codeact.cli.bench_options import JobOptions, choosing, playing, running


@dataclass(frozen=True, slots=True, kw_only=True)
class CollectOptions(JobOptions):
    """What is collected, how often, and what is tried where it fails."""

    env: Annotated[
        list[str],
        choosing("--env", "-e", metavar="NAME", help="An environment: a suite's name, or module:SUITE; repeatable."),
    ] = field(default_factory=list[str])
    model: Annotated[
        list[str],
        playing("--model", "-m", metavar="PROVIDER:NAME", help="A model, or `expert`: the environment's; repeatable."),
    ] = field(default_factory=list[str])
    temperature: Annotated[
        float | None, playing(min=0.0, help="Randomness; default: 0.7, so that samples of a task differ.")
    ] = None
    actions: Annotated[
        str, choosing(metavar="FORMAT,…", help="What the models act by: code, json, text or several of them.")
    ] = "code"
    samples: Annotated[int, choosing(min=1, metavar="N", help="Each task N times, with the seeds 0 to N-1.")] = 1
    repair: Annotated[
        int,
        choosing(min=0, metavar="K", help="Fork a failed episode where it went wrong and retry from there, K times."),
    ] = 0
    repair_temperature: Annotated[
        float | None, playing(min=0.0, help="Randomness of the retries; default: as of all. Opens the model once more.")
    ] = None
    out: Annotated[
        Path | None,
        running("--out", "-o", metavar="FOLDER", help="For the results; default: codeact-runs/instruct/."),
    ] = None
