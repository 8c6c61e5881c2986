"""`python -m benchmarks.serving`: how fast these cores serve the embedded model to many episodes, by setting.

What is asked are the openings of real tasks in the three formats and a second turn of each, so prompts share what the
prompts of a bench share. Each setting has a server process of its own; the first and the last are the same, so that
the spread of the machine is seen. Reading and writing are llama.cpp's own times, "in all" is what a bench waits for.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import sys
import time
import urllib.request
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib import import_module
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

import anyio

from codeact.actions import action_space
from codeact.models.cores import physical_cores
from codeact.models.llama_server import SPINS, LlamaSettings, parameters
from codeact.models.store import Store, default_root
from codeact.tasks import suite
from codeact.tools import ToolSet

Conversation = Sequence[Mapping[str, str]]
TOKENS = 96  # written per reply
AGAIN = [
    {"role": "assistant", "content": "I begin with the first step."},
    {"role": "user", "content": "Go on: write the action."},
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    name: str
    threads: int
    at_once: int = 1  # conversations
    cache: int = 1024  # MiB
    change: Mapping[str, Any] = field(default_factory=dict[str, Any])  # of the speculation's parameters
    draft: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    setting: str
    write: float  # tokens a second, of one conversation
    read: float
    reused: float  # share of the prompts' tokens that was not read again
    accepted: float | None  # share of the drafted tokens
    seconds: float  # in all


def settings(cores: int, draft: str | None) -> list[Setting]:
    ngram = {"types": "NGRAM_SIMPLE", "size_n": 4, "size_m": 8}
    default = Setting(name="default", threads=cores)
    found = [default, Setting(name="no prompt cache", threads=cores, cache=0)]
    found += [Setting(name=f"{threads} threads", threads=threads) for threads in (1, 2 * cores) if threads != cores]
    found += [Setting(name=f"{count} slots", threads=cores, at_once=count) for count in (2, 4)]
    found.append(Setting(name="drafts from the text so far", threads=cores, change=ngram))
    if draft:
        smaller = {"types": "DRAFT_SIMPLE", "n_max": 3}
        found.append(Setting(name=f"drafts by {draft}", threads=cores, change=smaller, draft=draft))
    return [*found, Setting(name="default, again", threads=cores)]


async def conversations(count: int) -> list[Conversation]:
    """The first and the second turn of tasks of all domains, in an order that a bench has: formats change fastest."""
    tasks = suite("m3tooleval").tasks()
    found: list[Conversation] = []
    for task in tasks[:: max(len(tasks) // count, 1)][:count]:
        for actions in ("code", "json", "text"):
            async with task.open(actions) as environment:
                tools = ToolSet(environment.tools).specs
            said = [
                {"role": "system", "content": action_space(actions).instructions(tools, None)},
                {"role": "user", "content": task.prompt},
            ]
            found += [said, [*said, *AGAIN]]
    return found


def measure(setting: Setting, path: Path, draft: Path | None, asked: Sequence[Conversation]) -> Row:
    """In a process of its own, as the package serves it."""
    spawn = multiprocessing.get_context("spawn")
    ours, theirs = spawn.Pipe()
    process = spawn.Process(target=_serve, args=(theirs, setting, str(path), draft and str(draft)), daemon=True)
    process.start()
    try:
        url: str = ours.recv()
        started = time.monotonic()
        with ThreadPoolExecutor(setting.at_once) as pool:
            timings = list(pool.map(lambda messages: _ask(url, messages), asked))
        return _row(setting, timings, time.monotonic() - started)
    finally:
        process.kill()
        process.join()


def _serve(answer: Connection, setting: Setting, path: str, draft: str | None) -> None:
    os.putenv("GOMP_SPINCOUNT", SPINS)
    params = parameters(
        LlamaSettings(
            path=path,
            alias="m",
            context=4096,
            threads=setting.threads,
            parallel=setting.at_once,
            prompt_cache=setting.cache,
            key="",
            parent=os.getppid(),
        )
    )
    params.api_keys = []
    _speculate(params.speculative, dict(setting.change), draft, setting.threads)
    server = import_module("xllamacpp").Server(params)
    answer.send(server.listening_address)
    answer.poll(None)


def _speculate(speculative: Any, change: dict[str, Any], draft: str | None, threads: int) -> None:
    if not change:
        return
    kinds = import_module("xllamacpp").common_speculative_type
    speculative.types = [getattr(kinds, f"COMMON_SPECULATIVE_TYPE_{change.pop('types')}")]
    part = speculative.draft if draft else speculative.ngram_simple
    for name, value in change.items():
        setattr(part, name, value)
    if draft:
        part.mparams.path = draft
        part.cpuparams.n_threads = part.cpuparams_batch.n_threads = threads


def _ask(url: str, messages: Conversation) -> Mapping[str, float]:
    body = {"messages": list(messages), "temperature": 0, "max_tokens": TOKENS, "cache_prompt": True}
    request = urllib.request.Request(
        f"{url}/v1/chat/completions", json.dumps(body).encode(), {"content-type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=1800) as reply:
        return json.load(reply)["timings"]


def _row(setting: Setting, timings: Sequence[Mapping[str, float]], seconds: float) -> Row:
    def total(name: str) -> float:
        return sum(timing.get(name, 0) for timing in timings)

    read, reused, drafted = total("prompt_n"), total("cache_n"), total("draft_n")
    return Row(
        setting=setting.name,
        write=total("predicted_n") / total("predicted_ms") * 1000,
        read=read / total("prompt_ms") * 1000,
        reused=reused / (read + reused),
        accepted=total("draft_n_accepted") / drafted if drafted else None,
        seconds=seconds,
    )


def table(rows: Sequence[Row]) -> str:
    lines = [
        "| setting | in all | times the default | writes | reads | prompts reused | drafts accepted |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in rows:
        accepted = "" if row.accepted is None else f"{row.accepted:.0%}"
        lines.append(
            f"| {row.setting} | {row.seconds:.0f} s | {row.seconds / rows[0].seconds:.2f} | {row.write:.1f} tokens/s "
            f"| {row.read:.0f} tokens/s | {row.reused:.0%} | {accepted} |"
        )
    return "\n".join(lines)


def main(model: str, draft: str | None, count: int, write: Callable[[str], None]) -> None:
    store, asked = Store(default_root(os.environ)), anyio.run(conversations, count)
    weights = {name: store.path(name) for name in (model, draft) if name}
    rows: list[Row] = []
    for setting in settings(physical_cores(), draft):
        rows.append(measure(setting, weights[model], weights.get(setting.draft or ""), asked))
        sys.stderr.write(f"{rows[-1]}\n")
    date = datetime.now(UTC).date().isoformat()
    write(f"{model}, {len(asked)} prompts, {physical_cores()} cores, {date}:\n\n{table(rows)}\n")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.serving", description="How fast is the model served?")
    parser.add_argument("--model", default="qwen2.5-coder-1.5b")
    parser.add_argument("--draft", help="a smaller model of the same family, to draft for it")
    parser.add_argument("--tasks", type=int, default=5)
    given = parser.parse_args()
    main(given.model, given.draft, given.tasks, sys.stdout.write)
