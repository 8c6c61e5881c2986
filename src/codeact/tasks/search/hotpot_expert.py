"""Experts of HotpotQA's questions, for those where the supporting facts show a way that can be walked honestly.

Such a way begins at a title that is in the question, goes on to one that is in the question or in the page found first,
and ends in a supporting sentence that has the answer word for word. The expert sees each page before it uses what is in
it, and reads the answer from the text by the words around it. Where there is no such way (comparisons, answers of `yes`
and `no`, titles that nobody mentions) there is no expert.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from codeact.tasks.oracle import Cell, Cells, Oracle
from codeact.tasks.search.hotpot import Question
from codeact.tasks.search.index import Encyclopedia

_BEFORE = re.compile(r"(?:\S+ ){0,4}\S*\Z")  # the words by which the answer is found
_AFTER = re.compile(r"\A\S*(?: \S+)?")
_REMARK = re.compile(r" \([^)]*\)\Z")  # what a title says only to tell it from others


def expert_of(row: Question, encyclopedia: Encyclopedia) -> Mapping[str, Oracle]:
    """By action space; empty where there is none."""
    if row.type != "bridge" or len(row.support) != 2 or row.answer.lower() in ("yes", "no"):
        return {}
    for first, last in (row.support, row.support[::-1]):
        if cells := _walk(row, encyclopedia, first, last):
            return {"code": cells}
    return {}


def _walk(row: Question, encyclopedia: Encyclopedia, first: str, last: str) -> Cells | None:
    start, end = _REMARK.sub("", first), _REMARK.sub("", last)
    seen = encyclopedia.search(start)
    if start not in row.question or f"Page: {first}\n" not in seen:
        return None
    found = encyclopedia.search(end)
    pattern = _pattern(row, last, found)
    if end not in seen + row.question or row.answer in seen or not pattern:
        return None
    look = Cell(
        f"first = wikipedia_search({start!r})\nprint(first)", f"The question is about {start}. I look it up first."
    )
    named = "It mentions" if end in seen else "The question also names"
    follow = Cell(f"second = wikipedia_search({end!r})\nprint(second)", f"{named} {end}, so I read that page next.")
    code = f"import re\n\nanswer = re.search({pattern!r}, second)[1]\nprint(answer)"
    return Cells([look, follow, Cell(code, f'The page of {end} says it: "{_sentence(row, last)}"')])


def _sentence(row: Question, title: str) -> str:
    """The supporting sentence of a page that has the answer; empty where none has."""
    said = dict(row.context).get(title, [])
    numbers = [number for support, number in row.supporting_facts if support == title and number < len(said)]
    return next((said[number].strip() for number in numbers if row.answer in said[number]), "")


def _pattern(row: Question, title: str, found: str) -> str:
    """What finds the answer in the text that is shown, by the words of its sentence; empty where nothing does."""
    sentence = _sentence(row, title)
    before, _, after = sentence.partition(row.answer)
    left, right = _BEFORE.search(before), _AFTER.match(after)
    if not sentence or not left or not right or not left[0].strip():
        return ""
    pattern = f"{_plain(left[0])}(.+?){_plain(right[0])}"
    read = re.search(pattern, found)
    return pattern if right[0] and read and read[1] == row.answer else ""


def _plain(text: str) -> str:
    return re.escape(text).replace("\\ ", " ").replace("\\-", "-")
