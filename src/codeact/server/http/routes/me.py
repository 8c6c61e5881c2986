"""Who one is here, and what one may use."""

from __future__ import annotations

from fastapi import APIRouter

from codeact.server.http.callers import Owner
from codeact.server.http.service import Here
from codeact.server.http.views import Me

router = APIRouter(tags=["me"])


@router.get("/me")
async def me(owner: Owner, here: Here) -> Me:
    """The user whom the token stands for, and the models and tools on offer."""
    settings = here.house.settings
    return Me(owner=owner, models=list(settings.models), tools=list(settings.tools))
