"""Two contexts that are entered at the same time."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import anyio
import pytest

from codeact.agent.together import both

pytestmark = pytest.mark.anyio


class Place:
    """A context that is entered when it is told to, and notes what happens to it."""

    def __init__(self, name: str, told: list[str], *, waits: anyio.Event | None = None, fails: str = "") -> None:
        self.name, self.told, self.waits, self.fails = name, told, waits, fails
        self.entering = anyio.Event()

    @asynccontextmanager
    async def opened(self) -> AsyncGenerator[str]:
        self.entering.set()
        try:
            async with anyio.create_task_group() as tasks:  # belongs to the task that enters
                if self.waits:
                    await self.waits.wait()
                if self.fails == "entering":
                    raise LookupError(self.name)
                yield self.name
                tasks.cancel_scope.cancel()
        except* LookupError as group:
            raise group.exceptions[0] from None
        finally:
            self.told.append(f"{self.name} left")
        if self.fails == "leaving":
            raise LookupError(self.name)


async def test_each_is_entered_while_the_other_is_being_entered() -> None:
    told = list[str]()
    other = Place("other", told)
    one = Place("one", told, waits=other.entering)
    other.waits = one.entering
    with anyio.fail_after(10):
        async with both(one.opened(), other.opened()) as values:
            assert (values, told) == (("one", "other"), [])
    assert sorted(told) == ["one left", "other left"]


@pytest.mark.parametrize("failing", [0, 1])
async def test_when_one_cannot_be_entered_the_other_is_given_up(failing: int) -> None:
    told = list[str]()
    places = [Place(name, told, waits=anyio.Event()) for name in ("one", "other")]
    places[failing].waits, places[failing].fails = places[1 - failing].entering, "entering"
    with anyio.fail_after(10), pytest.raises(LookupError, match=places[failing].name):
        async with both(places[0].opened(), places[1].opened()):
            told.append("never")
    assert sorted(told) == ["one left", "other left"]


async def test_an_error_of_the_block_comes_as_it_is_and_both_are_left() -> None:
    told = list[str]()
    with pytest.raises(ZeroDivisionError):
        async with both(Place("one", told).opened(), Place("other", told).opened()):
            raise ZeroDivisionError
    assert sorted(told) == ["one left", "other left"]


async def test_an_error_in_leaving_comes_as_it_is() -> None:
    told = list[str]()
    with pytest.raises(LookupError, match="one"):
        async with both(Place("one", told, fails="leaving").opened(), Place("other", told).opened()):
            pass
    assert sorted(told) == ["one left", "other left"]


async def test_a_cancellation_ends_the_block_and_both() -> None:
    told = list[str]()
    with anyio.CancelScope() as scope:
        async with both(Place("one", told).opened(), Place("other", told).opened()):
            scope.cancel()
            await anyio.sleep_forever()
    assert scope.cancelled_caught
    assert sorted(told) == ["one left", "other left"]
