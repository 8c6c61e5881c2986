"""The page in a real browser, over the real service and sandbox, with a model that does what it is told."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import httpx2
import pytest

pytestmark = [
    pytest.mark.skipif(
        find_spec("selenium") is None or not shutil.which("chromium") or not shutil.which("chromedriver"),
        reason="needs selenium, Chromium and chromedriver (scripts/install_chromium.sh)",
    ),
    pytest.mark.timeout(300),
]
if find_spec("selenium") is not None:
    from selenium.webdriver.common.keys import Keys

    from .browsing import FIELD, Reader, browser
    from .results.lines import job, played

SITE = Path(__file__).parent / "site.py"


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Reader]:
    """One service and one browser for all that is tried here; each test has a conversation of its own."""
    results = tmp_path_factory.mktemp("results")
    lines = [job(2, actions=["code", "json", "text"]), played("t-0"), played("t-0", "json", solved=False)]
    (results / "sums.jsonl").write_bytes(b"".join([*lines, played("t-0", "text"), played("t-1")]))
    with logged_in(sys.executable, str(SITE), str(results)) as reader:
        yield reader


@contextmanager
def logged_in(*command: str, **environment: str) -> Generator[Reader]:
    """A service in a process of its own, the first line of which has a login link, and a browser that took it."""
    surroundings = {**os.environ, **environment}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=surroundings) as serving:
        try:
            assert serving.stdout is not None
            link = re.search(r"(http://127[.]0[.]0[.]1:\d+)/login[?]code=[\w-]+", serving.stdout.readline())
            assert link, "the service does not start"
            with browser(str(shutil.which("chromium")), str(shutil.which("chromedriver")), link[1]) as reader:
                reader.driver.get(link[0])
                reader.until(lambda: reader.driver.current_url == f"{link[1]}/", "the page after the login")
                reader.go()
                yield reader
        finally:
            serving.terminate()


@pytest.fixture
def page(reader: Reader) -> Iterator[Reader]:
    """A new conversation; nothing that the browser refuses or misses goes unseen."""
    reader.new()
    reader.complaints()
    yield reader
    assert reader.complaints() == []
    assert reader.run("return window.hacked") is None


@pytest.mark.model
def test_the_embedded_model_is_talked_with(smollm2: str, tmp_path: Path) -> None:
    """The real command and the real model, which is not clever: that it says anything is enough."""
    options = ["--json", "--port=0", f"--model=local:{smollm2}", f"--database=sqlite:{tmp_path / 'chats.db'}"]
    quick = ["--sandbox=benchmarks.served:Quick", "--turns=1", "--drain=0"]
    command = [sys.executable, "-m", "codeact", "serve", *options, *quick]
    with logged_in(*command, PYTHONPATH=os.pathsep.join(filter(None, sys.path))) as page:
        page.say("Say hello.")
        page.until(lambda: any(page.text(written).strip() for written in (".thought", ".code")), "the model's words")
        page.type(Keys.ESCAPE)  # unless it has come to an end by itself
        page.until(lambda: page.all(".end .meter"), "the end of the run")
        assert page.complaints() == []


def test_a_message_is_worked_out_before_the_readers_eyes(page: Reader) -> None:
    page.asked("!plot")
    assert page.text(".thought em") == "plot"
    assert [found.text for found in page.all(".code .h-kn")] == ["import"]
    figure = page.one(".output figure img")
    page.until(lambda: figure.get_property("naturalWidth") > 100, "the figure's pixels")
    assert "all" in [found.text for found in page.all(".thought strong")]
    page.asked("!table")
    assert [found.text for found in page.all(".output table td")] == ["2025", "10.5", "2026", "12.0"]
    page.sees("4 turns", ".top")
    page.sees("!plot", ".chats [aria-current]")


def test_output_is_shown_while_the_code_runs_and_escape_stops_it(page: Reader) -> None:
    page.asked("!array")
    page.say("!wait")
    page.sees("so far", ".output")
    assert page.text(".doing").strip() == "Running"
    page.type(Keys.ESCAPE)
    page.sees("Stopped", ".end .status")
    page.panel("variables")
    page.sees("'before'", ".panel")
    page.sees("ndarray (2, 3)", ".panel")


def test_thoughts_and_colours_come_while_the_model_writes(page: Reader) -> None:
    page.panel("settings")
    page.choose("model", "scripted:half", ".settings")
    page.press(".settings button.primary")
    page.sees("Saved.", ".once")
    page.say("Begin")
    page.until(lambda: [found.text for found in page.all(".code .h-kn")] == ["import"], "the code that there is so far")
    page.sees("half = math.", ".code")
    assert page.text(".thought em") == "aloud"
    assert page.text(".doing").strip() == "Writing"
    page.type(Keys.ESCAPE)
    page.sees("Stopped", ".end .status")


def test_a_browser_that_vanishes_leaves_its_run_to_go_on(page: Reader) -> None:
    page.asked("!two")
    first, here = page.driver.current_window_handle, page.chat()
    page.driver.switch_to.new_window("tab")
    page.go(here)
    page.say("!wait")
    page.sees("so far", ".output")
    page.driver.close()
    page.driver.switch_to.window(first)
    page.sees("so far", ".output")
    page.until(lambda: page.text(".doing").strip() == "Running", "that it runs on")
    page.type(Keys.ESCAPE)
    page.sees("Stopped", ".end .status")
    page.panel("variables")
    page.sees("'before'", ".panel")


def test_undo_and_branches_take_the_variables_with_them(page: Reader) -> None:
    page.asked("!two")
    page.asked("!double")
    page.sees("x is 4", ".output")
    page.press(".said [data-act=undo]", -1)
    page.until(lambda: len(page.all(".said")) == 1, "the talk before the message")
    assert page.one(FIELD).get_property("value") == "!double"
    page.type(Keys.CONTROL + "a")
    page.asked("!double")
    assert page.text(".output").count("x is 4") == 1, "after undo x is 2 again"
    page.sees("2 / 2", ".siblings")
    page.asked("!double")
    page.sees("x is 8", ".output")
    page.press(".siblings [data-act=tip]", 0)
    page.until(lambda: len(page.all(".said")) == 2, "the first branch")
    page.sees("1 / 2", ".siblings")
    page.panel("branches")
    page.until(lambda: len(page.all(".tree [role=treeitem]")) == 5, "the tree")
    page.press(".tree [role=treeitem]", -1)
    page.sees("x is 8", ".output")
    page.asked("!double")
    page.sees("x is 16", ".output")


def test_a_message_is_edited_and_answered_again(page: Reader) -> None:
    page.asked("!two")
    page.press(".said [data-act=edit]")
    page.sees("Editing an earlier message", ".composer")
    page.type(Keys.CONTROL + "a")
    page.say("!error")
    page.sees("KeyError", ".failure summary")
    assert "look({'a': 1})" not in page.text(".failure")
    page.press(".failure summary")
    page.sees("return d['b']", ".failure pre")
    page.sees("2 / 2", ".siblings")
    page.until(lambda: page.all(".end .meter"), "the end")
    page.press(".said [data-act=retry]")
    page.sees("3 / 3", ".siblings")


def test_nothing_that_a_model_or_its_code_writes_runs(page: Reader) -> None:
    page.asked("!hostile")
    assert "<script>" in page.text(".output .stdout")
    assert "<script>" in page.text(".thought")
    assert "<script>" in page.text(".failure")
    assert [found.text for found in page.all(".output .table td")] == ["kept"]
    drawing = page.one(".output figure img")
    page.until(lambda: drawing.get_property("naturalWidth") == 40, "the drawing as a picture")
    assert not page.all(".talk script, .talk [onerror], .talk [onload], .talk a[href^=javascript]")
    assert page.run("return window.hacked") is None


def test_the_policy_holds_where_sanitising_would_not(page: Reader) -> None:
    page.run(
        """
        const talk = document.querySelector('.talk');
        const hostile = "<img src='data:,' onerror='window.hacked=1'><style>body{color:red}</style>";
        talk.insertAdjacentHTML('beforeend', hostile);
        const script = document.createElement('script');
        script.textContent = 'window.hacked=1';
        const other = document.createElement('script');
        other.src = '/favicon.ico';
        talk.append(script, other);
        setTimeout(() => { try { window.tried = eval('1'); } catch (error) { window.tried = error.name; } });
        """
    )
    assert page.until(lambda: page.run("return window.tried"), "what became of eval") == "EvalError"
    refused = page.complaints()
    assert len(refused) >= 3
    assert all("Content Security Policy" in complaint or "data:," in complaint for complaint in refused), refused
    assert page.run("return window.hacked") is None
    assert page.run("return getComputedStyle(document.body).color") != "rgb(255, 0, 0)"


def test_a_reload_and_a_second_window_show_the_same(page: Reader) -> None:
    page.asked("!two")
    first = page.driver.current_window_handle
    here, shown = page.chat(), page.text(".talk")
    page.go(here)
    assert page.text(".talk") == shown
    page.driver.switch_to.new_window("tab")
    page.go(here)
    assert page.text(".talk") == shown
    page.asked("!double")
    page.driver.switch_to.window(first)
    page.sees("x is 4", ".output")
    page.until(lambda: len(page.all(".end .meter")) == 2, "the end, in the first window")
    page.driver.switch_to.window(page.driver.window_handles[-1])
    page.driver.close()
    page.driver.switch_to.window(first)


def test_a_conversation_deleted_in_one_window_leaves_the_other(page: Reader) -> None:
    page.asked("Something short-lived")
    first, here = page.driver.current_window_handle, page.chat()
    page.driver.switch_to.new_window("tab")
    page.go(here)
    page.press(".chats .row:has([aria-current]) [data-act=delete]")
    page.press("[data-act=deleted]")
    page.until(lambda: page.all(".welcome"), "a new conversation, where it was deleted")
    page.driver.close()
    page.driver.switch_to.window(first)
    page.sees("This conversation was deleted.", "body")
    page.until(lambda: page.all(".welcome"), "a new conversation, in the other window")
    page.until(lambda: page.driver.current_url == page.base + "/", "its address")


def test_all_of_it_goes_by_keyboard(page: Reader) -> None:
    page.type("Tell me of otters" + Keys.SHIFT + Keys.ENTER + Keys.NULL + "and of their rivers")
    assert page.one(FIELD).get_property("value") == "Tell me of otters\nand of their rivers"
    page.asked("")
    assert "otters\nand of" in page.text(".bubble")
    active = page.driver.switch_to.active_element
    assert active.get_attribute("aria-label") == "Message", "the focus stays where one writes"
    active.send_keys(Keys.CONTROL + "k")
    search = page.driver.switch_to.active_element
    assert search.get_attribute("type") == "search"
    search.send_keys("no such words")
    page.sees("Nothing found.", ".chats")
    search.send_keys(Keys.CONTROL + "a")
    search.send_keys("otters")
    page.until(lambda: len(page.all(".chats .row a")) == 1, "the one that was found")
    search.send_keys(Keys.TAB)
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.sees("Tell me of otters", ".top h1")
    page.driver.switch_to.active_element.send_keys(Keys.CONTROL + Keys.SHIFT + "o")
    page.sees("What shall we work out?")


def test_the_panel_goes_by_keyboard_and_keeps_the_focus(page: Reader) -> None:
    page.panel("files")
    page.one("#tab-files").click()
    page.driver.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    page.driver.switch_to.active_element.send_keys(Keys.ENTER)
    page.until(lambda: page.one("#tab-variables").get_attribute("aria-selected") == "true", "the next tab")
    assert page.run("return document.activeElement.id") == "tab-variables", "the tabs were drawn anew meanwhile"


def test_an_idea_is_there_to_be_sent(page: Reader) -> None:
    idea = page.one(".idea").get_attribute("data-on")
    page.one(".idea").click()
    page.until(lambda: page.one(FIELD).get_property("value") == idea, "the idea, where one writes")
    assert page.run("return document.activeElement.ariaLabel") == "Message"
    page.type(Keys.CONTROL + "a" + Keys.BACKSPACE)


def test_files_are_given_looked_at_and_used(page: Reader, tmp_path: Path) -> None:
    given, other = tmp_path / "given.txt", tmp_path / "other.txt"
    given.write_text("forty-two <b>words</b>")
    other.write_text("not this one")
    page.all(".composer input[type=file]")[0].send_keys(f"{given}\n{other}")
    page.until(lambda: len(page.all(".composer .file.there")) == 2, "both files, given")
    page.press(".composer .file button[aria-label='Don\\'t give other.txt']")
    page.until(lambda: len(page.all(".composer .file")) == 1, "the one that is to go")
    page.run(
        """
        const given = new DataTransfer();
        given.items.add(new File(["dropped beside the field"], "dropped.txt"));
        document.querySelector(".top").dispatchEvent(new DragEvent("drop", {dataTransfer: given, bubbles: true}));
        """
    )
    page.until(lambda: len(page.all(".composer .file.there")) == 2, "the file that was dropped")
    page.asked("!read")
    assert page.text(".said .files").split() == ["given.txt", "dropped.txt"]
    assert "forty-two <b>words</b>" in page.text(".output")
    page.panel("files")
    page.sees("given.txt", ".panel")
    assert "other.txt" not in page.text(".panel")
    page.press("[data-act=preview][data-on='given.txt']")
    page.sees("forty-two <b>words</b>", ".panel pre")
    page.press("#tab-files")
    address = page.one(".panel a[download][href$='given.txt']").get_property("href")
    saved = httpx2.get(address, cookies=page.cookies())
    assert saved.text == given.read_text()
    assert "attachment" in saved.headers["content-disposition"]


def test_code_asks_and_waits_for_the_person(page: Reader) -> None:
    page.panel("settings")
    page.press(".settings input[name=approve]")
    page.press(".settings button.primary")
    page.sees("Saved.", ".once")
    page.say("!ask")
    page.sees("Run this?")
    assert page.text(".doing").strip() == "Waiting for you"
    page.press("[data-act=approve]")
    page.type("Ada <i>" + Keys.ENTER, "form[data-act=reply] input")
    page.sees("Hello Ada <i>", ".output")
    page.say("!two")
    page.press("[data-act=refuse]")
    page.until(lambda: len(page.all(".end .meter")) == 2, "the end of the refused run")


def test_settings_are_saved_and_there_after_a_reload(page: Reader) -> None:
    chosen = {"actions": "json", "network": "open", "turns": "3"}
    page.panel("settings")
    for name, value in chosen.items():
        page.choose(name, value, ".settings")
    page.press(".settings input[name=tools][value=rate]")
    page.press(".settings button.primary")
    page.sees("Saved.", ".once")
    page.asked("Hello")
    page.sees("JSON calls · network: open · 1 tools", ".foot")
    page.go(page.chat())
    page.panel("settings")
    field = ".settings [name={}]".format
    assert {name: page.one(field(name)).get_property("value") for name in chosen} == chosen
    assert page.one(field("tools")).is_selected()


def test_results_of_benches_are_looked_through(page: Reader) -> None:
    page.one(".side a[href='/results']").click()
    page.until(lambda: page.driver.current_url == f"{page.base}/results", "the list of results")
    page.sees("sums.jsonl", ".table")
    page.choose("actions", "json", ".filters")
    page.choose("end", "failed", ".filters")
    page.one(".filters button").click()
    page.until(lambda: "end=failed" in page.driver.current_url, "the filtered list")
    found = page.until(lambda: page.all(".whole tbody th a"), "the episodes")
    assert [link.text for link in found] == ["t-0"]
    found[0].click()
    page.until(lambda: len(page.all(".beside section")) == 3, "the formats")
    assert [section.get_attribute("aria-label") for section in page.all(".beside section")] == ["code", "json", "text"]
    places = "return [...document.querySelectorAll('.beside section')].map(one => one.getBoundingClientRect())"
    assert len({place["top"] for place in page.run(places)}) == 1, "beside each other"
    page.driver.set_window_size(500, 800)
    page.until(lambda: page.run("return window.innerWidth") < 600, "the narrow window")
    page.until(lambda: len({place["left"] for place in page.run(places)}) == 1, "one below the other")
    assert page.run("return document.documentElement.scrollWidth <= window.innerWidth")
    page.driver.set_window_size(1280, 900)
    page.go()


def test_a_conversation_is_renamed_shared_and_deleted(page: Reader) -> None:
    page.asked("Something to share")
    page.press(".chats .row:has([aria-current]) [data-act=rename]")
    page.until(lambda: page.driver.switch_to.active_element.get_attribute("name") == "title", "the field for the title")
    page.driver.switch_to.active_element.send_keys(Keys.CONTROL + "a")
    page.driver.switch_to.active_element.send_keys("A better name" + Keys.ENTER)
    page.sees("A better name", ".top h1")
    page.press("[data-act=tab][data-on=share]")
    page.until(lambda: len(page.all(".panel .exports a")) == 4, "the four exports")
    for link in page.all(".panel .exports a"):
        exported = httpx2.get(link.get_property("href"), cookies=page.cookies())
        assert "Something to share" in exported.text
        assert "attachment" in exported.headers["content-disposition"]
    page.press(".panel button[data-act=share]")
    link: Any = page.one(".panel .copied input").get_property("value")
    shared = httpx2.get(link)
    assert shared.status_code == 200
    assert "Something to share" in shared.text
    assert not re.search(r"<script|<button|<form", shared.text)
    page.press(".chats .row:has([aria-current]) [data-act=delete]")
    page.press("[data-act=deleted]")
    page.sees("What shall we work out?")
    page.until(lambda: "A better name" not in page.text(".chats"), "the list without it")
    assert httpx2.get(link).status_code == 404


def test_it_fits_a_narrow_screen_in_light_and_dark(page: Reader) -> None:
    page.asked("!table")
    here = page.chat()
    ground = "return getComputedStyle(document.body).backgroundColor"
    before = page.run(ground)
    page.press("[data-here=theme]")
    page.until(lambda: page.run(ground) != before, "the other colours")
    page.press("[data-here=theme]")
    page.until(lambda: page.run(ground) == before, "the same colours again")
    page.driver.set_window_size(500, 800)
    page.until(lambda: page.run("return window.innerWidth") < 600, "the narrow window")
    page.go(here)
    assert page.run("return document.documentElement.scrollWidth <= window.innerWidth")
    assert not page.all(".side")[0].is_displayed()
    page.press("[data-here=side]")
    page.until(lambda: page.all(".side")[0].is_displayed(), "the list, drawn in")
    page.driver.set_window_size(1280, 900)
    page.go(here)


def test_everything_that_can_be_pressed_has_a_name(page: Reader) -> None:
    page.asked("!table")
    page.press("[data-act=tab][data-on=share]")
    page.sees("Jupyter notebook", ".panel")
    unnamed = page.run(
        "return [...document.querySelectorAll('button, a[href], input, select, textarea')].filter(e => "
        "!(e.textContent.trim() || e.ariaLabel || e.labels?.length || e.ariaHidden)).map(e => e.outerHTML)"
    )
    assert unnamed == []
    roles = {found.get_attribute("role") for found in page.all("[role]")}
    assert roles >= {"log", "tablist", "tab", "tabpanel", "status"}
    assert [
        len(page.all(selector)) for selector in ("main:not([role])", "nav[aria-label]", "aside[aria-label]", "h1")
    ] == [
        1,
        1,
        1,
        1,
    ]
