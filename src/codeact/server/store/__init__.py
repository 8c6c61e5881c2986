"""Where the service keeps its chats: SQLite by itself, PostgreSQL for several replicas.

    async with open_store("sqlite:chats.db") as store:
        await store.add_chat(chat)

A database is chosen by its address; `package.module:function` works for other people's.
"""

from __future__ import annotations

import re
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import cast

from codeact.errors import MissingExtraError, UsageError
from codeact.server.store.base import OpensStore, Store

__all__ = ["STORES", "OpensStore", "Store", "open_store"]

# The address of a store begins with one of these; a path alone is SQLite's.
STORES = {
    "sqlite": "codeact.server.store.sqlite:open_sqlite",
    "postgresql": "codeact.server.store.postgres:open_postgres",
    "postgres": "codeact.server.store.postgres:open_postgres",
}
EXTRAS = {"psycopg": "postgres"}  # imported package to the extra that brings it

_SCHEME = re.compile(r"([A-Za-z][\w+.-]*):")
_DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+:[A-Za-z_]\w*")


def open_store(address: str) -> AbstractAsyncContextManager[Store]:
    """A store by its address, to be opened with `async with`.

    `address` is `sqlite:PATH`, a path, `sqlite::memory:`, `postgresql://USER:PASSWORD@HOST:PORT/NAME`, or
    `package.module:function` for a store of your own, which is called with the address.

    Raises:
        UsageError: there is no such kind of store, or the address names no database. Never shows a password.
        MissingExtraError: the store needs a package that is not installed.
        StoreError: while it is opened: the database cannot be used, or is not ours.
    """
    if _DOTTED.fullmatch(address):
        return _load(address)(address)
    scheme = _SCHEME.match(address)
    if scheme is None:
        return _load(STORES["sqlite"])(f"sqlite:{address}")
    if scheme[1].lower() not in STORES:
        raise UsageError(f"there is no store {scheme[1]!r}; {_KNOWN}")
    return _load(STORES[scheme[1].lower()])(address)


def _load(entry: str) -> OpensStore:
    module_name, _, name = entry.partition(":")
    try:
        return cast("OpensStore", getattr(import_module(module_name), name))
    except ModuleNotFoundError as error:
        if error.name in EXTRAS:
            raise MissingExtraError(EXTRAS[error.name], "a store in PostgreSQL") from error
        raise UsageError(f"the store {entry!r} cannot be imported: {error}") from error
    except AttributeError as error:
        raise UsageError(f"the store {entry!r} names what {module_name!r} does not have") from error


_KNOWN = "there are sqlite:PATH, postgresql://USER:PASSWORD@HOST:PORT/NAME, and package.module:function"
