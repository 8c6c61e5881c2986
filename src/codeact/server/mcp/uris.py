"""Addresses of workspace files as MCP resources: `workspace:///data/a.csv`."""

from __future__ import annotations

from urllib.parse import quote, unquote, urlsplit

from codeact.errors import UsageError

SCHEME = "workspace"


def uri_of(path: str) -> str:
    return f"{SCHEME}:///{quote(path, errors='surrogateescape')}"


def path_of(uri: str) -> str:
    """Raises `UsageError`: not the address of a workspace file. Where it leads is for the workspace to check."""
    parts = urlsplit(uri)
    path = unquote(parts.path.removeprefix("/"), errors="surrogateescape")
    if parts.scheme != SCHEME or parts.netloc or parts.query or parts.fragment or not path:
        raise UsageError(f"{uri!r} is no file of the workspace; they are called {SCHEME}:///path")
    return path
