"""The API server: pods, network policies and `exec` over WebSocket, by HTTPS on a loopback address."""

from __future__ import annotations

import base64
import contextlib
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from .admission import RefusedError, admit
from .certificates import certificate
from .node import Container

_PODS = "/api/v1/namespaces/{namespace}/pods"
_POLICIES = "/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"
_PROTOCOLS = ("v5.channel.k8s.io", "v4.channel.k8s.io")
_STDIN, _STDOUT, _STDERR, _STATUS = range(4)


@dataclass
class Pod:
    body: dict[str, Any]
    container: Container | None = None


@dataclass
class Cluster:
    """State and settings; tests change the settings, and look."""

    token: str = "a-token"
    kubeconfig: Path = Path()
    images: set[str] = field(default_factory=lambda: {"codeact-box"})
    runtime_classes: set[str] = field(default_factory=lambda: {"gvisor"})
    denied: set[str] = field(default_factory=set)  # rights that the token has not, as in "create pods"
    keeps_policies: bool = True  # as not every network plugin does
    quota: str = ""
    mutate: Any = None  # an admission webhook
    protocols: tuple[str, ...] = _PROTOCOLS
    haste: float = 1  # deadlines come so many times sooner
    pods: dict[str, Pod] = field(default_factory=dict)
    policies: dict[str, dict[str, Any]] = field(default_factory=dict)
    admitted: list[dict[str, Any]] = field(default_factory=list)  # all that ever was
    address: tuple[str, int] = ("127.0.0.1", 0)
    _tasks: anyio.abc.TaskGroup | None = None

    def container(self, pod: str) -> Container:
        """Of a pod that runs."""
        found = self.pods[pod].container
        assert found
        return found

    def app(self) -> Starlette:
        return Starlette(
            lifespan=self._node,
            exception_handlers={RefusedError: lambda _, error: JSONResponse(error.body, error.status)},
            routes=[
                Route("/version", self._version),
                Route(_PODS, self._create_pod, methods=["POST"]),
                Route(_PODS, self._sweep, methods=["DELETE"]),
                Route(_PODS + "/{name}", self._get, methods=["GET"]),
                Route(_PODS + "/{name}", self._delete, methods=["DELETE"]),
                Route(_POLICIES, self._create_policy, methods=["POST"]),
                WebSocketRoute(_PODS + "/{name}/exec", self._exec),
            ],
        )

    @contextlib.asynccontextmanager
    async def _node(self, app: Starlette) -> Any:
        async with anyio.create_task_group() as self._tasks:
            yield
            self._tasks.cancel_scope.cancel()

    def _may(self, request: Request | WebSocket, verb: str, resource: str) -> None:
        if request.headers.get("authorization") != f"Bearer {self.token}":
            raise RefusedError(401, "Unauthorized", "Unauthorized")
        namespace = request.path_params.get("namespace", "")
        if f"{verb} {resource}" in self.denied:
            words = f'User "agent" cannot {verb} resource "{resource}" in API group "" in the namespace "{namespace}"'
            raise RefusedError(403, "Forbidden", f'{resource} "x" is forbidden: {words}')
        if namespace and namespace != "agents":
            raise RefusedError(404, "NotFound", f'namespaces "{namespace}" not found')

    def _pod(self, request: Request | WebSocket) -> Pod:
        name = request.path_params["name"]
        if name not in self.pods:
            raise RefusedError(404, "NotFound", f'pods "{name}" not found')
        return self.pods[name]

    async def _version(self, request: Request) -> Response:
        self._may(request, "get", "version")
        return JSONResponse({"major": "1", "minor": "36", "gitVersion": "v1.36.0-loopback"})

    async def _create_pod(self, request: Request) -> Response:
        self._may(request, "create", "pods")
        body = await request.json()
        self.admitted.append(json.loads(json.dumps(body)))
        name = body["metadata"]["name"]
        if self.quota:
            raise RefusedError(403, "Forbidden", f'pods "{name}" is forbidden: exceeded quota: {self.quota}')
        admit("Pod", body, self.runtime_classes)
        if self.mutate:
            self.mutate(body)
        body["metadata"]["uid"] = str(uuid.uuid4())
        body["status"] = {"phase": "Pending"}
        self.pods[name] = Pod(body)
        return JSONResponse(body, 201)

    async def _create_policy(self, request: Request) -> Response:
        self._may(request, "create", "networkpolicies")
        body = await request.json()
        self.admitted.append(json.loads(json.dumps(body)))
        admit("NetworkPolicy", body, set())
        self.policies[body["metadata"]["name"]] = body
        return JSONResponse(body, 201)

    async def _get(self, request: Request) -> Response:
        self._may(request, "get", "pods")
        pod = self._pod(request)
        seen = json.dumps(pod.body)
        if pod.body["status"] == {"phase": "Pending"}:  # a node takes it only now: policies have come by then
            self._schedule(pod)
        return Response(seen, media_type="application/json")

    async def _delete(self, request: Request) -> Response:
        self._may(request, "delete", "pods")
        pod = self._pod(request)
        self._forget(pod)
        return JSONResponse(pod.body)

    async def _sweep(self, request: Request) -> Response:
        self._may(request, "deletecollection", "pods")
        wanted = dict(pair.split("=") for pair in request.query_params["labelSelector"].split(","))
        spared = [pair.split("!=") for pair in request.query_params["fieldSelector"].split(",")]
        for pod in list(self.pods.values()):
            chosen = wanted.items() <= pod.body["metadata"]["labels"].items()
            if chosen and all(pod.body["status"]["phase"] != phase for _, phase in spared):
                self._forget(pod)
        return JSONResponse({"kind": "PodList", "apiVersion": "v1", "items": []})

    def _forget(self, pod: Pod) -> None:
        """With what belongs to it, as the garbage collector does."""
        metadata = pod.body["metadata"]
        del self.pods[metadata["name"]]
        for name, policy in list(self.policies.items()):
            if any(owner["uid"] == metadata["uid"] for owner in policy["metadata"].get("ownerReferences", [])):
                del self.policies[name]
        if pod.container:
            pod.container.kill()

    def _schedule(self, pod: Pod) -> None:
        spec, status = pod.body["spec"], pod.body["status"]
        own = spec["containers"][0]
        if own["image"] not in self.images:
            waiting = {"reason": "ImagePullBackOff", "message": f'Back-off pulling image "{own["image"]}"'}
            status["containerStatuses"] = [{"name": own["name"], "state": {"waiting": waiting}}]
            return
        if "nodeSelector" in spec:
            words = "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector."
            status["conditions"] = [{"type": "PodScheduled", "status": "False", "message": words}]
            return
        closed = self.keeps_policies and any(self._selects(policy, pod) for policy in self.policies.values())
        pod.container = Container(spec, network=not closed, address=self.address)
        status["containerStatuses"] = [{"name": own["name"], "state": {"waiting": {"reason": "ContainerCreating"}}}]
        assert self._tasks
        self._tasks.start_soon(self._run, pod, pod.container)

    def _selects(self, policy: dict[str, Any], pod: Pod) -> bool:
        spec = policy["spec"]
        shut = set(spec["policyTypes"]) == {"Ingress", "Egress"} and not spec["ingress"] and not spec["egress"]
        return shut and spec["podSelector"]["matchLabels"].items() <= pod.body["metadata"]["labels"].items()

    async def _run(self, pod: Pod, container: Container) -> None:
        status, started = pod.body["status"], anyio.Event()
        own = status["containerStatuses"][0]

        async def tell() -> None:
            await started.wait()
            own["state"], status["phase"] = {"running": {"startedAt": "now"}}, "Running"

        code, deadline = 0, False

        async def end_in_time() -> None:
            nonlocal deadline
            began = anyio.current_time()
            most = pod.body["spec"]["activeDeadlineSeconds"]
            while (anyio.current_time() - began) * self.haste < most:  # noqa: ASYNC110 (it may change)
                await anyio.sleep(0.05)
            deadline = True
            container.kill()

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(tell)
            tasks.start_soon(end_in_time)
            code = await container.run(started)
            tasks.cancel_scope.cancel()
        if deadline:
            own["state"], status["phase"] = {"terminated": {"reason": "Error", "exitCode": 137}}, "Failed"
            status.update(reason="DeadlineExceeded", message="Pod was active on the node longer than the deadline")
        else:
            own["state"] = {"terminated": {"reason": "Error" if code else "Completed", "exitCode": code}}
            status["phase"] = "Failed" if code else "Succeeded"

    async def _exec(self, websocket: WebSocket) -> None:
        try:
            self._may(websocket, "get", "pods/exec")
            container = self._pod(websocket).container
            assert container
        except RefusedError as error:
            await websocket.send_denial_response(JSONResponse(error.body, error.status))
            return
        asked = websocket.headers["sec-websocket-protocol"].split(", ")
        await websocket.accept(next(name for name in self.protocols if name in asked))
        async with await container.exec(websocket.query_params.getlist("command")) as process:
            await _bridge(websocket, process)


