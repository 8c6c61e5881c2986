"""Sessions of every backend, and tools for them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import Any

import anyio
import landlockpy
import pytest

from codeact.errors import ToolError
from codeact.sandbox import Sandbox, Session
from codeact.sandbox.containers import DockerSandbox
from codeact.sandbox.jupyter.sandbox import JupyterSandbox
from codeact.sandbox.kubernetes import KubernetesSandbox
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox
from codeact.types import ToolCall, ToolSpec

from . import on_kernels
from .engine import podman, why_not
from .jupyter_server import Running, running
from .loopback import node
from .loopback.server import Cluster, cluster
from .warm_kernels import nursery


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    on_kernels.select(items)


def no_filter() -> str:
    """Why this kernel cannot hold the level `filter`; empty if it can."""
    abi = landlockpy.abi_version() if landlockpy.supported() else 0
    return "" if abi >= 6 else f"Landlock ABI {abi} is here, and the level 'filter' needs 6"


class HostTools:
    """A ToolBox of plain async functions."""

    def __init__(self, **functions: Callable[..., Any]) -> None:
        self._functions = functions
        self.calls: list[ToolCall] = []
        self.specs: Sequence[ToolSpec] = [
            ToolSpec(name=name, signature=function.__doc__ or "(*args, **kwargs)", doc=f"The tool {name}.", schema={})
            for name, function in functions.items()
        ]

    async def call(self, call: ToolCall) -> Any:
        self.calls.append(call)
        return await self._functions[call.name](*call.args, **call.kwargs)


async def add(a: int, b: int = 1) -> int:
    """(a: int, b: int = 1) -> int"""
    return a + b


async def echo(value: Any) -> Any:
    """(value)"""
    return value


async def fail(name: str) -> None:
    """(name: str) -> None"""
    raise ToolError("the message", name)


async def bug() -> None:
    """() -> None"""
    raise KeyError("a bug in the tool")


async def slow(seconds: float) -> str:
    """(seconds: float) -> str"""
    await anyio.sleep(seconds)
    return "done"


async def handle() -> Any:
    """() -> object"""
    return iter([])  # an object that cannot cross


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """One event loop for the whole directory, so that its tests can share a server."""
    return "asyncio"


@pytest.fixture(scope="session")
async def server(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    async with LocalSandbox(spares=0) as sandbox:  # what is left behind is counted, so nothing may go on by itself
        yield sandbox


@pytest.fixture(scope="session")
async def filter_server(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    """As on a host that forbids namespaces."""
    if reason := no_filter():
        pytest.skip(reason)
    async with LocalSandbox(require="filter", forms=["filter"], spares=0) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
async def procless_server(anyio_backend: str) -> AsyncIterator[LocalSandbox]:
    """As in a container that has covered parts of its /proc."""
    async with LocalSandbox(forms=["procless"], spares=0) as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a container engine, where one can be."""
    if reason := why_not():
        pytest.skip(reason)
    with podman(tmp_path_factory.mktemp("engine")) as address:
        yield address


@pytest.fixture(scope="session")
async def jupyter_server(anyio_backend: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    """A Jupyter server, which has kernels of the name "warm" besides its own."""
    folder = tmp_path_factory.mktemp("jupyter")
    with nursery(folder / "data", "warm"):
        async with running(folder, "jupyter_server") as server:
            yield server


@pytest.fixture(scope="session")
async def jupyter(jupyter_server: Running) -> AsyncIterator[JupyterSandbox]:
    async with JupyterSandbox(url=jupyter_server.url, token=jupyter_server.token, kernel="warm") as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def loopback(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster on this machine, where one can be."""
    if reason := node.why_not():
        pytest.skip(reason)
    with cluster(tmp_path_factory.mktemp("cluster")) as made:
        yield made


BACKENDS = [
    *("local", "filter", "subprocess"),
    *(pytest.param(name, marks=pytest.mark.containers) for name in ("docker", "kubernetes")),
    pytest.param("jupyter", marks=pytest.mark.jupyter),
]


@pytest.fixture(params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> Sandbox:
    """Each backend that this machine can run."""
    return sandbox_named(request)


def sandbox_named(request: pytest.FixtureRequest) -> Sandbox:
    """The one that a fixture's parameter names."""
    servers = {"local": "server", "procless": "procless_server", "filter": "filter_server"}
    if name := servers.get(request.param):
        return request.getfixturevalue(name)
    if request.param == "docker":
        return DockerSandbox(host=request.getfixturevalue("engine"), preload=())
    if request.param == "jupyter":
        return request.getfixturevalue("jupyter")
    if request.param == "kubernetes":
        return KubernetesSandbox(kubeconfig=request.getfixturevalue("loopback").kubeconfig, preload=())
    return SubprocessSandbox(preload=())


@pytest.fixture
def tools() -> HostTools:
    return HostTools(add=add, echo=echo, fail=fail, bug=bug, slow=slow, handle=handle)


@pytest.fixture
async def session(backend: Sandbox, tools: HostTools) -> AsyncIterator[Session]:
    async with backend.open(tools) as session:
        yield session


@pytest.fixture
async def local(server: LocalSandbox) -> AsyncIterator[Session]:
    async with server.open() as session:
        yield session


async def value(session: Session, code: str) -> str | None:
    """Of code that must not fail."""
    result = await session.run(code)
    assert result.error is None, result.error
    return result.value
