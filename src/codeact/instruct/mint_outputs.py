"""MINT's published outputs: what 55 models did, as text, in the form that CodeActInstruct was made from.

Only text is recorded, so whether code raised is recognised by Python's own forms: a traceback's first line, or the
caret line of a syntax error. A traceback that was cut off behind 2,000 characters of output is not seen. Rows say
`"errors": "recognised"` in their origin. Conversion as in the paper (section 4): the rules become the system message
without the sentence on the thought tag, the in-context example is left out, thoughts stay without their tags.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from hashlib import sha256
from itertools import pairwise
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, TypeAdapter, ValidationError

from codeact.instruct.candidate import Candidate, Turn, utf8
from codeact.instruct.row import Row, RowMessage

_Line = tuple[Literal["user", "assistant"], str]

LICENCE = "Apache-2.0"  # of the repository; models' providers have terms of their own: see `terms`
SEPARATOR = "\n---\n"

_RAISED = re.compile(r"Traceback \(most recent call last\)|^ *\^+ *\n\w*(?:Error|Exception|Warning): ", re.MULTILINE)
_CODE = re.compile(r"<execute>.*?</execute>|```python\n", re.DOTALL)  # some models were told of fences instead of tags
_THOUGHT_RULE = re.compile(r"[^.\n]*<thought>\"? tag, for example:.*?</thought>\.? ?")
_THOUGHT_TAG = re.compile(r"</?thought>")
_LEAD = re.compile(r"\A\s*Assistant:\s*")
_NOTHING: _Line = ("assistant", "")
_UNREAD = "I don't understand your input"
_WRONG = "Your answer is wrong"


class _Said(BaseModel):
    role: Literal["user", "assistant"]
    content: str


class _Counts(BaseModel):
    propose_solution: int
    use_tool: int
    invalid_action: int


class _State(BaseModel):
    history: Annotated[list[_Said], Field(min_length=1)]
    success: bool
    agent_action_count: _Counts
    terminate_reason: str


class _Task(BaseModel):
    task_name: str
    task_id: int | str
    prompt: str


class Output(BaseModel):
    """One line of such a file."""

    state: _State
    task: _Task


def read_output(line: bytes) -> Output:
    """Raises ValueError for a line of another kind; says where."""
    try:
        return _OUTPUT.validate_json(line)
    except ValidationError as error:
        wrong = error.errors(include_url=False)[0]
        raise ValueError(f"{'.'.join(map(str, wrong['loc'])) or 'the line'}: {wrong['msg']}") from error


def model_of(path: Path) -> str:
    """The model that a file is of: `gpt-4-0613.max5.jsonl.xz`."""
    return path.name.partition(".max")[0] if ".max" in path.name else path.name.partition(".jsonl")[0]


def of_output(output: Output, path: Path) -> Candidate:
    """One of its trajectories.

    Raises:
        ValueError: its first message has no task in it.
    """
    state, task, model = output.state, output.task, model_of(path)
    history: list[_Line] = [(said.role, utf8(said.content)) for said in state.history]
    opening = _opening(history[0][1])
    last = max((index for index, (role, _) in enumerate(history) if role == "assistant"), default=len(history) - 1)
    talk = history[1 : last + 1]
    turns = _turns(talk, offset=len(opening))
    asked = utf8(task.prompt)
    # Its families of reasoning share their numbers, so a task is known by its words too.
    name = f"mint/{task.task_name}/{task.task_id}-{sha256(asked.encode()).hexdigest()[:8]}"
    row = Row(
        id=f"{name}/{model}/code/0",
        messages=(*opening, *(RowMessage(role, _as_trained(role, text)) for role, text in talk)),
        turns=len(turns),
        success=state.success,
        domain=task.task_name.partition("/")[0],
        task=name,
        source="mint",
        licence=LICENCE,
        model=model,
        origin={"file": path.name, "suite": "mint", "actions": "code", "seed": 0, "errors": "recognised"},
    )
    return Candidate(
        row=row,
        turns=turns,
        asked=asked,
        format="code",
        answered=state.terminate_reason in ("task_success", "max_propose_steps"),
        unreadable=state.agent_action_count.invalid_action,
    )


def _opening(text: str) -> tuple[RowMessage, RowMessage]:
    pieces = text.split(SEPARATOR)
    if len(pieces) < 2:
        raise ValueError(f"its first message has no line {SEPARATOR.strip()!r} before the task")
    rules = re.sub(r"\n{3,}", "\n\n", _THOUGHT_RULE.sub("", pieces[0]).strip())
    return RowMessage("system", rules), RowMessage("user", pieces[-1].strip())


def _turns(talk: Sequence[_Line], offset: int) -> tuple[Turn, ...]:
    return tuple(
        _turn(offset + index, said, follows if role == "user" else "")
        for index, ((speaker, said), (role, follows)) in enumerate(pairwise([*talk, _NOTHING]))
        if speaker == "assistant"
    )


def _turn(message: int, said: str, observed: str) -> Turn:
    answers = "<solution>" in said
    unread = not answers and (_UNREAD in observed or not _CODE.search(said))
    return Turn(
        message=message,
        kind="unreadable" if unread else "answer" if answers else "action",
        erred=not unread and not answers and _RAISED.search(observed) is not None,
        says_error="Error" in observed,
        answered_wrong=answers and _WRONG in observed,
    )


def _as_trained(role: str, text: str) -> str:
    return _THOUGHT_TAG.sub("", _LEAD.sub("", text)).strip() if role == "assistant" else text.strip()


_OUTPUT: TypeAdapter[Any] = TypeAdapter(Output)