async def _bridge(websocket: WebSocket, process: anyio.abc.Process) -> None:
    """As a kubelet does: when the client has gone, the program finds the end of its input, and lives as it likes."""
    assert process.stdin
    for channel in (_STDOUT, _STDERR, _STATUS):
        await websocket.send_bytes(bytes([channel]))
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(_forward, websocket, process.stdout, _STDOUT)
        tasks.start_soon(_forward, websocket, process.stderr, _STDERR)
        tasks.start_soon(_feed, websocket, process.stdin)
        code = await process.wait()
        with contextlib.suppress(WebSocketDisconnect, RuntimeError):
            status = {"status": "Success"} if not code else {"status": "Failure", "message": f"exit code {code}"}
            await websocket.send_bytes(bytes([_STATUS]) + json.dumps(status).encode())
            await websocket.close()
        tasks.cancel_scope.cancel()


async def _forward(websocket: WebSocket, source: Any, channel: int) -> None:
    gone = False
    async for data in source:
        try:
            if not gone:
                await websocket.send_bytes(bytes([channel]) + data)
        except (WebSocketDisconnect, RuntimeError):
            gone = True  # but what a program says must go somewhere


async def _feed(websocket: WebSocket, sink: Any) -> None:
    with contextlib.suppress(WebSocketDisconnect, anyio.BrokenResourceError, anyio.ClosedResourceError):
        while True:
            data = await websocket.receive_bytes()
            assert data[0] == _STDIN
            await sink.send(data[1:])
    await sink.aclose()


