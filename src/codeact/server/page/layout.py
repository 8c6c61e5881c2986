"""The page from left to right: its elements, and the few words that stand in them always."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from codeact.server.nouns import Chat, Settings
from codeact.server.page import sidebar
from codeact.server.page.draw import meter_of
from codeact.server.page.icons import icon
from codeact.server.page.markup import escaped
from codeact.server.page.panels import Offers
from codeact.server.page.regions import Composer, Heard, Region, Shell, tag
from codeact.server.page.shown import RunShown, Shown

_IDEAS: Final = {
    "Plot a function": "Plot sin(x) and sin(x)/x from 0.1 to 20 in one figure, with a legend and a grid.",
    "Simulate something": "Roll two dice 10,000 times and show how often each sum came up, as a table and bars.",
    "Work out a date": "On which weekdays does the 13th fall most often between 2000 and 2400? Count them.",
    "Look into a file": "Describe the file I gave you: its columns, what is missing, and one thing worth a plot.",
}


def _welcome() -> str:
    ideas = "".join(
        f'<li><button type="button" class="idea" data-here="fill" data-on="{escaped(idea)}"><strong>{name}</strong>'
        f"<span>{escaped(idea)}</span></button></li>"
        for name, idea in _IDEAS.items()
    )
    return (
        '<div class="welcome"><h2>What shall we work out?</h2><p>Ask in your own words. The answer is worked out by '
        "writing and running Python, which you see as it happens.</p>"
        f'<ul class="ideas" aria-label="Ideas to begin with">{ideas}</ul>'
        '<p class="hint">Drop files anywhere to give them. Each message can be edited, answered again or undone, and '
        "the variables go back with it.</p></div>"
    )


WELCOME: Final = _welcome()


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The elements that change."""

    shell: Shell
    chats: Region
    head: Region
    talk: Region
    composer: Composer
    foot: Region
    tabs: Region
    panel: Region


def lay_out(hear: Heard, compose: Mapping[str, Callable[..., Any]], results: bool, most: int) -> Parts:
    """In the page that is open now. `compose` hears the shell and the composer; a file may have `most` bytes."""
    with Shell() as shell:
        for name in ("new", "stop", "shut", "went"):
            shell.on(name, compose[name])
        tag("a", "skip", href="#message").props["innerHTML"] = "To the message"
        with tag("nav", "side", aria_label="Conversations"):
            Region.of("div", hear, classes="side-head").html(sidebar.HEAD)
            chats = Region.of("div", hear, classes="chats")
            Region.of("div", hear, classes="side-foot").html(sidebar.foot_html(results))
        with tag("main", "main"):
            head = Region.of("header", hear, classes="top")
            talk = Region.of(
                "div",
                hear,
                follow=True,
                classes="talk",
                role="log",
                aria_live="off",
                aria_label="Conversation",
                tabindex="0",
            )
            with tag("div", "below", id="message"):
                composer = Composer()
                composer.props["most"] = most
                for name in ("send", "stop", "leave", "attach", "given", "taken", "refused"):
                    composer.on(name, compose[name])
                foot = Region.of("div", hear, classes="foot")
        with tag("aside", "panel", aria_label="About this conversation"):
            tabs = Region.of("div", hear, classes="panel-head")
            panel = Region.of("div", hear, classes="panel-body", id="panel", role="tabpanel", tabindex="0")
    return Parts(shell=shell, chats=chats, head=head, talk=talk, composer=composer, foot=foot, tabs=tabs, panel=panel)


def head_html(chat: Chat | None, shown: Shown, tab: str | None) -> str:
    title = escaped(chat.title or sidebar.UNTITLED) if chat else sidebar.UNTITLED
    runs = shown.path
    costs = [run.cost for run in runs if run.cost is not None]
    whole = RunShown(
        id="",
        parent=None,
        text="",
        turns=tuple(turn for run in runs for turn in run.turns),
        tokens=sum(run.tokens for run in runs),
        duration=sum(run.duration for run in runs),
        cost=sum(costs) if costs else None,
    )
    meter = f'<span class="meter" title="On this branch">{meter_of(whole)}</span>' if runs else ""
    pressed = "true" if tab else "false"
    menu = (
        '<button type="button" class="small" data-here="side" aria-label="Conversations" title="Conversations">'
        f"{icon('menu')}</button>"
    )
    return (
        f"{menu}<h1>{title}</h1>{meter}"
        f'<button type="button" class="small" data-act="tab" data-on="share" aria-label="Share and export" '
        f'title="Share and export">{icon("share")}</button>'
        f'<button type="button" class="small" data-act="panel" aria-pressed="{pressed}" aria-label="Files, variables, '
        f'branches, settings" title="Files, variables, branches, settings">{icon("panel")}</button>'
    )


def foot_html(settings: Settings, offers: Offers, asleep: bool) -> str:
    """What the next message is answered by, and the way to change it."""
    model = settings.model or next(iter(offers.models), "")
    said = [
        ("Model", model.rpartition(":")[2] if model.startswith("local:") else model),
        ("Acts by", "Python" if settings.actions == "code" else f"{settings.actions.upper()} calls"),
        ("Network of its code", "no network" if settings.network == "none" else f"network: {settings.network}"),
        *([("Tools", f"{len(settings.tools)} tools")] if settings.tools else []),
        *([("Approval", "asks before it runs anything")] if settings.approve else []),
    ]
    words = " · ".join(f'<span title="{label}">{escaped(text)}</span>' for label, text in said)
    nap = '<span class="nap" title="Variables and files were saved">asleep until you write</span>' if asleep else ""
    return (
        f'<button type="button" class="plain" data-act="tab" data-on="settings" title="Settings of this conversation">'
        f"{icon('settings')}<span>{words}</span></button>{nap}"
        '<span class="keys"><kbd>Enter</kbd> sends <kbd>Shift Enter</kbd> new line</span>'
    )
