"""All 49 APIs that the dialogues call, by name; and those that differ as published."""

from __future__ import annotations

from collections.abc import Mapping

from codeact.tasks.apibank import accounts, calendar, health, home, knowledge, meetings, money
from codeact.tasks.apibank.api import Api

APIS: Mapping[str, Api] = {
    api.name: api for group in (accounts, calendar, meetings, health, home, money, knowledge) for api in group.APIS
}
"""Repaired where the ground truth could not pass."""

PUBLISHED: Mapping[str, Api] = {**APIS, **{api.name: api for api in (*home.PUBLISHED, *meetings.PUBLISHED)}}
"""As the original has them."""
