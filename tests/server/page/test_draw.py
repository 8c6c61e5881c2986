"""What a page says, as HTML: what is shown, and that nothing of a model's or a user's can run in it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.server.page.draw import Drawing, blocks
from codeact.server.page.markup import (
    MOST_HIGHLIGHTED,
    MOST_HTML,
    code_html,
    display_html,
    markdown_html,
    shown_text,
    table_html,
)
from codeact.server.page.shown import Asked, Call, Chunk, Failure, Notice, Output, RunShown, Shown, Turn
from codeact.server.page.writing import draft

from .harmless import ATTACKS, Inspector, check_harmless

DIGEST = "ab" * 32


def chat(*turns: Turn, **more: Any) -> Shown:
    run = RunShown(id="a", parent=None, turns=turns, **{"text": "Do it.", "status": "answered", **more})
    return Shown(runs={"a": run}, head="a")


def page(shown: Shown, **how: Any) -> str:
    return "".join(f'<div class="{block.kind}">{block.html}</div>' for block in blocks(shown, Drawing(**how)))


def turn(**more: Any) -> Turn:
    return Turn(**{"number": 1, "phase": "done", "thought": "", **more})


def ran(**output: Any) -> Shown:
    return chat(turn(code="x", output=Output(**output)))


def kinds(shown: Shown) -> list[str]:
    return [block.kind for block in blocks(shown, Drawing())]


def test_a_finished_run_is_shown_in_its_parts() -> None:
    output = Output(chunks=(Chunk("so\n"),), value="2", duration=0.25)
    shown = chat(
        turn(thought="I *add*.", code="1 + 1", output=output), turn(number=2, answer="It is **2**."), tokens=1234
    )
    assert kinds(shown) == ["said", "thought prose", "code", "output", "thought prose", "end"]
    html = page(shown)
    assert "I <em>add</em>." in html
    assert "<strong>2</strong>" in html
    assert '<span class="stdout">so\n</span>' in html
    assert "250 ms" in html
    assert "2 turns · 1,234 tokens" in html


def test_code_is_highlighted_while_it_is_written() -> None:
    shown = chat(Turn(number=1, phase="writing", text="I load.\n```python\nimport json"), status="running")
    html = page(shown)
    assert '<span class="h-kn">import</span>' in html
    assert "<p>I load.</p>" in html
    assert "Writing" in html


@pytest.mark.parametrize("language", ["java", "javascript", "css", "yaml", "html", "toml", "no-such"])
def test_code_in_a_language_that_may_take_long_to_colour_is_shown_as_text(language: str) -> None:
    assert code_html("class A { if }", language) == "class A { if }"
    assert "<span" not in markdown_html(f"```{language}\nclass A {{ if }}\n```")
    assert "<span" in markdown_html("```Python\nimport json\n```")


@pytest.mark.parametrize("gap", [" " * 200, "\n" * 200, " \n" * 100])
def test_code_that_takes_long_to_colour_is_shown_as_text(gap: str) -> None:
    assert code_html(f"if x:{gap}pass") == f"if x:{gap}pass"
    assert code_html("if " + "x" * MOST_HIGHLIGHTED) == "if " + "x" * MOST_HIGHLIGHTED
    piece = "```python\n" + "if x: pass\n" * 400 + "```\n"
    assert markdown_html(piece * 9).count("<span") == markdown_html(piece * 2).count("<span")


def test_long_code_is_highlighted_when_it_is_written_to_its_end() -> None:
    code = "import json\n" * 300
    writing = page(chat(Turn(number=1, phase="writing", text=f"```python\n{code}"), status="running"))
    assert "import json\nimport json" in writing
    assert '<span class="h-kn">import</span>' in page(chat(turn(code=code)))


PLACES: Mapping[str, Callable[[str], Shown]] = {
    "user": lambda attack: chat(text=attack, files=(attack,)),
    "thought": lambda attack: chat(turn(thought=attack, note=attack), turn(number=2, answer=attack)),
    "writing": lambda attack: chat(
        turn(phase="writing", thought=None, text=attack, reasoning=attack), status="running"
    ),
    "code": lambda attack: chat(turn(code=attack)),
    "output": lambda attack: ran(chunks=(Chunk(attack), Chunk(attack, "stderr")), overflow=attack, hidden=1),
    "value": lambda attack: ran(value=attack, state=attack),
    "error": lambda attack: ran(failure=Failure(name=attack, message=attack, traceback=attack)),
    "call": lambda attack: ran(calls=(Call(text=attack, outcome=attack), Call(text=attack, failed=True))),
    "html": lambda attack: ran(displays=({"text/html": attack}, {"text/markdown": attack}, {"text/latex": attack})),
    "svg": lambda attack: ran(
        displays=({"image/svg+xml": attack}, {"image/png": attack}, {"image/png": {"media": attack}})
    ),
    "question": lambda attack: chat(asked=(Asked(id=attack, kind="question", text=attack),), status="running"),
    "approval": lambda attack: chat(asked=(Asked(id=attack, kind="approval", text=attack),), status="running"),
    "end": lambda attack: chat(status="error", message=attack),
    "notice": lambda attack: replace(chat(), notice=Notice(state=attack, skipped={attack: attack})),
}


@pytest.mark.parametrize("place", PLACES)
def test_nothing_that_a_model_or_a_user_writes_can_run(place: str) -> None:
    for attack in ATTACKS:
        html = page(PLACES[place](attack), media="/media")
        check_harmless(html)
        pressed = [made for tag, made in Inspector(html).found if tag == "button" and made.get("data-on") == "stolen"]
        assert not pressed, "the model has put a button of its own into the page"


@given(st.text(alphabet="<>/=\"'` abjsvgonscriptmathtableimgdetails:\n[]()!*#&;x", max_size=200))
def test_whatever_is_written_is_harmless(text: str) -> None:
    check_harmless(markdown_html(text))
    check_harmless(table_html(text))


def test_a_table_stays_a_table_without_its_styles() -> None:
    table = '<table border="1" class="dataframe"><tr><th>n</th><td colspan="2">1</td></tr></table>'
    frame = f"<div><style scoped>.x{{}}</style>{table}</div>"
    html = display_html({"text/html": frame, "text/plain": "n 1"}, "/media", 1)
    assert '<table><tbody><tr><th>n</th><td colspan="2">1</td></tr></tbody></table>' in html
    assert "scoped" not in html


def test_a_table_too_long_for_a_page_is_shown_as_its_text() -> None:
    html = display_html({"text/html": "<b>1</b>" * (MOST_HTML // 8 + 1), "text/plain": "n 1"}, "/media", 1)
    assert html == '<pre class="out" tabindex="0">n 1</pre>'


def test_figures_are_pictures_wherever_their_bytes_lie() -> None:
    kept = display_html(
        {"image/png": {"media": DIGEST, "type": "image/png", "size": 9}, "text/plain": "Figure"}, "/media", 2
    )
    assert f'<img src="/media/{DIGEST}" alt="Figure 2">' in kept
    drawn = display_html({"image/svg+xml": "<svg onload='hack()'/>"}, "/media", 1)
    assert drawn.startswith('<figure><img src="data:image/svg+xml;base64,')


def test_a_media_reference_that_is_none_asks_for_nothing() -> None:
    assert display_html({"image/png": {"media": "../../other"}, "text/plain": "fig"}, "/media", 1).startswith("<pre")


def test_an_error_is_one_line_and_its_frames_on_demand() -> None:
    failure = Failure(name="KeyError", message="'x'", traceback="Traceback …", line=3)
    html = page(chat(turn(code="d['x']", output=Output(failure=failure))))
    assert "<details><summary><strong>KeyError</strong>" in html
    assert "line 3" in html


def test_output_is_shown_as_a_terminal_would_leave_it() -> None:
    assert shown_text("\x1b[31mred\x1b[0m\n 10%\r 50%\r100%\ndone\r\n") == "red\n100%\ndone\n"
    assert shown_text("\x1b]0;title\x07plain") == "plain"


def test_siblings_are_counted_and_lead_to_each_other() -> None:
    runs = {name: RunShown(id=name, parent=None, text=name, status="answered") for name in ("a", "b", "c")}
    html = page(Shown(runs=runs, head="b"))
    assert "2 / 3" in html
    assert 'data-act="tip" data-on="a"' in html
    assert 'data-act="tip" data-on="c"' in html


def test_without_buttons_there_is_nothing_to_press() -> None:
    asked = (Asked(id="q", kind="question", text="Name?"),)
    html = page(chat(turn(thought="So."), asked=asked), buttons=False)
    assert not {"button", "form", "input"} & {tag for tag, _ in Inspector(html).found}


def test_what_did_not_change_keeps_its_block() -> None:
    first, drawing = turn(thought="One.", code="1"), Drawing()
    before = blocks(chat(first, turn(number=2, text="Tw")), drawing)
    after = blocks(chat(first, turn(number=2, text="Two")), drawing)
    assert [block for block in before if block in after] == [block for block in before if "/2/" not in block.key]


@pytest.mark.parametrize(
    ("text", "thought", "code"),
    [
        ("I lo", "I lo", None),
        ("I load.\n``", "I load.", None),
        ("I load.\n```python\nimport", "I load.", "import"),
        ("I load.\n<execute>\nx = '</exec", "I load.", "x = '</exec"),
        ("I load.\n```python\nx = 1\n```", "I load.", "x = 1"),
        ("```text\nquoted\n```\nand", "```text\nquoted\n```\nand", None),
    ],
)
def test_an_unfinished_reply_is_read_by_the_marks_of_a_finished_one(text: str, thought: str, code: str | None) -> None:
    found = draft(text)
    assert (found.thought.strip(), found.code) == (thought, code)


def tags(html: str) -> Sequence[str]:
    return [tag for tag, _ in Inspector(html).found]


def test_reasoning_is_folded() -> None:
    html = page(chat(turn(text="<think>First this.</think>So.", thought="So.")))
    assert "details" in tags(html)
    assert "First this." in html
