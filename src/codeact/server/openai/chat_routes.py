"""`/v1/models` and `/v1/chat/completions`."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from codeact.server.openai.answering import ChatTask, chat_task, complete
from codeact.server.openai.chat_wire import ChatRequest
from codeact.server.openai.connection import Outflow, Stream, Streamed, Whole
from codeact.server.openai.lent import model_card, model_cards
from codeact.server.openai.office import Office
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

    return routes


def _whole(task: ChatTask, office: Office, who: str) -> Response:
    async def work() -> JSON:
        answer = task.answer()
        await complete(task, office.lent(who, "chat"), answer)
        return answer.whole

    return Whole(work, told)


def _streamed(task: ChatTask, office: Office, who: str) -> Response:
    async def work(tell: Outflow) -> None:
        await complete(task, office.lent(who, "chat"), task.answer(tell))

    return Streamed(work, told, Stream("chat"))
