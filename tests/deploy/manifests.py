"""The manifests that the chart gives for two sets of values, as they are committed, and what they hold."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
CHART = ROOT / "deploy" / "helm" / "codeact"
NAMES = ("outside", "whole")  # of the values, and of what they give
RELEASE = ("chat", "--namespace", "chat")


@cache
def manifests(name: str) -> list[dict[str, Any]]:
    return [each for each in yaml.safe_load_all((HERE / "golden" / f"{name}.yaml").read_text()) if each]


def everything() -> list[dict[str, Any]]:
    return [each for name in NAMES for each in manifests(name)]


def of_kind(kind: str, name: str | None = None) -> list[dict[str, Any]]:
    return [each for each in (manifests(name) if name else everything()) if each["kind"] == kind]


def templates(name: str | None = None) -> list[dict[str, Any]]:
    """The pods that would be made: metadata and spec, with the volumes that a StatefulSet adds."""
    return [_pod(each["spec"]) for kind in ("Deployment", "StatefulSet") for each in of_kind(kind, name)]


def _pod(spec: dict[str, Any]) -> dict[str, Any]:
    pod, claims = spec["template"], [each["metadata"]["name"] for each in spec.get("volumeClaimTemplates", [])]
    claimed = [{"name": claim, "persistentVolumeClaim": {"claimName": claim}} for claim in claims]
    return {**pod, "spec": {**pod["spec"], "volumes": [*pod["spec"]["volumes"], *claimed]}}


def containers() -> Iterator[dict[str, Any]]:
    for pod in templates():
        yield from pod["spec"]["containers"]
        yield from pod["spec"].get("initContainers", [])


def values(name: str) -> dict[str, Any]:
    return yaml.safe_load((HERE / "values" / f"{name}.yaml").read_text())
