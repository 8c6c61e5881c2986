"""The options of `codeact bench`, and those of them that every command has which plays jobs of episodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any

from codeact.cli.options import option


def playing(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Models")


def choosing(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Tasks")


def running(*names: str, help: str, metavar: str | None = None, min: float | None = None) -> Any:
    return option(*names, help=help, metavar=metavar, min=min, panel="Running")


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOptions:
    """What jobs of episodes are made of: who plays, on what, where, and how much it may take.

    Commands extend it (dataclasses that inherit, because `spread` makes options of the fields of one).
    """

    model: Annotated[
        list[str],
        playing("--model", "-m", metavar="PROVIDER:NAME", help="A model, or `oracle`: no model at all; repeatable."),
    ] = field(default_factory=list[str])
    temperature: Annotated[float | None, playing(min=0.0, help="Randomness; default: the model's own.")] = None
    reply_tokens: Annotated[
        int | None, playing(min=1, help="Of one reply, at most; default: what the suite's rules say.")
    ] = None
    base_url: Annotated[str | None, playing(metavar="URL", help="Address of the hosted models' endpoint.")] = None
    prices: Annotated[
        list[str],
        playing(metavar="[MODEL=]IN,OUT[,CACHED]", help="USD per million tokens, of one model or of all; repeatable."),
    ] = field(default_factory=list[str])
    model_option: Annotated[
        list[str], playing(metavar="NAME=VALUE", help="An option of the models, as in context=4096; repeatable.")
    ] = field(default_factory=list[str])
    profile: Annotated[str | None, choosing(metavar="NAME", help="Of the suite; default: its first one.")] = None
    tasks: Annotated[
        int | None, choosing(min=1, metavar="N", help="Only N tasks, drawn evenly over the domains; default: all.")
    ] = None
    subset_seed: Annotated[int, choosing(metavar="SEED", help="Which N tasks are drawn.")] = 0
    domain: Annotated[list[str], choosing(metavar="NAME", help="Only tasks of this domain; repeatable.")] = field(
        default_factory=list[str]
    )
    task: Annotated[list[str], choosing(metavar="ID", help="Only this task; repeatable.")] = field(
        default_factory=list[str]
    )
    option: Annotated[
        list[str], choosing(metavar="NAME=VALUE", help="An option of the suite, as in calls=[1,2,4]; repeatable.")
    ] = field(default_factory=list[str])
    data: Annotated[Path | None, choosing(metavar="PATH", help="The data of a suite that has to be given them.")] = None
    sandbox: Annotated[str, running(metavar="NAME", help="Where the code runs: local, docker, …")] = "local"
    sandbox_option: Annotated[
        list[str], running(metavar="NAME=VALUE", help="An option of that sandbox, as in image=my-box; repeatable.")
    ] = field(default_factory=list[str])
    require: Annotated[
        str | None, running(metavar="LEVEL", help="Refuse to run code that is isolated less strongly than this.")
    ] = None
    at_once: Annotated[
        int | None,
        running(min=1, metavar="N", help="Episodes at the same time; default: 1 for local models, else 8."),
    ] = None
    ray: Annotated[
        str | None, running(metavar="ADDRESS", help="Over a Ray cluster: its address, auto, or local to start one.")
    ] = None
    max_tokens: Annotated[
        int | None, running(min=1, help="Begin no episode after so many tokens, read and written.")
    ] = None
    max_time: Annotated[
        float | None, running(min=0.1, metavar="SECONDS", help="Begin no episode after so much time.")
    ] = None
    max_cost: Annotated[
        float | None,
        running(min=0.0001, metavar="USD", help="Begin no episode after so much money; needs --prices."),
    ] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchOptions(JobOptions):
    """What is measured, in which formats, and what is written."""

    models: Annotated[
        list[str], playing(metavar="LIST", help="The models of a list: paper has those of its Table 3; repeatable.")
    ] = field(default_factory=list[str])
    actions: Annotated[
        str, choosing(metavar="FORMAT,…", help="What the models act by: code, json, text or several of them.")
    ] = "code,json,text"
    seeds: Annotated[int, choosing(min=1, metavar="N", help="Each task N times, with the seeds 0 to N-1.")] = 1
    report: Annotated[bool, running("--report/--no-report", help="Write a report beside the results at the end.")] = (
        True
    )
    out: Annotated[
        Path | None,
        running("--out", "-o", metavar="FOLDER", help="For the results; default: below codeact-runs/bench/."),
    ] = None
