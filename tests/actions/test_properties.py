"""What holds for every input: writing and reading are inverse, and reading raises nothing but a `ParseError`."""

from __future__ import annotations

import ast
import contextlib
import json
import warnings

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

from codeact.actions import action_space
from codeact.errors import ParseError, UsageError
from codeact.types import Answer, CodeAction, Completion, NativeCall, ToolCall, ToolCalls

CODE = ("code/fenced", "code/execute", "code/action", "code/native")
CALLS = ("json/plain", "json/native", "text/comma")
ALL = (*CODE, *CALLS)
RELAXED = settings(deadline=None, suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])

# What each reader looks for, in the place where it hurts: strings, comments, and between statements.
MARKS = (
    "```", "\n```\n", "````", "\n```python\n", "~~~", "</execute>", "<execute>", "\n<execute>\n", "End Action",
    "\nEnd Action\n", "Action:", "\nAction: x\n", "\nAnswer: 5\n", "Observation:", "\nObservation: 1\n",
    "\nOutput:\n", "<think>", "</think>", "\n</think>\n", "<answer>", "</answer>", "<|im_end|>", "</s>",
    "<tool_call>", "&lt;", "&quot;", "“", "\\", "\\n", "'", '"', "'''", '"""', "#", "\t", "\r", "\r\n", "\x0c",
    "\u2028", "\x85", "{", "}", '{"code": "x"}', '{"tool": "x", "args": []}', "%%bash", ">>> 1",
)  # fmt: skip
text = st.lists(st.one_of(st.sampled_from(MARKS), st.text(max_size=8)), max_size=6).map("".join)


def _is_python(code: str) -> bool:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            ast.parse(code)
        except (SyntaxError, ValueError, MemoryError, RecursionError):
            return False
    return True


@st.composite
def statements(draw: st.DrawFn) -> str:
    inside = draw(text)
    form = draw(
        st.sampled_from(
            ("x = {!r}", 'x = """{}"""', "x = '''{}'''", "# {}", "print('{}')", "f(\n{}\n)", "{}", "s = r'{}'")
        )
    )
    return form.format(inside)


programs = (
    st.lists(statements(), min_size=1, max_size=4)
    .map("\n".join)
    .filter(lambda code: code.strip() != "")
    .filter(_is_python)
)


def _newlines(code: str) -> str:
    return code.replace("\r\n", "\n").replace("\r", "\n")


@pytest.mark.parametrize("name", CODE)
@RELAXED
@example('x = """\n```\n"""', "")
@example("print('</execute>')", "I use ```python\nprint(0)\n``` here")
@example("# End Action\nx = 1", "Action: nothing End Action")
@example("x = '''\nEnd Action\n'''", "</think>")
@example("x = '''\n<think>\n'''", "<think>")
@example("\n\nx = 1\n\n", "Observation:\n5")
@example("x = a &lt; b", "")
@example('{"code": "print(1)"}', "")
@example("'''</execute>```\nEnd Action'''", "")
@given(code=programs, thought=text)
def test_any_program_survives(name: str, code: str, thought: str) -> None:
    space = action_space(name)
    expected = code if name == "code/native" else _newlines(code)
    reply = space.parse(space.render(CodeAction(expected), thought))
    assert reply.action == CodeAction(expected)
    assert reply.notes == ()


@pytest.mark.parametrize("name", CODE)
@RELAXED
@given(code=st.text().filter(lambda code: code.strip() != "").filter(_is_python))
def test_any_text_that_is_python_survives(name: str, code: str) -> None:
    space = action_space(name)
    assert space.parse(space.render(CodeAction(_newlines(code)))).action == CodeAction(_newlines(code))


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(text, inner, max_size=3),
    max_leaves=8,
)
names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,10}", fullmatch=True).filter(lambda name: "final" not in name.lower())


def _calls(name: str, ids: bool) -> ToolCall:
    return st.builds(
        ToolCall,
        names,
        st.lists(values, max_size=3).map(tuple),
        st.dictionaries(names, values, max_size=3),
        st.text(min_size=1, max_size=5) if ids else st.just(""),
    )


