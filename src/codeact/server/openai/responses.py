"""`/v1/responses`: those that go on and those that are kept, so that one can follow another."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from uuid import uuid4

import anyio

from codeact.errors import NotFoundError
from codeact.server.openai.drawer import Drawer
from codeact.server.openai.errors import InvalidRequestError, Refusal
from codeact.server.openai.items import Items, Told, shown
from codeact.server.openai.response_wire import ResponseRequest
from codeact.server.settings import Quotas
from codeact.types import JSON, Message, Usage


@dataclass(slots=True, kw_only=True)
class Answering:
    """One response, from its request to its end, and as long as it is kept."""

    owner: str
    asked: ResponseRequest
    said: Sequence[dict[str, JSON]] = ()  # in the request, as it is listed
    id: str = field(default_factory=lambda: f"resp_{uuid4().hex}")
    created: float = field(default_factory=time.time)
    status: str = "queued"
    items: Items | None = None  # as soon as it has a container
    error: Refusal | None = None
    broken: bool = False  # the error is ours or the model's endpoint's, and no end that a run may have
    incomplete: str | None = None  # why
    usage: Usage | None = None
    messages: tuple[Message, ...] = ()  # the history that a response after it goes on with
    scope: anyio.CancelScope = field(default_factory=anyio.CancelScope)
    ended: anyio.Event = field(default_factory=anyio.Event)
    events: list[Told] = field(default_factory=list[Told])  # of one in the background, to be heard again
    changed: anyio.Event = field(default_factory=anyio.Event)
    listener: Callable[[Told], None] | None = None

    @property
    def container(self) -> str | None:
        return self.items.container if self.items else None

    @property
    def size(self) -> int:
        """Bytes, about."""
        written = len(json.dumps([self.card(with_outputs=True), *self.said, *self.events]))
        return written + sum(
            len(part.data) if part.kind == "image" else len(message.text)
            for message in self.messages
            for part in message.parts
        )

    def tell(self, event: Told) -> None:
        """To whoever listens now, or comes later."""
        if self.listener is not None:
            self.listener(event)
        if self.asked.background:
            self.events.append(event)
            self.changed.set()
            self.changed = anyio.Event()

    def begin(self, container: str) -> Items:
        """It has a container: from here on it is told what happens."""
        self.items = Items(container=container, with_outputs=self.asked.with_outputs, tell=self.tell)
        self.status = "in_progress"
        self.items.event("created", response=self.card())
        self.items.event("in_progress", response=self.card())
        return self.items

    def end(self, status: str) -> None:
        """It has come to its end, whichever that is."""
        self.status = status
        if self.items is not None:
            self.items.close("incomplete")
            kind = status if status in ("completed", "failed") else "incomplete"  # there is no event for `cancelled`
            self.items.event(kind, response=self.card())
        self.listener = None
        self.ended.set()
        self.changed.set()

    def card(self, *, with_outputs: bool | None = None) -> dict[str, JSON]:
        """The response as it is now."""
        asked = self.asked
        outputs = asked.with_outputs if with_outputs is None else with_outputs
        error = {"code": "server_error", "message": self.error.message} if self.error else None
        return {
            "id": self.id,
            "object": "response",
            "created_at": int(self.created),
            "status": self.status,
            "background": bool(asked.background),
            "error": error,
            "incomplete_details": {"reason": self.incomplete} if self.incomplete else None,
            "instructions": asked.instructions,
            "max_output_tokens": asked.max_output_tokens,
            "max_tool_calls": asked.max_tool_calls,
            "metadata": dict(asked.metadata or {}),
            "model": asked.model,
            "output": [shown(item, outputs) for item in self.items.output] if self.items else [],
            "parallel_tool_calls": False,
            "previous_response_id": asked.previous_response_id,
            "store": asked.store is not False,
            "temperature": asked.temperature,
            "text": {"format": {"type": "text"}},
            "tool_choice": "auto",
            "tools": [tool.model_dump(exclude_none=True) for tool in asked.tools],
            "truncation": "disabled",
            "usage": _usage(self.usage) if self.usage else None,
        }


def _usage(usage: Usage) -> dict[str, JSON]:
    return {
        "input_tokens": usage.input_tokens,
        "input_tokens_details": {"cached_tokens": usage.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": usage.output_tokens,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": usage.tokens,
    }


@dataclass(slots=True)
class Responses:
    """All that go on in the background, and those that are kept so that one can follow another."""

    quotas: Quotas
    drawer: Drawer[Answering] = field(init=False)

    def __post_init__(self) -> None:
        self.drawer = Drawer("response", self.quotas)

    def keep(self, answering: Answering) -> None:
        """Keep one that is sure to come to its end, and then to be weighed."""
        self.drawer.put(answering.owner, answering.id, answering)

    def weigh(self, answering: Answering) -> None:
        """It has ended and will grow no more."""
        self.drawer.weigh(answering.id, answering.size)

    def find(self, owner: str, id: str) -> Answering:
        """Raises `NotFoundError` where this user has no such response, or no longer."""
        return self.drawer.find(owner, id)

    def before(self, owner: str, asked: ResponseRequest) -> Answering | None:
        """The response that another is to follow.

        Raises:
            InvalidRequestError: this user has none of that id, or it has not come to its end.
        """
        id = asked.previous_response_id
        if id is None:
            return None
        try:
            found = self.find(owner, id)
        except NotFoundError as error:
            raise InvalidRequestError(
                str(error), param="previous_response_id", code="previous_response_not_found"
            ) from None
        if not found.ended.is_set():
            raise InvalidRequestError(f"the response {id} has not ended yet", param="previous_response_id")
        return found

    def drop(self, answering: Answering) -> None:
        """Let go of one; where it goes on, it is cancelled."""
        answering.scope.cancel()
        self.drawer.drop(answering.id)
