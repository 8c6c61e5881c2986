"""What an API server refuses, in words that say what would help."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

from codeact.errors import CodeActError, SandboxError, SetupError

ROLE = Path(__file__).parent / "role.yaml"
_LACKS_RIGHT = re.compile(r'cannot (\w+) resource "([\w./]+)"')


class GoneError(SandboxError):
    """There is no such object (any more)."""


def refusal(status: int, body: bytes, *, what: str, namespace: str) -> CodeActError:
    """For a response that is no success. `what`: that was asked for, as in "create a pod"."""
    said = _status(body)
    words = str(said.get("message") or body[:500].decode("utf-8", "replace") or "without a word")
    head = f"the cluster does not let codeact {what} in the namespace {namespace!r}"
    match status:
        case 401:
            return SetupError(
                f"the cluster does not know who asks ({words}); get a fresh token or certificate: "
                "`kubectl auth whoami` should work with the same kubeconfig and context"
            )
        case 403:
            return SetupError(f"{head}: {words}. Remedy: {_remedy(words, namespace)}")
        case 404 if str(said.get("message", "")).startswith("namespaces "):
            return SetupError(f"the cluster has no namespace {namespace!r}; `kubectl create namespace {namespace}`")
        case 404:
            return GoneError(words)
        case 400 | 422:
            return SetupError(f"{head}, because it is not valid: {words}")
        case _:
            return SandboxError(f"the cluster could not {what} ({status}): {words}")


def _remedy(words: str, namespace: str) -> str:
    if found := _LACKS_RIGHT.search(words):
        verb, resource = found.groups()
        return (
            f"the right to {verb!r} {resource!r}, which the least role has: `kubectl apply -n {namespace} -f {ROLE}`, "
            "and bind it to this user or service account"
        )
    if "exceeded quota" in words:
        return "lower limits (total_memory, workspace) and cpus=, close other sessions, or raise the ResourceQuota"
    if "violates PodSecurity" in words:
        return (
            "this pod keeps the standard 'restricted' as codeact makes it; look at what the cluster's admission "
            "webhooks add to pods, or take a namespace of its own"
        )
    if "RuntimeClass" in words:
        return "`kubectl get runtimeclass` shows what there is; name one of these, or leave runtime_class out"
    return "ask whoever runs the cluster; its admission control has refused this"


def _status(body: bytes) -> Mapping[str, Any]:
    try:
        read: Any = json.loads(body)
    except ValueError:
        return {}
    return cast("Mapping[str, Any]", read) if isinstance(read, dict) else {}
