"""A session's pod and its network policy, as they are asked for, and what the cluster says it has made of the pod.

Covers: a user that nobody else is, a read-only root, no capabilities, no new privileges, the runtime's seccomp profile,
no token of the cluster, no volumes but memory, no network, memory and processor held by the node, an end that comes
also when nobody asks for it. It keeps the Pod Security Standard `restricted`.
Does not cover: the kernel, which is shared with the node (for that there are `runtime_class` and `host_users=False`),
and what the image itself holds.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from codeact.sandbox.base import Limits, MiB, NetworkPolicy
from codeact.sandbox.box.root import HOME, WORKSPACE
from codeact.sandbox.kubernetes.objects import Json, items, named, part
from codeact.sandbox.launch import environment
from codeact.sandbox.remote import BOOT

CONTAINER = "box"
SESSION = "codeact.io/session"
OURS = {"app.kubernetes.io/name": "codeact-box", "app.kubernetes.io/managed-by": "codeact"}

_ON_NODE = range(0x7000_0000, 0x7100_0000)  # users far above what systems hand out
_IN_NAMESPACE = range(20_000, 60_000)  # of the 65,536 that a user namespace of a pod has
_SHM = 256 * MiB
_DISK = "64Mi"  # the root is read-only, so this is for nothing but logs, of which there are none
_DECIMAL = {"m": 1e-3, "": 1, "k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12}
_UNITS = {**_DECIMAL, "Ki": 2**10, "Mi": 2**20, "Gi": 2**30, "Ti": 2**40}
_MEMORY = {"box": HOME, "tmp": "/tmp", "shm": "/dev/shm"}  # noqa: S108 (the pod's own)

# The container's first process: it waits for the box, which comes by `exec` and so has its parent outside, and goes
# when the last such process has gone. It buries orphans, and cannot be traced or written to.
WAIT = """
import ctypes, os, signal, sys, time
ctypes.CDLL(None).prctl(4, 0, 0, 0, 0)
for number in (signal.SIGINT, signal.SIGCHLD):
    signal.signal(number, signal.SIG_IGN)
def guests():
    for name in os.listdir("/proc"):
        if name.isdigit() and name != "1":
            try:
                with open(f"/proc/{name}/stat") as file:
                    yield file.read().rpartition(")")[2].split()[1] == "0"
            except OSError:
                pass
patience = time.monotonic() + float(sys.argv[1])
while not any(guests()) and time.monotonic() < patience:
    time.sleep(0.1)
while any(guests()):
    time.sleep(1)
"""
_COME = 300  # seconds in which the box must come


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where in a cluster pods are to run, and of what: the options of `KubernetesSandbox`."""

    image: str
    python: str = "python3"
    pull_policy: str | None = None
    pull_secrets: Sequence[str] = ()  # names of secrets of the namespace
    runtime_class: str | None = None  # another runtime of the cluster's: `gvisor`, `kata`
    host_users: bool | None = None  # False: a user namespace of its own
    user: int | None = None  # its number, where the cluster prescribes one; None for one that nobody else has
    cpus: float = 1.0
    requests: Mapping[str, str] = field(default_factory=dict[str, str])  # what a node must have free for it
    labels: Mapping[str, str] = field(default_factory=dict[str, str])
    node_selector: Mapping[str, str] = field(default_factory=dict[str, str])
    tolerations: Sequence[Mapping[str, Any]] = ()
    ttl: int = 4 * 3600  # seconds after which the cluster ends the session, whatever happens here
    policy_patience: float = 10.0  # seconds until the network plugin must have heard of the policy


def name() -> str:
    return f"codeact-{secrets.token_hex(6)}"


def command(place: Place) -> list[str]:
    """What is started in the pod by `exec`: the box."""
    return [place.python, "-I", "-B", "-c", BOOT]


def pod(name: str, place: Place, limits: Limits, network: NetworkPolicy) -> dict[str, Any]:
    spec = {
        "restartPolicy": "Never",
        "activeDeadlineSeconds": place.ttl,
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "hostname": "box",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": (user := a_user(place)),
            "runAsGroup": user,
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        "containers": [_container(place, limits)],
        "volumes": [
            {"name": volume, "emptyDir": {"medium": "Memory", "sizeLimit": str(_room(volume, limits))}}
            for volume in _MEMORY
        ],
        **({"runtimeClassName": place.runtime_class} if place.runtime_class else {}),
        **({"hostUsers": place.host_users} if place.host_users is not None else {}),
        **({"nodeSelector": dict(place.node_selector)} if place.node_selector else {}),
        **({"tolerations": [dict(each) for each in place.tolerations]} if place.tolerations else {}),
        **({"imagePullSecrets": [{"name": each} for each in place.pull_secrets]} if place.pull_secrets else {}),
        **({"dnsPolicy": "None", "dnsConfig": {"nameservers": ["127.0.0.1"]}} if network == "none" else {}),
    }
    # A service mesh would add a container of its own, with more rights than a session has.
    unmeshed = {"sidecar.istio.io/inject": "false", "linkerd.io/inject": "disabled"}
    labels = {**place.labels, **OURS, SESSION: name, "sidecar.istio.io/inject": "false"}
    metadata = {"name": name, "labels": labels, "annotations": unmeshed}
    return {"apiVersion": "v1", "kind": "Pod", "metadata": metadata, "spec": spec}


