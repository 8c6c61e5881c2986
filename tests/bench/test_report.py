"""Reports as files: what stands in them, for complete, incomplete, mixed and hostile results."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from collections.abc import Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from codeact.actions.base import ActionSpace
from codeact.bench import Written, tables, write_report
from codeact.bench.analysis import analyse
from codeact.bench.as_html import as_html
from codeact.bench.as_json import as_json
from codeact.bench.as_markdown import as_markdown
from codeact.bench.blocks import Heading, Noted, Picture, Prose, Table, legible
from codeact.bench.figures import shown
from codeact.bench.page import page
from codeact.bench.sections import sections_of
from codeact.errors import ConnectionLostError, SetupError
from codeact.models.scripted import ScriptedModel
from codeact.rollouts import Spending
from codeact.tasks import Task
from codeact.types import Answer, Completion, Message, ToolSpec, Usage

from .runs import Player, money, played

pytestmark = pytest.mark.anyio

HOSTILE = (
    "</td><script>alert(1)</script> \"'`|$x$ ![a](javascript:b) \x1b[31m\u202e[l](http://e.vil) \ud800 www.e.vil\n# h"
)


class Page(HTMLParser):
    """What a browser would find: elements, attributes and text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: list[tuple[str, str | None]] = []
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes += attrs

    def handle_data(self, data: str) -> None:
        self.text += data


TAGS = {"html", "head", "meta", "title", "style", "body", "h1", "h2", "h3", "p", "picture", "source", "img"}
TAGS |= {"div", "table", "thead", "tbody", "tr", "th", "td", "details", "summary", "span"}
ATTRIBUTES = {"lang", "charset", "http-equiv", "content", "name", "class", "title", "media", "srcset", "alt", "src"}


def check_page(text: str) -> Page:
    """The page holds nothing but our own markup, and asks for nothing from elsewhere."""
    page = Page(text)
    assert page.tags <= TAGS
    assert {name for name, _ in page.attributes} <= ATTRIBUTES
    places = [value for name, value in page.attributes if name in ("src", "srcset")]
    assert all((place or "").startswith("data:image/svg+xml;base64,") for place in places)
    return page


def check_files(written: Written) -> tuple[str, Page, dict[str, Any]]:
    """All files are there and whole."""
    page = check_page(written.html.read_text())
    for figure in written.figures:
        if figure.suffix == ".svg":
            ET.parse(figure)
        else:
            assert figure.read_bytes().startswith(b"\x89PNG")
    text = written.markdown.read_text()
    assert all((written.markdown.parent / name).exists() for name in pictures(text))
    return text, page, json.loads(written.json.read_text())


def github() -> MarkdownIt:
    return MarkdownIt().enable(["table", "strikethrough"])


def pictures(markdown: str) -> list[str]:
    inline = [child for token in github().parse(markdown) for child in token.children or ()]
    return [str(child.attrs["src"]) for child in inline if child.type == "image"]


async def test_a_model_with_prices_has_its_cost_in_every_form(tmp_path: Path) -> None:
    def priced(task: Task, space: ActionSpace, tools: Sequence[ToolSpec]) -> ScriptedModel:
        said = space.render(Answer(task.id.rpartition("-")[2]))
        return ScriptedModel([replace(said, usage=Usage(input_tokens=90, output_tokens=10, cost=0.25))])

    [section] = sections_of([await played(tmp_path, priced)])
    numbers = analyse(section)
    assert numbers.analyses[0].formats["json"].cost == 1.5
    assert as_json([numbers])["sections"][0]["models"][0]["formats"]["text"]["cost"] == 1.5
    pictures = [Picture(name, alt="") for name in ("overview", "failures")]
    [table, *_] = [block for block in tables.numbers(numbers, pictures) if isinstance(block, Table)]
    assert [row[list(table.columns).index("USD in all")] for row in table.rows] == ["1.50", "1.50"]


