"""What happens in a session, as it happens."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Header, Query

from codeact.server.http.callers import Owner
from codeact.server.http.service import Here
from codeact.server.http.sse import EventStream
from codeact.server.http.views import Id
from codeact.server.nouns import Told

router = APIRouter(tags=["events"])
LAST = 2**53  # numbers of events; what is above is none, and JavaScript could not tell it apart

_EXAMPLE = (
    'id: 7\ndata: {"number":7,"run":"3f…","at":"2026-11-23T05:00:00+00:00",'
    '"event":{"kind":"text_delta","text":"Let me"}}\n\n'
)


@router.get(
    "/sessions/{id}/events",
    status_code=200,
    response_class=EventStream,
    responses={
        200: {"content": {"text/event-stream": {"example": _EXAMPLE}}, "description": "Events, until you leave"}
    },
)
async def listen(
    id: Id,
    owner: Owner,
    here: Here,
    after: Annotated[int, Query(ge=0, le=LAST, description="Only events with a greater number.")] = 0,
    last_event_id: Annotated[str, Header(description="As `after`, which it goes before: sent by a browser.")] = "",
) -> EventStream:
    """All events of a session as server-sent events, from any number on: first what was, then what comes."""
    number = last_event_id.strip()
    start = int(number) if number.isascii() and number.isdigit() and len(number) < 17 else after
    await here.chat(id, owner)
    streams = here.house.shared.ledger.streams
    streams.check(owner)  # now, while an error can still be the answer

    @asynccontextmanager
    async def events() -> AsyncGenerator[AsyncIterator[Told]]:
        with streams.through(owner):
            async with here.house.listen(id, after=start) as told:
                yield told

    return EventStream(events, heartbeat=here.settings.heartbeat, patience=here.settings.unread, closing=here.closing)
