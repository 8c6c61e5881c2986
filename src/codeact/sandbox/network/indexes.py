"""pip's configured indexes: read on the host as pip itself would, so that a box installs from where its owner would.

What the box is told holds no user name or password. For a plain http index the proxy adds them; for one over TLS nobody
can, since TLS stays end to end: there the index answers 401, and `packages=` installs on the host instead. Indexes in
folders of the host (`file:`) are left out: the box does not see them.
"""

from __future__ import annotations

import ast
import base64
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from urllib.parse import unquote, urlsplit, urlunsplit

import anyio

from codeact.errors import SetupError, UsageError
from codeact.sandbox.network.rules import Rule, normal_host

_PYPI = "https://pypi.org/simple"
_FILE_HOSTS = {  # of indexes that serve their files from another host than their pages
    "pypi.org": ("files.pythonhosted.org",),
    "test.pypi.org": ("test-files.pythonhosted.org",),
    "download.pytorch.org": ("download-r2.pytorch.org",),
}
_SECTIONS = ("global", "install", ":env:")  # the last one wins
_PATIENCE = 60.0  # seconds for pip to say how it is configured


@dataclass(frozen=True, slots=True, kw_only=True)
class Indexes:
    environment: Mapping[str, str]  # for pip in the box
    rules: tuple[Rule, ...]
    credentials: Mapping[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])
    certificates: str = ""  # file of the host with what pip trusts; empty for its default


async def configured(python: str) -> Mapping[str, str]:
    """What `pip install` of this interpreter would be configured with: from its files and the environment, by option.

    Raises:
        SetupError: the interpreter has no pip, or its configuration cannot be read.
    """
    command = [python, "-P", "-m", "pip", "config", "list"]
    try:
        with anyio.fail_after(_PATIENCE):
            done = await anyio.run_process(command, stdin=subprocess.DEVNULL, check=False)
    except (OSError, TimeoutError) as error:
        raise SetupError(f"pip of {python!r} cannot be asked for its index: {error or 'no answer'}") from None
    if done.returncode:
        reason = done.stderr.decode("utf-8", "replace").strip()[-500:]
        raise SetupError(f"pip of {python!r} cannot be asked for its index ({reason}); remedy: python -m ensurepip")
    return read_listing(done.stdout.decode("utf-8", "replace"))


def read_listing(text: str) -> Mapping[str, str]:
    """The lines of `pip config list`: `section.option='value'`."""
    found = dict[str, str]()
    rows = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    for section in _SECTIONS:
        for key, value in rows.items():
            if key.startswith(f"{section}."):
                found[key.removeprefix(f"{section}.").lower().replace("_", "-")] = _unquoted(value)
    return found


def _unquoted(text: str) -> str:
    try:
        return str(ast.literal_eval(text))
    except (ValueError, SyntaxError):
        return text


def indexes(settings: Mapping[str, str]) -> Indexes:
    """What these settings of pip mean for a box.

    Raises:
        UsageError: an index's address cannot be read.
    """
    bare = settings.get("no-index", "").lower() in ("1", "true", "yes", "on")
    main = list[str]() if bare else _web(settings.get("index-url", _PYPI))
    extra = list[str]() if bare else _web(settings.get("extra-index-url", ""))
    links = _web(settings.get("find-links", ""))
    places = [_place(url) for url in (*main, *extra, *links)]
    environment = {
        "PIP_INDEX_URL": " ".join(_without_credentials(url) for url in main),
        "PIP_EXTRA_INDEX_URL": " ".join(_without_credentials(url) for url in extra),
        "PIP_FIND_LINKS": " ".join(_without_credentials(url) for url in links),
        "PIP_NO_INDEX": "" if main or extra else "1",
        "PIP_TRUSTED_HOST": settings.get("trusted-host", ""),
        "PIP_ONLY_BINARY": settings.get("only-binary", ""),
    }
    return Indexes(
        environment={name: value for name, value in environment.items() if value},
        rules=tuple(dict.fromkeys(rule for host, port in places for rule in _rules(host, port))),
        credentials={
            place: value
            for url, place in zip((*main, *extra, *links), places, strict=True)
            if (value := _credential(url))
        },
        certificates=settings.get("cert", ""),
    )


def _web(text: str) -> Sequence[str]:
    return [url for url in text.split() if url.lower().startswith(("http://", "https://"))]


def _place(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    try:
        return normal_host(parts.hostname or ""), parts.port or (443 if parts.scheme == "https" else 80)
    except ValueError as error:
        raise UsageError(
            f"pip's index {_without_credentials(url)!r} has an address that cannot be read: {error}"
        ) from None


def _rules(host: str, port: int) -> Sequence[Rule]:
    return [Rule(host, (port,), configured=True), *(Rule(other, (443,)) for other in _FILE_HOSTS.get(host, ()))]


def _without_credentials(url: str) -> str:
    parts = urlsplit(url)
    return urlunsplit(parts._replace(netloc=parts.netloc.rpartition("@")[2]))


def _credential(url: str) -> str:
    """The header's value for an index over plain http; over TLS nobody but the box could send it."""
    parts = urlsplit(url)
    if parts.username is None or parts.scheme != "http":
        return ""
    pair = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return "Basic " + base64.b64encode(pair.encode()).decode("ascii")
