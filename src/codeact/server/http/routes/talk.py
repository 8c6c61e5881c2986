"""What is said in a session, and what is done about it: messages, branches, code, answers to questions."""

from __future__ import annotations

from fastapi import APIRouter

from codeact.errors import NotFoundError
from codeact.server.http.callers import Owner
from codeact.server.http.service import Here
from codeact.server.http.views import (
    Code,
    Decision,
    Edit,
    Id,
    Line,
    NewMessage,
    ResultView,
    RunDetail,
    RunList,
    RunView,
    StateView,
    VariableList,
    VariableView,
    Where,
    Which,
)
from codeact.trajectory.encoding import encode

router = APIRouter(tags=["talk"])


@router.post("/sessions/{id}/messages", status_code=202)
async def send_message(id: Id, body: NewMessage, owner: Owner, here: Here) -> RunView:
    """Say something; the run begins, and its events tell how it goes. 409 while another is running."""
    room = await here.house.room(id, owner=owner)
    return RunView.of(await room.send(body.text, files=[(file.name, file.data) for file in body.files]))


@router.get("/sessions/{id}/runs")
async def list_runs(id: Id, owner: Owner, here: Here) -> RunList:
    """The whole tree; the branch on display is the one that ends with the session's `head`."""
    await here.chat(id, owner)
    return RunList(runs=[RunView.of(run) for run in await here.house.store.runs(id, trajectories=False)])


@router.get("/sessions/{id}/runs/{run}")
async def get_run(id: Id, run: Id, owner: Owner, here: Here) -> RunDetail:
    """A run with its steps and what became of it."""
    await here.chat(id, owner)
    found = await here.house.store.run(id, run)
    if found is None:
        raise NotFoundError(f"there is no run {run!r}")
    return RunDetail.of(found)


@router.post("/sessions/{id}/interrupt", status_code=204)
async def interrupt(id: Id, owner: Owner, here: Here) -> None:
    """Stop what is running; variables stay. Nothing to stop is no error."""
    await here.house.stop(id, owner=owner)


@router.post("/sessions/{id}/undo")
async def undo(id: Id, owner: Owner, here: Here) -> StateView:
    """Take back the last message, in the talk, in the variables and in the files."""
    room = await here.house.room(id, owner=owner)
    return StateView(state=await room.undo())


@router.post("/sessions/{id}/move")
async def move(id: Id, body: Where, owner: Owner, here: Here) -> StateView:
    """Go to another run of the tree: the next message follows it, with the interpreter as it was after it."""
    room = await here.house.room(id, owner=owner)
    return StateView(state=await room.move_to(body.run))


@router.post("/sessions/{id}/retry", status_code=202)
async def retry(id: Id, body: Which, owner: Owner, here: Here) -> RunView:
    """The same message again, from the state before it: a branch beside that run."""
    room = await here.house.room(id, owner=owner)
    return RunView.of(await room.retry(body.run))


@router.post("/sessions/{id}/edit", status_code=202)
async def edit(id: Id, body: Edit, owner: Owner, here: Here) -> RunView:
    """Another message in the place of one that was sent: a branch beside that run."""
    room = await here.house.room(id, owner=owner)
    return RunView.of(await room.edit(body.run, body.text))


@router.post("/sessions/{id}/code")
async def run_code(id: Id, body: Code, owner: Owner, here: Here) -> ResultView:
    """Run a cell of your own between two messages, in the same interpreter."""
    room = await here.house.room(id, owner=owner)
    return ResultView(result=encode(await room.run_code(body.code, time_limit=body.time_limit)))


@router.get("/sessions/{id}/variables")
async def list_variables(id: Id, owner: Owner, here: Here) -> VariableList:
    room = await here.house.room(id, owner=owner)
    return VariableList(variables=[VariableView.of(each) for each in await room.variables()])


@router.post("/sessions/{id}/approvals/{question}", status_code=204)
async def decide(id: Id, question: Id, body: Decision, owner: Owner, here: Here) -> None:
    """Allow or refuse an action; `question` is in the event `approval_asked`."""
    room = await here.house.room(id, owner=owner)
    await room.decide(question, body.yes, reason=body.reason)


@router.post("/sessions/{id}/questions/{question}", status_code=204)
async def reply(id: Id, question: Id, body: Line, owner: Owner, here: Here) -> None:
    """Answer `input()` of the code; `question` is in the event `question_asked`."""
    room = await here.house.room(id, owner=owner)
    await room.reply(question, body.text)
