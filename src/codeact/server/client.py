"""A client of the service's API.

    async with connect("http://127.0.0.1:8321", token=token) as client:
        chat = await client.create("Numbers")
        run = await chat.ask("What is the 20th Fibonacci number?")
        print(run.answer)

What the service refuses is raised as the error that it was there.
"""

from __future__ import annotations

import json
import math
from collections.abc import AsyncGenerator, AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final, TypeVar
from urllib.parse import quote

import anyio
import httpx2
from pydantic import BaseModel

from codeact.errors import (
    ConflictError,
    ModelError,
    NotFoundError,
    QuotaError,
    ServiceError,
    StoreError,
    TransferError,
    UsageError,
)
from codeact.server.http.views import (
    FileList,
    FileView,
    Me,
    PaperResult,
    RunDetail,
    RunList,
    RunView,
    SessionPage,
    SessionView,
    SettingsBody,
    ShareView,
    StateView,
    VariableList,
    VariableView,
)
from codeact.server.nouns import Settings, StateKept, Told
from codeact.types import JSON

V = TypeVar("V", bound=BaseModel)

PATIENCE: Final = httpx2.Timeout(60.0, connect=10.0)  # seconds
LIVES: Final = 60.0  # seconds in which an event stream has said something, or is dead: it says so every 15
_PIECE: Final = 1024 * 1024  # bytes
_ERRORS: Final[Mapping[int, type[ServiceError | UsageError | ModelError | TransferError]]] = {
    400: TransferError,
    404: NotFoundError,
    409: ConflictError,
    422: UsageError,
    502: ModelError,
    503: StoreError,
}


@asynccontextmanager
async def connect(
    url: str, *, token: str, transport: httpx2.AsyncBaseTransport | None = None
) -> AsyncGenerator[Client]:
    """Talk with the service at `url`. `transport` is for tests, and for what is not reached in the usual way."""
    headers = {"authorization": f"Bearer {token}"}
    async with httpx2.AsyncClient(
        base_url=url, headers=headers, timeout=PATIENCE, transport=transport, trust_env=False
    ) as http:
        yield Client(http)


@dataclass(frozen=True, slots=True)
class Client:
    """The service, as one user sees it. Every method raises `ServiceError` where the service cannot be reached, or the
    error that it answers with.
    """

    http: httpx2.AsyncClient

    async def me(self) -> Me:
        return await self.get("/me", Me)

    async def create(self, title: str = "", settings: Settings | None = None) -> RemoteChat:
        body = {"title": title, "settings": asdict(settings) if settings else {}}
        return RemoteChat(self, (await self.post("/sessions", body, SessionView)).id)

    def chat(self, id: str) -> RemoteChat:
        """A chat by its id; nothing is asked yet."""
        return RemoteChat(self, id)

    async def chats(self, search: str = "", *, most: int = 50, before: str = "") -> SessionPage:
        """A page of them, the one that changed last first; its `next` is `before` of the page that follows."""
        return await self.get("/sessions", SessionPage, search=search, most=most, before=before)

    async def execute(self, convid: str, code: str) -> PaperResult:
        """Run code in the interpreter of a conversation that any name begins: the paper's protocol."""
        return await self.post("/execute", {"convid": convid, "code": code}, PaperResult)

    async def get(self, path: str, kind: type[V], **query: str | int) -> V:
        return kind.model_validate_json((await self.ask("GET", path, params=query)).content)

    async def post(self, path: str, body: JSON, kind: type[V]) -> V:
        return kind.model_validate_json((await self.ask("POST", path, json=body)).content)

    async def ask(self, method: str, path: str, **request: Any) -> httpx2.Response:
        """One request."""
        try:
            answer = await self.http.request(method, path, **request)
        except httpx2.TransportError as error:
            raise ServiceError(f"{method} {path} got no answer: {error or type(error).__name__}") from error
        if not answer.is_success:
            raise refused(answer)
        return answer


