"""`/v1/responses`."""

from __future__ import annotations

from typing import Annotated

import anyio
from fastapi import APIRouter, Depends, Query
from starlette.responses import Response

from codeact.server.openai.connection import Json, Outflow, Stream, Streamed, Whole
from codeact.server.openai.errors import InvalidRequestError, RefusedError
from codeact.server.openai.office import Office
from codeact.server.openai.pages import Paged, page
from codeact.server.openai.respond import begun, respond
from codeact.server.openai.response_wire import OUTPUTS, ResponseRequest
from codeact.server.openai.responses import Answering
from codeact.server.openai.routing import OpenAIRoute, Owner, told
from codeact.server.openai.said import Prompt
from codeact.types import JSON

_CANCELLING = 30.0  # seconds that the end of a run may take, until the answer says that it still goes on


def response_routes(office: Office, owner: Owner) -> APIRouter:
    """The agent as a model with a code interpreter."""
    routes = APIRouter(prefix="/responses", route_class=OpenAIRoute)

    @routes.post("")
    async def create_response(asked: ResponseRequest, who: str = Depends(owner)) -> Response:
        answering, prompt = begun(office, who, asked)
        if asked.background:
            return _in_background(office, answering, prompt)
        return _streamed(office, answering, prompt) if asked.stream else _whole(office, answering, prompt)

    @routes.get("/{response_id}")
    async def retrieve_response(
        response_id: str,
        include: Annotated[list[str] | None, Query(alias="include[]")] = None,
        stream: bool = False,
        starting_after: int = -1,
        who: str = Depends(owner),
    ) -> Response:
        found = office.responses.find(who, response_id)
        if stream:
            return _listening(office, found, starting_after)
        return Json(found.card(with_outputs=True if OUTPUTS in (include or ()) else None))

    @routes.get("/{response_id}/input_items")
    async def list_input_items(response_id: str, asked: Paged, who: str = Depends(owner)) -> JSON:
        return page(office.responses.find(who, response_id).said, asked)

    @routes.post("/{response_id}/cancel")
    async def cancel_response(response_id: str, who: str = Depends(owner)) -> JSON:
        found = office.responses.find(who, response_id)
        found.scope.cancel()
        with anyio.move_on_after(_CANCELLING):
            await found.ended.wait()
        return found.card()

    @routes.delete("/{response_id}")
    async def delete_response(response_id: str, who: str = Depends(owner)) -> JSON:
        found = office.responses.find(who, response_id)
        await office.house.shared.note(who, None, "delete response", id=response_id)
        office.responses.drop(found)
        return {"id": response_id, "object": "response", "deleted": True}

    return routes


def _whole(office: Office, answering: Answering, prompt: Prompt) -> Response:
    async def work() -> JSON:
        await respond(office, answering, prompt)
        _raise_if_broken(answering)
        return answering.card()

    return Whole(work, told)


def _streamed(office: Office, answering: Answering, prompt: Prompt) -> Response:
    async def work(tell: Outflow) -> None:
        answering.listener = tell
        await respond(office, answering, prompt)
        if answering.items is None:  # it has not begun, so nothing was told
            _raise_if_broken(answering)

    return Streamed(work, told, Stream("responses"))


def _in_background(office: Office, answering: Answering, prompt: Prompt) -> Response:
    """It goes on whether anybody waits or not.

    Raises:
        InvalidRequestError: it is not to be kept, so nobody could ever see it.
        QuotaError: this user has too many going on.
    """
    if answering.asked.store is False:
        raise InvalidRequestError("a response in the background has to be stored", param="store")
    with office.lent(answering.owner, "responses").run():
        pass  # refused now, and not when nobody hears it
    office.tasks.start_soon(respond, office, answering, prompt)
    office.responses.keep(answering)  # after all that may refuse it: nothing would ever end it
    return _listening(office, answering, -1) if answering.asked.stream else Json(answering.card())


def _listening(office: Office, answering: Answering, after: int) -> Response:
    """The events of a response in the background, those of the past first.

    Raises:
        InvalidRequestError: it is not in the background.
    """
    if not answering.asked.background:
        raise InvalidRequestError("only a response with background=true can be streamed again", param="stream")

    async def work(tell: Outflow) -> None:
        with office.house.shared.ledger.streams.through(answering.owner):
            number = max(0, after + 1)
            while True:
                changed = answering.changed
                past = answering.events[number:]
                for event in past:
                    tell(event)
                    await tell.taken()
                number += len(past)
                if answering.ended.is_set() and number >= len(answering.events):
                    break
                if past:  # and there may be more meanwhile
                    continue
                await changed.wait()
            if answering.items is None:
                _raise_if_broken(answering)

    return Streamed(work, told, Stream("responses"))


def _raise_if_broken(answering: Answering) -> None:
    if answering.broken and answering.error is not None:
        raise RefusedError(answering.error)
