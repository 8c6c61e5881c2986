"""The few calls to a Kubernetes API server that a session needs."""

from __future__ import annotations

import contextlib
import ssl
from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import cast

import anyio.to_thread
import httpx2

from codeact.errors import SandboxError, SetupError
from codeact.sandbox.kubernetes.cluster import Cluster
from codeact.sandbox.kubernetes.exec import ExecStream, RefusedError, opened
from codeact.sandbox.kubernetes.objects import Json
from codeact.sandbox.kubernetes.refusals import GoneError, refusal

_CALL = httpx2.Timeout(30.0, connect=10.0)  # seconds
_FINISHED = "status.phase!=Running,status.phase!=Pending,status.phase!=Unknown"


class Api:
    def __init__(self, client: httpx2.AsyncClient, cluster: Cluster, namespace: str) -> None:
        self.namespace = namespace
        self._client = client
        self._cluster = cluster
        self._pods = f"/api/v1/namespaces/{namespace}/pods"
        self._policies = f"/apis/networking.k8s.io/v1/namespaces/{namespace}/networkpolicies"

    async def version(self) -> str:
        found = await self._call("GET", "/version", what="tell its version")
        return str(found.get("gitVersion", ""))

    async def create_pod(self, pod: Json) -> Json:
        """The pod as it was admitted. Raises SetupError with the remedy."""
        return await self._call("POST", self._pods, what="create a pod", json=pod)

    async def create_policy(self, policy: Json) -> None:
        await self._call("POST", self._policies, what="create a network policy", json=policy)

    async def pod(self, name: str) -> Json:
        """Raises `GoneError` when somebody has deleted it."""
        return await self._call("GET", f"{self._pods}/{name}", what="look at a pod")

    async def delete_pod(self, name: str) -> None:
        """At once, and what belongs to it with it. Nothing happens when there is no such pod."""
        options = {"gracePeriodSeconds": 0, "propagationPolicy": "Background"}
        with contextlib.suppress(GoneError):
            await self._call("DELETE", f"{self._pods}/{name}", what="delete a pod", json=options)

    async def sweep(self, labels: str) -> None:
        """Delete the pods with these labels that have finished: their hosts are gone, or they would have."""
        chosen = {"labelSelector": labels, "fieldSelector": _FINISHED}
        await self._call("DELETE", self._pods, what="delete finished pods", params=chosen)

    async def exec(self, pod: str, container: str, command: Sequence[str]) -> ExecStream:
        """Start a program in a container; its standard streams."""
        token, path = await self._cluster.token.text(), f"{self._pods}/{pod}/exec"
        try:
            return await anyio.to_thread.run_sync(opened, self._cluster, token, path, container, command)
        except RefusedError as error:
            raise refusal(error.status, error.body, what="start a program in a pod", namespace=self.namespace) from None
        except OSError as error:
            raise SandboxError(f"the connection to the pod {pod!r} cannot be made: {error}") from error

    async def _call(
        self, method: str, path: str, *, what: str, json: Json | None = None, params: Mapping[str, str] | None = None
    ) -> Json:
        token = await self._cluster.token.text()
        signed = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            answer = await self._client.request(
                method, self._cluster.server + path, json=json, params=params, headers=signed
            )
        except (httpx2.RequestError, ssl.SSLError) as error:
            raise SetupError(
                f"the cluster at {self._cluster.server!r} ({self._cluster.found_in}) does not answer: "
                f"{error or type(error).__name__}"
            ) from error
        if not answer.is_success:
            raise refusal(answer.status_code, answer.content, what=what, namespace=self.namespace)
        return cast("Json", answer.json())


@contextlib.asynccontextmanager
async def connected(cluster: Cluster, namespace: str | None) -> AsyncGenerator[Api]:
    # The environment's proxies and keys are not for a cluster, whose address is given.
    async with httpx2.AsyncClient(verify=cluster.ssl or True, timeout=_CALL, trust_env=False) as client:
        yield Api(client, cluster, namespace or cluster.namespace)
