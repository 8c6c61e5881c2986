"""A pod for each session, in any Kubernetes cluster: the same box, in a place that a cluster has made.

The node's container is around the session, a network policy around the pod, Landlock and our own seccomp filter around
the interpreter. A pod starts in some seconds, after which an action costs what the way to the API server costs.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any

import anyio
import anyio.to_thread

from codeact.errors import IsolationError, SandboxError, SessionClosedError, SetupError, UsageError
from codeact.sandbox import isolation, offers
from codeact.sandbox.base import Checkpoints, Limits, NetworkPolicy, Offer
from codeact.sandbox.control import Control
from codeact.sandbox.isolation import Level
from codeact.sandbox.kubernetes import cluster, pod, states
from codeact.sandbox.kubernetes.api import Api, connected
from codeact.sandbox.kubernetes.exec import ExecStream
from codeact.sandbox.kubernetes.pod import Place
from codeact.sandbox.launch import PRELOAD, Launched, box_limits
from codeact.sandbox.meter import Elsewhere
from codeact.sandbox.remote import remote
from codeact.sandbox.session import BoxSession
from codeact.types import ToolBox

IMAGE = "codeact-box"
_CLOSE = 60.0  # seconds to have a pod deleted
_NOT_KEPT = frozenset(["inodes", "cpu_time"])  # the node counts neither


class KubernetesSandbox:
    """`kubeconfig`, `context`, `namespace`: which cluster and where in it; by default the user's, else the one that
    this program runs in. `image`: built from the Containerfile of `codeact.sandbox.containers`, in a registry that the
    cluster can reach. `patience`: seconds for a pod to start. `require`: the weakest isolation that is accepted.
    `checkpoints`: what sessions keep of their past by themselves. All other options are those of `Place`.
    """

    def __init__(
        self,
        *,
        kubeconfig: str | Path | None = None,
        context: str | None = None,
        namespace: str | None = None,
        preload: Sequence[str] = PRELOAD,
        patience: float = 180.0,
        require: Level = "container",
        checkpoints: Checkpoints = "standby",
        image: str = IMAGE,
        **place: Any,
    ) -> None:
        isolation.check_level(require)
        self._kubeconfig = Path(kubeconfig) if kubeconfig else None
        self._context, self._namespace = context, namespace
        self._preload = list(preload)
        self._patience = patience
        self._require: Level = require
        self._checkpoints: Checkpoints = checkpoints
        self._place = _place(image, place)
        self._swept = False

    @property
    def name(self) -> str:
        return "kubernetes"

    @property
    def offer(self) -> Offer:
        return Offer(
            isolation="container",
            networks=frozenset(["none", "open"]),
            capabilities=frozenset(["files", "interrupt", "checkpoint"]),
            limits=offers.LIMITS - _NOT_KEPT,
        )

    @contextlib.asynccontextmanager
    async def open(
        self, tools: ToolBox | None = None, *, limits: Limits | None = None, network: NetworkPolicy = "none"
    ) -> AsyncGenerator[BoxSession, None]:
        """A session, for as long as the context lasts.

        Raises:
            UnsupportedError: pods cannot do what is asked.
            SetupError: there is no cluster, or it refuses; says the remedy.
            IsolationError: the pod is weaker than required. SandboxError: the machinery failed.
        """
        offers.check(self, limits=limits, network=network)
        limits = limits or Limits()
        async with contextlib.AsyncExitStack() as stack:
            found = await anyio.to_thread.run_sync(cluster.find, self._kubeconfig, self._context)
            api = await stack.enter_async_context(connected(found, self._namespace))
            await self._sweep(api)
            asked = pod.pod(name := pod.name(), self._place, limits, network)
            await _make(api, asked, network, stack)
            version = await api.version()
            running = await states.running(api, name, self._patience)
            stream = await _started(api, name, self._place, stack)
            options = {
                "preload": self._preload,
                "limits": box_limits(limits),
                "network": network,
                "policy_patience": self._place.policy_patience,
            }
            box = await stack.enter_async_context(remote(stream, options))
            session = BoxSession(
                control=Control(box.wire),
                pipes=box.pipes,
                tools=tools,
                meter=Elsewhere(limits),
                checkpoints=self._checkpoints,
            )
            stack.callback(session.close)
            around = pod.layers(running, asked, version, limits)
            server = Launched(wire=box.wire, pid=0, python=box.python, packages=box.packages, around=around)
            await session.start(server, str(network))
            self._check(session, network)
            try:
                yield session
            except SandboxError as error:
                if stream.ended and (words := await states.last_words(api, name)):
                    raise SessionClosedError(f"{error}: {words}") from error
                raise

    async def _sweep(self, api: Api) -> None:
        """What hosts have left that were killed; once is enough."""
        if not self._swept:
            await api.sweep(",".join(f"{key}={value}" for key, value in pod.OURS.items()))
            self._swept = True

    def _check(self, session: BoxSession, network: NetworkPolicy) -> None:
        report = session.isolation
        weak = not isolation.meets(report.level, self._require)
        missing = list(isolation.unmet(report, self._require)) if weak else []
        if network == "none" and self._require == "container":
            missing += [layer for layer in report.layers if layer.name == "network" and not layer.active]
        if weak or missing:
            faults = "; ".join(f"{layer.name}: {layer.detail}" for layer in missing)
            raise IsolationError(
                f"this cluster does not isolate code at the level {self._require!r} ({faults}). Remedy: a network "
                "plugin that keeps NetworkPolicy (Calico, Cilium, …), and a namespace where no admission webhook "
                "changes pods. For code that you trust: network='open', or a lower require="
            )


def _place(image: str, options: Mapping[str, Any]) -> Place:
    """Raises TypeError for an option that there is not, and UsageError for a value that cannot be."""
    place = Place(image=image, **options)
    if place.user == 0:
        raise UsageError("user=0 is root, and a box never runs as root; name another, or none for one of its own")
    for name, least in (("ttl", 60), ("cpus", 0.01)):
        if not getattr(place, name) >= least:
            raise UsageError(f"{name}={getattr(place, name)!r} is too low; give at least {least}")
    return place


async def _make(api: Api, asked: Mapping[str, Any], network: NetworkPolicy, stack: contextlib.AsyncExitStack) -> None:
    """The pod and, before any code is in it, its network policy. Both go with `stack`, also when it is cancelled."""
    name = str(asked["metadata"]["name"])
    with anyio.CancelScope(shield=True):  # else one that nobody knows of could stay
        uid = str((await api.create_pod(asked))["metadata"]["uid"])
        stack.push_async_callback(_delete, api, name)
        if network == "none":
            await api.create_policy(pod.policy(name, uid))


async def _delete(api: Api, name: str) -> None:
    with anyio.CancelScope(shield=True), anyio.move_on_after(_CLOSE):
        try:
            await api.delete_pod(name)
        except (SandboxError, SetupError) as error:
            raise SandboxError(
                f"the pod {name!r} could not be deleted ({error}); its program has ended with this session, and "
                f"`kubectl delete pod --namespace {api.namespace} {name}` removes it"
            ) from error


async def _started(api: Api, name: str, place: Place, stack: contextlib.AsyncExitStack) -> ExecStream:
    stream = await api.exec(name, pod.CONTAINER, pod.command(place))
    stack.callback(stream.close)
    return stream
