"""All 55 files of MINT's outputs: what docs/instruct.md says of them is what comes out (`pytest -m slow`, minutes)."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from codeact.instruct.bench_texts import texts_of_suite
from codeact.instruct.contamination import Index
from codeact.instruct.funnel import Stage
from codeact.instruct.pipeline import Base, Surroundings, pipeline
from codeact.instruct.selection import Selection

DATA = Path(__file__).parents[3] / "shared/data"
FILES = sorted((DATA / "mint/outputs").glob("*.xz"))
DOCS = Path(__file__).parents[2] / "docs/instruct.md"
DOMAINS = ("alfworld", "humaneval", "mbpp", "reasoning")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.timeout(1800),
    pytest.mark.skipif(not FILES, reason=f"MINT's published outputs are not at {DATA}"),
]


def published(after: str) -> list[tuple[list[str], list[int]]]:
    """The first table behind these words: the filters of each line, and its numbers. `bench` belongs to another run."""
    _, words, rest = DOCS.read_text().partition(after)
    assert words, f"{DOCS.name} no longer says {after!r}"
    lines = re.findall(r"^\|.*\|$", rest.split("\n\n|", 1)[1].split("\n\n", 1)[0], re.MULTILINE)
    cells = [line.strip("|").split("|") for line in lines if "`" in line and "`bench`" not in line]
    return [(re.findall(r"`(\w+)", names), [int(cell.replace(",", "")) for cell in rest]) for names, *rest in cells]


def counted(stages: list[Stage]) -> list[int]:
    """Of filters that docs tell of in one line."""
    first, last = stages[0], stages[-1]
    given, left = first.given.total(), last.left.total()
    return [given, given - left, left, *(last.left[domain] for domain in DOMAINS)]


@pytest.mark.parametrize(("base", "after"), [("paper", "With `--filters paper`:"), ("ours", "(`--filter bench=off`)")])
def test_the_funnel_is_the_published_one(base: Base, after: str) -> None:
    selection = Selection(files=FILES, pipeline=pipeline(base, {"bench": "off"}))
    left = sum(1 for _ in selection.rows())
    assert len(FILES) == 55
    assert selection.funnel.read == 10_193
    stages = {stage.name: stage for stage in selection.funnel.stages}
    assert stages["success"].left.total() == 2_748
    table = published(after)
    assert [name for names, _ in table for name in names] == [name for name in stages if name != "plain"]
    for names, numbers in table:
        assert counted([stages[name] for name in names]) == numbers, f"{names} in {DOCS.name}"
    assert table[-1][1][2] == left


def test_nothing_passes_that_is_a_task_of_the_bench() -> None:
    index = Index()
    index.add(texts_of_suite("mint", DATA / "mint"))
    index.add(texts_of_suite("apibank", DATA / "api_bank"))
    around = Surroundings(index=index)
    selection = Selection(files=FILES, pipeline=pipeline("none", {"bench": "on"}), around=around)
    assert list(selection.rows()) == []
    assert Counter(hit.way for hit in selection.hits) == {"exact": 7_490, "n-grams": 935, "suite": 1_768}
    assert "(7,490 exactly, 935 by n-grams)" in DOCS.read_text()
