"""What an API server does with an object before it keeps it: schema, validation, the standard `restricted`.

`schemas.json` holds the definitions that a Pod, a NetworkPolicy and the manifests of deploy/helm need, of the OpenAPI
document of Kubernetes 1.36 (Apache License 2.0, The Kubernetes Authors), as the package kubernetes-validate has them,
in its strict form: unknown fields are errors. Descriptions are left out.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from jsonschema import Draft202012Validator

_VOLUMES = {"configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "persistentVolumeClaim", "projected", "secret"}
_NAME = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_LABEL = re.compile(r"(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?")
_QUANTITY = re.compile(r"\d+(\.\d+)?(m|k|Ki|M|Mi|G|Gi|T|Ti)?")
_UNITS = {
    "m": 1e-3,
    None: 1,
    "k": 1e3,
    "Ki": 2**10,
    "M": 1e6,
    "Mi": 2**20,
    "G": 1e9,
    "Gi": 2**30,
    "T": 1e12,
    "Ti": 2**40,
}


class RefusedError(Exception):
    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.body = {"kind": "Status", "apiVersion": "v1", "status": "Failure", "reason": reason, "code": status}
        self.body["message"] = message


def admit(kind: str, body: Any, runtime_classes: set[str]) -> None:
    """Raises `RefusedError`, worded as an API server words it."""
    faults = [f"{'.'.join(map(str, error.path))}: {error.message}" for error in schema(kind).iter_errors(body)]
    faults = faults or list(_metadata(body["metadata"]))
    if kind == "Pod":
        faults = faults or list(_pod(body["spec"]))
    if faults:
        name = body.get("metadata", {}).get("name")
        raise RefusedError(422, "Invalid", f'{kind} "{name}" is invalid: {"; ".join(faults)}')
    if kind == "Pod":
        _admit_pod(body["metadata"]["name"], body["spec"], runtime_classes)


@cache
def schema(kind: str) -> Draft202012Validator:
    """Of an object of this kind, strictly: what is not known is an error."""
    known = json.loads((Path(__file__).parent / "schemas.json").read_text())
    return Draft202012Validator({"$ref": f"#/$defs/{kind}", **known})


def _metadata(metadata: Any) -> Iterator[str]:
    if not _NAME.fullmatch(metadata["name"]):
        yield f"metadata.name: {metadata['name']!r} is no DNS label"
    for key, value in metadata.get("labels", {}).items():
        if not _LABEL.fullmatch(value) or len(value) > 63 or len(key.rpartition("/")[2]) > 63:
            yield f"metadata.labels: {key}={value!r}"


def _pod(spec: Any) -> Iterator[str]:
    if spec.get("activeDeadlineSeconds", 1) < 1:
        yield "spec.activeDeadlineSeconds: must be greater than 0"
    if spec.get("dnsPolicy") == "None" and not spec.get("dnsConfig", {}).get("nameservers"):
        yield "spec.dnsConfig.nameservers: must provide at least one DNS nameserver when `dnsPolicy` is None"
    volumes = {each["name"] for each in spec.get("volumes", [])}
    for each in spec.get("volumes", []):
        amount(each.get("emptyDir", {}).get("sizeLimit", "0"))
    for container in spec["containers"]:
        for mount in container.get("volumeMounts", []):
            if mount["name"] not in volumes:
                yield f"spec.containers.volumeMounts: {mount['name']!r} is not found"
        resources = container.get("resources", {})
        for name, least in resources.get("requests", {}).items():
            most = resources.get("limits", {}).get(name)
            if most is not None and amount(least) > amount(most):
                yield f"spec.containers.resources.requests: {name} must be less than or equal to its limit"
    user = spec.get("securityContext", {}).get("runAsUser", 1)
    if not 0 <= user < (1 << 16 if spec.get("hostUsers") is False else 1 << 31):
        yield f"spec.securityContext.runAsUser: {user}"


def amount(quantity: str) -> float:
    found = _QUANTITY.fullmatch(quantity)
    if not found:
        raise RefusedError(400, "BadRequest", f"quantities must match the regular expression: {quantity!r}")
    unit = found[2]
    return float(quantity.removesuffix(unit or "")) * _UNITS[unit]


def _admit_pod(name: str, spec: Any, runtime_classes: set[str]) -> None:
    if (wanted := spec.get("runtimeClassName")) and wanted not in runtime_classes:
        raise _forbidden(name, f'pod rejected: RuntimeClass "{wanted}" not found')
    if faults := list(_unrestricted(spec)):
        raise _forbidden(name, f'violates PodSecurity "restricted:latest": {", ".join(faults)}')


def _forbidden(name: str, words: str) -> RefusedError:
    return RefusedError(403, "Forbidden", f'pods "{name}" is forbidden: {words}')


def _unrestricted(spec: Any) -> Iterator[str]:
    """Where a pod is not as https://kubernetes.io/docs/concepts/security/pod-security-standards/ has it."""
    whole = spec.get("securityContext", {})
    yield from (f"host namespaces ({key}=true)" for key in ("hostNetwork", "hostPID", "hostIPC") if spec.get(key))
    yield from (f"volume {v['name']!r}" for v in spec.get("volumes", []) if not set(v) - {"name"} <= _VOLUMES)
    if whole.get("sysctls") or whole.get("seLinuxOptions"):
        yield "sysctls or seLinuxOptions"
    for container in [*spec["containers"], *spec.get("initContainers", [])]:
        own = {**whole, **container.get("securityContext", {})}
        capabilities = own.get("capabilities", {})
        rules = {
            "privileged": not own.get("privileged"),
            "allowPrivilegeEscalation != false": own.get("allowPrivilegeEscalation") is False,
            "unrestricted capabilities": capabilities.get("drop") == ["ALL"]
            and set(capabilities.get("add", [])) <= {"NET_BIND_SERVICE"},
            "runAsNonRoot != true": own.get("runAsNonRoot") is True,
            "runAsUser=0": own.get("runAsUser") != 0,
            "seccompProfile": own.get("seccompProfile", {}).get("type") in ("RuntimeDefault", "Localhost"),
            "procMount": own.get("procMount", "Default") == "Default",
            "hostPort": not any(port.get("hostPort") for port in container.get("ports", [])),
        }
        yield from (f"{fault} (container {container['name']!r})" for fault, kept in rules.items() if not kept)
