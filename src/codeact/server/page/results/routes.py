"""The two addresses of results: the list, and one task. Who may ask is for whoever includes them to say."""

from __future__ import annotations

from collections.abc import Callable

from anyio import CapacityLimiter, to_thread
from fastapi import APIRouter, Request
from starlette.responses import HTMLResponse, Response

from codeact.server.page.documents import document
from codeact.server.page.results.beside import episode, neighbours
from codeact.server.page.results.drawn import listing
from codeact.server.page.results.shelf import Shelf
from codeact.server.page.results.wanted import Found, Wanted, found


def results(shelf: Shelf) -> APIRouter:
    """One request at a time reads and draws, in a thread: a huge file takes a while once, and holds up nothing else."""
    router = APIRouter(include_in_schema=False)
    one = CapacityLimiter(1)

    async def drawing(page: Callable[[], HTMLResponse]) -> HTMLResponse:
        return await to_thread.run_sync(page, limiter=one)

    @router.get("/results")
    async def all_of_them(request: Request) -> Response:
        return await drawing(lambda: _listing(shelf, Wanted.of(request.query_params)))

    @router.get("/results/{job}/{row}")
    async def one_task(request: Request, job: str, row: str) -> Response:
        return await drawing(lambda: _episode(shelf, job, row, Wanted.of(request.query_params)))

    return router


def _listing(shelf: Shelf, wanted: Wanted) -> HTMLResponse:
    jobs = shelf.jobs()
    return document("Results", listing(jobs, found(jobs, wanted), wanted), kind="results")


def _episode(shelf: Shelf, job: str, id: str, wanted: Wanted) -> HTMLResponse:
    jobs = shelf.jobs()
    index = next((index for index in jobs if index.id == job), None)
    row = index.rows.get(id) if index else None
    if index is None or row is None:
        nothing = '<p class="empty">There is no such episode. <a href="/results">All results</a></p>'
        return document("Not here", nothing, status=404, kind="results")
    links = neighbours(Found(index, row), found(jobs, wanted), jobs, wanted)
    return document(f"{row.task[:80]} · results", episode(index, row, links), kind="results")