@dataclass(frozen=True, slots=True)
class RemoteChat:
    """A chat of the service and its interpreter."""

    client: Client
    id: str

    @property
    def path(self) -> str:
        return f"/sessions/{self.id}"

    async def view(self) -> SessionView:
        return await self.client.get(self.path, SessionView)

    async def change(self, *, title: str | None = None, settings: SettingsBody | None = None) -> SessionView:
        given = {"title": title, "settings": settings.model_dump(exclude_unset=True) if settings else None}
        answer = await self.client.ask("PATCH", self.path, json=given)
        return SessionView.model_validate_json(answer.content)

    async def delete(self) -> None:
        await self.client.ask("DELETE", self.path)

    async def send(self, text: str) -> RunView:
        """Say something; the run has begun when this returns."""
        return await self.client.post(f"{self.path}/messages", {"text": text}, RunView)

    async def ask(self, text: str) -> RunDetail:
        """Say something, and wait for the end of the run."""
        return await self.ended((await self.send(text)).id)

    async def ended(self, run: str) -> RunDetail:
        """Wait for the end of a run."""
        async with self.events() as events:
            async for told in events:
                if told.run == run and told.event.get("kind") == "run_ended":
                    break
        return await self.run(run)

    async def runs(self) -> Sequence[RunView]:
        return (await self.client.get(f"{self.path}/runs", RunList)).runs

    async def run(self, id: str) -> RunDetail:
        return await self.client.get(f"{self.path}/runs/{id}", RunDetail)

    async def stop(self) -> None:
        await self.client.ask("POST", f"{self.path}/interrupt")

    async def undo(self) -> StateKept:
        return (await self.client.post(f"{self.path}/undo", None, StateView)).state

    async def move_to(self, run: str | None) -> StateKept:
        return (await self.client.post(f"{self.path}/move", {"run": run}, StateView)).state

    async def retry(self, run: str) -> RunView:
        return await self.client.post(f"{self.path}/retry", {"run": run}, RunView)

    async def edit(self, run: str, text: str) -> RunView:
        return await self.client.post(f"{self.path}/edit", {"run": run, "text": text}, RunView)

    async def fork(self, title: str = "") -> RemoteChat:
        return RemoteChat(self.client, (await self.client.post(f"{self.path}/fork", {"title": title}, SessionView)).id)

    async def decide(self, question: str, yes: bool, *, reason: str = "") -> None:
        await self.client.ask("POST", f"{self.path}/approvals/{question}", json={"yes": yes, "reason": reason})

    async def reply(self, question: str, text: str | None) -> None:
        await self.client.ask("POST", f"{self.path}/questions/{question}", json={"text": text})

    async def run_code(self, code: str, *, time_limit: float = 60.0) -> Mapping[str, JSON]:
        """The result as a trajectory has it."""
        body, patience = {"code": code, "time_limit": time_limit}, httpx2.Timeout(time_limit + 60)
        answer = await self.client.ask("POST", f"{self.path}/code", json=body, timeout=patience)
        return answer.json()["result"]

    async def variables(self) -> Sequence[VariableView]:
        return (await self.client.get(f"{self.path}/variables", VariableList)).variables

    async def files(self) -> Sequence[FileView]:
        return (await self.client.get(f"{self.path}/files", FileList)).files

    async def put(self, path: str, data: bytes | Path) -> FileView:
        """Give the code a file, from bytes or from a file of this machine, which is read piece by piece."""
        content = data if isinstance(data, bytes) else _pieces(data)
        answer = await self.client.ask("PUT", f"{self.path}/files/{quote(path)}", content=content)
        return FileView.model_validate_json(answer.content)

    async def get(self, path: str) -> bytes:
        return (await self.client.ask("GET", f"{self.path}/files/{quote(path)}")).content

    async def remove(self, path: str) -> None:
        await self.client.ask("DELETE", f"{self.path}/files/{quote(path)}")

    async def media(self, digest: str) -> bytes:
        """A figure that an event refers to."""
        return (await self.client.ask("GET", f"{self.path}/media/{digest}")).content

    async def export(self, form: str) -> bytes:
        """`notebook`, `markdown`, `trajectory` or `messages`."""
        return (await self.client.ask("GET", f"{self.path}/export", params={"form": form})).content

    async def share(self, run: str | None = None) -> ShareView:
        return await self.client.post(f"{self.path}/shares", {"run": run}, ShareView)

    @asynccontextmanager
    async def events(self, *, after: int = 0) -> AsyncGenerator[AsyncIterator[Told]]:
        """All events with a higher number, then those to come. A connection that breaks is made again and goes on where
        it was: no event is missing, none comes twice. Raises, while it is read, what the service answers, and
        `ServiceError` once it cannot be reached for a minute.
        """
        events = self._follow(after)
        try:
            yield events
        finally:
            await events.aclose()

    async def _follow(self, number: int) -> AsyncGenerator[Told]:
        failures = 0
        while True:
            try:
                async with self._stream(number) as lines:
                    async for told in lines:
                        number, failures = told.number, 0
                        yield told
                failures = 0  # an orderly end: the service is being restarted, say
            except httpx2.TransportError as error:
                failures += 1
                if failures > 12:
                    raise ServiceError(f"the events of {self.id} cannot be read: {error or 'no answer'}") from error
            except (StoreError, QuotaError):  # it says itself that waiting helps
                failures += 1
                if failures > 12:
                    raise
            await anyio.sleep(min(8.0, 0.1 * math.pow(2, failures)))

    @asynccontextmanager
    async def _stream(self, after: int) -> AsyncGenerator[AsyncIterator[Told]]:
        patience = httpx2.Timeout(LIVES, connect=10.0)
        async with self.client.http.sse(f"{self.path}/events", params={"after": after}, timeout=patience) as source:
            if not source.response.is_success:
                await source.response.aread()
                raise refused(source.response)
            yield (_told(json.loads(event.data)) async for event in source if event.data)


def refused(answer: httpx2.Response) -> Exception:
    """The error that a problem document tells of."""
    try:
        problem: Mapping[str, Any] = answer.json()
        said = str(problem.get("detail") or problem.get("title"))
        wrong = "; ".join(f"{each['where']}: {each['message']}" for each in problem.get("errors") or ())
    except (ValueError, AttributeError, KeyError, TypeError):  # not ours: a proxy's, say
        said, wrong = f"HTTP {answer.status_code}", ""
    text = f"{said} ({wrong})" if wrong else said
    if answer.status_code == 429:
        again = answer.headers.get("retry-after", "")
        return QuotaError(text, float(again) if again.isdigit() else None)
    return _ERRORS.get(answer.status_code, ServiceError)(text)


def _told(line: Mapping[str, Any]) -> Told:
    return Told(number=line["number"], run=line["run"], event=line["event"], at=datetime.fromisoformat(line["at"]))


async def _pieces(path: Path) -> AsyncGenerator[bytes]:
    async with await anyio.open_file(path, "rb") as file:
        while piece := await file.read(_PIECE):
            yield piece
