"""Reading a reply in which code is the action: the one cell to run, or the answer."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import cast

from codeact.actions import fences, literals, prompts, python_source, reasoning, repair, segments
from codeact.actions.fences import Body
from codeact.actions.reasoning import Visible
from codeact.actions.segments import Segment
from codeact.errors import ParseError
from codeact.types import JSON, Answer, CodeAction, Completion, Finish, NativeCall, Reply

_ACTION_END = re.compile(
    r"(?<![ \t])[ \t]*+\bEnd Action\b[*]{0,2}|^(?P<keep>[ \t]*+(?:Action|Answer|Observation|Thought):)", re.MULTILINE
)
_BARE_ACTION_END = re.compile(r"\bEnd Action\b[*]{0,2}")
_REPEATED_MARKER = re.compile(r"(?:[ \t\n]*+Action:)++")
_MADE_UP_LINE = re.compile(r"^[ \t]*+(?:Observation|(?:Execution )?Output|Answer|Thought)[ ]?:", re.MULTILINE)
_CUT_DELIMITER = re.compile(
    r"\n?(?<!`)(?:`{1,2}|</\w*|\bEnd)\Z"
)  # a closing mark that a stop string or a limit cut short
_BLANK_LINE = re.compile(r"\n[ \t]*\n")
_PROSE_LINE = re.compile(r"[ \t]*(?:[-*#>]+ |\d+\. )?[A-Z][^=(){}\[\]]*\s[^=(){}\[\]]*[.:!?]?\Z")
_MOST_CUTS = 30  # places tried for the end of an unclosed block
_OWN_KINDS = {"fenced": "fence", "execute": "tag", "action": "action", "native": ""}

Collect = Callable[[Segment], str | None]


@dataclass(slots=True)
class _Draft:
    """What has been found so far, while a reply is read from its beginning."""

    codes: list[str] = field(default_factory=list[str])
    last: Segment | None = None  # where the last of the codes came from
    prose: list[str] = field(default_factory=list[str])
    notes: list[str] = field(default_factory=list[str])


def read(completion: Completion, dialect: str) -> Reply:
    """The action of a reply, whichever marks it is written in; `dialect` decides which of them deserve a note.

    Raises:
        ParseError: it was cut, is empty, or only looks like an action.
    """
    form = prompts.FORMS["code", dialect]
    if completion.calls:
        return _read_calls(completion, form)
    seen = reasoning.visible(completion, form=form, action_body=_action_body if dialect == "action" else None)
    ways = (_marked, _untagged, _wrapped, _bare) if len(seen.parts) == 1 else (_marked, _untagged, _wrapped)
    for collect in ways:
        draft = _draft(seen, collect)
        if draft.codes and draft.last:
            _check_end(draft, draft.last, completion.finish, form)
            return _code_reply(draft, seen, dialect, collect)
    return _answer_reply(seen, completion.finish, form)


# --- where code stands in a reply -----------------------------------------------------------------


def _action_body(text: str, start: int) -> Body:
    repeated = _REPEATED_MARKER.match(text, start)
    return segments.delimited_code(text, repeated.end() if repeated else start, _ACTION_END, _BARE_ACTION_END)


def _marked(segment: Segment) -> str | None:
    match segment.kind, segment.label:
        case ("fence", "python") | ("action", _):
            return segment.text
        case "tag", label:
            return segment.text if label != "code" or python_source.does_something(segment.text.strip()) else None
        case "call", _:
            return _called(segment)
        case _:
            return None


def _called(segment: Segment) -> str | None:
    text = segment.text.strip()
    if segment.label:  # <function=python>{"code": …}</function>
        return repair.code_argument(text) if segment.label in repair.PYTHON_NAMES else None
    if segment.raw.startswith("<|python_tag|>") and python_source.does_something(text):
        return text
    return next(_codes_in_objects(text), None)


def _untagged(segment: Segment) -> str | None:
    """A fence without a language is an action when it is Python that does something; else it is a quotation."""
    if segment.kind != "fence" or segment.label:
        return None
    code, _ = repair.repair(segment.text)
    return segment.text if python_source.does_something(code) else None


def _wrapped(segment: Segment) -> str | None:
    """Code in a JSON object outside of any mark, as models write it that were trained on function calling."""
    if segment.kind not in ("prose", "fence"):
        return None
    text = segment.text.strip()
    found = next(_codes_in_objects(text), None)
    return found or (repair.broken_code_object(text) if text.startswith("{") else None)


def _bare(segment: Segment) -> str | None:
    """A reply that is a program from its first to its last word, as small models write it."""
    return segment.text if segment.kind == "prose" and python_source.is_program(segment.text.strip()) else None


def _codes_in_objects(text: str) -> Iterator[str]:
    for found in literals.find_values(text):
        value: JSON = found.value
        items = cast("list[JSON]", value) if isinstance(value, list) else [value]
        yield from filter(None, map(repair.code_in_object, items))


# --- from the reply to one cell -------------------------------------------------------------------


def _draft(seen: Visible, collect: Collect) -> _Draft:
    draft = _Draft(notes=list(seen.notes))
    for segment in seen.parts:
        code = collect(segment)
        if code is not None and code.strip():
            if not _add(draft, code, segment):
                break
        elif draft.codes and _is_made_up(draft, segment):
            draft.notes.append(reasoning.INVENTED)
            break
        elif segment.kind == "answer":
            draft.prose.append(segment.text)
        elif code is None:
            draft.prose.append(segment.raw)
            _note_left_out(draft, segment)
    return draft


def _add(draft: _Draft, code: str, segment: Segment) -> bool:
    """Add one block, repaired; False when it and what follows cannot be part of the same cell."""
    code, note = _without_tail(code) if not segment.closed else (code, "")
    code, repair_note = repair.repair(code)
    if not code.strip():  # nothing but a half-written mark
        return True
    if draft.codes and code.lstrip().startswith("%%"):
        draft.notes.append(
            "a cell magic (%%) must be the first line of a cell, so the block that begins with one was not run"
        )
        return False
    draft.notes += [text for text in (note, repair_note) if text]
    if code in draft.codes:
        draft.notes.append("the same block stood there twice and was run once")
    else:
        draft.codes.append(code)
    draft.last = segment
    return note != reasoning.INVENTED


def _without_tail(code: str) -> tuple[str, str]:
    """An unclosed block without what is no longer code: half a closing mark, made-up results, an explanation."""
    made_up = python_source.first_outside_strings(_MADE_UP_LINE, code, 0, in_comments=False)
    if made_up and made_up.start() > 0:
        return code[: made_up.start()].rstrip(), reasoning.INVENTED
    code = code.rstrip()  # nothing closes it, so its white space is the rest of the reply
    if python_source.compiles(code):
        return code, ""
    without_mark = _CUT_DELIMITER.sub("", code)
    if without_mark != code and python_source.compiles(without_mark):
        return without_mark, ""
    for cut in list(_BLANK_LINE.finditer(code))[:_MOST_CUTS]:
        rest = code[cut.end() :].lstrip("\n")
        if _PROSE_LINE.match(rest.partition("\n")[0]) and python_source.compiles(code[: cut.start()]):
            return code[: cut.start()], "the code block was not closed; the text after the code was left out"
    return code, ""


def _is_made_up(draft: _Draft, segment: Segment) -> bool:
    """Whether a model begins to write results itself here; the prose before that point is kept."""
    if segment.kind == "fence" and segment.label in fences.OUTPUT:
        return True
    if segment.kind != "prose" or not (start := reasoning.made_up(segment.text)):
        return False
    draft.prose.append(segment.text[: start.start()])
    return True


def _note_left_out(draft: _Draft, segment: Segment) -> None:
    if segment.kind == "fence" and segment.label in fences.SHELL:
        draft.notes.append(f"the {segment.label} block was not run; use !command inside Python")
    elif segment.kind == "fence" and not segment.label and python_source.does_something(segment.text):
        draft.notes.append("a block without a language was not run; tag every block that is to run as python")


def _check_end(draft: _Draft, last: Segment, finish: Finish, form: str) -> None:
    """A last block that the token limit cut is run only where it is whole enough to parse, and never silently."""
    if finish != "length" or last.closed:
        return
    if python_source.compiles(draft.codes[-1]):
        draft.notes.append("your reply was cut at the token limit; the code was run as far as it came")
    elif len(draft.codes) > 1:
        draft.codes.pop()
        draft.notes.append("your reply was cut at the token limit; the last, unfinished block was not run")
    else:
        raise ParseError(
            f"Your reply was cut at the token limit inside the code, so nothing was run. Write shorter code. {form}"
        )


def _code_reply(draft: _Draft, seen: Visible, dialect: str, collect: Collect) -> Reply:
    if any(part.kind == "answer" for part in seen.parts):
        draft.notes.append(
            "the answer was not taken, because the same reply held an action: see its result first, then answer"
        )
    agreed = collect is _marked or (collect is _untagged and dialect == "fenced")
    if draft.last and not (agreed and draft.last.kind == _OWN_KINDS[dialect]):
        draft.notes.append(f"the code was found, but not in the agreed form. {prompts.FORMS['code', dialect]}")
    thought = reasoning.thought_of(draft.prose, seen.reasoning)
    return Reply(action=CodeAction("\n\n".join(draft.codes)), thought=thought, notes=tuple(dict.fromkeys(draft.notes)))


# --- no code --------------------------------------------------------------------------------------


def _answer_reply(seen: Visible, finish: Finish, form: str) -> Reply:
    tagged = next((part for part in seen.parts if part.kind == "answer" and part.text.strip()), None)
    if tagged:
        before = seen.parts[: seen.parts.index(tagged)]
        thought = reasoning.thought_of([part.raw for part in before], seen.reasoning)
        return Reply(action=Answer(tagged.text.strip()), thought=thought, notes=seen.notes)
    if finish == "length":
        raise ParseError(f"Your reply was cut at the token limit before any action. Write less. {form}")
    for part in seen.parts:
        if part.kind == "call":
            raise ParseError(f"Tools are not called like that here: they are Python functions. {form}")
        if part.kind == "fence" and part.label in fences.SHELL:
            raise ParseError(
                f"A {part.label} block is not run; use !command inside Python. {form} If it is your answer, "
                "put it between <answer> and </answer>."
            )
    text = reasoning.answer_text(seen.text)
    if not text or all(part.kind != "prose" and not part.text.strip() for part in seen.parts):
        raise ParseError(f"Your reply held an empty block: no action and no answer. {form}")
    return Reply(action=Answer(text), thought=seen.reasoning, notes=seen.notes)


# --- the provider's own calls ---------------------------------------------------------------------


def _read_calls(completion: Completion, form: str) -> Reply:
    notes: list[str] = []
    codes: list[str] = []
    for call in completion.calls:
        code, note = repair.repair(_code_of_call(call, completion.finish, form))
        codes.append(code)
        notes += [note] if note else []
    if len(codes) > 1:
        notes.append("the calls of one reply were run together, in order, as one cell")
    thought = reasoning.thought_of([segments.clean(completion.text)], completion.reasoning)
    return Reply(action=CodeAction("\n\n".join(codes)), thought=thought, notes=tuple(dict.fromkeys(notes)))


def _code_of_call(call: NativeCall, finish: Finish, form: str) -> str:
    if call.name not in repair.PYTHON_NAMES:
        raise ParseError(f"There is no function {call.name!r} to call directly: tools are Python functions. {form}")
    code = repair.code_argument(call.arguments)
    if code is None or not code.strip():
        raise ParseError(f"No code was found in the arguments of the call: {call.arguments[:200]!r}. {form}")
    if finish == "length" and not python_source.compiles(code):
        raise ParseError(
            f"Your reply was cut at the token limit inside the code, so nothing was run. Write shorter code. {form}"
        )
    return code
