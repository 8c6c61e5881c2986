"""`/v1/models` and `/v1/chat/completions`."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import Response

from codeact.server.openai.answering import ChatTask, chat_task, complete
from codeact.server.openai.chat import ChatAnswer
from codeact.server.openai.chat_wire import ChatRequest, CompletionChange
from codeact.server.openai.completions import stored
from codeact.server.openai.connection import Outflow, Stream, Streamed, Whole
from codeact.server.openai.lent import model_card, model_cards
from codeact.server.openai.metadata import asked_in
from codeact.server.openai.office import Office
from codeact.server.openai.pages import PagedCompletions, PagedMessages, page
from codeact.server.openai.routing import OpenAIRoute, Owner, told
from codeact.types import JSON


def model_routes(office: Office, owner: Owner) -> APIRouter:
    """What may be named as a model."""
    routes = APIRouter(prefix="/models", route_class=OpenAIRoute, dependencies=[Depends(owner)])

    @routes.get("")
    async def list_models() -> JSON:
        return {"object": "list", "data": model_cards(office.models)}

    @routes.get("/{model:path}")
    async def retrieve_model(model: str) -> JSON:
        return model_card(office.models, model)

    return routes


def chat_routes(office: Office, owner: Owner) -> APIRouter:
    """An agent behind the chat protocol."""
    routes = APIRouter(prefix="/chat/completions", route_class=OpenAIRoute)

    @routes.post("")
    async def create_chat_completion(asked: ChatRequest, who: str = Depends(owner)) -> Response:
        task = chat_task(office, who, asked)
        return _streamed(task, office, who) if asked.stream else _whole(task, office, who)

    _add_stored(routes, office, owner)
    return routes


def _add_stored(routes: APIRouter, office: Office, owner: Owner) -> None:
    """Those that were created with `store=True`."""
    one = "/{completion_id}"

    @routes.get("")
    async def list_chat_completions(request: Request, asked: PagedCompletions, who: str = Depends(owner)) -> JSON:
        metadata = asked_in(request.query_params)
        found = [each for each in office.completions.of(who) if each.fits(asked.model, metadata)]
        return page([each.card for each in found], asked)

    @routes.get(one)
    async def retrieve_chat_completion(completion_id: str, who: str = Depends(owner)) -> JSON:
        return office.completions.find(who, completion_id).card

    @routes.post(one)
    async def update_chat_completion(completion_id: str, asked: CompletionChange, who: str = Depends(owner)) -> JSON:
        found = office.completions.find(who, completion_id)
        found.metadata = dict(asked.metadata or {})
        return found.card

    @routes.delete(one)
    async def delete_chat_completion(completion_id: str, who: str = Depends(owner)) -> JSON:
        office.completions.find(who, completion_id)
        await office.house.shared.note(who, None, "delete chat completion", id=completion_id)
        office.completions.drop(completion_id)
        return {"id": completion_id, "object": "chat.completion.deleted", "deleted": True}

    @routes.get(f"{one}/messages")
    async def list_chat_completion_messages(
        completion_id: str, asked: PagedMessages, who: str = Depends(owner)
    ) -> JSON:
        return page(office.completions.find(who, completion_id).messages, asked)


def _whole(task: ChatTask, office: Office, who: str) -> Response:
    async def work() -> JSON:
        answer = task.answer()
        await complete(task, office.lent(who, "chat"), answer)
        _store(task, office, who, answer)
        return answer.whole

    return Whole(work, told)


def _streamed(task: ChatTask, office: Office, who: str) -> Response:
    async def work(tell: Outflow) -> None:
        answer = task.answer(tell)
        await complete(task, office.lent(who, "chat"), answer)
        _store(task, office, who, answer)

    return Streamed(work, told, Stream("chat"))


def _store(task: ChatTask, office: Office, who: str, answer: ChatAnswer) -> None:
    if task.asked.store:
        kept = stored(answer.whole, task.asked.messages, task.asked.metadata)
        office.completions.put(who, kept.id, kept, size=kept.size)
