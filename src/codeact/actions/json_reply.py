"""Reading a reply in which JSON is the action: the calls, or the answer."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import cast

from codeact.actions import fences, json_shapes, literals, prompts, reasoning, segments
from codeact.actions.reasoning import Visible
from codeact.actions.segments import Segment
from codeact.errors import ParseError
from codeact.types import JSON, Answer, Completion, Finish, NativeCall, Reply, ToolCall, ToolCalls

_LIKE_A_CALL = re.compile(r"""[{\[]\s*+\{?\s*+["'](?:tool|tool_name|name|function|arguments|args)["']\s*+:""")
_PARAMETER = re.compile(r"<parameter=(?P<name>\w+)>\n?(?P<value>.*?)\n?</parameter>", re.DOTALL)  # Qwen3-Coder
_DEEPSEEK = re.compile(r"\A(?:function)?(?:<｜tool▁sep｜>)?(?P<name>[\w.-]+)\s*(?:<｜tool▁sep｜>)?")
_MISTRAL_NAME = re.compile(r"\A\s*(?P<name>[\w.-]+)\s*(?:\[ARGS\])?\s*(?=\{)")


@dataclass(slots=True)
class _Draft:
    """What has been found so far, while a reply is read from its beginning."""

    calls: list[ToolCall] = field(default_factory=list[ToolCall])
    answer: Answer | None = None
    prose: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])
    cut: bool = False  # whether the last value was completed by us at the end of the text


def read(completion: Completion, dialect: str) -> Reply:
    """The calls of a reply, or its answer.

    Raises:
        ParseError: it was cut, is empty, or only looks like a call.
    """
    form = prompts.FORMS["json", dialect]
    if completion.calls:
        return _read_native(completion, form)
    seen = reasoning.visible(completion, form=form, values=True)
    draft = _draft(seen, form)
    if completion.finish == "length" and draft.cut:
        raise ParseError(f"Your reply was cut at the token limit inside the call, so nothing was called. {form}")
    if not draft.calls:
        return _answer_reply(draft, seen, completion.finish, form)
    if draft.answer or any(part.kind == "answer" for part in seen.parts):
        draft.notes.append(
            "the answer was not taken, because the same reply held a call: see its result first, then answer"
        )
    if dialect == "native":
        draft.notes.append(f"the call was found in the text. {form}")
    thought = reasoning.thought_of(draft.prose, seen.reasoning)
    return Reply(action=ToolCalls(tuple(draft.calls)), thought=thought, notes=tuple(dict.fromkeys(draft.notes)))


# --- calls in the text ----------------------------------------------------------------------------


def _draft(seen: Visible, form: str) -> _Draft:
    draft = _Draft(notes=list(seen.notes))
    for part in seen.parts:
        if draft.calls and part.kind == "fence" and part.label in fences.OUTPUT:
            draft.notes.append(reasoning.INVENTED)
            break
        if part.kind == "call":
            _add_tagged(draft, part, form)
        elif part.kind in ("prose", "value") or (part.kind == "fence" and part.label in ("", "json", "tool_call")):
            if not _add_values(draft, part, form):
                break
        elif part.kind != "answer":
            draft.prose.append(part.raw)
    return draft


def _add_values(draft: _Draft, part: Segment, form: str) -> bool:
    """Take the calls that stand in a text; False once the model makes up results."""
    text, position = part.text, 0
    for found in [*literals.find_values(text), literals.Found(None, len(text), len(text))]:
        between = text[position : found.start]
        made_up = reasoning.made_up(between) if draft.calls else None
        draft.prose.append(between[: made_up.start()] if made_up else between)
        if made_up:
            draft.notes.append(reasoning.INVENTED)
            return False
        position = found.end
        if not _add_value(draft, found, form, tagged=False):
            draft.prose.append(text[found.start : found.end])
        elif not found.strict:
            draft.notes.append("the call was not valid JSON, and was read as it was probably meant")
            draft.cut = found.end >= len(text.rstrip())
    return True


def _add_tagged(draft: _Draft, part: Segment, form: str) -> None:
    """A call between a model family's own marks."""
    before = len(draft.calls)
    if part.label:  # <function=name> with JSON, or with <parameter=…> tags
        pairs: dict[str, JSON] = {
            match["name"]: json_shapes.loose(match["value"]) for match in _PARAMETER.finditer(part.text)
        }
        arguments = pairs or (part.text.strip() or "{}")
        draft.calls.append(ToolCall(part.label, *json_shapes.arguments(arguments, form)))
        return
    inner = list(segments.scan(part.text)) if "<function=" in part.text else []
    if inner:
        for call in inner:
            if call.kind == "call":
                _add_tagged(draft, call, form)
    elif named := (_DEEPSEEK.match(part.text) if "▁" in part.raw else _MISTRAL_NAME.match(part.text)):
        found = next(literals.find_values(part.text[named.end() :]), None)
        draft.calls.append(ToolCall(named["name"], *json_shapes.arguments(found.value if found else None, form)))
    else:
        for found in literals.find_values(part.text):
            if _add_value(draft, found, form, tagged=True) and not found.strict:
                draft.notes.append("the call was not valid JSON, and was read as it was probably meant")
                draft.cut = not part.closed
    if len(draft.calls) == before and draft.answer is None:
        raise ParseError(f"The call is not valid JSON: {json_shapes.json_error(part.text)}. {form}")


def _add_value(draft: _Draft, found: literals.Found, form: str, *, tagged: bool) -> bool:
    value: JSON = found.value
    if isinstance(value, dict):
        answer = json_shapes.answer_in(cast("dict[str, JSON]", value))
        if answer:
            draft.answer = draft.answer or answer
            return True
    calls = json_shapes.calls_in(value, form, tagged=tagged)
    draft.calls += calls
    return bool(calls)


# --- no calls in the text -------------------------------------------------------------------------


def _answer_reply(draft: _Draft, seen: Visible, finish: Finish, form: str) -> Reply:
    if draft.answer:
        thought = reasoning.thought_of(draft.prose, seen.reasoning)
        return Reply(action=draft.answer, thought=thought, notes=tuple(draft.notes))
    tagged = next((part for part in seen.parts if part.kind == "answer" and part.text.strip()), None)
    if tagged:
        before = [part.raw for part in seen.parts[: seen.parts.index(tagged)]]
        thought = reasoning.thought_of(before, seen.reasoning)
        return Reply(action=Answer(tagged.text.strip()), thought=thought, notes=seen.notes)
    if finish == "length":
        raise ParseError(f"Your reply was cut at the token limit before any call was complete. Write less. {form}")
    like = _LIKE_A_CALL.search(seen.text)
    if like and not json_shapes.is_valid(seen.text[like.start() :]):
        raise ParseError(
            f"Your reply looks like a call, but is none: {json_shapes.json_error(seen.text[like.start() :])}. {form}"
        )
    if any(part.kind in ("tag", "call") or (part.kind == "fence" and part.label == "python") for part in seen.parts):
        raise ParseError(f"Python is not run here. {form}")
    return Reply(action=Answer(reasoning.answer_text(seen.text)), thought=seen.reasoning, notes=seen.notes)


# --- the provider's own calls ---------------------------------------------------------------------


def _read_native(completion: Completion, form: str) -> Reply:
    notes: list[str] = []
    calls = [_native_call(call, completion.finish, form, notes) for call in completion.calls]
    thought = reasoning.thought_of([segments.clean(completion.text)], completion.reasoning)
    tools = [call for call in calls if not json_shapes.FINAL_ANSWER.match(call.name)]
    if not tools:
        given: JSON = calls[0].kwargs or list(calls[0].args)
        return Reply(action=json_shapes.answer_of(json_shapes.only_item(given)), thought=thought, notes=tuple(notes))
    if len(tools) < len(calls):
        notes.append("the answer was not taken, because the same reply held a call: see its result first, then answer")
    return Reply(action=ToolCalls(tuple(tools)), thought=thought, notes=tuple(dict.fromkeys(notes)))


def _native_call(call: NativeCall, finish: Finish, form: str, notes: list[str]) -> ToolCall:
    found = literals.read_value(call.arguments) if call.arguments.strip() else literals.Found(None, 0, 0)
    if found is None:
        found = next(literals.find_values(call.arguments), None) if finish != "length" else None
        if found is None:
            cut = " Your reply was cut at the token limit." if finish == "length" else ""
            error = json_shapes.json_error(call.arguments)
            raise ParseError(f"The arguments of {call.name} are not valid JSON: {error}.{cut} {form}")
        notes.append("the arguments were not valid JSON, and were read as they were probably meant")
    elif not found.strict:
        notes.append("the arguments were not valid JSON, and were read as they were probably meant")
    args, kwargs = json_shapes.arguments(found.value, form)
    return ToolCall(call.name, args, kwargs, call.id)
