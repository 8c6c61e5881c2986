"""What a link shows: a path and no more, worked out once."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from codeact.errors import NotFoundError
from codeact.sandbox.local import LocalSandbox
from codeact.server.nouns import Run, Share
from codeact.server.sharing import Kept, path_of, told_on

from .keeping import ANNE, a_room, keeping

NOON = datetime(2026, 11, 23, 12, tzinfo=UTC)


def share(token: str) -> Share:
    return Share(token=token, chat="c", head="r", created=NOON)


def test_what_was_asked_for_longest_ago_goes_first() -> None:
    kept = Kept[bytes](10)
    for token in ("one", "two"):
        assert kept.keep(share(token), b"12345", whole=True) == b"12345"
    assert kept.get(share("one")) == b"12345"
    kept.keep(share("three"), b"1", whole=True)
    assert [kept.get(share(token)) for token in ("one", "two", "three")] == [b"12345", None, b"1"]
    kept.keep(share("four"), b"longer than there is room", whole=True)
    assert (kept.get(share("four")), kept.size) == (None, 0)


def test_what_still_goes_on_is_not_kept() -> None:
    kept = Kept[frozenset[str]](10)
    kept.keep(share("one"), frozenset({"a"}), whole=False)
    assert kept.get(share("one")) is None


@pytest.mark.anyio
async def test_the_shared_path_and_nothing_beside_it(warm_sandbox: LocalSandbox) -> None:
    async with keeping(warm_sandbox, *map(str, range(4))) as house:
        room = await a_room(house)
        runs = list[Run]()
        for text in ("first", "undone", "second", "later"):
            runs.append(await room.send(text))
            await room.wait()
            if text == "undone":
                await room.undo()
        await room.telling.flushed()
        link = await house.share(room.chat.id, owner=ANNE, run=runs[2].id)
        path = await path_of(house.store, link)
        assert [run.text for run in path] == ["first", "second"]
        told = [one async for piece in told_on(house.store, link.chat, path) for one in piece]
        assert {one.run for one in told} == {run.id for run in path}
        with pytest.raises(NotFoundError):
            await path_of(house.store, replace(link, head="gone"))