@pytest.mark.parametrize("name", CALLS)
@RELAXED
@given(data=st.data())
def test_any_calls_survive(name: str, data: st.DataObject) -> None:
    space = action_space(name)
    calls = data.draw(st.lists(_calls(name, name == "json/native"), min_size=1, max_size=3).map(tuple))
    reply = space.parse(space.render(ToolCalls(calls), data.draw(text)))
    assert reply.action == ToolCalls(calls)
    assert reply.notes == ()


@pytest.mark.parametrize("name", ALL)
@RELAXED
@given(words=text, thought=text)
def test_any_answer_survives(name: str, words: str, thought: str) -> None:
    answer = Answer(_newlines(words).strip())
    assume(answer.text)
    space = action_space(name)
    assert space.parse(space.render(answer, thought)).action == answer


@pytest.mark.parametrize("name", ALL)
@RELAXED
@given(reply=text | st.text(), finish=st.sampled_from(("stop", "length", "tool_calls", "filtered")))
def test_reading_raises_nothing_else(name: str, reply: str, finish: str) -> None:
    with contextlib.suppress(ParseError):
        action = action_space(name).parse(Completion(text=reply, finish=finish)).action
        assert isinstance(action, CodeAction | ToolCalls | Answer)


@pytest.mark.parametrize("name", ALL)
@RELAXED
@given(arguments=text | st.text() | values.map(json.dumps), function=st.sampled_from(("python", "search", "")))
def test_reading_native_calls_raises_nothing_else(name: str, arguments: str, function: str) -> None:
    completion = Completion(text="", calls=(NativeCall("1", function, arguments),), finish="tool_calls")
    with contextlib.suppress(ParseError):
        assert action_space(name).parse(completion).action


UNITS = (
    "`", "```", "```\n", "```python\n", "```md\n```md\n```\n", "~~~\n", "<", "<think>", "</think>", "<execute>",
    "<execute>\n'''\n", "<answer>", "{", "[", "{[", '{"', '{"tool":', '{"a":{', "[[1,", '"', "'", "'''", '"""', "\\",
    "(", "-", "#", " ", "\n", "\r", "Action:", "Action: a,", "\nAction: a, '", ",'", ",\"x\"", "End Action",
    "Observation:\n", "a\n\n", "<|im_end|>", "&lt;", "x = 1\n", "```python\nx = '''\n```\n", "1,", ">>> ", "In [1]: ",
    "<tool_call>{", "<function=a>", "<parameter=", "\x00", "\ud800", "*", "* _",
)  # fmt: skip


@pytest.mark.timeout(20)  # seconds
@pytest.mark.parametrize("unit", UNITS, ids=repr)
def test_much_of_anything_is_read(unit: str) -> None:
    """What backtracks, or reads the rest of the text at every step, needs minutes here."""
    for name, start in (
        ("code/fenced", ""),
        ("code/fenced", "```python\n"),
        ("code/execute", "<execute>\n"),
        ("code/action", "Action:\n"),
        ("json/plain", '{"tool": "a", "args": ['),
        ("text/comma", "Action: a, "),
    ):
        with contextlib.suppress(ParseError):
            action_space(name).parse(Completion(text=start + unit * (40_000 // len(unit))))


def test_a_megabyte_is_read() -> None:
    for unit in ("`", "<", "{", '"'):
        for name in ("code/fenced", "code/action", "json/plain", "text/comma"):
            with contextlib.suppress(ParseError):
                action_space(name).parse(Completion(text=unit * (1_000_000 // len(unit))))


def test_what_cannot_be_written_is_refused() -> None:
    with pytest.raises(UsageError, match="cannot be written"):
        action_space("code").render(CodeAction("  \n"))
    with pytest.raises(UsageError, match="from Python"):
        action_space("code").render(ToolCalls((ToolCall("a"),)))
    for name in ("json", "text"):
        with pytest.raises(UsageError, match="write calls"):
            action_space(name).render(CodeAction("x = 1"))