@contextlib.contextmanager
def cluster(folder: Path) -> Iterator[Cluster]:
    """Serves while the context lasts; `kubeconfig` says how to reach it."""
    made = Cluster()
    certificate(folder)
    sock = socket.create_server(("127.0.0.1", 0))
    made.address = sock.getsockname()
    config = uvicorn.Config(
        made.app(),
        ws="websockets-sansio",
        log_level="error",
        ssl_certfile=folder / "certificate.pem",
        ssl_keyfile=str(folder / "key.pem"),
        timeout_graceful_shutdown=5,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [sock]})
    thread.start()
    try:
        while not server.started:
            assert thread.is_alive()
            time.sleep(0.01)
        made.kubeconfig = _kubeconfig(folder, made)
        yield made
    finally:
        server.should_exit = True
        thread.join()
        sock.close()


def _kubeconfig(folder: Path, made: Cluster) -> Path:
    authority = base64.b64encode((folder / "certificate.pem").read_bytes()).decode()
    host, port = made.address
    server = {"server": f"https://{host}:{port}", "certificate-authority-data": authority}
    path = folder / "kubeconfig"
    body = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "loopback", "cluster": server}],
        "users": [{"name": "agent", "user": {"token": made.token}}],
        "contexts": [
            {"name": "there", "context": {"cluster": "loopback", "user": "agent", "namespace": "agents"}},
            {"name": "elsewhere", "context": {"cluster": "loopback", "user": "agent", "namespace": "nowhere"}},
        ],
        "current-context": "there",
    }
    path.write_text(json.dumps(body))  # which is YAML too
    return path
