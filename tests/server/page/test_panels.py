"""The list and the panel as HTML: what they say, and that names of files and chats can do nothing."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from codeact.errors import UsageError
from codeact.sandbox.base import FileInfo, MiB, Variable
from codeact.server.nouns import Chat, Settings, Share
from codeact.server.page import panels
from codeact.server.page.acts import settings_of
from codeact.server.page.layout import foot_html, head_html
from codeact.server.page.shown import RunShown, Shown
from codeact.server.page.sidebar import Listed, chats_html

from .harmless import ATTACKS, Inspector, check_harmless

NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)
OFFERS = panels.Offers(
    models=("scripted:a", "local:b"),
    tools=("rate",),
    networks=("none", "packages"),
    turns=20,
    tokens=None,
    memory=1024 * MiB,
)


def chat(title: str, days: int = 0, id: str = "c") -> Chat:
    moment = NOW - timedelta(days=days)
    return Chat(id=id, owner="me", title=title, created=moment, changed=moment)


def test_chats_are_listed_by_day_and_the_current_one_is_marked() -> None:
    chats = [chat("First", 0, "a"), chat("Second", 1, "b"), chat("Third", 40, "c")]
    html = chats_html(Listed(chats=chats, current="b"), NOW)
    assert [html.index(day) for day in ("Today", "First", "Yesterday", "Second", "October 2026", "Third")] == sorted(
        html.index(day) for day in ("Today", "First", "Yesterday", "Second", "October 2026", "Third")
    )
    assert 'data-on="b" data-stop aria-current="page">Second</a>' in html


def test_deleting_asks_first() -> None:
    html = chats_html(Listed(chats=[chat("First")], deleting="c"), NOW)
    assert "Delete “First”?" in html
    assert 'data-act="deleted" data-on="c"' in html


def test_an_empty_list_says_why() -> None:
    assert "No conversations yet." in chats_html(Listed(), NOW)
    assert "Nothing found." in chats_html(Listed(search="x"), NOW)


@pytest.mark.parametrize("attack", ATTACKS)
def test_no_name_can_do_anything(attack: str) -> None:
    one = replace(chat(attack), settings=Settings(system=attack, model=attack))
    run = RunShown(id=attack, parent=None, text=attack, status="error", message=attack)
    shown = Shown(runs={attack: run}, head=attack)
    variable = Variable(name=attack, type=attack, shape=attack, preview=attack)
    hostile = replace(OFFERS, models=(attack,), tools=(attack,), networks=(attack,))
    share = Share(token=attack, chat="c", head="h", created=NOW)
    for html in (
        chats_html(Listed(chats=[one]), NOW),
        chats_html(Listed(chats=[one], renaming="c"), NOW),
        chats_html(Listed(chats=[one], deleting="c"), NOW),
        head_html(one, shown, None),
        foot_html(one.settings, hostile, asleep=True),
        panels.variables_html([variable]),
        panels.branches_html(shown),
        panels.settings_html(one.settings, hostile),
        panels.preview_html(attack, attack.encode()),
        panels.preview_html("a.svg", attack.encode()),
    ):
        check_harmless(html)
    for html in (
        panels.files_html("c", [FileInfo(path=attack, size=1, modified=0)]),
        panels.share_html("c", [share], ""),
    ):
        check_harmless(html, links=("/sessions/c/",))


def test_a_files_address_stays_within_its_chat() -> None:
    assert panels.address_of("c", "a b/ü?.csv") == "/sessions/c/files/a%20b/%C3%BC%3F.csv"


def test_a_file_whose_name_is_no_text_is_listed() -> None:
    html = panels.files_html("c", [FileInfo(path=path, size=1, modified=0.0) for path in ("a\udcff", "b")])
    assert "a\\udcff" in html.encode().decode()
    assert html.count("download") >= 1
    assert 'data-on="b"' in html


def test_a_file_that_is_neither_text_nor_picture_is_not_shown() -> None:
    assert "Neither text" in panels.preview_html("a.bin", b"\0\1")


def test_a_tree_shows_where_the_conversation_is() -> None:
    def run(id: str, parent: str | None) -> RunShown:
        return RunShown(id=id, parent=parent, text=f"say {id}", status="answered")

    runs = {id: run(id, parent) for id, parent in [("a", None), ("b", "a"), ("c", "b"), ("d", "a")]}
    html = panels.branches_html(Shown(runs=runs, head="d"))
    levels = {
        made["data-on"]: made["aria-level"] for tag, made in Inspector(html).found if made.get("role") == "treeitem"
    }
    assert levels == {"-": "1", "a": "2", "b": "3", "c": "3", "d": "3"}
    assert html.count("aria-current") == 1
    assert html.index("say a") < html.index("say b") < html.index("say c") < html.index("say d")


def test_what_answers_the_next_message_is_said_below_it() -> None:
    html = foot_html(Settings(model="local:b", tools=("rate",), approve=True), OFFERS, asleep=False)
    for said in (">b</span>", "Python", "no network", "1 tools", "asks before it runs anything"):
        assert said in html
    assert "asleep" not in html
    assert "asleep" in foot_html(Settings(), OFFERS, asleep=True)


def test_settings_go_into_a_form_and_back() -> None:
    settings = Settings(
        model="local:b", actions="json", tools=("rate",), network="packages", system="Be brief.", approve=True, turns=3
    )
    fields: dict[str, list[str]] = {
        "actions": ["json"],
        "model": ["local:b"],
        "tools": ["rate"],
        "network": ["packages"],
    }
    fields |= {"system": ["Be brief."], "approve": ["yes"], "turns": ["3"], "tokens": [""], "memory": ["512"]}
    assert settings_of(fields, Settings()) == replace(settings, memory=512 * MiB)
    html = panels.settings_html(settings, OFFERS)
    assert '<option value="local:b" selected>' in html
    assert 'value="rate" checked' in html
    assert 'name="approve" value="yes" checked' in html


@pytest.mark.parametrize("wrong", ["many", "1e400", "nan"])
def test_a_number_that_is_none_is_refused(wrong: str) -> None:
    with pytest.raises(UsageError, match="is no number"):
        settings_of({"turns": [wrong]}, Settings())
