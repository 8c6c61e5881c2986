"""Whether the service lives, is ready, and what it counts."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from fastapi import APIRouter, Response
from pydantic import BaseModel

from codeact.server.http.callers import Owner
from codeact.server.http.metrics import MEDIA_TYPE, gauges
from codeact.server.http.problems import problem, retry_after
from codeact.server.http.service import Here, Service

router = APIRouter(tags=["health"])

HELP = {
    "event_streams": "Open event streams.",
    "house_awake": "Chats that are awake.",
    "house_running": "Runs going on.",
    "house_asked": "Approvals and questions that wait for a person.",
    "house_listeners": "Listeners to events, the page's too.",
    "house_woken": "Chats woken since the start.",
    "house_slept": "Chats gone to sleep since the start.",
    "house_interrupted": "Runs that the end of a process had interrupted, found since the start.",
    "house_draining": "1 while the service is shutting down.",
}


class Health(BaseModel):
    status: Literal["alive", "ready"]


@router.get("/healthz")
async def alive() -> Health:
    """That the process answers; nothing else is asked."""
    return Health(status="alive")


@router.get("/readyz", response_model=Health)
async def ready(here: Here) -> Health | Response:
    """That the database can be read and written, and that runs are taken. Says no more: anybody may ask."""
    if here.closing.is_set() or here.house.shared.draining:
        return problem(503, "the service is shutting down", headers=retry_after(5.0))
    if not await here.readiness.holds(here.house.store):
        return problem(503, "the database does not answer", kind="store", headers=retry_after(5.0))
    return Health(status="ready")


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(_: Owner, here: Here) -> Response:
    """In Prometheus' text format; it wants a token, as all else does."""
    return Response("\n".join(_lines(here)) + "\n", media_type=MEDIA_TYPE)


def _lines(here: Service) -> Iterator[str]:
    yield from here.requests.lines()
    yield from gauges({**here.counted(), "event_streams": float(here.house.shared.ledger.streams.inside.total())}, HELP)
