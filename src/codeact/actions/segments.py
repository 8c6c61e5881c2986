"""Cutting a reply into its parts: prose, reasoning, fences, tags and markers, in one pass from left to right.

Whichever part opens first owns everything up to its own end. That one rule decides what would otherwise need a
special case each: a fence inside `<think>` is not an action, `<think>` inside a string of a fenced program is not
reasoning, and an `<answer>` printed by code is not an answer.
"""

from __future__ import annotations

import functools
import html
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal

from codeact.actions import fences, literals
from codeact.actions.fences import Body

SegmentKind = Literal["prose", "value", "reasoning", "reasoning_end", "fence", "tag", "action", "answer", "call"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    kind: SegmentKind
    text: str  # the content, without its delimiters
    raw: str = ""  # as it stood in the reply
    label: str = ""  # the language of a fence, the name of a tag
    closed: bool = True


BodyReader = Callable[[str, int], Body]

_OPENERS = re.compile(
    rf"""
    (?P<reasoning> <(?:think|thinking|reasoning|thought|scratchpad)> )
  | (?P<reasoning_end> </(?:think|thinking|reasoning)> )
  | (?P<fence> {fences.OPENER} )
  | (?P<tag> <(?P<tag_name>execute|execute_ipython|execute_python|python|code)> )
  | (?P<answer> <(?P<answer_name>answer|solution|final_answer)(?P<escaped>[ ]escaped)?> )
  | (?P<call> <tool_call> | <function=(?P<function>[\w.-]++)> | \[TOOL_CALLS\] | <\|python_tag\|>
           | <｜tool▁call▁begin｜> )
  | (?P<end> <\|(?:im_end|im_start|eot_id|eom_id|end|endoftext|end_of_text|user)\|> | </s> | <end_of_turn>
           | <｜end▁of▁sentence｜> | <｜User｜> | \[/?INST\] )
  | (?P<value> [\[{{] \s*+ (?:\{{\s*+)? ["'][\w ]++["'] \s*+ : )
  | (?P<action> ^[ \t]*+ [*_\#]{{0,4}} [ ]? Action [*_]{{0,2}} : [*_]{{0,2}} )
  | (?P<marked_answer> ^[ \t]*+ [*_\#]{{0,4}} [ ]? (?:Final[ ])? Answer [*_]{{0,2}} : [*_]{{0,2}} )
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)
_CALL_ENDS = {
    "<tool_call>": "</tool_call>",
    "<｜tool▁call▁begin｜>": "<｜tool▁call▁end｜>",
    "[tool_calls]": "[/TOOL_CALLS]",
}
_LEADING_TOKENS = re.compile(
    r"\A(?:\s*+(?:<s>|<\|(?:im_start|start_header_id|assistant)\|>(?:assistant\b)?|assistant<\|end_header_id\|>|"
    r"<\|end_header_id\|>|<｜Assistant｜>|<start_of_turn>model))++\s*+",
)
_TRAILING_TOKEN = re.compile(r"(?:<[|｜][^|｜<>\s]{1,30}[|｜]>|</s>|\[/INST\]|<end_of_turn>)\Z")


def clean(text: str) -> str:
    """One kind of line end, and none of the special tokens that leak at the two ends of a reply.

    Python reads all three kinds of line end as the same, so nothing that code can mean is lost.
    """
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _LEADING_TOKENS.sub("", text)
    while token := _TRAILING_TOKEN.search(tail := text[-80:].rstrip()):
        text = text[:-80] + tail[: token.start()]
    return text


def scan(text: str, *, action_body: BodyReader | None = None, values: bool = False) -> Iterator[Segment]:
    """The segments of a cleaned reply.

    `action_body` reads on after `Action:`; without it the markers are prose, and so are JSON objects without `values`.
    """
    position, prose_from = 0, 0
    patience = literals.Patience() if values else None
    while opener := _OPENERS.search(text, position):
        kind = opener.lastgroup
        position = opener.end()
        if kind in ("action", "marked_answer") and action_body is None:
            continue
        found = None
        if kind == "value":
            found = literals.value_at(text, opener.start(), patience) if patience else None
            if found is None:
                continue
        if prose_from < opener.start():
            yield _prose(text[prose_from : opener.start()])
        prose_from = position
        if kind == "end":
            return
        segment, position = _value(text, found) if found else _read(text, opener, action_body)
        if segment:
            yield segment
        prose_from = position
    if prose_from < len(text):
        yield _prose(text[prose_from:])


def _value(text: str, found: literals.Found) -> tuple[Segment, int]:
    raw = text[found.start : found.end]
    return Segment(kind="value", text=raw, raw=raw), found.end


def _prose(text: str) -> Segment:
    return Segment(kind="prose", text=text, raw=text)


def _read(text: str, opener: re.Match[str], action_body: BodyReader | None) -> tuple[Segment | None, int]:
    match opener.lastgroup:
        case "fence":
            fence = fences.read(text, opener)
            if fence.body is None:
                return None, opener.end()
            return _segment("fence", text, opener, fence.body, fence.language)
        case "tag":
            name = opener["tag_name"].lower()
            return _segment("tag", text, opener, _tag_body(text, opener.end(), name), name)
        case "action" if action_body:
            return _segment("action", text, opener, action_body(text, opener.end()))
        case "marked_answer":
            return _segment("answer", text, opener, Body(text[opener.end() :], len(text)))
        case "answer":
            body = _body_until(text, opener.end(), f"</{opener['answer_name']}>")
            content = html.unescape(body.text) if opener["escaped"] else body.text
            return _segment("answer", text, opener, Body(content, body.end, body.closed))
        case "call":
            function = opener["function"] or ""
            ending = "</function>" if function else _CALL_ENDS.get(opener[0].lower(), "")
            return _segment("call", text, opener, _body_until(text, opener.end(), ending), function)
        case "reasoning":
            return _segment("reasoning", text, opener, _body_until(text, opener.end(), f"</{opener[0][1:]}"))
        case _:
            return _segment("reasoning_end", text, opener, Body("", opener.end()))


def _segment(kind: SegmentKind, text: str, opener: re.Match[str], body: Body, label: str = "") -> tuple[Segment, int]:
    raw = text[opener.start() : body.end]
    return Segment(kind=kind, text=body.text, raw=raw, label=label, closed=body.closed), body.end


def _body_until(text: str, start: int, ending: str) -> Body:
    """Up to a literal ending, in any case of letters; to the end of the text when there is none."""
    found = re.compile(re.escape(ending), re.IGNORECASE).search(text, start) if ending else None
    return Body(text[start : found.start()], found.end()) if found else Body(text[start:], len(text), closed=False)


@functools.lru_cache(maxsize=16)
def _tag_patterns(name: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    closing = rf"(?<![ \t])[ \t]*+</{name}>|^(?P<keep>[ \t]*+<{name}>)"
    return re.compile(closing, re.MULTILINE | re.IGNORECASE), re.compile(rf"</{name}>", re.IGNORECASE)


def _tag_body(text: str, start: int, name: str) -> Body:
    return delimited_code(text, start, *_tag_patterns(name))


def delimited_code(text: str, start: int, closing: re.Pattern[str], bare: re.Pattern[str]) -> Body:
    """Code from `start` to its closing. Where a fence opens right at `start`, its content is the code."""
    opener = fences.open_at(text, start)
    if opener and (fence := fences.read(text, opener)).body and fence.language in ("python", ""):
        inner = fence.body
        ending = closing.match(text, inner.end + _blank(text, inner.end))
        return Body(inner.text, ending.end() if ending else inner.end, closed=bool(ending) or inner.closed)
    start += text.startswith("\n", start)
    return fences.code_body(text, start, closing, bare)


def _blank(text: str, start: int) -> int:
    rest = re.compile(r"\s*+").match(text, start)
    return rest.end() - start if rest else 0
