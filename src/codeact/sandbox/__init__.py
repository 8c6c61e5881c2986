"""Where code runs: boxes with a stateful Python and a workspace, isolated by the kernel.

    async with sandbox("local").open(tools) as session:
        result = await session.run("1 + 1")

A backend is chosen by name; a dotted path (`package.module:Class`) works for other people's.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any, cast

from codeact.errors import MissingExtraError, UsageError
from codeact.sandbox.asking import Ask, Question, answered_by
from codeact.sandbox.base import (
    Allow,
    Capability,
    Checkpoint,
    FileInfo,
    Limits,
    NetworkPolicy,
    Sandbox,
    Session,
    Variable,
)
from codeact.sandbox.portable import LoadedState, SavedState, load_state, save_state

__all__ = [
    "SANDBOXES",
    "Allow",
    "Ask",
    "Capability",
    "Checkpoint",
    "FileInfo",
    "Limits",
    "LoadedState",
    "NetworkPolicy",
    "Question",
    "Sandbox",
    "SavedState",
    "Session",
    "Variable",
    "answered_by",
    "load_state",
    "sandbox",
    "save_state",
]

SANDBOXES = {
    "local": "codeact.sandbox.local:LocalSandbox",
    "subprocess": "codeact.sandbox.plain:SubprocessSandbox",
    "docker": "codeact.sandbox.containers:DockerSandbox",
    "podman": "codeact.sandbox.containers:PodmanSandbox",
    "jupyter": "codeact.sandbox.jupyter.sandbox:JupyterSandbox",
    "kubernetes": "codeact.sandbox.kubernetes:KubernetesSandbox",
}
EXTRAS = {"docker": "docker", "podman": "docker", "jupyter": "jupyter", "kubernetes": "kubernetes"}  # that each needs


def sandbox(name: str = "local", **options: Any) -> Sandbox:
    """A sandbox by name; `options` are those of its class.

    Raises:
        UsageError: no such name, or an option that the class does not have.
        MissingExtraError: the backend needs a package that is not installed.
    """
    path = SANDBOXES.get(name, name)
    module, colon, kind = path.partition(":")
    if not colon:
        raise UsageError(f"there is no sandbox {name!r}; there are {', '.join(SANDBOXES)}, or give 'module:Class'")
    try:
        make = getattr(import_module(module), kind)
    except (ImportError, AttributeError) as error:
        if isinstance(error, ModuleNotFoundError) and name in EXTRAS:
            raise MissingExtraError(EXTRAS[name], f"the sandbox {name!r}") from error
        raise UsageError(f"the sandbox {name!r} cannot be loaded: {error}") from error
    try:
        return cast("Sandbox", make(**options))
    except TypeError as error:
        raise UsageError(f"the sandbox {name!r} cannot be made from these options: {error}") from error