async def test_a_whole_report(tmp_path: Path) -> None:
    """Three formats in real episodes would need a box; two tell as much of the report."""
    player = Player(wrong=["task-0", ("task-1", "text"), ("task-3", "text")])
    results = [
        await played(tmp_path, player, suite="m3tooleval", model="openai:gpt-4-0613", tasks=money(9, calls=True)),
        await played(tmp_path, suite="m3tooleval", model="other", tasks=money(9, calls=True), seeds=(1, 2)),
    ]
    text, page, data = check_files(write_report(results, tmp_path / "new" / "report"))
    assert "| openai:gpt-4-0613 | json | 8/9 = 88.9 % | 56.5 to 98.0 | 2.00 | 2.00 |" in text
    assert "| openai:gpt-4-0613 | json − text | 9 | 2 : 0 | +22.2 (+0.0 to +55.6) | 0.500 | 1.000 |" in text
    assert "| other | 9 | 2 | 36 | 36 | 100.0 % | 0 | 18/18 | 18/18 |" in text
    assert "The models were not run on the same tasks" in text, "other seeds"
    assert "| gpt-4-0613 (also ours) | the paper | 67.1 %, 6.6 turns | 56.1 %, 7.6 turns | 45.1 %, 8.0 turns |" in text
    assert "other people's measurements" in text
    assert "| openai:gpt-4-0613 | 4 | text |" in text
    assert [name.rpartition("-")[2] for name in pictures(text)] == ["overview.svg", "calls.svg", "failures.svg"]
    assert "✗ wrong answer, 2 turns" in page.text
    assert ("title", "expected 0, got 'no idea'") in page.attributes
    [section] = data["sections"]
    model = section["models"][0]
    assert (data["kind"], data["schema"]) == ("report", 1)
    assert model["formats"]["json"]["successes"] == 8
    assert model["comparisons"][0]["won"] == {"json": 2, "text": 0}
    assert len(model["episodes"]) == 18
    assert len(section["published"]["rows"]) == 17


async def test_several_models_on_several_suites(tmp_path: Path) -> None:
    tasks = money(8)
    results = [
        await played(tmp_path, player, model=model, suite=suite, tasks=tasks)
        for suite in ("money", "more money")
        for model, player in (
            ("local:small", Player(wrong=[f"task-{n}" for n in range(5)])),
            ("local:small+a.gguf", Player(wrong=["task-7"])),
        )
    ]
    text, _, data = check_files(write_report(results, tmp_path / "report"))
    glance, *sections = text.split("\n## ")[1:]
    assert glance.startswith("At a glance")
    assert "| money, plain | local:small | 3/8 = 37.5 % (13.7 to 69.4) | 3/8 = 37.5 % (13.7 to 69.4) |" in glance
    for section in sections:
        models = section.split("### Models compared")[1].split("###")[0]
        row = "local:small+a.gguf − local:small (adapted − base)"
        assert f"| {row} | json | 8 | 5 : 1 | +50.0 (+0.0 to +87.5) | 0.219 | 0.438 | +0.00 |" in models
        assert "McNemar's exact test" in models
        assert "Holm's method over all rows of this table" in models
        assert "| local:small | even | json | 1/4 = 25.0 % | 4.6 to 69.9 | 2.00 | 2.00 |" in section
    compared = data["sections"][0]["models_compared"]
    assert [(test["actions"], test["adapted"], test["pairs"]) for test in compared] == [
        ("json", True, 8),
        ("text", True, 8),
    ]
    assert compared[0]["won"] == {"local:small+a.gguf": 5, "local:small": 1}


async def test_what_broke_has_cost_something(tmp_path: Path) -> None:
    class Lossy(ScriptedModel):
        async def complete(self, messages: Sequence[Message], **options: Any) -> Completion:
            if any(message.role == "assistant" for message in messages):
                raise ConnectionLostError("gone")
            return await super().complete(messages, **options)

    call = '{"tool": "rate", "args": ["EUR"]}'
    lossy = await played(tmp_path, lambda task, space, tools: Lossy([call]), tasks=money(2), actions=("json",))
    text, _, data = check_files(write_report([lossy], tmp_path / "report"))
    lost = data["sections"][0]["models"][0]["run"]["lost"]
    assert lost["tries"] == 4  # of two episodes
    tokens = lost["input_tokens"] + lost["output_tokens"]
    assert f"counter: tries that broke with the machinery: 4. They took {tokens:,} tokens, " in text


