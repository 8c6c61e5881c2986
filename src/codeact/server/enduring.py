"""What the house does by itself goes on: whatever fails in one chat is no other's end."""

from __future__ import annotations

import logging
from collections.abc import Generator
from contextlib import contextmanager
from typing import Final

from codeact.errors import CodeActError

log: Final = logging.getLogger("codeact.server.house")


@contextmanager
def enduring(what: str) -> Generator[None]:
    """For the body of a task that all chats share. The machinery's failures are told where they hurt, so they are
    passed over in silence; what nobody has thought of goes to the log.
    """
    try:
        yield
    except CodeActError:
        pass
    except Exception:  # or the task group would end, with it every room of every user
        log.exception("%s failed", what)
