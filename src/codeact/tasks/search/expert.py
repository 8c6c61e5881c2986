"""The experts of generated questions: they search, read what they found, follow it up, and answer.

An expert knows the way, as somebody does who has read the pages: which name to look up, and by which words a page says
what is asked. It does not know the values: every name and number that it goes on with is read from an observation.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from random import Random

from codeact.tasks.oracle import Calls, Cell, Cells, Oracle
from codeact.tasks.search.questions import Chain, Question

_BOTH_FIRST = (
    "I know nothing about {start}, so I look both up first.",
    "Two pages are needed, those of {start}. I search for both at once.",
)
_FIRST = (
    "I know nothing about {start}, so I look it up first.",
    "The question begins with {start}. I search for that page and read it.",
    "Let me find the page of {start} and see what it says.",
)
_NEXT = (
    'The page says: "{sentence}" So I take the {key} from it and look that page up.',
    'That is the sentence I need: "{sentence}" I read the {key} out of it and search for it next.',
    'The {key} is in this sentence: "{sentence}" The next page to read is that one.',
)
_LAST = (
    'The page answers it: "{sentence}" I read the value from the text, so that nothing is mistyped.',
    'What was asked for is here: "{sentence}" I take the {key} from it.',
)
_BOTH = "I have both pages now. I read the two numbers from them and compute how far they are apart."


def experts(rng: Random, question: Question) -> Mapping[str, Oracle]:
    """The experts of a question in the three formats."""
    calls = Calls(_program(question))
    return {"code": _cells(rng, question), "json": calls, "text": calls}


def _cells(rng: Random, question: Question) -> Cells:
    """A page of the longest chain a turn; a second chain, which has one page, is looked up beside the first."""
    longest, *beside = question.chains
    names = _names(question)
    cells = [_opening(rng, question)]
    for step, fact in enumerate(longest.facts[:-1]):
        page, read = names[0][step], longest.keys[step]
        following = names[0][step + 1]
        lines = [*_imports(cells), _reading(read, page, fact.pattern), f'print("{read}:", {read})']
        lines += [f"{following} = wikipedia_search({read})", f"print({following})"]
        cells.append(Cell("\n".join(lines), _thought(rng, _NEXT, longest, step)))
    reading = [*_imports(cells), *_ending(question)]
    if beside:
        return Cells([*cells, Cell("\n".join([*reading, "final_answer(difference)"]), _BOTH)])
    thought = _thought(rng, _LAST, longest, len(longest.facts) - 1)
    read = longest.keys[-1]
    if question.hops < 3 and rng.random() < 0.5:  # in words it takes a turn more, of the five there are
        closing = rng.choice(("{}", "The answer is {}."))
        return Cells([*cells, Cell("\n".join([*reading, f"print({read})"]), thought)], closing)
    return Cells([*cells, Cell("\n".join([*reading, f"final_answer({read})"]), thought)])


def _opening(rng: Random, question: Question) -> Cell:
    firsts = [pages[0] for pages in _names(question)]
    lines: list[str] = []
    for page, chain in zip(firsts, question.chains, strict=True):
        lines += [f'{page} = wikipedia_search("{chain.start.title}")', f"print({page})"]
    start = " and ".join(chain.start.title for chain in question.chains)
    return Cell("\n".join(lines), rng.choice(_FIRST if len(firsts) == 1 else _BOTH_FIRST).format(start=start))


def _ending(question: Question) -> list[str]:
    """The lines that read the last page of each chain."""
    lasts = [(chain, pages[-1]) for chain, pages in zip(question.chains, _names(question), strict=True)]
    if len(lasts) == 1:
        [(chain, page)] = lasts
        return [_reading(chain.keys[-1], page, chain.facts[-1].pattern)]
    lines: list[str] = []
    for name, (chain, page) in zip(("one", "other"), lasts, strict=True):
        lines.append(f'{_reading(name, page, chain.facts[-1].pattern)}.replace(",", "")')
    return [*lines, "difference = abs(int(one) - int(other))", "print(one, other, difference)"]


def _program(question: Question) -> str:
    """All of it in one, for formats that make a call a turn."""
    lines = ["import re"]
    for pages, chain in zip(_names(question), question.chains, strict=True):
        lines.append(f'{pages[0]} = wikipedia_search("{chain.start.title}")')
        for step, fact in enumerate(chain.facts[:-1]):
            lines.append(_reading(chain.keys[step], pages[step], fact.pattern))
            lines.append(f"{pages[step + 1]} = wikipedia_search({chain.keys[step]})")
    result = question.chains[0].keys[-1] if question.kind == "bridge" else "difference"
    ending = [line for line in _ending(question) if not line.startswith("print")]
    return "\n".join([*lines, *ending, f"result = {result}"])


def _reading(name: str, page: str, pattern: str) -> str:
    """The best page of a search comes first; the others may say the same words of somebody else."""
    return f'{name} = re.search(r"{pattern}", {page}.split("Page: ")[1])[1]'


def _imports(cells: Sequence[Cell]) -> list[str]:
    return ["import re", ""] if len(cells) == 1 else []


def _names(question: Question) -> list[list[str]]:
    """A variable for each page, chain by chain: it is called after what led to it."""
    if len(question.chains) == 1:
        [chain] = question.chains
        return [[chain.start.kind, *(f"{key}_page" for key in chain.keys[:-1])]]
    return [
        [f"{place}", *(f"{place}_{key}" for key in chain.keys[:-1])]
        for place, chain in zip(("first", "second"), question.chains, strict=True)
    ]


def _thought(rng: Random, forms: Sequence[str], chain: Chain, step: int) -> str:
    return rng.choice(forms).format(sentence=chain.facts[step].sentence, key=chain.keys[step])
