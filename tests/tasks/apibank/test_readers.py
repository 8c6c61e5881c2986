"""The two ways of reading a call: the original's patterns, and real parsers."""

from __future__ import annotations

import keyword

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact.errors import ParseError
from codeact.tasks.apibank import paper_readers, readers
from codeact.tasks.apibank.paper_space import PaperSpace, written
from codeact.types import Completion, ToolCall, ToolCalls

FORMATS = ("code", "json", "text")

NAMES = st.from_regex(r"[a-z]{1,8}", fullmatch=True).filter(lambda name: not keyword.iskeyword(name))
PLAIN = st.from_regex(r"[A-Za-z0-9.@-]([A-Za-z0-9 .@-]{0,18}[A-Za-z0-9.@-])?", fullmatch=True)


def read(form: str, text: str) -> ToolCall:
    return readers.READERS[form](text)


def originally(form: str, text: str) -> ToolCall:
    return paper_readers.READERS[form](text)


@pytest.mark.parametrize("form", FORMATS)
@given(arguments=st.dictionaries(NAMES, PLAIN, min_size=1, max_size=4))
def test_plain_arguments_survive_every_form_and_both_ways_of_reading(form: str, arguments: dict[str, str]) -> None:
    arguments.pop("action", None)
    call = ToolCall("DoIt", (), {"first": "x", **arguments})
    text = written(form, call)
    assert originally(form, text) == call
    if form != "text" or not any(value[0] in "'\"[{" for value in arguments.values()):
        assert read(form, text) == call


@pytest.mark.parametrize("form", ["code", "json"])
@given(value=st.text(max_size=30))
def test_real_parsers_carry_any_text_that_is_written_well(form: str, value: str) -> None:
    text = f"[DoIt(key={value!r})]" if form == "code" else written(form, ToolCall("DoIt", (), {"key": value}))
    assert read(form, text) == ToolCall("DoIt", (), {"key": value})


@pytest.mark.parametrize(
    ("form", "text", "arguments"),
    [
        ("code", """[DoIt(key="it's", list=[1, 'a'], on=True)]""", {"key": "it's", "list": [1, "a"], "on": True}),
        ("json", '[{"action": "DoIt", "key": "it\'s", "list": [1, "a"]}]', {"key": "it's", "list": [1, "a"]}),
        ("text", "[Action: DoIt, key: it's, or not, list: ['a', 'b'], time: 2023-04-01 09:00:00]", None),
        ("text", '[Action: DoIt, key: "a, b: c", rest: 007]', {"key": "a, b: c", "rest": "007"}),
        ("text", "[Action: DoIt, key: [draft] of it]", {"key": "[draft] of it"}),
        ("text", "[Action: DoIt]", {}),
        ("code", "[DoIt()]", {}),
    ],
)
def test_what_real_parsers_read(form: str, text: str, arguments: dict[str, object] | None) -> None:
    if arguments is None:
        arguments = {"key": "it's, or not", "list": ["a", "b"], "time": "2023-04-01 09:00:00"}
    assert read(form, text) == ToolCall("DoIt", (), arguments)


@pytest.mark.parametrize(
    ("form", "text", "arguments"),
    [
        ("code", "[DoIt(key='it's')]", {"key": "it"}),
        ("code", "[DoIt(list=['a', 'b'])]", {"list": "['a', 'b']"}),
        ("code", "[DoIt(list='['a', 'b']')]", {"list": "["}),
        ("code", "[DoIt(number=3)]", {"number": "3"}),
        ("text", "[Action: DoIt, key: a, b, list: ['a', 'b']]", {"key": "a", "list": "['a"}),
        ("text", "[Action: DoIt, ]", {}),
    ],
)
def test_what_the_original_reads(form: str, text: str, arguments: dict[str, object]) -> None:
    assert originally(form, text) == ToolCall("DoIt", (), arguments)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("text", ["[]", "[DoIt]", "[DoIt(", "[{}]", '[{"action": 3}]', "[Action:]", "[[[["])
def test_what_is_no_call_is_no_call(form: str, text: str) -> None:
    for reader in (read, originally):
        with pytest.raises(ParseError):
            reader(form, text)


def test_arguments_go_by_name_and_are_values() -> None:
    for text in ("[DoIt(**x)]", "[DoIt(1)]", "[DoIt(key=x)]", "[DoIt(key=1), DoIt(key=2)]", "[x.DoIt()]"):
        with pytest.raises(ParseError):
            read("code", text)


def test_the_original_misses_a_call_without_parameters_in_text() -> None:
    with pytest.raises(ParseError):
        originally("text", "[Action: GetToday]")


@pytest.mark.parametrize("form", FORMATS)
def test_a_call_is_what_stands_between_the_outermost_brackets_of_a_line(form: str) -> None:
    space = PaperSpace(name=form, reader=readers.READERS[form])
    call = ToolCalls((ToolCall("DoIt", (), {"key": "x"}),))
    text = f"Sure!\n{space.render(call).text}\nThat is it."
    assert space.parse(Completion(text=text)).action == call
    with pytest.raises(ParseError, match="no API request"):
        space.parse(Completion(text="[\nDoIt()\n]"))


@pytest.mark.parametrize("form", FORMATS)
@given(text=st.text(alphabet="[](){}'\"=:,aA1 \n", max_size=40))
def test_whatever_is_read_can_be_written_again(form: str, text: str) -> None:
    """The loop writes what it has read into the history; no reply may break that."""
    for known in (readers.READERS, paper_readers.READERS):
        space = PaperSpace(name=form, reader=known[form])
        try:
            reply = space.parse(Completion(text=f"[{text}]"))
        except ParseError:
            continue
        assert space.render(reply.action).text
