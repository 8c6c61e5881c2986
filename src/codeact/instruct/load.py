"""Candidates from files: results of rollouts, trajectories, MINT's outputs; one after the other, never a whole set.

Which of them a file is, its first line says.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal, cast

from codeact.errors import UsageError
from codeact.instruct.candidate import About, Candidate, of_trajectory
from codeact.instruct.lines import read_lines
from codeact.instruct.mint_outputs import of_output, read_output
from codeact.rollouts import Rollout
from codeact.trajectory import trajectories_in
from codeact.trajectory.encoding import from_line
from codeact.types import JSON, Trajectory

Problem = Callable[[str], None]
Form = Literal["results", "trajectories", "mint"]
KNOWN = "results of rollouts, trajectories, or MINT's outputs (also as .xz, .gz or .bz2)"


def ignore(problem: str) -> None:
    pass


def read_candidates(path: Path, on_problem: Problem = ignore) -> Iterator[Candidate]:
    """The candidates of a file, in its order.

    What is left out without being an error is told to `on_problem`: broken episodes, a last line that was cut off.

    Raises:
        UsageError: the file cannot be read, is of no kind that is known, or a line of it is broken; names the line.
    """
    match form_of(path):
        case "results":
            yield from _results(path, on_problem)
        case "mint":
            yield from _mint(path)
        case "trajectories":
            for trajectory in trajectories_in(read_lines(path), path, on_problem):
                yield of_trajectory(trajectory, _unjudged(trajectory, path))


def form_of(path: Path) -> Form:
    """What a file holds.

    Raises:
        UsageError: it is empty, or of no kind that is known.
    """
    _, line = next(read_lines(path), (0, b""))
    if not line:
        raise UsageError(f"{str(path)!r} is empty; give {KNOWN}")
    try:
        found = from_line(line)
    except ValueError as error:
        raise UsageError(f"{str(path)!r}, line 1: {error}; give {KNOWN}") from error
    record = cast("dict[str, JSON]", found if isinstance(found, dict) else {})
    if record.get("kind") in ("job", "trajectory"):
        return "results" if record["kind"] == "job" else "trajectories"
    if "state" in record and "task" in record:
        return "mint"
    if "messages" in record or "conversations" in record:
        raise UsageError(f"{str(path)!r} holds rows, which are selected already; `codeact instruct export` takes them")
    raise UsageError(f"{str(path)!r} is of no kind that can be selected from; give {KNOWN}")


def _mint(path: Path) -> Iterator[Candidate]:
    for number, line in read_lines(path):
        try:
            yield of_output(read_output(line), path)
        except ValueError as error:
            raise UsageError(f"{str(path)!r}, line {number}: not a line of MINT's outputs ({error})") from error


def _results(path: Path, on_problem: Problem) -> Iterator[Candidate]:
    job: Mapping[str, JSON] = {}
    broken = 0
    for number, record in _records(path, on_problem):
        if record.get("kind") == "job":
            job = record
            continue
        try:
            rollout = Rollout.from_record(record)
        except (KeyError, TypeError, ValueError) as error:
            raise UsageError(f"{str(path)!r}, line {number}: not an episode ({_words(error)})") from error
        broken += rollout.status == "broken"
        if rollout.trajectory is not None:
            yield of_trajectory(rollout.trajectory, _of_job(rollout, rollout.trajectory, job, path))
    if broken:
        on_problem(f"{str(path)!r}: {broken} broken episodes left out: the machinery failed, not the model")


def _records(path: Path, on_problem: Problem) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, line in read_lines(path):
        try:
            record = from_line(line)
            if not isinstance(record, dict):
                raise ValueError("not an object")
        except ValueError as error:
            if not line.endswith(b"\n"):  # the last one: what a killed run leaves
                on_problem(f"{str(path)!r}, line {number}: left out, because it was cut off")
                return
            raise UsageError(f"{str(path)!r}, line {number}: {error}") from error
        yield number, cast("dict[str, Any]", record)


def _of_job(rollout: Rollout, trajectory: Trajectory, job: Mapping[str, JSON], path: Path) -> About:
    key, labels = rollout.key, rollout.labels
    suite, profile, model = (str(job.get(name, "")) for name in ("suite", "profile", "model"))
    settings = {name: job[name] for name in ("options", "settings") if job.get(name)}
    repaired = {"repaired": labels["repaired"]} if "repaired" in labels else {}
    return About(
        id="/".join((suite, profile, key.task, model, key.actions, str(key.seed), trajectory.id[:8])),
        success=rollout.correct,
        domain=suite,  # what the paper's table calls a domain; the suite's own ones are finer
        task=f"{suite}/{key.task}",
        source=str(labels.get("source", suite)),
        licence=str(labels.get("licence", "")),
        model=model,
        origin={
            "file": path.name,
            "suite": suite,
            "profile": profile,
            "domain": labels.get("domain", ""),
            "actions": key.actions,
            "seed": key.seed,
            "trajectory": trajectory.id,
            **settings,
            **repaired,
        },
    )


def _unjudged(trajectory: Trajectory, path: Path) -> About:
    """Of a run that belongs to no job: nobody has judged it, and nobody has said where its task is from."""
    task = f"own/{sha256(trajectory.task.encode('utf-8', 'replace')).hexdigest()[:12]}"
    model = str(trajectory.agent.get("model", ""))
    return About(
        id=f"{task}/{model}/{trajectory.id[:8]}",
        success=False,
        domain="unjudged",
        task=task,
        source="",
        licence="",
        model=model,
        origin={"file": path.name, "trajectory": trajectory.id, "actions": trajectory.agent.get("actions", "")},
    )


def read_all(paths: Iterable[Path], on_problem: Problem = ignore) -> Iterator[Candidate]:
    """The candidates of several files, one after the other. Raises what `read_candidates` raises."""
    for path in paths:
        yield from read_candidates(path, on_problem)


def _words(error: Exception) -> str:
    return f"it has no {error}" if isinstance(error, KeyError) else str(error).replace("\n", " ")
