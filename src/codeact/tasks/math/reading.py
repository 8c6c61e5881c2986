"""What can be said of two answers by their text alone: most of them are whole numbers, and need no algebra."""

from __future__ import annotations

import math
import re
from fractions import Fraction

from codeact.tasks.answers import NOTHING, read_number

LONGEST = 300  # characters of an answer
_LONGEST_AROUND = 2000  # characters of what an answer is found in: patterns below try each place

_LEAD = re.compile(r"\A(?:the\s+)?(?:final\s+)?answer(?:\s+is)?\s*[:=]?\s+|\Aanswer:\s*", re.IGNORECASE)
_BOXED = re.compile(r"\A\\boxed\{(.*)\}\Z", re.DOTALL)
_WRAPPED = re.compile(r"\A(\$\$|\$|\*\*|`{1,3}|\"|')(.+)\1\Z|\A\\[(\[](.+)\\[)\]]\Z", re.DOTALL)
_STYLE = re.compile(r"\\(?:text|mathrm|mathbf|textbf|mbox)\s*\{([^{}]*)\}")
_UNIT = re.compile(
    r"(?<=[\d}])\s*(?:\\text\{[^{}]*\}|\\mbox\{[^{}]*\}|(?:cm|mm|km|kg|degrees?|units?)\b\.?|"
    r"(?<=\s)(?!(?:or|oo|pi|not|and)\b)[a-z]{2,}\.?)(?:\^\{?[23]\}?)?\Z",
    re.IGNORECASE,
)
_NAMED = re.compile(r"\A[a-zA-Z]\s*=\s*")
_SPACE = re.compile(r"\\[!,;: ]|~|\\left|\\right|\s+")
_SIGNS = re.compile(r"\\[$%]|\^\{?\\circ\}?")
_LETTER = re.compile(r"\A\(([a-z])\)\Z")  # of a choice
_APART = re.compile(r"\d\s+\d")  # reads as a product, and is a list or a slip
_RATIOS = (  # of whole numbers, as `_plain` leaves them
    re.compile(r"(-?)\\frac\{(-?\d{1,50})\}\{(\d{1,50})\}"),
    re.compile(r"(-?)\\frac(\d)(\d)"),
    re.compile(r"(-?)(\d{1,50})/(\d{1,50})"),
    re.compile(r"()(?:rational|fraction)\((-?\d{1,50}),(\d{1,50})\)"),
)
_UNDONE = re.compile(r"\\(?:int|sum|prod|lim|binom|bmod|pmod|det)(?![a-z])|!")


def cleaned(answer: str) -> str:
    """An answer without the words and marks around it; one that is far too long stays as it is, to be refused."""
    if len(answer) > _LONGEST_AROUND:
        return answer
    text = _LEAD.sub("", answer.strip())
    before = None
    while text != before:
        before = text = text.strip().removesuffix(".").strip()
        if found := _WRAPPED.match(text):
            text = found[2] or found[3]
        if found := _BOXED.match(text):
            text = found[1]
    return text


def same(reference: str, answer: str) -> bool | None:
    r"""Whether a cleaned answer is the reference; None where only algebra can tell.

    A whole number has to be given as one: 6 is not answered by `3!` or by `2 \cdot 3`. And nothing is left to be done
    that the reference has done: `\int_0^1 x dx` is no answer.
    """
    if not answer or len(answer) > LONGEST or (_APART.search(answer) and not _APART.search(reference)):
        return False
    if _plain(reference) == _plain(answer):
        return True
    expected, given = _number(reference), _number(answer)
    if expected is not None and (given is not None or isinstance(expected, int)):
        return given is not None and _close(expected, given)
    return False if _UNDONE.search(answer) and not _UNDONE.search(reference) else None


def _plain(text: str) -> str:
    """As texts are compared: without what only changes how they look."""
    text = _SPACE.sub("", _STYLE.sub(r"\1", text)).replace("{,}", ",")
    for fancy in ("\\dfrac", "\\tfrac"):
        text = text.replace(fancy, "\\frac")
    return _LETTER.sub(r"\1", _SIGNS.sub("", text).casefold())


def _number(text: str) -> float | Fraction | None:
    """The number that is all of it, but for its unit and the name it is given; None for all else."""
    bare = _plain(_NAMED.sub("", _UNIT.sub("", text.strip())))
    ratio = next(filter(None, (pattern.fullmatch(bare) for pattern in _RATIOS)), None)
    if ratio and int(ratio[3]):
        return Fraction(int(ratio[2]), int(ratio[3])) * (-1 if ratio[1] else 1)
    found = read_number(bare)
    return None if found is NOTHING else found


def _close(expected: float | Fraction, given: float | Fraction) -> bool:
    """A whole number exactly, any other to six digits, as decimals of a fraction are given."""
    try:
        return math.isclose(given, expected, rel_tol=1e-9 if isinstance(expected, int) else 1e-6)
    except OverflowError:  # an integer beyond all floats
        return False
