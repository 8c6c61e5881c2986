"""Links by which anybody may read a talk up to a run, and what they show."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query, Response

from codeact.errors import NotFoundError
from codeact.server.http.callers import Owner
from codeact.server.http.routes.exports import Form, exported
from codeact.server.http.routes.files import BYTES, media
from codeact.server.http.service import Here, Service
from codeact.server.http.views import Id, NewShare, RunDetail, SharedView, ShareList, ShareView, public
from codeact.server.nouns import Run, Share
from codeact.server.sharing import path_of, told_on
from codeact.server.wire import digests

router = APIRouter(tags=["shares"])


@router.post("/sessions/{id}/shares", status_code=201)
async def create_share(id: Id, body: NewShare, owner: Owner, here: Here) -> ShareView:
    """Let anybody who has the link read this talk as it is now. It shows what led to that run, and nothing later."""
    return ShareView.of(await here.house.share(id, owner=owner, run=body.run))


@router.get("/sessions/{id}/shares")
async def list_shares(id: Id, owner: Owner, here: Here) -> ShareList:
    await here.chat(id, owner)
    return ShareList(shares=[ShareView.of(each) for each in await here.house.store.shares(id)])


@router.delete("/sessions/{id}/shares/{token}", status_code=204)
async def delete_share(id: Id, token: Id, owner: Owner, here: Here) -> None:
    """The link shows nothing from now on."""
    await here.house.unshare(id, token, owner=owner)


@router.get("/shared/{token}")
async def read_share(token: Id, here: Here) -> SharedView:
    """What a link shows; no token of a user is needed. Without the system prompt, and nothing of the machine."""
    share, runs = await _shared(here, token)
    return SharedView(created=share.created, runs=[RunDetail.of(run) for run in runs])


@router.get("/shared/{token}/export", response_class=Response, responses=BYTES)
async def export_share(token: Id, here: Here, form: Annotated[Form, Query()]) -> Response:
    _, runs = await _shared(here, token)
    return await exported(runs, form, "shared")


@router.get("/shared/{token}/media/{digest}", response_class=Response, responses=BYTES)
async def share_media(token: Id, digest: str, here: Here) -> Response:
    """A figure of what a link shows: none of what was said later, or on another branch."""
    share = await _share(here, token)
    if digest not in await _figures(here, share):
        raise NotFoundError("there is no such figure")
    answer = await media(here, share.chat, digest)
    answer.headers["cache-control"] = "no-store"  # or a browser would have it after the link was taken back
    return answer


async def _share(here: Service, token: str) -> Share:
    """Raises `NotFoundError` for a link that is wrong, or was taken back."""
    share = await here.house.store.share(token)
    if share is None:
        raise NotFoundError("there is no such link")
    return share


async def _shared(here: Service, token: str) -> tuple[Share, list[Run]]:
    """Raises `NotFoundError` as `_share` does."""
    share = await _share(here, token)
    path = await path_of(here.house.store, share)
    runs = [await here.house.store.run(share.chat, run.id) for run in path]
    return share, [public(run) for run in runs if run is not None]


async def _figures(here: Service, share: Share) -> frozenset[str]:
    """The digests of all bytes that the events of the shared runs refer to."""
    if (known := here.figures.get(share)) is not None:
        return known
    path = await path_of(here.house.store, share)
    found, ended = set[str](), set[str | None]()
    async for piece in told_on(here.house.store, share.chat, path):
        found.update(digest for told in piece for digest in digests(told.event))
        ended.update(told.run for told in piece if told.event["kind"] == "run_ended")
    return here.figures.keep(share, frozenset(found), whole=len(ended) == len(path))
