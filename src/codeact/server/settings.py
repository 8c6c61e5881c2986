"""What one process of the service offers, and what each user may have of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import dataclass, field, fields, replace
from functools import partial
from typing import Any

from codeact.errors import UsageError
from codeact.models import default_model, open_model
from codeact.models.base import Model
from codeact.sandbox.base import Limits, MiB, Sandbox
from codeact.sandbox.network import network_policy
from codeact.server.nouns import Settings
from codeact.types import ToolBox

OpensModel = Callable[[], AbstractAsyncContextManager[Model]]
Tool = Callable[..., Any] | ToolBox

_LONGEST_SYSTEM = 20_000  # characters


def offered(*specs: str, **options: Any) -> dict[str, OpensModel]:
    """Models by their names, each with the same options: `HouseSettings(models=offered("openai:gpt-5.2"))`."""
    return {spec: partial(open_model, spec, **options) for spec in specs}


def _embedded() -> Mapping[str, OpensModel]:
    return offered(default_model({}))


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """What there may be of everything; `own` means of one user."""

    rooms: int = 64  # awake at once
    own_rooms: int = 8
    runs: int = 16  # going on at once
    own_runs: int = 4
    own_chats: int = 1000
    own_cpu: float = 3600.0  # seconds of processor time in any hour
    own_disk: int = 1024 * MiB  # bytes of all that chats keep (talk, events, files, sleeping sessions) and uploads
    upload: int = 64 * MiB  # bytes of one file
    saved_state: int = 64 * MiB  # bytes of a sleeping chat's variables
    saved_files: int = 128 * MiB  # bytes of its files
    streams: int = 500  # of events, at once; also of OpenAI's responses in the background
    own_streams: int = 32
    transfers: int = 64  # files on their way at once, in or out; more wait
    own_transfers: int = 4
    # Of OpenAI's protocol. Nothing of it outlives the process.
    containers: int = 32  # alive at once
    own_containers: int = 8
    container_idle: float = 1200.0  # seconds without use after which a container is gone; a client may ask for less
    files: int = 2000  # that are uploaded
    own_files: int = 200
    responses: int = 2000  # that are kept, for `previous_response_id` and to be retrieved
    own_responses: int = 200  # then the oldest go
    keep: float = 24 * 3600.0  # seconds that responses and uploaded files are kept


@dataclass(frozen=True, slots=True, kw_only=True)
class HouseSettings:
    """How a house is kept."""

    models: Mapping[str, OpensModel] = field(default_factory=_embedded)  # by name; the first is the default
    tools: Mapping[str, Tool] = field(default_factory=dict[str, Tool])  # by name; shared by all who choose them
    networks: tuple[str, ...] = ("none",)  # that a chat may choose
    sandbox: Sandbox | None = None  # None: a `LocalSandbox`, open as long as the house; else the caller's
    quotas: Quotas = field(default_factory=Quotas)
    limits: Limits = field(
        default_factory=lambda: Limits(
            memory=1024 * MiB, total_memory=2048 * MiB, cpu_time=120.0, workspace=256 * MiB, output=MiB
        )
    )
    turns: int = 20  # of a run, at most; also where a chat does not say
    tokens: int | None = 500_000  # of a run, at most
    action_time: float = 60.0  # seconds of one action
    reply_time: float = 600.0  # seconds that a model may take for one reply
    answer_time: float = 600.0  # seconds that a person may take for an approval or an answer
    idle: float = 600.0  # seconds without use after which a room goes to sleep (the paper's, section 7)
    checkpoints: int = 8  # of a room: to so many runs it returns at once, with exactly their state
    replay_time: float = 60.0  # seconds that running a chat's code again may take
    replica: str | None = None  # name of this process among those of one database; None makes one
    lease: float = 30.0  # seconds after which a chat is free again whose process died without a word
    beat: float = 5.0  # seconds between two looks at what is due: leases, idle rooms
    closing: float = 30.0  # seconds that saving all rooms may take at the end

    def check(self, settings: Settings) -> None:
        """Raises `UsageError` for what is not offered here, or more than there may be."""
        if settings.model and settings.model not in self.models:
            raise UsageError(f"the model {settings.model!r} is not offered; there are {', '.join(self.models)}")
        if len(set(settings.tools)) < len(settings.tools):
            raise UsageError(f"a tool is named twice in {settings.tools!r}; name each once")
        for name in settings.tools:
            if name not in self.tools:
                there = ", ".join(self.tools) or "none"
                raise UsageError(f"the tool {name!r} is not offered; there are {there}")
        network_policy(settings.network)
        if settings.network not in self.networks:
            raise UsageError(f"network={settings.network!r} is not offered; there are {', '.join(self.networks)}")
        if len(settings.system) > _LONGEST_SYSTEM:
            raise UsageError(f"system has {len(settings.system):,} characters; it may have {_LONGEST_SYSTEM:,}")
        self._check_numbers(settings)

    def fitted(self, settings: Settings) -> Settings:
        """As much of the settings as is offered here (still); the rest is as where nothing is said."""
        fitting = Settings()
        for name in (option.name for option in fields(Settings)):
            with suppress(UsageError):
                self.check(replace(Settings(), **{name: getattr(settings, name)}))
                fitting = replace(fitting, **{name: getattr(settings, name)})
        return fitting

    def _check_numbers(self, settings: Settings) -> None:
        given = {
            "turns": (settings.turns, 1, self.turns),
            "tokens": (settings.tokens, 1, self.tokens),
            "memory": (settings.memory, 64 * MiB, self.limits.memory),
            "temperature": (settings.temperature, 0.0, 2.0),
        }
        for name, (value, least, most) in given.items():
            if value is not None and not (value >= least and (most is None or value <= most)):
                highest = "" if most is None else f" and at most {most:,}"
                raise UsageError(f"{name}={value!r} must be at least {least:,}{highest}")
