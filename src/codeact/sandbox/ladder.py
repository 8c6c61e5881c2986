"""The ladder: which form of box this host can hold. Each is started and tried from inside; the first that holds what
its level claims is taken, and never one below what is required.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass, replace
from typing import Any, Literal

import anyio.to_thread

from codeact.errors import UsageError
from codeact.sandbox import attempts, isolation, scratch
from codeact.sandbox.box import folders
from codeact.sandbox.isolation import IsolationReport, Layer, Level, MissingLayerError
from codeact.sandbox.launch import Launched, launched
from codeact.sandbox.session import BoxSession

Form = Literal["namespace", "procless", "filter"]
FORMS: tuple[Form, ...] = ("namespace", "procless", "filter")  # strongest first
_HOLDS: Mapping[Form, Level] = {"namespace": "namespace", "procless": "namespace", "filter": "filter"}  # at best
_REFUSED = "own /proc"  # the layer without which `procless` is worth a try
WORKSPACE = "/box/work"

Open = Callable[[Launched], AbstractAsyncContextManager[BoxSession]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Ladder:
    """What is tried on a host, and what is accepted."""

    python: str
    options: Mapping[str, Any]  # of the first process, whatever its form
    require: Level
    forms: Sequence[Form] = FORMS

    def __post_init__(self) -> None:
        if self.require == "container":
            raise UsageError("this sandbox has no level 'container'; sandbox('docker') has, where there is an engine")
        if self.require not in isolation.LEVELS:
            raise UsageError(f"there is no isolation level {self.require!r}; there are {', '.join(isolation.LEVELS)}")
        if wrong := [form for form in self.forms if form not in FORMS]:
            raise UsageError(f"there is no form of box {wrong[0]!r}; there are {', '.join(FORMS)}")
        if not self._rungs():
            raise UsageError(f"of the forms {', '.join(self.forms)} none can hold the level {self.require!r}")

    def _rungs(self) -> list[tuple[Form, Level]]:
        """Form, and the level that it must hold. A form that holds less than its level is for who asks for nothing."""
        rungs = list[tuple[Form, Level]]()
        rungs.extend((form, _HOLDS[form]) for form in self.forms if isolation.meets(_HOLDS[form], self.require))
        rungs.extend((form, "process") for form in self.forms if self.require == "process")
        return rungs

    @contextlib.asynccontextmanager
    async def climbed(self, open_session: Open) -> AsyncGenerator[Launched]:
        """A server of the first form that holds, for as long as the context lasts. `open_session` opens the session in
        which it is tried.

        Raises:
            IsolationError: none does; says which layer is missing, and the remedy on this host.
            SandboxError: the machinery failed.
        """
        above = list[Layer]()
        for form, level in self._rungs():
            if form == "procless" and above and all(layer.name != _REFUSED for layer in above):
                continue
            async with contextlib.AsyncExitStack() as stack:
                try:
                    server = await stack.enter_async_context(self._launched(form))
                    report = await _tried(server, open_session)
                except MissingLayerError as error:
                    above += error.layers
                    continue
                if isolation.meets(report.level, level):
                    yield replace(server, level=report.level, checks=report.checks, above=tuple(above))
                    return
                missing = isolation.unmet(report, _HOLDS[form])
                above += missing or isolation.breached(report)
        raise MissingLayerError(*dict.fromkeys(above), require=self.require)

    @contextlib.asynccontextmanager
    async def _launched(self, form: Form) -> AsyncGenerator[Launched]:
        if form != "filter":
            options = {**self.options, "form": "server", "own_proc": form == "namespace"}
            async with launched(self.python, options, home=WORKSPACE, temporary="/tmp") as server:  # noqa: S108 (inside)
                yield server
            return
        folder = await scratch.make_folder()
        try:
            options = {**self.options, "form": "filter", "folder": folder}
            async with launched(self.python, options, home=folder, temporary=folder) as server:
                yield server
        finally:  # the server has done so, unless it was killed
            with anyio.CancelScope(shield=True):
                await anyio.to_thread.run_sync(folders.remove, folder)


async def _tried(server: Launched, open_session: Open) -> IsolationReport:
    async with open_session(server) as session:
        return replace(session.isolation, checks=await attempts.reach(session))
