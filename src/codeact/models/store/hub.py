"""Weights from a model hub: one file over HTTPS, in ranges, so that a broken connection goes on where it was."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import httpx2
from anyio import to_thread

from codeact.errors import WeightsError
from codeact.models.retries import RetryPolicy, retry_after
from codeact.models.store.disk import check_room, writing_to
from codeact.models.store.partial import Partial, Span
from codeact.models.weights import HubSource

TIMEOUT = httpx2.Timeout(60.0, connect=10.0)  # seconds without a byte; a hub that cannot be reached is known soon
BUSY = {408, 429, 500, 502, 503, 504}


class _TryAgainError(Exception):
    """The hub is busy, or the connection broke."""

    def __init__(self, reason: str, wait: float | None = None) -> None:
        super().__init__(reason)
        self.wait = wait  # seconds, where the hub says how long


@dataclass(slots=True)
class HubFetch:
    """One go at filling `partial` from a hub."""

    source: HubSource
    partial: Partial
    hub_url: str
    report: Callable[[int, str], None]  # bytes that are there, and a note, often empty
    retries: RetryPolicy = field(default_factory=RetryPolicy)

    @property
    def url(self) -> str:
        return f"{self.hub_url.rstrip('/')}/{self.source.repo}/resolve/{self.source.revision}/{self.source.file}"

    async def run(self) -> None:
        """Fetch what is missing, in order; a broken connection is taken up again as long as each try brings something.

        Raises:
            WeightsError: the hub cannot be reached, does not have the file, or has another.
        """
        check_room(self.partial.folder, sum(span.size for span in self.partial.missing()))
        tries = 0
        async with httpx2.AsyncClient(follow_redirects=True, timeout=TIMEOUT) as client:
            while span := next(self.partial.missing(), None):
                before = self.partial.present
                try:
                    await self._fetch(client, span)
                except (_TryAgainError, httpx2.TransportError) as error:
                    tries = 1 if self.partial.present > before else tries + 1
                    await self._wait(error, tries)
                except (httpx2.HTTPError, httpx2.InvalidURL) as error:
                    raise WeightsError(f"cannot fetch {self.url}: {error}") from error

    async def _fetch(self, client: httpx2.AsyncClient, span: Span) -> None:
        headers = {"range": f"bytes={span.start}-{span.end - 1}", "accept-encoding": "identity"}
        async with client.stream("GET", self.url, headers=headers) as response:
            position = self._start(response, span)
            async for data in response.aiter_raw():
                if position + len(data) > self.partial.size:
                    raise self._other_file(f"more than {self.partial.size:,} bytes")
                with writing_to(self.partial.folder):
                    await to_thread.run_sync(self.partial.write, position, data)
                position += len(data)
                self.report(self.partial.present, "")
        if position < span.end:
            raise _TryAgainError("the connection was cut")

    def _start(self, response: httpx2.Response, span: Span) -> int:
        """Where in the file the body begins: a server that knows no ranges sends the whole."""
        status, headers = response.status_code, response.headers
        if status == 206:
            return self._range_start(headers.get("content-range", ""), span)
        if status == 200 and "html" in headers.get("content-type", ""):
            raise WeightsError(f"{self.url} answered with a page of HTML: does this network ask you to sign in?")
        if status == 200:
            length = headers.get("content-length", "")
            if length not in {"", str(self.partial.size)}:
                raise self._other_file(f"{int(length):,} bytes" if length.isdecimal() else length)
            return 0
        if status == 416:
            raise self._other_file(f"fewer than {span.end:,} bytes")
        if status in BUSY:
            raise _TryAgainError(f"it answers with status {status}", retry_after(headers))
        if status in {401, 403}:
            raise WeightsError(f"the hub does not give {self.url} to everyone (status {status})")
        if status == 404:
            raise WeightsError(f"the hub has no file {self.url} (status 404)")
        raise WeightsError(f"the hub answered with status {status} for {self.url}")

    def _range_start(self, content_range: str, span: Span) -> int:
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
        if match is None or int(match[1]) != span.start:
            raise WeightsError(f"asked for {self.url} from byte {span.start}, the hub sent {content_range!r}")
        if match[2] not in {"*", str(self.partial.size)}:
            raise self._other_file(f"{int(match[2]):,} bytes")
        return span.start

    def _other_file(self, has: str) -> WeightsError:
        return WeightsError(f"{self.url} is not the expected file: it has {has} instead of {self.partial.size:,}")

    async def _wait(self, error: Exception, tries: int) -> None:
        wait = error.wait if isinstance(error, _TryAgainError) else None
        delay = self.retries.delay(tries, wait)
        reason = str(error) or type(error).__name__
        if tries >= self.retries.attempts or delay > self.retries.max_wait:
            raise WeightsError(f"cannot fetch {self.url}: {reason} (tried {tries} times)") from error
        self.report(self.partial.present, f"{reason}; trying again in {delay:.0f} seconds")
        await self.retries.sleep(delay)


def host(url: str) -> str:
    """The name of a hub, for people."""
    return httpx2.URL(url).host
