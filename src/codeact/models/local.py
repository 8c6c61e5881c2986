"""The embedded model: weights of the store, run by llama.cpp in a child process, spoken to as any OpenAI endpoint."""

from __future__ import annotations

import os
import secrets
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import anyio
from anyio import to_thread

from codeact.errors import (
    BadResponseError,
    ConnectionLostError,
    MissingExtraError,
    ModelError,
    SetupError,
    UsageError,
    WeightsError,
)
from codeact.events import Emit, ignore
from codeact.models.adapter import read_adapter
from codeact.models.base import Model
from codeact.models.cores import physical_cores
from codeact.models.endpoint import EndpointOptions, Vendor, endpoint
from codeact.models.gguf import read_gguf
from codeact.models.hosted import HostedModel
from codeact.models.llama_process import LlamaProcess, run_llama
from codeact.models.llama_server import LlamaSettings
from codeact.models.openai import open_endpoint
from codeact.models.retries import RetryPolicy
from codeact.models.store import Store, default_root
from codeact.models.weights import Report, unheard
from codeact.types import Completion, Message, ToolSpec

LOCAL = Vendor(provider="local", base_url="http://127.0.0.1/v1", key_variable="api_key")
CONTEXT = 8192  # tokens, where the model was trained for as many
FOREVER = 24 * 3600.0  # seconds; a server that dies breaks its connections, and one that is just busy is waited for


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalOptions:
    """How the embedded model is run."""

    context: int | None = None  # tokens of a conversation; None: 8192, or fewer where the model was trained for fewer
    threads: int | None = None  # None: one for each physical core
    parallel: int = 1  # conversations computed side by side; others wait for their turn
    prompt_cache: int = 1024  # MiB; a conversation that made room for another is not read again
    temperature: float | None = 0.0
    max_tokens: int = 2048  # of one completion, where the caller sets none: small models do not always find an end
    start_limit: float = 180.0  # seconds to load the weights
    adapter: str | Path | None = None  # a GGUF LoRA that was trained on these weights, added to them
    adapter_sha256: str | None = None  # which one it has to be, where that was written down before


@asynccontextmanager
async def open_local(
    name: str,
    *,
    store: Store | None = None,
    home: str | Path | None = None,
    pull: bool = False,
    progress: Report = unheard,
    **options: Any,
) -> AsyncGenerator[Model]:
    """Open weights of the store by their name, or a GGUF file by its path; with `+PATH` behind it, and a LoRA adapter.

    `store` is where the weights are; without it, the one below the folder `home`, or the user's own. `pull` fetches
    known weights that are not there, which can take minutes: `progress` tells how far it is. The other options are the
    fields of `LocalOptions`.

    Raises:
        UsageError: an option is wrong.
        WeightsError: the weights are not here, broken or unknown, or the adapter is of other weights.
        SetupError: llama.cpp could not load them.
    """
    read = _read_options(options)
    if find_spec("xllamacpp") is None:
        raise MissingExtraError("local", f"the embedded model {name!r}")
    store = store or Store(default_root({"CODEACT_HOME": str(home)} if home else {}))
    named = store.resolve(name)
    if named.adapter is not None and read.adapter is not None:
        raise UsageError(f"{name!r} has an adapter already, so it cannot take {str(read.adapter)!r} as well")
    path = await _find(named.base, store, pull, progress)
    read = replace(read, adapter=named.adapter or read.adapter)
    settings = await to_thread.run_sync(_settings, named.base, path, read, store)

    def run() -> AbstractAsyncContextManager[_Running]:
        return _run(settings, read)

    async with AsyncExitStack() as stack:
        yield LocalModel(f"local:{settings.alias}", await stack.enter_async_context(run()), run, stack)


