"""The endpoints. Mounted by whoever owns the application, who also says whose a token is."""

from __future__ import annotations

from fastapi import APIRouter, Depends
from starlette.responses import Response

from codeact.errors import NotFoundError
from codeact.server.openai.answering import ChatTask, chat_task, complete
from codeact.server.openai.chat_wire import ChatRequest
from codeact.server.openai.connection import Stream, Streamed, TellClient, Whole
from codeact.server.openai.lending import Lender, model_card, model_cards
from codeact.server.openai.routing import OpenAIRoute, Owner, told
from codeact.server.openai.said import Attachment
from codeact.types import JSON


def router(lender: Lender, *, owner: Owner) -> APIRouter:
    """The endpoints below `/v1`: `app.include_router(router(house, owner=…), prefix="/v1")`."""
    routes = APIRouter(route_class=OpenAIRoute, tags=["OpenAI-compatible"], dependencies=[Depends(owner)])
    _add_models(routes, lender)
    _add_chat(routes, lender)
    return routes


def _add_models(routes: APIRouter, lender: Lender) -> None:
    @routes.get("/models")
    async def list_models() -> JSON:
        return {"object": "list", "data": model_cards(lender.models)}

    @routes.get("/models/{name:path}")
    async def retrieve_model(name: str) -> JSON:
        return model_card(lender.models, name)


def _add_chat(routes: APIRouter, lender: Lender) -> None:
    @routes.post("/chat/completions")
    async def create_chat_completion(asked: ChatRequest) -> Response:
        task = chat_task(asked, lender.models)
        return _streamed(task, lender) if asked.stream else _whole(task, lender)


def _whole(task: ChatTask, lender: Lender) -> Response:
    async def work() -> JSON:
        answer = task.answer()
        await complete(task, task.agent(lender), _files(task), answer)
        return answer.whole

    return Whole(work, told)


def _streamed(task: ChatTask, lender: Lender) -> Response:
    async def work(tell: TellClient) -> None:
        await complete(task, task.agent(lender), _files(task), task.answer(tell))

    return Streamed(work, told, Stream("chat"))


def _files(task: ChatTask) -> tuple[Attachment, ...]:
    """Raises `NotFoundError` for an id: no files are kept yet."""
    for file in task.prompt.files:
        if file.data is None:
            raise NotFoundError(f"there is no file {file.id!r}")
    return task.prompt.files
