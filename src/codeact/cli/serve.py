"""`codeact serve`: the chat service. What needs a server's libraries is in `serving`, which is loaded on demand."""

from __future__ import annotations

import os
import re
import sys
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

import anyio
import platformdirs

from codeact.cli import exits
from codeact.cli.jsonlines import write_line
from codeact.cli.options import spread
from codeact.cli.serve_options import ServeOptions
from codeact.errors import MissingExtraError, UsageError
from codeact.server.http.credentials import check_token, digest, new_token
from codeact.server.nouns import Deed
from codeact.server.store import open_store

_LIBRARIES = ("fastapi", "starlette", "uvicorn")
_USER = re.compile(r"[\w.@+-]{1,100}")


@spread(ServeOptions)
def serve(options: ServeOptions) -> int:
    """Serve chats: a web page, an HTTP API, OpenAI's protocol. Prints a link by which to log in.

    Without options it needs nothing but this machine: the embedded model, SQLite, the local sandbox.
    """
    if options.add_token is not None:
        return anyio.run(_add_token, options, user(options.add_token))
    if options.remove_token:
        return anyio.run(_remove_token, options)
    user(options.user)
    check_token(options.token)
    try:
        serving = import_module("codeact.cli.serving")
    except ModuleNotFoundError as error:
        if error.name is None or error.name.partition(".")[0] not in _LIBRARIES:
            raise
        raise MissingExtraError("server", "codeact serve") from error
    return anyio.run(serving.serve, options)


def user(name: str) -> str:
    """Raises `UsageError` for what is no name of a user."""
    if not _USER.fullmatch(name):
        raise UsageError(f"{name!r} is no name of a user: letters, digits and .@+-_, up to 100")
    return name


def database(options: ServeOptions) -> str:
    """The address of the store; without one a file that only this user can read.

    Raises:
        UsageError: its folder cannot be made.
    """
    if options.database:
        return options.database
    folder = Path(os.environ.get("CODEACT_HOME") or platformdirs.user_data_path("codeact"))
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "chats.db"
        path.touch(mode=0o600)
    except OSError as error:
        raise UsageError(f"cannot make {str(folder)!r} for the chats: {error.strerror}; see --database") from error
    return f"sqlite:{path}"


async def _add_token(options: ServeOptions, owner: str) -> int:
    token = new_token()
    async with open_store(database(options)) as store:
        await store.add_token(owner, digest(token))
        await store.note(Deed(at=datetime.now(UTC), owner=owner, chat=None, what="add token", detail={}))
    if options.json:
        write_line(sys.stdout, {"kind": "token", "owner": owner, "token": token})
    else:
        sys.stdout.write(f"{token}\n")
    return exits.ANSWERED


async def _remove_token(options: ServeOptions) -> int:
    token = sys.stdin.readline().strip()  # an argument could be read by others on this machine
    async with open_store(database(options)) as store:
        if (owner := await store.owner_of(digest(token))) is not None:
            await store.delete_token(digest(token))
            await store.note(Deed(at=datetime.now(UTC), owner=owner, chat=None, what="remove token", detail={}))
    return exits.ANSWERED