async def test_hostile_text_stays_text(tmp_path: Path) -> None:
    results = await played(tmp_path, Player(said=HOSTILE, wrong=["task-1"]), model=HOSTILE, suite=HOSTILE)
    text, page, _ = check_files(write_report([results], tmp_path / "report"))
    assert "<script>alert(1)</script>" in page.text
    assert any(name == "title" and "<script>" in (value or "") for name, value in page.attributes), "the model's answer"
    tokens = [child for token in github().parse(text) for child in token.children or ()]
    assert {token.type for token in tokens} <= {"text", "text_special", "image"}
    assert "\x1b" not in text + page.text
    assert "\u202e" not in text + page.text
    assert all(path.parent == tmp_path / "report" for path in (tmp_path / "report").rglob("*"))


async def test_one_model_in_one_format_twice_the_same(tmp_path: Path) -> None:
    results = [await played(tmp_path, actions=("text",))]
    first, second = (write_report(results, tmp_path / name) for name in ("a", "b"))
    text, _, _ = check_files(first)
    assert "| counter | text | 6/6 = 100.0 % |" in text
    assert "Formats against each other" not in text
    files = [(one.markdown, one.html, one.json, *one.figures) for one in (first, second)]
    for one, other in zip(*files, strict=True):
        assert one.read_bytes() == other.read_bytes(), one.name


def test_no_results(tmp_path: Path) -> None:
    text, _, data = check_files(write_report([], tmp_path))
    assert "There are no results." in text
    assert data["sections"] == []


async def test_incomplete_results_say_so_and_extrapolate_nothing(tmp_path: Path) -> None:
    none = await played(tmp_path, spending=Spending(tokens=1))
    some = await played(tmp_path, spending=Spending(tokens=5000), model="half", profile="other")
    text, _, _ = check_files(write_report([none, some], tmp_path / "report"))
    assert "| counter | 6 | 1 | 12 | 1 | 8.3 % | 0 | 1/6 | 0/6 |" in text
    assert "counter: INCOMPLETE, 11 episodes of 12 without a result, 0 of them because the machinery broke." in text
    done = len(some.judged)
    assert 2 < done < 12
    assert f"half: INCOMPLETE, {12 - done} episodes of 12 without a result" in text
    assert f"| half | json | {done // 2}/{done // 2} = 100.0 % |" in text


async def test_a_subset_of_a_suite_says_its_share(tmp_path: Path) -> None:
    """Other options make another section; a share of the same tasks does not."""
    share = {"subset": {"tasks": 6, "of": 82, "seed": 0}}
    results = [await played(tmp_path, options=share, actions=("json",)), await played(tmp_path, model="all")]
    [(section, pictures)] = [(found, ()) for found in sections_of(results)]
    text = as_markdown(page([(analyse(section), pictures)]))
    assert "| counter | 6 of 82 | 1 | 6 | 6 | 100.0 % | 0 | 6/6 | – |" in text
    assert "counter, on 6 of the suite's 82 tasks (seed=0): complete; all numbers are over its 6 tasks" in text


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(SetupError, match="cannot write the report into"):
        write_report([], tmp_path / "file")


@settings(max_examples=50)
@given(st.text())
def test_any_text_is_text_in_every_form(text: str) -> None:
    """In a heading, in prose, in a cell and in what is said on demand."""
    table = Table(columns=("a", text), rows=[[text, Noted(text, text)]])
    blocks = [Heading(text, 2), Prose(f"x {text}"), Prose(text), table]
    page = check_page(as_html(blocks, {}))
    assert page.text.count(legible(text)) >= 4
    tokens = github().parse(as_markdown(blocks))
    children = [child for token in tokens for child in token.children or ()]
    assert {child.type for child in children} <= {"text", "text_special"}
    kinds = {token.type.partition("_")[0] for token in tokens}
    assert kinds <= {"heading", "paragraph", "inline", "table", "thead", "tbody", "tr", "th", "td"}
    if tokens[-1].type == "table_close":
        assert sum(token.type == "td_open" for token in tokens) == 2


def test_a_name_that_the_font_cannot_draw() -> None:
    assert shown("模型 \x07 $x$") == "□□   $x$"
    assert len(shown("m" * 99)) == 36
