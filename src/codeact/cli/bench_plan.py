"""From the options of `codeact bench` to jobs: everything is checked here, before anything is fetched or started."""

from __future__ import annotations

import difflib
import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from codeact.actions import FORMATS
from codeact.cli.assemble import parse_prices
from codeact.cli.bench_models import listed_models
from codeact.cli.bench_options import BenchOptions, JobOptions
from codeact.cli.named_values import named_values
from codeact.errors import UsageError
from codeact.models import Prices, options_from_env
from codeact.models.store import Store, adapter_of, default_root
from codeact.rollouts import EXPERTS, Job, Key, Rollout, TaskSource, known_results, subset
from codeact.tasks import Task, suite
from codeact.types import JSON

HOSTED = ("openai", "anthropic")
FOLDER = Path("codeact-runs", "bench")
AT_ONCE = 8  # episodes of a hosted model: most of their time is waiting for it

# Options of models that say where and how fast, not what: the same results are expected whatever they are.
_NO_SETTING = {
    *("api_key", "base_url", "headers", "home", "prices"),
    *("connect_timeout", "timeout", "retries", "start_limit"),
    *("parallel", "prompt_cache", "threads", "adapter_sha256"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class PlannedJob:
    """One model's job, where its results go, and what is there already."""

    job: Job
    source: TaskSource
    path: Path
    model_options: Mapping[str, Any] = field(repr=False)  # may hold a key
    at_once: int
    known: Mapping[Key, Rollout] = field(repr=False)

    title: str  # what it is called while it runs
    repairs_left: int = 0  # failed episodes that are still to be repaired, where the command repairs

    @property
    def done(self) -> int:
        return sum(rollout.status == "judged" for rollout in self.known.values())

    @property
    def finished(self) -> bool:
        return self.done == len(self.job) and not self.repairs_left


def plan(suite_name: str, options: BenchOptions) -> Sequence[PlannedJob]:
    """A job for each model.

    Raises:
        UsageError: something named is not there, options contradict each other, or a file holds another job's results.
    """
    found = suite(suite_name)
    folder = options.out or FOLDER / as_name(f"{found.name}-{options.profile or found.profiles[0].name}")
    jobs = Jobs(options=options, models=_models(options), actions=options.actions, seeds=options.seeds, folder=folder)
    return jobs.of(suite_name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Jobs:
    """What the jobs of a command have in common; `of` a suite they are planned."""

    options: JobOptions
    models: Sequence[str]
    actions: str  # as it is given
    seeds: int
    folder: Path
    several: bool = False  # suites, which are then named beside their models
    playable: Callable[[str, Sequence[Task]], Sequence[Task]] = lambda model, tasks: tasks  # by this model

    def of(self, suite_name: str) -> Sequence[PlannedJob]:
        """A job for each model. Raises as `plan` does."""
        options, found = self.options, suite(suite_name)
        source = _source(suite_name, options)
        everything, shown = source.made()
        chosen = _chosen(everything, options)
        profile = options.profile or found.profiles[0].name
        prices = _prices(options, self.models)
        planned: list[PlannedJob] = []
        for model in self.models:
            given = _model_options(model, options, prices)
            tasks = self.playable(model, chosen)
            job = Job(
                suite=found.name,
                profile=profile,
                model=model,
                tasks=tasks,
                actions=formats(self.actions),
                seeds=range(1 if model in EXPERTS else self.seeds),  # an oracle has no chance in it
                options={**shown, **_share(tasks, everything, options)},
                settings=_settings(given, options),
            )
            path = self.folder / f"{as_name(f'{found.name}-{profile}-{model}')}.jsonl"
            if any(path == other.path for other in planned):
                raise UsageError(f"{model!r} would write to the file of another --model, {str(path)!r}; give it once")
            planned.append(
                PlannedJob(
                    job=job,
                    source=source,
                    path=path,
                    title=f"{found.name} {model}" if self.several else model,
                    model_options=given,
                    at_once=options.at_once or _usual_at_once(model, given),
                    known=known_results(path, job),
                )
            )
        return planned


def _models(options: BenchOptions) -> Sequence[str]:
    listed = [model for model in listed_models(options.models) if not model.gone]
    if not options.model and not listed:
        raise UsageError(
            "bench needs a model: --model local:qwen2.5-coder-1.5b, or --model oracle, which measures what each format "
            "costs without any model"
        )
    if listed and not (options.base_url or options_from_env(listed[0].spec, os.environ).get("base_url")):
        raise UsageError(
            f"--models {options.models[0]}: nobody hosts {listed[0].name}, but its weights are open; serve "
            f"{listed[0].weights} and its like (vLLM, SGLang, llama.cpp), and give the server's address as --base-url"
        )
    return [*options.model, *(model.spec for model in listed)]


def _source(suite_name: str, options: JobOptions) -> TaskSource:
    given: dict[str, JSON] = named_values("--option", options.option, "calls=[1,2,4]")
    if options.data is not None:
        given["data"] = str(options.data.expanduser().absolute())
    return TaskSource(suite=suite_name, profile=options.profile, options=given, reply_tokens=options.reply_tokens)


def _chosen(tasks: Sequence[Task], options: JobOptions) -> Sequence[Task]:
    for flag, wanted, there in (
        ("--domain", options.domain, [task.domain for task in tasks]),
        ("--task", options.task, [task.id for task in tasks]),
    ):
        if unknown := [name for name in wanted if name not in there]:
            raise UsageError(f"{flag} {unknown[0]!r} is not in this suite{_hint(unknown[0], there)}")
    left = [task for task in tasks if not options.domain or task.domain in options.domain]
    left = [task for task in left if not options.task or task.id in options.task]
    if not left:
        raise UsageError(f"no task is of --domain {', '.join(options.domain)} and among --task {options.task[0]!r}")
    return left if options.tasks is None else subset(left, options.tasks, options.subset_seed)


def _share(tasks: Sequence[Task], everything: Sequence[Task], options: JobOptions) -> dict[str, JSON]:
    """What part of the suite a job takes, for whoever reads its results; nothing where it is all."""
    if len(tasks) == len(everything):
        return {}
    share: dict[str, JSON] = {"tasks": len(tasks), "of": len(everything)}
    if options.domain:
        share["domains"] = options.domain
    if options.tasks is not None:
        share["seed"] = options.subset_seed
    return {"subset": share}


def formats(text: str) -> Sequence[str]:
    """The action formats of a list with commas; all of them where it is empty."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    return names or [*FORMATS]


def _model_options(model: str, options: JobOptions, prices: Mapping[str, Prices]) -> dict[str, Any]:
    """What the provider of this model is told; an address or a price is only for those that have one."""
    provider = model.partition(":")[0]
    if provider in (*EXPERTS, "scripted"):
        return {}
    given: dict[str, Any] = {**options_from_env(model, os.environ)}
    given |= {"temperature": options.temperature} if options.temperature is not None else {}
    if provider != "local":
        price = prices.get(model, prices.get(""))
        given |= {"base_url": options.base_url} if options.base_url else {}
        given |= {"prices": price} if price else {}
    elif options.at_once:
        given["parallel"] = options.at_once
    if options.max_cost is not None and "prices" not in given and provider != "local":
        raise UsageError(f"--max-cost cannot be held without the prices of {model}; give --prices {model}=IN,OUT")
    given |= named_values("--model-option", options.model_option, "context=4096")
    if adapter := adapter_of(Store(default_root(os.environ)), model, given):
        given["adapter_sha256"] = adapter.sha256  # another one may lie at its path before it is opened
    return given


def _settings(model_options: Mapping[str, Any], options: JobOptions) -> dict[str, JSON]:
    """What the job's header says of how it was run, so that results of different settings are never mixed. An adapter
    is named by its hash: another one may lie at its path tomorrow.
    """
    settings = {name: value for name, value in model_options.items() if name not in _NO_SETTING}
    if "adapter_sha256" in model_options:
        settings["adapter"] = model_options["adapter_sha256"]
    if options.reply_tokens is not None:
        settings["reply_tokens"] = options.reply_tokens
    if options.sandbox != "local":
        settings["sandbox"] = options.sandbox
    return settings


def _prices(options: JobOptions, models: Sequence[str]) -> dict[str, Prices]:
    """By model; under "" what holds for all others."""
    found: dict[str, Prices] = {}
    for text in options.prices:
        model, _, numbers = text.rpartition("=")
        if model and model not in models:
            raise UsageError(f"--prices {text!r} is for {model!r}, which is no --model of this bench")
        found[model] = parse_prices(numbers)
    return found


def _usual_at_once(model: str, model_options: Mapping[str, Any]) -> int:
    return model_options.get("parallel", 1) if model.startswith("local:") else AT_ONCE


def _hint(name: str, there: Sequence[str]) -> str:
    known = list(dict.fromkeys(there))
    close = difflib.get_close_matches(name, known, n=1)
    return (
        f"; did you mean {close[0]!r}?" if close else f"; there are: {', '.join(known[:8])}{', …' * (len(known) > 8)}"
    )


def as_name(text: str) -> str:
    """Part of a file's name, whatever a model's name has in it."""
    return re.sub(r"[^\w.]+", "-", text, flags=re.ASCII).strip("-.")
