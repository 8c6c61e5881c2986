"""Meetings: found by their topic or by when they begin, whichever fits first."""

from __future__ import annotations

import operator
from typing import Any

from codeact.tasks.apibank.api import Api, Checker, Names, Words
from codeact.tasks.apibank.calendar import checked, found
from codeact.tasks.apibank.compare import overlap
from codeact.tasks.apibank.world import World

DOMAIN = "meeting"


def add_meeting(
    world: World,
    token: Words,
    meeting_topic: Words,
    start_time: Words,
    end_time: Words,
    location: Words,
    attendees: Names,
) -> str:
    """Arrange a meeting.

    Args:
        token: Token of the user.
        meeting_topic: What it is about.
        start_time: When it begins, as YYYY-MM-DD HH:MM:SS.
        end_time: When it ends, as YYYY-MM-DD HH:MM:SS.
        location: Where.
        attendees: Names of who takes part.
    """
    checked(start_time)
    checked(end_time)
    world.add(
        "Meeting",
        username=world.user(token),
        meeting_topic=meeting_topic,
        start_time=start_time,
        end_time=end_time,
        location=location,
        attendees=attendees,
    )
    return "success"


def query_meeting(
    world: World,
    token: Words,
    meeting_topic: Words,
    start_time: Words,
    end_time: Words,
    location: Words,
    attendees: Names,
) -> dict[str, Any]:
    """Look up a meeting.

    Args:
        token: Token of the user.
        meeting_topic: What it is about.
        start_time: When it begins, as YYYY-MM-DD HH:MM:SS.
        end_time: When it ends, as YYYY-MM-DD HH:MM:SS.
        location: Where.
        attendees: Names of who takes part.
    """
    return _entry(world, token, meeting_topic, start_time, end_time)[1]


def modify_meeting(
    world: World,
    token: Words,
    meeting_topic: Words,
    start_time: Words,
    end_time: Words,
    location: Words,
    attendees: Names,
) -> str:
    """Change a meeting: the one of this topic, or the one that begins at this time.

    Args:
        token: Token of the user.
        meeting_topic: What it is about from now on.
        start_time: When it begins from now on, as YYYY-MM-DD HH:MM:SS.
        end_time: When it ends from now on, as YYYY-MM-DD HH:MM:SS.
        location: Where.
        attendees: Names of who takes part.
    """
    entry = _entry(world, token, meeting_topic, start_time, end_time)[1]
    entry.update(meeting_topic=meeting_topic, start_time=start_time, end_time=end_time)
    return "success"


def delete_meeting(
    world: World,
    token: Words,
    meeting_topic: Words,
    start_time: Words,
    end_time: Words,
    location: Words,
    attendees: Names,
) -> str:
    """Call a meeting off.

    Args:
        token: Token of the user.
        meeting_topic: What it is about.
        start_time: When it begins, as YYYY-MM-DD HH:MM:SS.
        end_time: When it ends, as YYYY-MM-DD HH:MM:SS.
        location: Where.
        attendees: Names of who takes part.
    """
    del world.table("Meeting")[_entry(world, token, meeting_topic, start_time, end_time)[0]]
    return "success"


def _entry(world: World, token: str, topic: str, start: str, end: str) -> tuple[str, dict[str, Any]]:
    checked(start)
    checked(end)
    return found(world, "Meeting", token, meeting_topic=topic, start_time=start)


SOME_TOPIC = Checker(arguments={"meeting_topic": overlap})

APIS = (
    Api(name="AddMeeting", domain=DOMAIN, run=add_meeting, checker=SOME_TOPIC),
    Api(name="QueryMeeting", domain=DOMAIN, run=query_meeting, checker=SOME_TOPIC),
    Api(name="ModifyMeeting", domain=DOMAIN, run=modify_meeting, checker=SOME_TOPIC),
    Api(
        name="DeleteMeeting",
        domain=DOMAIN,
        run=delete_meeting,
        checker=Checker(arguments={"start_time": operator.eq}, others=False),
    ),
)

PUBLISHED = (
    Api(
        name="DeleteMeeting",
        domain=DOMAIN,
        run=delete_meeting,
        checker=Checker(broken="the checker of DeleteMeeting reads an argument time, which no call has"),
    ),
)
