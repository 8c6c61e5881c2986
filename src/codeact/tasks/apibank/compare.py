"""When two values count as the same: the measures that API-Bank's checkers take."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, cast

from codeact.tasks.apibank.api import Same
from codeact.types import JSON

DAY, MOMENT = "%Y-%m-%d", "%Y-%m-%d %H:%M:%S"


def alike(form: Callable[[Any], JSON]) -> Same:
    """The same once both have this form. What cannot have it is not the same as anything."""

    def same(given: JSON, wanted: JSON) -> bool:
        try:
            return form(given) == form(wanted)
        except (AttributeError, TypeError):  # a number, say, where the form is one of texts
            return False

    return same


def overlap(given: JSON, wanted: JSON) -> bool:
    """More than half of all the words of two texts are in both."""
    mine, right = set(str(given).split(" ")), set(str(wanted).split(" "))
    return len(mine & right) / len(mine | right) > 0.5


def overlap_any_case(given: JSON, wanted: JSON) -> bool:
    return overlap(str(given).lower(), str(wanted).lower())


def stripped(text: str) -> str:
    return text.strip()


def lower(text: str) -> str:
    return text.strip().lower()


def upper(text: str) -> str:
    return text.strip().upper()


def day(text: str) -> str:
    """A date in its usual form; what is none stays as it is."""
    return time_text(text, DAY)


def moment(text: str) -> str:
    return time_text(text, MOMENT)


def day_of_year(text: str) -> str:
    """Month and day of a date, with or without its year."""
    return time_text(text, DAY)[5:] if text.count("-") == 2 else time_text(text, "%m-%d")


def without_spaces(text: str) -> str:
    return text.replace(" ", "")


def readings(items: list[dict[str, str]]) -> list[tuple[str, str]]:
    """Measurements in any order."""
    return sorted((str(item.get("name")), str(item.get("value"))) for item in items)


def any_order(items: JSON) -> JSON:
    return sorted(map(repr, cast("list[JSON]", items))) if isinstance(items, list) else items


def any_case(value: JSON) -> JSON:
    """A value whose texts are all in lower case."""
    match value:
        case str():
            return value.lower()
        case list():
            return [any_case(item) for item in cast("list[JSON]", value)]
        case dict():
            return {name: any_case(item) for name, item in cast("dict[str, JSON]", value).items()}
        case _:
            return value


def time_text(text: str, form: str) -> str:
    """The time as the form writes it; unchanged where it is not in that form."""
    try:
        return datetime.strptime(text.strip(), form).strftime(form)
    except ValueError:
        return text.strip()
