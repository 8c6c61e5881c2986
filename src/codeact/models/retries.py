"""When a failed try is tried again: one policy for every wire (the vendors' own retries are switched off)."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from time import monotonic

import anyio

from codeact.errors import ModelError
from codeact.events import Emit, Retrying
from codeact.types import JSON, Completion


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """Why one try failed, and whether another may do better."""

    error: ModelError
    retry: bool = False
    wait: float | None = None  # seconds for which the endpoint asked
    cause: Exception | None = None
    status: int | None = None  # of the answer, where there was one
    body: JSON = None  # what the answer said


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """How patient a model is with its endpoint."""

    attempts: int = 5  # in all
    first_delay: float = 0.5  # seconds; doubles with each try
    max_delay: float = 20.0  # seconds
    max_wait: float = 120.0  # seconds; where an endpoint asks for a longer wait, its error is raised at once
    total: float = 600.0  # seconds after which no new try begins
    sleep: Callable[[float], Awaitable[None]] = anyio.sleep

    def delay(self, number: int, wait: float | None) -> float:
        """Seconds between try `number` (1-based) and the next. Never shorter than the endpoint asked for."""
        if wait is not None:
            return wait
        # runs that failed together must not come back together
        jitter = random.uniform(0.75, 1.25)  # noqa: S311  # not cryptography
        return min(self.first_delay * 2 ** (number - 1), self.max_delay) * jitter


async def with_retries(
    attempt: Callable[[], Awaitable[Completion | Failure]], *, policy: RetryPolicy, emit: Emit
) -> Completion:
    """Try until it works, or there is no sense in trying again.

    Each new try starts the completion anew: `Retrying` tells those who show the text as it comes.

    Raises:
        ModelError: the last failure.
    """
    begun = monotonic()
    number = 1
    while True:
        result = await attempt()
        if isinstance(result, Completion):
            return result
        delay = policy.delay(number, result.wait)
        late = monotonic() - begun + delay > policy.total
        if not result.retry or delay > policy.max_wait or number >= policy.attempts or late:
            raise _final(result, number) from result.cause
        emit(Retrying(str(result.error), delay))
        await policy.sleep(delay)
        number += 1


def retry_after(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds for which an answer asks to wait: `Retry-After` in seconds or as a date, or `retry-after-ms`."""
    if (milliseconds := _number(headers.get("retry-after-ms"))) is not None:
        return milliseconds / 1000
    value = headers.get("retry-after", "")
    if (seconds := _number(value)) is not None:
        return seconds
    try:
        date = parsedate_to_datetime(value)
    except (ValueError, OverflowError):
        return None
    if date.tzinfo is None:  # HTTP dates are in GMT, also where they do not say so
        date = date.replace(tzinfo=UTC)
    return max((date - (now or datetime.now(UTC))).total_seconds(), 0.0)


def _number(value: str | None) -> float | None:
    try:
        number = float(value or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None


def _final(failure: Failure, tries: int) -> ModelError:
    if tries == 1:
        return failure.error
    return type(failure.error)(f"{failure.error} (tried {tries} times)")
