"""The variables of a session as bytes that outlive it: for another session, another day, another machine.

    saved = await save_state(session)
    …
    await load_state(another, saved.data)

To the host the bytes are opaque: they are written and read inside a box, as an action of it, with all its limits.
Files are not part of them. Trust them as you trust code: whoever made them decides what a box runs that loads them.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from codeact.errors import TransferError
from codeact.sandbox.base import Session

_MAGIC = b"CODEACT-STATE\n"
_FILE, _REPORT = ".codeact/state", ".codeact/state.json"
_MODULE = "__import__('codeact_box.portable', fromlist=['save'])"
_MAX_HEADER = 16 * 1024 * 1024  # bytes
_MAX_STATE = 512 * 1024 * 1024  # bytes
_MAX_TEXT = 500  # characters of a name or a reason


@dataclass(frozen=True, slots=True, kw_only=True)
class SavedState:
    """What `save_state` gave: the bytes, and what they hold by the box's account."""

    data: bytes
    names: Sequence[str]
    skipped: Mapping[str, str]  # name to reason


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadedState:
    """What `load_state` did."""

    names: Sequence[str]
    skipped: Mapping[str, str]  # name to reason
    changed: Sequence[str]  # packages of another version than when the state was saved, in words


async def save_state(session: Session, *, most: int = _MAX_STATE, time_limit: float = 60.0) -> SavedState:
    """Save the variables of a session, up to `most` bytes. What cannot be saved is left out and named.

    Raises:
        TransferError: nothing could be saved; says why.
        SandboxError: the machinery failed.
    """
    await session.put(_REPORT, b"")  # makes the folder
    place = f"{session.info.workspace}/{_FILE}"
    try:
        await _run(session, f"{_MODULE}.save({place!r}, {most})", time_limit)
        data = await session.get(_FILE)
    finally:
        await session.put(_FILE, b"")  # it may be large; the workspace is not
    header = _header(data)
    names = [_list(row)[:1] for row in _list(header.get("names"))]
    return SavedState(
        data=data, names=_texts([name for row in names for name in row]), skipped=_reasons(header.get("skipped"))
    )


async def load_state(session: Session, data: bytes, *, time_limit: float = 60.0) -> LoadedState:
    """Load saved variables into a session, over those of the same names. What cannot be loaded is left out and named.

    Raises:
        TransferError: nothing could be loaded: no saved state, another Python, no room.
        SandboxError: the machinery failed.
    """
    _header(data)
    await session.put(_FILE, data)
    place = f"{session.info.workspace}/"
    await _run(session, f"{_MODULE}.load({place + _FILE!r}, {place + _REPORT!r})", time_limit)
    report = _object(await session.get(_REPORT))
    return LoadedState(
        names=_texts(_list(report.get("names"))),
        skipped=_reasons(report.get("skipped")),
        changed=_texts(_list(report.get("changed"))),
    )


async def _run(session: Session, code: str, time_limit: float) -> None:
    result = await session.run(code, time_limit=time_limit)
    if result.error is not None:
        raise TransferError(f"the state could not be moved: {result.error.message or result.error.name}")


def _header(data: bytes) -> dict[str, Any]:
    start = len(_MAGIC) + 8
    length = int.from_bytes(data[len(_MAGIC) : start], "big")
    if not data.startswith(_MAGIC) or length > min(_MAX_HEADER, len(data) - start):
        raise TransferError("these bytes are not a saved state; give the data that save_state returned")
    return _object(data[start : start + length])


def _object(data: bytes) -> dict[str, Any]:
    """The box's account; every byte of it is a claim."""
    try:
        found = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise TransferError(f"what the box says of its state cannot be read: {error}") from None
    if not isinstance(found, dict):
        raise TransferError("what the box says of its state is no object")
    return cast("dict[str, Any]", found)


def _list(found: Any) -> list[Any]:
    return cast("list[Any]", found) if isinstance(found, list) else []


def _texts(found: Sequence[Any]) -> list[str]:
    return [text[:_MAX_TEXT] for text in found if isinstance(text, str)]


def _reasons(found: Any) -> dict[str, str]:
    pairs = cast("dict[str, Any]", found).items() if isinstance(found, dict) else ()
    return {name[:_MAX_TEXT]: str(reason)[:_MAX_TEXT] for name, reason in pairs}
