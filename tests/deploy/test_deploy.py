"""What `deploy/` promises, read from its files: nothing here starts a container."""

from __future__ import annotations

import json
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeact.cli.app import settable

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "deploy"
COMPOSE: dict[str, Any] = yaml.safe_load((DEPLOY / "compose.yaml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
SERVICE_KEYS = {  # of the Compose specification, as far as they are used
    *["build", "cap_drop", "command", "depends_on", "environment", "healthcheck", "image", "init", "mem_limit"],
    *["networks", "pids_limit", "ports", "read_only", "restart", "security_opt", "stop_grace_period", "tmpfs", "user"],
    "volumes",
}


def instructions() -> list[tuple[str, str]]:
    """Of the Containerfile, continued lines joined."""
    lines = (line for line in (DEPLOY / "Containerfile").read_text().splitlines() if not line.lstrip().startswith("#"))
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.partition(" ")[0], line.partition(" ")[2].strip()) for line in joined.splitlines() if line.strip()]


def of(name: str) -> list[str]:
    return [rest for word, rest in instructions() if word == name]


# --- the image ------------------------------------------------------------------------------------


def test_bases_are_pinned_by_name() -> None:
    versions = dict(rest.split("=") for word, rest in instructions() if word == "ARG")
    for base in of("FROM"):
        image = re.sub(r"\$\{(\w+)\}", lambda found: versions[found[1]], base.split()[0])
        assert re.fullmatch(r"docker\.io/library/python:3\.\d+-slim-[a-z]+", image)


def test_the_image_runs_as_nobody_in_particular_and_says_how_it_is() -> None:
    names = [word for word, _ in instructions()]
    assert of("USER") == ["10001:10001"]
    assert names.index("USER") > max(index for index, name in enumerate(names) if name == "RUN")
    assert len(of("HEALTHCHECK")) == 1
    assert "/healthz" in of("HEALTHCHECK")[0]
    assert "ADD" not in names
    assert set(names) <= {
        *[
            "ARG",
            "CMD",
            "COPY",
            "ENTRYPOINT",
            "ENV",
            "EXPOSE",
            "FROM",
            "HEALTHCHECK",
            "LABEL",
            "RUN",
            "STOPSIGNAL",
            "USER",
        ],
        *["VOLUME", "WORKDIR"],
    }


def test_nothing_is_fetched_but_wheels() -> None:
    build, final = of("RUN")
    assert "--constraint constraints.txt" in build
    assert "--no-index --find-links /wheels" in final
    assert not re.search(r"curl|wget|apt-get|git |\| *sh", build + final)


def test_what_is_copied_is_there_and_gets_past_the_ignore_file() -> None:
    let_in = {line[1:] for line in (DEPLOY / "Containerfile.dockerignore").read_text().splitlines() if line[:1] == "!"}
    sources = {source for rest in of("COPY") for source in rest.split()[:-1]}
    assert sources == let_in
    assert all((ROOT / source).exists() for source in sources)


def test_extras_are_ours() -> None:
    known = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    chosen = [rest.partition("=")[2].split(",") for rest in of("ARG") if rest.startswith("EXTRAS")]
    assert chosen[0] == chosen[1]
    assert set(chosen[0]) <= set(known)


# --- the composition ------------------------------------------------------------------------------


def test_it_has_only_keys_that_compose_knows() -> None:
    assert set(COMPOSE) == {"name", "services", "networks", "volumes"}
    for service in SERVICES.values():
        assert set(service) <= SERVICE_KEYS
        assert set(service["networks"]) <= set(COMPOSE["networks"])
        assert {volume.partition(":")[0] for volume in service["volumes"]} <= set(COMPOSE["volumes"])
        assert set(service.get("depends_on", {})) <= set(SERVICES)


@pytest.mark.parametrize("name", sorted(SERVICES))
def test_each_service_is_hardened(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["pids_limit"]
    assert service["mem_limit"]
    assert not {"privileged", "cap_add", "network_mode", "pid", "ipc", "userns_mode", "devices"} & set(service)
    assert re.search(r":\d[\w.-]*$", service["image"])  # a version, never `latest`
    assert service.get("user", of("USER")[0]) not in ("root", "0")
    assert all(port.startswith("127.0.0.1:") for port in service.get("ports", []))
    assert "healthcheck" in service or service["build"]["dockerfile"] == "deploy/Containerfile"


def test_no_secret_is_in_it() -> None:
    for service in SERVICES.values():
        for name, value in service["environment"].items():
            if re.search(r"PASSWORD|TOKEN|KEY|DATABASE", name):
                assert "${" in value
    assert COMPOSE["networks"]["inside"] == {"internal": True}
    assert SERVICES["database"]["networks"] == ["inside"]


def test_commands_and_variables_are_those_of_serve() -> None:
    (entry,), (command,) = map(json.loads, of("ENTRYPOINT")), map(json.loads, of("CMD"))
    assert entry == ["codeact"]
    options = set(settable("serve"))
    for words in (command, SERVICES["codeact"]["command"]):
        assert words[0] == "serve"
        given = {word.removeprefix("--").replace("-", "_") for word in shlex.split(" ".join(words)) if word[:2] == "--"}
        assert given <= options
    variables = [name for name in SERVICES["codeact"]["environment"] if name.startswith("CODEACT_SERVE_")]
    assert {name.removeprefix("CODEACT_SERVE_").lower() for name in variables} <= options
