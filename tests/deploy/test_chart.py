"""The chart's values, and its rendering where there is Helm: the committed manifests are what it gives."""

from __future__ import annotations

import copy
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft7Validator

from .manifests import CHART, HERE, NAMES, RELEASE, values

HELM = shutil.which("helm") or shutil.which("helm", path=str(Path(sys.executable).parent))
SCHEMA = Draft7Validator(json.loads((CHART / "values.schema.json").read_text()))
DEFAULTS: dict[str, Any] = yaml.safe_load((CHART / "values.yaml").read_text())

needs_helm = pytest.mark.skipif(HELM is None, reason="there is no helm (scripts/install_helm.py fetches one)")


def rendered(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(HELM), "template", *RELEASE, str(CHART), *arguments]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def file(name: str) -> str:
    return str(HERE / "values" / f"{name}.yaml")


@needs_helm
@pytest.mark.parametrize("name", NAMES)
def test_the_committed_manifests_are_what_helm_gives(name: str) -> None:
    done = rendered("--values", file(name))
    assert done.returncode == 0, done.stderr
    given, kept = (list(yaml.safe_load_all(text)) for text in (done.stdout, golden(name)))
    assert given == kept, f"make it anew: helm template {' '.join(RELEASE)} deploy/helm/codeact --values {file(name)}"


def golden(name: str) -> str:
    return (HERE / "golden" / f"{name}.yaml").read_text()


@needs_helm
@pytest.mark.parametrize("name", NAMES)
def test_helm_s_own_checks_find_nothing(name: str) -> None:
    command = [str(HELM), "lint", "--strict", "--quiet", str(CHART), "--values", file(name)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout


@needs_helm
@pytest.mark.parametrize(
    ("given", "words"),
    [
        ("secret=", "CODEACT_SERVE_DATABASE"),
        ("network.apiServer.cidrs=null", "kubectl get endpointslices"),
        ("network.database.cidrs=null", "postgresql.enabled"),
        ("ingress.enabled=true", "ingress.tlsSecret"),
        ("sessions.namespace=chat", "nothing else"),
        ("sessions.image=", "sessions.image"),
        ("image.repository=", "image.repository"),
        ("replcas=3", "replcas"),
        ("image.tag=latest", "/image/tag"),
    ],
)
def test_helm_refuses_what_is_missing_or_misspelt_and_says_what_would_do(given: str, words: str) -> None:
    done = rendered("--values", file("outside"), "--set", given)
    assert done.returncode != 0
    assert words in done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_the_values_keep_their_schema(name: str) -> None:
    SCHEMA.check_schema(SCHEMA.schema)
    assert [error.message for error in SCHEMA.iter_errors(DEFAULTS)] == []
    assert [error.message for error in SCHEMA.iter_errors(values(name))] == []


def places(given: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    """Where there are keys that we have named: not those of maps that a user fills."""
    free = {"labels", "requests", "limits", "quotas", "annotations", "nodeSelector"}
    if isinstance(given, dict) and (not path or path[-1] not in free):
        yield path
        for key, value in given.items():
            yield from places(value, (*path, key))


@pytest.mark.parametrize("path", list(places(DEFAULTS)), ids=lambda path: ".".join(path) or "top")
def test_a_key_that_nobody_knows_is_refused_everywhere(path: tuple[str, ...]) -> None:
    wrong = copy.deepcopy(DEFAULTS)
    there = wrong
    for key in path:
        there = there[key]
    there["misspelt"] = 1
    assert any("misspelt" in error.message for error in SCHEMA.iter_errors(wrong))


def test_the_schema_knows_exactly_the_values_that_there_are() -> None:
    known = SCHEMA.schema["properties"]
    assert set(known) - {"global"} == set(DEFAULTS)  # `global` is Helm's own
    for section, inner in known.items():
        if "properties" in inner:
            assert set(inner["properties"]) == set(DEFAULTS[section]), section


@pytest.mark.parametrize(
    "wrong",
    [
        {"image": {"tag": "latest"}},
        {"sessions": {"image": "registry.example.org/codeact-box"}},
        {"sessions": {"image": "registry.example.org/codeact-box:latest"}},
        {"postgresql": {"image": "postgres"}},
        {"serve": {"arguments": ["--token=cat_1234"]}},
        {"serve": {"arguments": ["--database=postgresql://user:password@host/name"]}},
        {"serve": {"hosts": ["https://chat.example.org"]}},
        {"serve": {"limits": {"memory": 1073741824}}},
        {"vllm": {"arguments": ["--api-key=secret"]}},
        {"network": {"apiServer": {"cidrs": ["10.0.0.1"]}}},
        {"resources": {"limits": {"cpu": "1"}}},
        {"replicas": "3"},
    ],
    ids=str,
)
def test_values_that_would_harm_are_refused(wrong: dict[str, Any]) -> None:
    assert list(SCHEMA.iter_errors(wrong))


def test_the_chart_names_the_version_of_the_package() -> None:
    chart = yaml.safe_load((CHART / "Chart.yaml").read_text())
    found = re.search(r'^version = "(.+)"$', (HERE.parents[1] / "pyproject.toml").read_text(), re.MULTILINE)
    assert found
    assert chart["appVersion"] == found[1]