def _container(place: Place, limits: Limits) -> dict[str, Any]:
    most = {"cpu": f"{round(place.cpus * 1000)}m", "memory": str(limits.total_memory), "ephemeral-storage": _DISK}
    least = {
        "cpu": f"{min(100, round(place.cpus * 1000))}m",
        "memory": str(min(limits.total_memory, 256 * MiB)),
        "ephemeral-storage": _DISK,
    }
    return {
        "name": CONTAINER,
        "image": place.image,
        "command": [place.python, "-I", "-S", "-B", "-c", WAIT, str(_COME)],
        "args": [],
        "workingDir": "/",
        "env": [{"name": key, "value": value} for key, value in _environment().items()],
        "resources": {"limits": most, "requests": {**least, **place.requests}},
        "securityContext": {
            "allowPrivilegeEscalation": False,
            "privileged": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        },
        "volumeMounts": [{"name": volume, "mountPath": path} for volume, path in _MEMORY.items()],
        **({"imagePullPolicy": place.pull_policy} if place.pull_policy else {}),
    }


def _environment() -> Mapping[str, str]:
    return environment("/usr/local/bin/-", WORKSPACE, "/tmp")  # noqa: S108 (the pod's own)


def _room(volume: str, limits: Limits) -> int:
    return min(limits.workspace, _SHM) if volume == "shm" else limits.workspace


def a_user(place: Place) -> int:
    """The number of a user for one session: the kernel counts processes by user, over all pods of a node."""
    if place.user is not None:
        return place.user
    return secrets.choice(_IN_NAMESPACE if place.host_users is False else _ON_NODE)


def policy(name: str, uid: str) -> dict[str, Any]:
    """Nothing in, nothing out, for the session's pod. It goes with the pod, of whose `uid` it is."""
    owner = {"apiVersion": "v1", "kind": "Pod", "name": name, "uid": uid}
    return {
        "apiVersion": "networking.k8s.io/v1",
        "kind": "NetworkPolicy",
        "metadata": {"name": name, "labels": {**OURS, SESSION: name}, "ownerReferences": [owner]},
        "spec": {
            "podSelector": {"matchLabels": {SESSION: name}},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": [],
            "egress": [],
        },
    }


def layers(found: Json, asked: Json, version: str, limits: Limits) -> list[list[Any]]:
    """Rows for a report, from what the cluster says of the running pod, not from what was asked for."""
    faults = _faults(part(found, "spec"), part(asked, "spec"))
    runtime = part(found, "spec").get("runtimeClassName") or "the node's own runtime"
    memory = f"{limits.total_memory:,} bytes for all processes and files, by the node"
    return [
        ["container", not faults, "; ".join(faults) or f"Kubernetes {version}, {runtime}"],
        ["total memory", not any("resources" in fault for fault in faults), memory],
    ]


def _faults(found: Json, asked: Json) -> list[str]:
    """What admission has changed that must not change."""
    shared = ("hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace")
    faults = [f"it has {key}" for key in shared if found.get(key)]
    lists = ("containers", "initContainers", "ephemeralContainers")
    more = [str(each.get("name")) for key in lists for each in items(found, key)]
    if added := more[1:] if more[:1] == [CONTAINER] else more:
        faults.append(f"containers were added to it: {', '.join(added)}")
    if volumes := [str(each.get("name")) for each in items(found, "volumes") if "emptyDir" not in each]:
        faults.append(f"volumes were added to it: {', '.join(volumes)}")
    for key in ("securityContext", "automountServiceAccountToken"):
        faults += _differences(key, asked.get(key), found.get(key))
    ours, theirs = named(asked, "containers", CONTAINER), named(found, "containers", CONTAINER)
    for key in ("securityContext", "resources"):
        faults += _differences(f"the container's {key}", ours.get(key), theirs.get(key))
    return faults


def _differences(name: str, asked: Any, found: Any) -> list[str]:
    """What was asked for and is not so; what is there besides is no loss."""
    if isinstance(asked, dict):
        there: Json = cast("Json", found) if isinstance(found, dict) else {}
        each = cast("Json", asked).items()
        return [fault for key, value in each for fault in _differences(f"{name}.{key}", value, there.get(key))]
    if asked == found or _quantity(asked) == _quantity(found) is not None:
        return []
    return [] if not asked and not found else [f"{name} is {found!r}, and should be {asked!r}"]


def _quantity(value: Any) -> float | None:
    """The number of "128Mi", "100m" or "1": a cluster writes them in its own way."""
    if not isinstance(value, str):
        return None
    digits = value.rstrip("mkMGTKi")
    try:
        return float(digits) * _UNITS[value[len(digits) :]]
    except (ValueError, LookupError):
        return None
