from __future__ import annotations

from datetime import UTC, datetime

import anyio
import pytest

from codeact.errors import ConnectionLostError, RateLimitError
from codeact.events import Event, Retrying, ignore
from codeact.models.retries import Failure, RetryPolicy, retry_after, with_retries
from codeact.types import Completion

pytestmark = pytest.mark.anyio

NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({}, None),
        ({"retry-after": "7"}, 7.0),
        ({"retry-after": "0.5"}, 0.5),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 GMT"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 12:00:30 -0000"}, 30.0),
        ({"retry-after": "Sun, 22 Nov 2026 11:00:00 GMT"}, 0.0),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-3"}, None),
        ({"retry-after": "inf"}, None),
        ({"retry-after": ""}, None),
        ({"retry-after": "Mon, 01 Jan 2024 00:00:00 +99999999999999999999"}, None),  # a zone too large for C
        ({"retry-after": "Mon, 01 Jan 0001 00:00:00 +2359"}, 0.0),  # before the first year
        ({"retry-after-ms": "250", "retry-after": "7"}, 0.25),
    ],
)
def test_retry_after(headers: dict[str, str], seconds: float | None) -> None:
    assert retry_after(headers, NOW) == seconds


def test_delays_grow_up_to_a_limit_and_differ() -> None:
    policy = RetryPolicy(first_delay=1.0, max_delay=4.0)
    for number, base in ((1, 1.0), (2, 2.0), (3, 4.0), (9, 4.0)):
        delays = {policy.delay(number, None) for _ in range(20)}
        assert all(0.75 * base <= delay <= 1.25 * base for delay in delays)
        assert len(delays) > 1
    assert policy.delay(1, wait=33.0) == 33.0


class Attempts:
    """Plays a list of outcomes."""

    def __init__(self, *outcomes: Completion | Failure) -> None:
        self.outcomes = list(outcomes)
        self.waits: list[float] = []

    async def __call__(self) -> Completion | Failure:
        return self.outcomes.pop(0)

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)


def lost(*, wait: float | None = None) -> Failure:
    return Failure(error=ConnectionLostError("gone"), retry=True, wait=wait)


async def test_each_retry_is_announced_before_the_wait() -> None:
    attempts = Attempts(lost(wait=2.0), lost(wait=3.0), Completion(text="done"))
    events: list[Event] = []
    result = await with_retries(attempts, policy=RetryPolicy(sleep=attempts.sleep), emit=events.append)
    assert result.text == "done"
    assert attempts.waits == [2.0, 3.0]
    assert events == [Retrying("gone", 2.0), Retrying("gone", 3.0)]


async def test_it_gives_up_after_so_many_tries_and_says_so() -> None:
    attempts = Attempts(*[lost()] * 9)
    with pytest.raises(ConnectionLostError, match=r"gone \(tried 3 times\)"):
        await with_retries(attempts, policy=RetryPolicy(attempts=3, sleep=attempts.sleep), emit=ignore)
    assert len(attempts.waits) == 2


async def test_a_wait_longer_than_allowed_is_not_waited_for() -> None:
    attempts = Attempts(Failure(error=RateLimitError("asks to wait 3600 seconds"), retry=True, wait=3600.0))
    with pytest.raises(RateLimitError, match="3600"):
        await with_retries(attempts, policy=RetryPolicy(sleep=attempts.sleep), emit=ignore)
    assert attempts.waits == []


async def test_no_try_begins_after_the_total_time() -> None:
    attempts = Attempts(*[lost()] * 9)
    with pytest.raises(ConnectionLostError):
        await with_retries(attempts, policy=RetryPolicy(total=0.0, sleep=attempts.sleep), emit=ignore)
    assert attempts.waits == []


async def test_what_cannot_get_better_is_not_tried_again() -> None:
    cause = ValueError("why")
    attempts = Attempts(Failure(error=ConnectionLostError("wrong host"), cause=cause))
    with pytest.raises(ConnectionLostError, match=r"^wrong host$") as caught:
        await with_retries(attempts, policy=RetryPolicy(sleep=attempts.sleep), emit=ignore)
    assert caught.value.__cause__ is cause


async def test_cancelling_ends_the_wait() -> None:
    attempts = Attempts(lost(wait=60.0))
    with anyio.move_on_after(0.01) as scope:
        await with_retries(attempts, policy=RetryPolicy(), emit=ignore)
    assert scope.cancelled_caught
