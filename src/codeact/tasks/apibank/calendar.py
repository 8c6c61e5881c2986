"""Calendar: agenda, alarms and reminders. An entry is found by its content or by its time, whichever fits first."""

from __future__ import annotations

import operator
from datetime import datetime
from typing import Any

from codeact.tasks.apibank.api import Api, Checker, Words
from codeact.tasks.apibank.compare import MOMENT, overlap, overlap_any_case
from codeact.tasks.apibank.world import CallError, World

DOMAIN = "calendar"


def checked(time: str) -> None:
    """Raises `CallError` for what is no time."""
    try:
        datetime.strptime(time, MOMENT)
    except ValueError:
        raise CallError(f"{time!r} is no time; write it as 2023-03-31 09:30:00") from None


def found(world: World, table: str, token: str, **wanted: str) -> tuple[str, dict[str, Any]]:
    """The first entry of the token's owner in which one of these is as wanted.

    Raises:
        CallError: there is none, or the token is not valid.
    """
    for key, entry in world.owned(table, world.user(token)):
        if any(entry[name] == value for name, value in wanted.items()):
            return key, entry
    described = " or ".join(f"with the {name} {value!r}" for name, value in wanted.items())
    raise CallError(f"this user has no entry {described} in {table.lower()}")


def add_agenda(world: World, token: Words, content: Words, time: Words, location: Words) -> str:
    """Enter something into a user's agenda.

    Args:
        token: Token of the user.
        content: What it is about.
        time: When, as YYYY-MM-DD HH:MM:SS.
        location: Where.
    """
    checked(time)
    world.add("Agenda", username=world.user(token), content=content, time=time, location=location)
    return "success"


def query_agenda(world: World, token: Words, content: Words, time: Words, location: Words) -> dict[str, Any]:
    """Look up an entry of a user's agenda.

    Args:
        token: Token of the user.
        content: What it is about.
        time: When, as YYYY-MM-DD HH:MM:SS.
        location: Where.
    """
    checked(time)
    return found(world, "Agenda", token, content=content, time=time)[1]


def modify_agenda(world: World, token: Words, content: Words, time: Words, location: Words) -> str:
    """Change an entry of a user's agenda.

    Args:
        token: Token of the user.
        content: What it is about.
        time: When it is from now on, as YYYY-MM-DD HH:MM:SS.
        location: Where it is from now on.
    """
    checked(time)
    entry = found(world, "Agenda", token, content=content, time=time)[1]
    entry.update(content=content, time=time, location=location)
    return "success"


def delete_agenda(world: World, token: Words, content: Words, time: Words, location: Words) -> str:
    """Take an entry out of a user's agenda.

    Args:
        token: Token of the user.
        content: What it is about.
        time: When, as YYYY-MM-DD HH:MM:SS.
        location: Where.
    """
    checked(time)
    del world.table("Agenda")[found(world, "Agenda", token, content=content, time=time)[0]]
    return "success"


def add_alarm(world: World, token: Words, time: Words) -> str:
    """Set an alarm.

    Args:
        token: Token of the user.
        time: When it rings, as YYYY-MM-DD HH:MM:SS.
    """
    checked(time)
    world.add("Alarm", username=world.user(token), time=time)
    return "success"


def query_alarm(world: World, token: Words, time: Words) -> dict[str, Any]:
    """Look up an alarm.

    Args:
        token: Token of the user.
        time: When it rings, as YYYY-MM-DD HH:MM:SS.
    """
    checked(time)
    return found(world, "Alarm", token, time=time)[1]


def modify_alarm(world: World, token: Words, from_time: Words, to_time: Words) -> str:
    """Move an alarm to another time.

    Args:
        token: Token of the user.
        from_time: When it rings so far, as YYYY-MM-DD HH:MM:SS.
        to_time: When it rings from now on, as YYYY-MM-DD HH:MM:SS.
    """
    checked(from_time)
    checked(to_time)
    found(world, "Alarm", token, time=from_time)[1]["time"] = to_time
    return "success"


def delete_alarm(world: World, token: Words, time: Words) -> str:
    """Take an alarm back.

    Args:
        token: Token of the user.
        time: When it rings, as YYYY-MM-DD HH:MM:SS.
    """
    checked(time)
    del world.table("Alarm")[found(world, "Alarm", token, time=time)[0]]
    return "success"


def add_reminder(world: World, token: Words, content: Words, time: Words) -> str:
    """Set a reminder.

    Args:
        token: Token of the user.
        content: What the user wants to be reminded of.
        time: When, as YYYY-MM-DD HH:MM:SS.
    """
    checked(time)
    world.add("Reminder", username=world.user(token), content=content, time=time)
    return "success"


def query_reminder(world: World, token: Words, content: Words, time: Words) -> dict[str, Any]:
    """Look up a reminder.

    Args:
        token: Token of the user.
        content: What the user wants to be reminded of.
        time: When, as YYYY-MM-DD HH:MM:SS.
    """
    checked(time)
    return found(world, "Reminder", token, content=content, time=time)[1]


def modify_reminder(world: World, token: Words, content: Words, time: Words) -> str:
    """Change a reminder: the one of this content gets the time, or the one of this time the content.

    Args:
        token: Token of the user.
        content: What the user wants to be reminded of.
        time: When, as YYYY-MM-DD HH:MM:SS.
    """
    checked(time)
    found(world, "Reminder", token, content=content, time=time)[1].update(content=content, time=time)
    return "success"


def delete_reminder(world: World, token: Words, content: Words, time: Words) -> str:
    """Take a reminder back.

    Args:
        token: Token of the user.
        content: What the user wanted to be reminded of.
        time: When, as YYYY-MM-DD HH:MM:SS.
    """
    checked(time)
    del world.table("Reminder")[found(world, "Reminder", token, content=content, time=time)[0]]
    return "success"


SOME_PLACE = Checker(arguments={"content": overlap, "time": operator.eq, "location": operator.eq}, others=False)
SOME_TIME = Checker(arguments={"content": overlap_any_case, "time": operator.eq}, others=False)
TIME_ALONE = Checker(arguments={"time": operator.eq}, others=False)

APIS = (
    Api(name="AddAgenda", domain=DOMAIN, run=add_agenda, checker=SOME_PLACE),
    Api(name="QueryAgenda", domain=DOMAIN, run=query_agenda, checker=SOME_PLACE),
    Api(name="ModifyAgenda", domain=DOMAIN, run=modify_agenda, checker=SOME_PLACE),
    Api(name="DeleteAgenda", domain=DOMAIN, run=delete_agenda, checker=TIME_ALONE),
    Api(name="AddAlarm", domain=DOMAIN, run=add_alarm),
    Api(name="QueryAlarm", domain=DOMAIN, run=query_alarm),
    Api(name="ModifyAlarm", domain=DOMAIN, run=modify_alarm),
    Api(name="DeleteAlarm", domain=DOMAIN, run=delete_alarm),
    Api(name="AddReminder", domain=DOMAIN, run=add_reminder, checker=SOME_TIME),
    Api(name="QueryReminder", domain=DOMAIN, run=query_reminder, checker=SOME_TIME),
    Api(name="ModifyReminder", domain=DOMAIN, run=modify_reminder, checker=SOME_TIME),
    Api(name="DeleteReminder", domain=DOMAIN, run=delete_reminder, checker=TIME_ALONE),
)