class LocalModel:
    """A model whose server is a child of ours. Where that ends in the middle, the next call starts it again, once."""

    def __init__(
        self,
        name: str,
        running: _Running,
        run: Callable[[], AbstractAsyncContextManager[_Running]],
        stack: AsyncExitStack,
    ) -> None:
        self._name = name
        self._running = running
        self._run = run
        self._stack = stack  # holds what runs; its owner closes it
        self._starting = anyio.Lock()
        self._restarted = False  # since the last completion

    @property
    def name(self) -> str:
        return self._name

    @property
    def process(self) -> LlamaProcess:
        """The server that runs now, for those who watch over it."""
        return self._running.process

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        """See `Model.complete`.

        Raises:
            ModelError: llama.cpp refused the request, or its process ended.
        """
        return await self.through(
            lambda model: model.complete(messages, tools=tools, stop=stop, max_tokens=max_tokens, seed=seed, emit=emit)
        )

    def at(self, temperature: float) -> Model:
        """The same at another temperature, by the same server."""
        return _Tempered(self, temperature)

    async def through(self, ask: Callable[[HostedModel], Awaitable[Completion]]) -> Completion:
        """Have the server that runs asked. Raises as `complete`."""
        running = await self._ready()
        running.process.trim_log()
        try:
            completion = await ask(running.model)
        except (ConnectionLostError, BadResponseError) as error:
            if not await running.process.has_ended():
                raise
            raise ModelError(
                f"the process of {self._name} {running.process.last_words()}; the next call starts it again"
            ) from error
        self._restarted = False
        return completion

    async def _ready(self) -> _Running:
        """The server, started again where it has ended."""
        async with self._starting:
            if not self._running.process.is_running:
                if self._restarted:
                    raise ModelError(f"the process of {self._name} {self._running.process.last_words()}")
                await self._stack.aclose()
                try:
                    self._running = await self._stack.enter_async_context(self._run())
                except SetupError as error:
                    self._restarted = True
                    raise ModelError(str(error)) from error
                self._restarted = True  # a restart that was cancelled does not count: the next call tries again
            return self._running


@dataclass(frozen=True, slots=True)
class _Tempered:
    model: LocalModel
    temperature: float

    @property
    def name(self) -> str:
        return self.model.name

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        """See `Model.complete`."""
        return await self.model.through(
            lambda model: model.at(self.temperature).complete(
                messages, tools=tools, stop=stop, max_tokens=max_tokens, seed=seed, emit=emit
            )
        )


@dataclass(frozen=True, slots=True)
class _Running:
    process: LlamaProcess
    model: HostedModel


@asynccontextmanager
async def _run(settings: LlamaSettings, options: LocalOptions) -> AsyncGenerator[_Running]:
    async with run_llama(settings, start_limit=options.start_limit) as process:
        place = endpoint(
            LOCAL,
            settings.alias,
            EndpointOptions(
                base_url=f"{process.url}/v1",
                api_key=process.key,
                temperature=options.temperature,
                max_tokens=options.max_tokens,
                images=False,
                timeout=FOREVER,
                retries=RetryPolicy(attempts=1),  # a server of ours fails for a reason
                headers={"connection": "close"},  # an idle connection takes one of its few threads, for 5 seconds
            ),
        )
        async with open_endpoint(place) as model:
            yield _Running(process, model)


async def _find(name: str, store: Store, pull: bool, progress: Report) -> Path:
    if "/" in name or name.endswith(".gguf"):
        return Path(name)
    return await store.pull(name, progress) if pull and name in store.known else store.path(name)


def _settings(name: str, path: Path, options: LocalOptions, store: Store) -> LlamaSettings:
    """Blocks while the headers of the files are read, which also finds a file that is none."""
    path = path.expanduser()
    trained = read_gguf(path).context
    context = options.context or min(CONTEXT, trained or CONTEXT)
    if trained is not None and context > trained:
        raise UsageError(f"{name} was trained to read {trained:,} tokens, so its context cannot be {context:,}")
    adapter = None if options.adapter is None else read_adapter(Path(options.adapter).expanduser())
    if adapter is not None:
        adapter.check_base(path, store.fingerprint(path))
        if options.adapter_sha256 not in (None, adapter.sha256):
            raise WeightsError(
                f"the adapter {str(adapter.path)!r} was replaced after this was planned: its sha256 is "
                f"{adapter.sha256[:12]}…, not {str(options.adapter_sha256)[:12]}…; start again with this one"
            )
    return LlamaSettings(
        path=str(path.absolute()),
        alias=f"{name}+{adapter.label}" if adapter else name,
        context=context,
        threads=options.threads or physical_cores(),
        parallel=options.parallel,
        prompt_cache=options.prompt_cache,
        key=secrets.token_urlsafe(32),
        parent=os.getpid(),
        adapter=str(adapter.path.absolute()) if adapter else None,
    )


def _read_options(options: dict[str, Any]) -> LocalOptions:
    known = [option.name for option in fields(LocalOptions)]
    for name in options:
        if name not in known:
            raise UsageError(f"local models have no option {name!r}; they have {', '.join(known)}")
    read = LocalOptions(**options)
    for name in ("context", "threads", "parallel", "max_tokens", "start_limit"):
        value = getattr(read, name)
        if value is not None and not value > 0:
            raise UsageError(f"{name} of a local model must be positive, not {value!r}")
    return read
