"""What a browser's socket says, looked at before NiceGUI acts on it.

NiceGUI takes a message's word for which page it is of, and does all that comes at once. Here a message counts only for
the page that its socket was let in for, and no user's pages can do more in a second than people do.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, cast

from nicegui.client import Client

_OPENS: Final = frozenset({"connect", "handshake", "disconnect"})  # of the socket itself; all else is of a page
Heard = Callable[[str, Any], None]


def guard(server: Any, may: Callable[[Client], bool]) -> None:
    """Put the checks before what NiceGUI's Socket.IO server hears. `may`: whether a page may say one thing more."""
    handlers = cast("dict[str, Heard]", server.handlers["/"])
    for name in handlers.keys() - _OPENS:
        handlers[name] = _checked(server, handlers[name], may)


def _checked(server: Any, hear: Heard, may: Callable[[Client], bool]) -> Heard:
    def check(socket: str, message: Any) -> None:
        match message:
            case {"client_id": str(page)} if page in server.rooms(socket):  # where its handshake has put it
                client = Client.instances.get(page)
                if client is not None and may(client):
                    hear(socket, message)
            case _:
                pass

    return check
