"""The log of a chat and its listeners: no gap, no repetition, whatever their pace."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, cast

import anyio
import anyio.lowlevel
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeact.errors import StoreError
from codeact.server import telling as module
from codeact.server.nouns import Told
from codeact.server.store.base import Store
from codeact.server.telling import Telling
from codeact.server.wire import Medium

pytestmark = pytest.mark.anyio


class Log:
    """The part of a store that a telling needs, as a list; it fails as often as it is told to."""

    def __init__(self, failures: Sequence[bool] = ()) -> None:
        self.rows = list[Told]()
        self.kept = dict[str, bytes]()
        self.failures = list(failures)
        self.asked = 0  # how often for rows

    async def tell(self, chat: str, run: str | None, events: Sequence[Mapping[str, Any]]) -> Sequence[Told]:
        await anyio.lowlevel.checkpoint()
        if self.failures and self.failures.pop(0):
            raise StoreError("the disk is full")
        first = len(self.rows) + 1
        added = [Told(number=first + at, run=run, event=dict(event), at=NOW) for at, event in enumerate(events)]
        self.rows += added
        return added

    async def told(self, chat: str, *, after: int = 0, most: int = 1000) -> Sequence[Told]:
        await anyio.lowlevel.checkpoint()
        self.asked += 1
        return self.rows[after : after + most]

    async def forget(self) -> None:
        """When a listener has looked at it."""
        while not self.asked:
            await anyio.lowlevel.checkpoint()
        self.rows.clear()

    async def last_told(self, chat: str) -> Told | None:
        return self.rows[-1] if self.rows else None

    async def keep_media(self, chat: str, digest: str, kind: str, data: bytes) -> None:
        self.kept[digest] = data


NOW = datetime.now(UTC)


def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"PAUSE": 0.0, "AGAIN": 0.0, "ELSEWHERE": 0.01, "_NEWEST": 3, "_PAGE": 2}.items():
        monkeypatch.setattr(module, name, value)


LISTENERS = st.lists(st.tuples(st.integers(0, 12), st.integers(0, 20), st.integers(0, 3)), max_size=4)
EVENTS = st.lists(st.tuples(st.sampled_from(["text_delta", "output_chunk", "observed"]), st.booleans()), max_size=25)


@settings(max_examples=40)
@given(events=EVENTS, listeners=LISTENERS, failures=st.lists(st.booleans(), max_size=6))
async def test_every_listener_hears_all_in_order(
    events: list[tuple[str, bool]], listeners: list[tuple[int, int, int]], failures: list[bool]
) -> None:
    """Each listener begins after so many rows and at some moment, and has a pace."""
    with pytest.MonkeyPatch.context() as patch:
        quick(patch)
        await told_to_all(events, listeners, failures)


async def told_to_all(
    events: list[tuple[str, bool]], listeners: list[tuple[int, int, int]], failures: list[bool]
) -> None:
    log = Log(failures)
    heard: list[list[int]] = [[] for _ in listeners]

    async def listen(at: int, after: int, begin: int, pace: int) -> None:
        for _ in range(begin):
            await anyio.lowlevel.checkpoint()
        async with telling.listen(after=after) as told:
            async for one in told:
                heard[at].append(one.number)
                for _ in range(pace):
                    await anyio.lowlevel.checkpoint()

    async with anyio.create_task_group() as tasks:
        telling = Telling("chat", cast("Store", log), tasks)
        for at, (after, begin, pace) in enumerate(listeners):
            tasks.start_soon(listen, at, after, begin, pace)
        for number, (kind, wait) in enumerate(events):
            telling.tell("run", {"kind": kind, "text": f"{number} ", "reasoning": False, "stream": "stdout"})
            if wait:
                await anyio.lowlevel.checkpoint()
        await written(telling)
        for (after, _, _), numbers in zip(listeners, heard, strict=True):
            wanted = list(range(after + 1, len(log.rows) + 1))
            while numbers != wanted:
                assert numbers == wanted[: len(numbers)]
                await anyio.lowlevel.checkpoint()
        tasks.cancel_scope.cancel()
    assert "".join(row.event["text"] for row in log.rows) == "".join(f"{number} " for number in range(len(events)))
    assert telling.listeners == 0


async def test_a_listener_leaves_when_another_process_has_deleted_the_chat(monkeypatch: pytest.MonkeyPatch) -> None:
    quick(monkeypatch)
    log, heard = Log(), list[int]()
    await log.tell("chat", None, [{"kind": "woken"}])
    async with anyio.create_task_group() as tasks:
        telling = Telling("chat", cast("Store", log), tasks)
        with anyio.fail_after(30):
            async with telling.listen() as told:
                async for one in told:
                    heard.append(one.number)
                    log.rows.clear()
            await log.tell("chat", None, [{"kind": "woken"}])
            log.asked = 0
            async with telling.listen(after=1) as told:
                tasks.start_soon(log.forget)
                heard += [one.number async for one in told]
    assert heard == [1]


async def test_pieces_that_come_together_are_one_row() -> None:
    log = Log()
    async with anyio.create_task_group() as tasks:
        telling = Telling("chat", cast("Store", log), tasks)
        for number in range(100):
            telling.tell("run", {"kind": "text_delta", "text": f"{number} ", "reasoning": number >= 50})
        await telling.flushed()
    assert [row.event["reasoning"] for row in log.rows] == [False, True]


async def test_bytes_are_kept_before_they_are_told_of() -> None:
    log = Log()
    medium = Medium.of("image/png", b"png")
    async with anyio.create_task_group() as tasks:
        telling = Telling("chat", cast("Store", log), tasks)
        telling.tell(None, {"kind": "display_shown", "image": medium.reference}, [medium])
        await telling.flushed()
    assert log.kept == {medium.digest: b"png"}


async def test_what_waits_for_the_store_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST_WAITING", 1000)
    monkeypatch.setattr(module, "AGAIN", 0.0)
    log = Log([True] * 20)
    async with anyio.create_task_group() as tasks:
        telling = Telling("chat", cast("Store", log), tasks)
        for _ in range(10):
            for _ in range(200):
                telling.tell("run", {"kind": "output_chunk", "text": "x" * 100, "stream": "stdout"})
            with pytest.raises(StoreError, match="disk is full"):
                await telling.flushed()
            await anyio.lowlevel.checkpoint()
        telling.tell("run", {"kind": "action_finished"})
        await written(telling)
    assert sum(len(row.event.get("text", "")) for row in log.rows) <= 1000
    assert log.rows[-1].event["kind"] == "action_finished"


async def written(telling: Telling) -> None:
    while True:
        try:
            await telling.flushed()
            return
        except StoreError:
            await anyio.lowlevel.checkpoint()


async def test_an_event_that_nothing_can_write_is_left_out_and_the_others_are_told() -> None:
    class Picky(Log):
        async def tell(self, chat: str, run: str | None, events: Sequence[Mapping[str, Any]]) -> Sequence[Told]:
            if any(event.get("poison") for event in events):
                raise ValueError("no JSON")
            return await super().tell(chat, run, events)

    log = Picky()
    async with anyio.create_task_group() as tasks:
        telling = Telling("chat", cast("Store", log), tasks)
        for number in range(4):
            telling.tell("run", {"kind": f"observed {number}", "poison": number == 2})
        await telling.flushed()
    kinds = [row.event["kind"] for row in log.rows]
    assert kinds == ["observed 0", "observed 1", "left_out", "observed 3"]
    assert log.rows[2].event["what"] == "observed 2"


async def test_a_log_that_fails_in_a_way_nobody_thought_of_is_tried_again(monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(Log):
        async def tell(self, chat: str, run: str | None, events: Sequence[Mapping[str, Any]]) -> Sequence[Told]:
            if self.failures and self.failures.pop(0):
                raise RuntimeError("secret of the host")
            return await super().tell(chat, run, events)

    monkeypatch.setattr(module, "AGAIN", 0.0)
    log = Broken([True, True])
    async with anyio.create_task_group() as tasks:
        telling = Telling("chat", cast("Store", log), tasks)
        telling.tell("run", {"kind": "observed"})
        with pytest.raises(StoreError, match=r"^the service failed \(RuntimeError\)$"):
            await telling.flushed()
        await written(telling)
    assert [row.event["kind"] for row in log.rows] == ["observed"]
