"""A talk in the forms that other programs and people read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Final, Literal

import anyio.to_thread
from fastapi import APIRouter, Query, Response

from codeact.errors import UsageError
from codeact.server.http.callers import Owner
from codeact.server.http.headers import attachment
from codeact.server.http.service import Here
from codeact.server.http.views import Id
from codeact.server.nouns import Run
from codeact.server.tree import path_to
from codeact.trajectory import dump_line
from codeact.trajectory.forms import convert
from codeact.types import Trajectory

router = APIRouter(tags=["exports"])

Form = Literal["notebook", "markdown", "trajectory", "messages"]
ENDINGS: Final[dict[Form, str]] = {
    "notebook": "ipynb",
    "markdown": "md",
    "trajectory": "trajectory.jsonl",
    "messages": "jsonl",
}


@router.get(
    "/sessions/{id}/export",
    response_class=Response,
    responses={200: {"content": {"application/octet-stream": {}}, "description": "A file"}},
)
async def export_session(
    id: Id,
    owner: Owner,
    here: Here,
    form: Annotated[Form, Query(description="`trajectory` has all; `messages` is what trainers read.")],
    run: Annotated[Id | None, Query(description="The last run; left out: the head.")] = None,
) -> Response:
    """The branch on display, or the one that ends with a run: a notebook, Markdown, or lines of JSON."""
    chat = await here.chat(id, owner)
    runs = path_to(await here.house.store.runs(id), run or chat.head)
    await here.note(owner, "export", id, form=form)
    return await exported(runs, form, chat.title or "session")


async def exported(runs: Sequence[Run], form: Form, name: str) -> Response:
    """Raises `UsageError` where there is nothing to export."""
    trajectories = [run.trajectory for run in runs if run.trajectory is not None]
    if not trajectories:
        raise UsageError("nothing was said yet, so there is nothing to export")
    text = await anyio.to_thread.run_sync(_text, trajectories, form)
    return Response(
        text.encode("utf-8", "replace"),
        media_type="application/octet-stream",
        headers=attachment(f"{name}.{ENDINGS[form]}"),
    )


def _text(trajectories: Sequence[Trajectory], form: Form) -> str:
    if form == "trajectory":
        return "".join(f"{dump_line(each).rstrip()}\n" for each in trajectories)
    return convert(trajectories, form)
