"""Writing a reply that reads back as exactly the action it was written for."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator, Sequence

from codeact.errors import ParseError, UsageError
from codeact.types import Action, Answer, Completion, Reply

Parse = Callable[[Completion], Reply]


def readable(action: Action, thought: str, forms: Sequence[str], parse: Parse) -> Completion:
    """The plainest of `forms` that survives reading. A thought that reads as an action is put into a tag, or left out.

    Raises:
        UsageError: none survives, because the action is blank.
    """
    for introduction in _introductions(thought):
        for form in forms:
            completion = Completion(text=introduction + form)
            if _reads_as(completion, action, parse):
                return completion
    raise UsageError(f"this action cannot be written as a reply: {action!r}; blank code and blank answers are none")


def readable_answer(answer: Answer, thought: str, marker: str, parse: Parse) -> Completion:
    """Plain where it can be, in a tag where a thought stands before it, escaped where it looks like an action itself.

    The value of an answer is not written: it comes from code that calls `final_answer`, not from a reply.
    """
    text = answer.text.strip()
    escaped = html.escape(text, quote=False).replace("`", "&#96;")
    forms = [f"<answer>{text}</answer>", f"<answer escaped>{escaped}</answer>"]
    plain = [marker + text] if marker or not thought else []
    return readable(Answer(text), thought, plain + forms, parse)


def _introductions(thought: str) -> Iterator[str]:
    if thought.strip():
        yield f"{thought.strip()}\n\n"
        yield f"<think>\n{thought.strip()}\n</think>\n\n"
    yield ""


def _reads_as(completion: Completion, action: Action, parse: Parse) -> bool:
    try:
        reply = parse(completion)
    except ParseError:
        return False
    return reply.action == action and not reply.notes
