"""The list of conversations, as HTML."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from codeact.server.nouns import Chat
from codeact.server.page.draw import button
from codeact.server.page.icons import MARK, icon
from codeact.server.page.markup import escaped

UNTITLED = "New conversation"
HEAD = (
    f'<div class="brand"><a href="/" data-act="new" class="name">{MARK}codeact</a></div>'
    f'<button type="button" class="wide" data-act="new" title="Ctrl+Shift+O">{icon("new")}New conversation</button>'
    f'<label class="search">{icon("search")}<span class="hidden">Search conversations</span>'
    '<input type="search" data-typed="search" data-escape="unsearch" placeholder="Search" maxlength="200" '
    'autocomplete="off"><kbd>Ctrl K</kbd></label>'
)


def foot_html(results: bool) -> str:
    """The ways out of here. `results`: whether there are any of benches to look at."""
    to_results = f'<a href="/results">{icon("view")}Results of benches</a>' if results else ""
    theme = f'<button type="button" class="plain" data-here="theme">{icon("dark")}Light or dark</button>'
    leave = f'<form method="post" action="/logout"><button class="plain">{icon("leave")}Log out</button></form>'
    return f'{to_results}<div class="bar">{theme}{leave}</div>'


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """The list as it is to be seen."""

    chats: Sequence[Chat] = ()
    current: str | None = None
    renaming: str | None = None
    deleting: str | None = None
    search: str = ""
    more: bool = False  # there are more than these


def chats_html(listed: Listed, now: datetime) -> str:
    if not listed.chats:
        return f'<p class="empty">{"Nothing found." if listed.search else "No conversations yet."}</p>'
    return "".join(_days(listed, now)) + (
        '<button type="button" class="wide" data-act="more">Show more</button>' if listed.more else ""
    )


def _days(listed: Listed, now: datetime) -> Iterator[str]:
    for day, chats in groupby(listed.chats, key=lambda chat: _day(chat.changed, now)):
        rows = "".join(_row(chat, listed) for chat in chats)
        yield f'<h2>{day}</h2><ul data-arrows aria-label="{day}">{rows}</ul>'


def _day(moment: datetime, now: datetime) -> str:
    days = (now.date() - moment.astimezone(now.tzinfo).date()).days
    if days <= 0:
        return "Today"
    return "Yesterday" if days == 1 else "This week" if days < 7 else f"{moment:%B %Y}"


def _row(chat: Chat, listed: Listed) -> str:
    id, title = escaped(chat.id), escaped(chat.title or UNTITLED)
    if chat.id == listed.renaming:
        return (
            f'<li class="row"><form data-act="renamed" data-on="{id}"><input name="title" '
            f'value="{escaped(chat.title)}" maxlength="200" aria-label="Title" data-focus data-escape="leave">'
            "<button>Save</button></form></li>"
        )
    if chat.id == listed.deleting:
        return (
            f'<li class="row asks"><span>Delete “{title}”?</span>'
            f'<button type="button" class="danger" data-act="deleted" data-on="{id}" data-focus data-escape="leave">'
            'Delete</button><button type="button" data-act="leave">Keep</button></li>'
        )
    here = ' aria-current="page"' if chat.id == listed.current else ""
    return (
        f'<li class="row"><a href="/c/{id}" data-act="open" data-on="{id}" data-stop{here}>{title}</a>'
        f"{button('edit', 'Rename', 'rename', chat.id)}{button('delete', 'Delete', 'delete', chat.id)}</li>"
    )
