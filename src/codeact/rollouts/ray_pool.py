"""The same job over a Ray cluster. Needs the extra `ray`, which has to be installed on every machine of it.

This process alone reads and writes the results file; workers play episodes. A worker that dies in the middle of one is
a failure of the machinery: the episode is tried again by another worker, and only what came back whole is kept.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import ExitStack, asynccontextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, cast

import anyio
import ray as untyped_ray
from ray.exceptions import RayActorError, RayError

from codeact.errors import SandboxError, SetupError
from codeact.rollouts.job import Job, Key
from codeact.rollouts.loss import Bill
from codeact.rollouts.pool import Finished, Report, Spending, run_episodes
from codeact.rollouts.ray_worker import EpisodeWorker, Failure, Recipe
from codeact.rollouts.results import Rollout, begun
from codeact.tasks import Task
from codeact.trajectory.encoding import from_line

ray = cast("Any", untyped_ray)  # its annotations are too partial to be checked
_CLOSING = 10.0  # seconds that workers get to close their model and sandbox


async def run_job_on_ray(
    job: Job,
    path: str | Path,
    recipe: Recipe,
    *,
    address: str = "auto",
    at_once: int | None = None,
    spending: Spending | None = None,
    report: Report = lambda progress: None,
) -> Finished:
    """`run_job` with a worker process for each of the episodes that go on `at_once`; None takes as many as the cluster
    has CPUs.

    `address` is that of a cluster, `auto` for the one that runs on this machine, or `local` for one that is started
    here and lasts as long as the job.

    Raises:
        SetupError: there is no cluster at the address.
        CodeActError: as `run_job` does.
    """
    with begun(Path(path), job) as writer:
        async with _cluster(address) as processors:
            workers = _Workers(recipe)
            try:
                return await run_episodes(
                    job, writer, workers.play, at_once=at_once or processors, spending=spending, report=report
                )
            finally:
                with anyio.CancelScope(shield=True):
                    await workers.close()


@asynccontextmanager
async def _cluster(address: str) -> AsyncGenerator[int]:
    """Connected; gives the number of its CPUs. Connecting blocks: there is nothing else to do until then."""
    with ExitStack() as stack:
        own: dict[str, Any] = {}
        if address == "local":
            folder = stack.enter_context(TemporaryDirectory(prefix="ray-", ignore_cleanup_errors=True))
            own = {"include_dashboard": False, "_temp_dir": folder}
        async with _connected(address, own) as processors:
            yield processors


@asynccontextmanager
async def _connected(address: str, own: Mapping[str, Any]) -> AsyncGenerator[int]:
    try:
        await _reach(address)
        ray.init(address=address, log_to_driver=False, configure_logging=False, logging_level="error", **own)
    except Exception as error:  # Ray has no class for it: it may be of any kind, down to Exception itself
        raise SetupError(
            f"cannot join a Ray cluster at {address!r} ({_first(error)}); start one with `ray start --head`, or give "
            "`local` for one that lasts as long as the job"
        ) from error
    try:
        yield max(1, int(ray.cluster_resources().get("CPU", 1)))
    finally:
        with anyio.CancelScope(shield=True):
            await anyio.to_thread.run_sync(ray.shutdown)


async def _reach(address: str) -> None:
    """Raises OSError at once where nobody listens; Ray itself would try for a minute."""
    host, colon, port = address.rpartition(":")
    if colon and port.isdecimal() and "/" not in host:
        async with await anyio.connect_tcp(host.strip("[]"), int(port)):
            pass


class _Workers:
    """Those that wait for an episode; a new one is made when none does."""

    def __init__(self, recipe: Recipe) -> None:
        self._kind: Any = ray.remote(EpisodeWorker)
        self._recipe = recipe
        self._idle: list[Any] = []
        self._all: list[Any] = []

    async def play(self, key: Key, task: Task, bill: Bill) -> Rollout:
        """An episode, by whichever worker is free. One that died does not come back, and nobody knows what it used."""
        worker = self._idle.pop() if self._idle else self._new()
        try:
            asked = worker.play.remote(key.task, key.actions, key.seed, bill.lost)
            played = cast("bytes | Failure", await asked)
        except RayActorError as error:
            self._all.remove(worker)
            raise SandboxError(
                f"the worker that played {key} has ended in the middle of it: {_first(error)}"
            ) from error
        except RayError as error:
            raise SandboxError(f"Ray could not play {key}: {_first(error)}") from error
        self._idle.append(worker)
        if isinstance(played, Failure):
            bill.usage = played.usage
            raise played.error()
        return Rollout.from_record(from_line(played))

    def _new(self) -> Any:
        worker = self._kind.remote(self._recipe)
        self._all.append(worker)
        return worker

    async def close(self) -> None:
        """Those that wait close what they hold, the others and the stubborn are ended."""
        with anyio.move_on_after(_CLOSING):
            async with anyio.create_task_group() as group:
                for worker in self._idle:
                    group.start_soon(_close, worker)
        for worker in self._all:
            ray.kill(worker)


async def _close(worker: Any) -> None:
    with suppress(RayError):  # it has died meanwhile, which is as good
        await worker.close.remote()


def _first(error: Exception) -> str:
    """What went wrong, in a line. What the worker's own code raised is inside of what Ray raises."""
    inner = getattr(error, "cause", None)
    found = inner if isinstance(inner, Exception) else error
    return next(iter(str(found).splitlines()), "") or type(found).__name__
