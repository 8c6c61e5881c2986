"""The paper's own protocol: `POST /execute {convid, code}` (section 7 of its repository), for clients of its chat.

It differs in four points: it wants a token, a conversation is its user's own, figures are bounded, and what a cell does
wrong comes back as it did there, but whatever happens within the time limit.
"""

from __future__ import annotations

from fastapi import APIRouter, Request, Response

from codeact.server.http.callers import Owner
from codeact.server.http.forwarding import PassedOn, elsewhere
from codeact.server.http.service import Here
from codeact.server.http.views import PaperCode, PaperResult
from codeact.server.pictures import data_url
from codeact.types import Display, ExecResult

router = APIRouter(tags=["paper"])
TIME_LIMIT = 60.0  # seconds, as there


@router.post("/execute", response_model=PaperResult)
async def execute(body: PaperCode, request: Request, owner: Owner, here: Here) -> PaperResult | Response:
    """Run code in the interpreter of a conversation, which any name begins."""
    chat, new = await here.conversations.find(here.house, owner, body.convid.replace("\0", ""))
    if (address := await elsewhere(here.house, chat.id, request.scope)) is not None:
        return PassedOn(address, await request.body())
    room = await here.house.room(chat.id, owner=owner)
    result = await room.run_code(body.code, time_limit=TIME_LIMIT)
    woken, room.woken = room.woken, None  # the first code since then is told, and what follows goes on in that kernel
    return PaperResult(result=as_text(result), new_kernel_created=new or woken in ("files", "lost"))


def as_text(result: ExecResult) -> str:
    """A result as the paper's server wrote it: output, value, traceback, and figures as images of Markdown."""
    value = f"{result.value}\n" if result.value is not None else ""
    error = result.error.traceback or f"{result.error.name}: {result.error.message}" if result.error else ""
    figures = [_image(each) for each in result.displays]
    return "\n".join(filter(None, [result.stdout + result.stderr + value + error, *figures])).strip()


def _image(display: Display) -> str:
    data = display.data.get("image/png")
    if isinstance(data, bytes):
        return f"![image]({data_url(data, 'image/png')})"
    text = display.data.get("text/plain", "")
    return text if isinstance(text, str) else ""
