"""From the options of a command to a sandbox; the one place that knows which environment variables name one."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from codeact.cli.named_values import named_values
from codeact.sandbox import sandbox
from codeact.sandbox.base import Sandbox

# Option of a sandbox to the variables that its own tools read, the first that is set being taken.
_VARIABLES: Mapping[str, Mapping[str, Sequence[str]]] = {
    "docker": {"host": ["DOCKER_HOST"]},
    "podman": {"host": ["CONTAINER_HOST", "DOCKER_HOST"]},
    "jupyter": {"token": ["JUPYTER_TOKEN"]},
    "kubernetes": {"kubeconfig": ["KUBECONFIG"]},
}


def sandbox_named(name: str, given: Sequence[str] = (), **options: Any) -> Sandbox:
    """A sandbox with the options that `options_of` gives.

    Raises:
        UsageError: there is no such sandbox, or it has no such option.
        MissingExtraError: it needs a package that is not installed.
    """
    return sandbox(name, **options_of(name, given, **options))


def options_of(name: str, given: Sequence[str] = (), **options: Any) -> dict[str, Any]:
    """Options of a sandbox: those from the environment, then `options` that are not None, then those `given` as
    NAME=VALUE.

    Raises:
        UsageError: one is not NAME=VALUE.
    """
    known = {option: value for option, value in options.items() if value is not None}
    return {**_from_environment(name), **known, **named_values("--sandbox-option", given, "image=codeact-box")}


def _from_environment(name: str) -> dict[str, str]:
    first = {
        option: next(filter(None, map(os.environ.get, variables)), None)
        for option, variables in _VARIABLES.get(name, {}).items()
    }
    return {option: value for option, value in first.items() if value}
