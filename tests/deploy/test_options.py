"""What the files of deploy/ tell `codeact serve`: options and variables that it has, with values that it takes."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from codeact.cli.app import settable
from codeact.cli.places import sandbox_named
from codeact.cli.serve_options import ServeOptions
from codeact.cli.serving import house_settings
from codeact.errors import UnsupportedError
from codeact.sandbox import offers

from .manifests import NAMES, ROOT, of_kind

pytestmark = pytest.mark.anyio

COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "deploy" / "compose.yaml").read_text())


def of_the_image() -> list[str]:
    [line] = [line for line in (ROOT / "deploy" / "Containerfile").read_text().splitlines() if line.startswith("CMD")]
    return json.loads(line.removeprefix("CMD"))


def of_the_chart(name: str) -> list[str]:
    [service] = [each for each in of_kind("Deployment", name) if each["metadata"]["name"] == "chat-codeact"]
    return service["spec"]["template"]["spec"]["containers"][0]["args"]


COMMANDS_GIVEN = [of_the_image(), COMPOSE["services"]["codeact"]["command"], *map(of_the_chart, NAMES)]


@pytest.mark.parametrize("words", COMMANDS_GIVEN, ids=["image", "compose", *NAMES])
def test_serve_has_the_options_that_it_is_given(words: list[str]) -> None:
    command, *given = words
    assert command == "serve"
    names = {word.partition("=")[0][2:].replace("-", "_") for word in given if word.startswith("--")}
    assert names <= set(settable("serve"))


def test_serve_has_the_variables_that_are_set_or_named() -> None:
    options = {f"CODEACT_SERVE_{name.upper()}" for name in settable("serve")}
    told = [*COMPOSE["services"]["codeact"]["environment"], *COMPOSE["secrets"]]
    read = [ROOT / "deploy/helm/codeact/values.yaml", ROOT / "deploy/image/alive.py", ROOT / "docs/deploy.md"]
    told += re.findall(r"CODEACT_SERVE_\w+", "\n".join(path.read_text() for path in read))
    assert {name for name in told if name.startswith("CODEACT_SERVE_")} <= options


@pytest.mark.parametrize("sandbox", ["kubernetes", "docker"])
async def test_without_a_limit_of_ours_a_sandbox_is_asked_for_nothing_that_it_cannot_keep(
    sandbox: str, tmp_path: Path
) -> None:
    """Seen: the service's own limit of processor time, which no container's node counts, let no chat begin."""
    (script := tmp_path / "replies.json").write_text("[]")
    options = ServeOptions(sandbox=sandbox, sandbox_option=["image=box:1"], model=[f"scripted:{script}"])
    settings = await house_settings(options, Console(quiet=True))
    place = sandbox_named(sandbox, options.sandbox_option)
    offers.check(place, limits=settings.limits)
    asked = await house_settings(replace(options, limit=["cpu_time=5"]), Console(quiet=True))
    with pytest.raises(UnsupportedError, match="cpu_time"):
        offers.check(place, limits=asked.limits)
