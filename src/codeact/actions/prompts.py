"""The system prompt's part on how to act, for each space and dialect.

Written so that a model of 1.5B parameters can follow it: short sentences, one worked example, nothing said twice. The
three spaces say the same things, so that a comparison between them compares the formats and not the advice.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from codeact.types import BoxInfo, ToolSpec

_ANSWER_IN_WORDS = "To answer, write words without code, or call final_answer(value) in the code."

# The right form in one sentence: the end of every correction.
FORMS = {
    ("code", "fenced"): f"To run Python, write it between ```python and ```. {_ANSWER_IN_WORDS}",
    ("code", "execute"): f"To run Python, write it between <execute> and </execute>. {_ANSWER_IN_WORDS}",
    ("code", "action"): "To run Python, write Action:, then the code, then End Action. "
    "To answer, write Answer: and the answer.",
    ("code", "native"): "To run Python, call the function python with the source in its argument code. "
    + _ANSWER_IN_WORDS,
    ("json", "plain"): 'To call a tool, write {"tool": "name", "args": {"parameter": value}}. '
    'To answer, write {"answer": value}.',
    ("json", "native"): "To call a tool, call its function. To answer, write the answer without any call.",
    ("text", "comma"): "To call a tool, write Action: name, argument, key=value End Action. "
    "To answer, write Answer: and the answer.",
}

_ACT = {
    "fenced": ("write one code block", "```python\n{}\n```"),
    "execute": ("write it between <execute> and </execute>", "<execute>\n{}\n</execute>"),
    "action": ("write it between Action: and End Action", "Action:\n{}\nEnd Action"),
    "native": ("call the function python with it", "python(code={!r})"),
}

_CODE = """\
You solve the task by running Python. {act_by} and stop; then you get its output as an observation.
{session} State stays: variables, imports and files of one action are there in the next.

Rules:
- One small step per action. Print what you need to see; the value of the last line is shown too.
- Look at the output before you go on. Never write an output yourself.
- After an error, find the cause and run corrected code, until the task is done.
- `!command` runs a shell command; `await` works at top level. Figures: plt.savefig("name.png"), or plt.show().
- When the task is done, {answer_by}. If the answer is one exact value, call final_answer(value) in the code instead.
{packages}{tools}
Example, for the task "How many lines of notes.txt are empty?":
{first}
Observation:
7
{second}"""

_CALLS = """\
You solve the task by calling tools. {act_by} and stop; then you get the result as an observation.

Rules:
- {form}
- {several}
- Look at the result before you answer. Never write a result yourself. After an error, correct the call and go on.
- When you know the answer, {answer_by}.
{tools}"""

_CALLS_EXAMPLE = """\

Example, for the task "How many lines of notes.txt are empty?" and the tool count_lines(path, empty=False):
{first}
Observation:
7
{second}"""


def code_instructions(dialect: str, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
    act_by, frame = _ACT[dialect]
    marker = "Answer: " if dialect == "action" else ""
    count = 'lines = open("notes.txt").read().splitlines()\nprint(sum(line.strip() == "" for line in lines))'
    return _CODE.format(
        act_by=f"To run code, {act_by}",
        session=_session(box),
        answer_by="write Answer: and the answer in words" if marker else "answer in words, in a reply without code",
        packages=_packages(box),
        tools=_functions(tools),
        first=frame.format(count),
        second=f"{marker}7 lines of notes.txt are empty.",
    )


def json_instructions(dialect: str, tools: Sequence[ToolSpec]) -> str:
    if dialect == "native":
        return _CALLS.format(
            act_by="Call one of the functions you are given",
            form="Give every argument by the name of its parameter.",
            several="Several calls of one reply run in order.",
            answer_by="reply with the answer and without any call",
            tools="",
        ).rstrip()
    text = _CALLS.format(
        act_by="To call a tool, write one JSON object",
        form='{"tool": name, "args": {parameter: value, …}}; a list as "args" gives the arguments by position.',
        several="For several calls, which run in order, write a JSON list of such objects.",
        answer_by='write {"answer": value}, or answer in words, without any JSON',
        tools=_tool_list(tools),
    )
    first = '{"tool": "count_lines", "args": {"path": "notes.txt", "empty": true}}'
    return text + _CALLS_EXAMPLE.format(first=first, second='{"answer": 7}')


def text_instructions(tools: Sequence[ToolSpec]) -> str:
    text = _CALLS.format(
        act_by="To call a tool, write one action",
        form="Action: name, argument, parameter=value End Action; put text with commas or line breaks in quotes. "
        "Numbers, True, False, None, [lists] and {dicts} are written as in Python.",
        several="Several actions of one reply run in order.",
        answer_by="write Answer: and the answer, without any action",
        tools=_tool_list(tools),
    )
    first = 'Action: count_lines, "notes.txt", empty=True End Action'
    return text + _CALLS_EXAMPLE.format(first=first, second="Answer: 7")


def _session(box: BoxInfo | None) -> str:
    if box is None:
        return "It runs in an IPython session."
    return f"It runs in an IPython session, Python {box.python}, in the folder {box.workspace}."


def _packages(box: BoxInfo | None) -> str:
    names = ", ".join(box.packages) if box else ""
    installed = f"- Installed besides the standard library: {names}.\n" if names else ""
    return installed + _network(box)


def _network(box: BoxInfo | None) -> str:
    match box.network.partition(":") if box else ("", "", ""):
        case "packages", _, _:
            return "- No network, except that `%pip install NAME` works.\n"
        case "allow", _, hosts:
            return f"- No network, except for these hosts, by HTTP: {hosts}.\n"
        case _:
            return ""


def _functions(tools: Sequence[ToolSpec]) -> str:
    if not tools:
        return ""
    stubs = "\n\n".join(f"def {tool.name}{tool.signature}:\n{_docstring(tool.doc)}" for tool in tools)
    return f"\nThese functions are already imported; call them like any function:\n\n{stubs}\n"


def _docstring(doc: str) -> str:
    text = doc.strip().replace('"""', "'''")
    ending = "\n" if "\n" in text else ""
    return textwrap.indent(f'"""{text}{ending}"""', "    ")


def _tool_list(tools: Sequence[ToolSpec]) -> str:
    lines = [f"- {tool.name}{tool.signature}\n{textwrap.indent(tool.doc.strip(), '    ')}".rstrip() for tool in tools]
    return "\nTools:\n" + ("\n".join(lines) or "none; answer from what you know.") + "\n"
