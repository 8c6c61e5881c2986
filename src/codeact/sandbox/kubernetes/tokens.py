"""What a request to a cluster is signed with. A session may last longer than a token, so each request asks anew."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Protocol

import anyio

from codeact.errors import SetupError

_PATIENCE = 60.0  # seconds for a plugin, which may ask a cloud
# A plugin inherits the user's environment, where its own settings and keys are; what comes in addition may be a secret,
# so it goes by a pipe and not by a command line.
_WITH_MORE = """
import json, os, sys
os.environ.update(json.loads(sys.stdin.buffer.readline()))
try:
    os.execvp(sys.argv[1], sys.argv[1:])
except OSError as error:
    sys.exit(f"it cannot be run: {error}")
"""
_EARLY = timedelta(minutes=1)  # before a token expires, so that it is good when it arrives


class Token(Protocol):
    async def text(self) -> str:
        """The token of a request that is made now; empty for none. Raises SetupError."""
        ...


class NoToken:
    """A client certificate says it all."""

    async def text(self) -> str:
        return ""


@dataclass(frozen=True, slots=True)
class TokenText:
    value: str = field(repr=False)

    async def text(self) -> str:
        return self.value


@dataclass(frozen=True, slots=True)
class TokenFile:
    path: Path

    async def text(self) -> str:
        try:
            return (await anyio.Path(self.path).read_text()).strip()
        except OSError as error:
            raise SetupError(f"the token for the cluster cannot be read: {error}") from error


@dataclass(slots=True)
class Command:
    """A plugin of a kubeconfig (`aws eks get-token`, say) that prints a token and until when it is good."""

    command: Sequence[str]
    environment: Mapping[str, str]
    version: str
    _text: str = field(default="", repr=False)
    _until: datetime | None = None

    async def text(self) -> str:
        if not self._text or (self._until is not None and datetime.now(UTC) > self._until - _EARLY):
            self._text, self._until = self._read(await self._run())
        return self._text

    async def _run(self) -> bytes:
        asked = {"apiVersion": self.version, "kind": "ExecCredential", "spec": {"interactive": False}}
        more = {**self.environment, "KUBERNETES_EXEC_INFO": json.dumps(asked)}
        command = [sys.executable, "-I", "-S", "-c", _WITH_MORE, *self.command]
        try:
            with anyio.fail_after(_PATIENCE):
                done = await anyio.run_process(command, input=json.dumps(more).encode() + b"\n", check=False)
        except TimeoutError:
            raise SetupError(
                f"the plugin {self.command[0]!r} of the kubeconfig has not answered within {_PATIENCE:g} seconds"
            ) from None
        if done.returncode != 0:
            words = done.stderr.decode("utf-8", "replace").strip()[-500:]
            raise SetupError(f"the plugin {self.command[0]!r} of the kubeconfig has failed: {words or done.returncode}")
        return done.stdout

    def _read(self, output: bytes) -> tuple[str, datetime | None]:
        try:
            status: Mapping[str, Any] = json.loads(output)["status"]
            until = status.get("expirationTimestamp")
            return str(status["token"]), datetime.fromisoformat(until) if until else None
        except (ValueError, LookupError, TypeError) as error:
            raise SetupError(
                f"the plugin {self.command[0]!r} of the kubeconfig has not printed an ExecCredential with a token"
            ) from error
