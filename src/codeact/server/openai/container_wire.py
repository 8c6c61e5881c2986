"""A request to `/containers`: outside bytes become values."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from codeact.types import JSON

_STRICT = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)

Memory = Literal["1g", "4g", "16g", "64g"]


class Expiry(BaseModel):
    model_config = _STRICT
    anchor: Literal["last_active_at"]
    minutes: Annotated[int, Field(ge=1)]


class NetworkAsked(BaseModel):
    model_config = _STRICT
    type: Literal["disabled"]  # what code here may reach is the service's to decide, and that is nothing


class ContainerRequest(BaseModel):
    model_config = _STRICT
    name: Annotated[str, Field(min_length=1, max_length=200)]
    expires_after: Expiry | None = None
    file_ids: Annotated[list[str], Field(max_length=100)] = []
    memory_limit: Memory | None = None
    network_policy: NetworkAsked | None = None
    skills: Annotated[list[JSON], Field(max_length=0)] = []


class FileReference(BaseModel):
    model_config = _STRICT
    file_id: str
