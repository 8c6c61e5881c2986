"""Replies as models write them, each with what must come out: the data files of `conformance/`; see its README."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from codeact.actions import action_space
from codeact.errors import ParseError
from codeact.types import Answer, CodeAction, Completion, NativeCall, ToolCalls

FOLDER = Path(__file__).parent / "conformance"
FAMILIES = ("qwen", "llama", "mistral", "deepseek", "gpt", "claude", "gemini", "small", "paper", "json", "text")
SLIPS = (
    "think", "unclosed_fence", "tag_py", "tag_python3", "tag_tool_code", "tag_capital", "nested_fence",
    "two_blocks", "prose_fence", "shell", "code_in_json", "xml_entities", "json_escapes", "action_in_print",
    "stop_string", "crlf", "tabs", "smart_quotes", "special_token", "made_up_result", "token_limit",
    "answer_and_action", "empty", "untagged_fence", "indented_fence", "tilde_fence", "two_markers", "repl_prompt",
    "broken_json", "native", "other_marks", "answer_tag", "plain_answer", "ipython", "one_line",
    "fence_attributes", "two_calls", "family_format", "text_call", "broken_code", "m3", "execute", "unicode",
)  # fmt: skip


@dataclass
class Case:
    id: str
    space: str
    tags: tuple[str, ...] = ()
    finish: str = "stop"
    flags: tuple[str, ...] = ()
    text: str = ""
    calls: list[NativeCall] = field(default_factory=list)
    kind: str = ""
    expected: str = ""
    thoughts: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def completion(self) -> Completion:
        text = self.text
        if "escaped" in self.flags:
            text = json.loads('"' + text.replace("\n", "\\n").replace('"', '\\"') + '"')
        if "crlf" in self.flags:
            text = text.replace("\n", "\r\n")
        return Completion(text=text, calls=tuple(self.calls), finish=self.finish)


def _cases(path: Path) -> list[Case]:
    cases: list[Case] = []
    for section in ("\n" + path.read_text(encoding="utf-8")).split("\n@@@ ")[1:]:
        head, _, body = section.partition("\n")
        word, _, rest = head.partition(" ")
        if " | " in head:
            cases.append(_start(head, body))
        elif word == "call":
            cases[-1].calls.append(NativeCall(f"call_{len(cases[-1].calls)}", rest, body))
        elif word == "expect":
            # The blank line before the next case is not part of what is expected, unless a thought or a note follows.
            cases[-1].kind, cases[-1].expected = rest, body.removesuffix("\n")
        else:
            {"thought:": cases[-1].thoughts, "note:": cases[-1].notes}[word].append(rest.strip())
    return cases


def _start(head: str, body: str) -> Case:
    name, space, *fields = (part.strip() for part in head.split("|"))
    case = Case(name, space, text=body)
    for item in fields:
        key, _, value = item.partition(":")
        if key == "tags":
            case.tags = tuple(tag.strip() for tag in value.split(","))
        elif key == "finish":
            case.finish = value.strip()
        else:
            case.flags += (key,)
    return case


CASES = [case for path in sorted(FOLDER.glob("*.txt")) for case in _cases(path)]


@pytest.mark.parametrize("case", CASES, ids=[case.id for case in CASES])
def test_reply_is_read_as_it_was_meant(case: Case) -> None:
    space = action_space(case.space)
    if case.kind == "error":
        with pytest.raises(ParseError) as caught:
            space.parse(case.completion)
        assert case.expected in str(caught.value)
        return
    reply = space.parse(case.completion)
    match case.kind, reply.action:
        case "code", CodeAction(code=code):
            assert code == case.expected
        case "answer", Answer(text=text):
            assert text == case.expected
        case "calls", ToolCalls(calls=calls):
            assert [[call.name, list(call.args), dict(call.kwargs)] for call in calls] == json.loads(case.expected)
        case _:
            pytest.fail(f"expected {case.kind}, got {reply.action}")
    for thought in case.thoughts:
        assert thought in reply.thought
    for note in case.notes:
        assert any(note in said for said in reply.notes), reply.notes
    if not case.notes:
        assert reply.notes == ()


def test_the_suite_is_large_and_covers_every_family_and_slip() -> None:
    assert len(CASES) >= 150
    assert [name for name, count in Counter(case.id for case in CASES).items() if count > 1] == []
    assert {path.stem for path in FOLDER.glob("*.txt")} >= set(FAMILIES)
    tags = {tag for case in CASES for tag in case.tags}
    assert set(SLIPS) - tags == set()
