"""CodeActInstruct: from episodes to rows that a model is trained on (paper, section 3).

`collect` plays the episodes, `read_candidates` reads what was played, a `Selection` lets it through a pipeline of
filters, `read_rows` reads what is left, and `export` writes a data set of it. Training meets this over files of rows,
and not over code.
"""

from __future__ import annotations

from codeact.instruct.bench_texts import texts_of_file, texts_of_suite
from codeact.instruct.candidate import Candidate, Turn
from codeact.instruct.collection import Collected, collect, repairs_of, with_expert
from codeact.instruct.contamination import Index
from codeact.instruct.costs import Cost, Costs, costs_of, worth_keeping
from codeact.instruct.dataset import Export, Exported, export
from codeact.instruct.filters import Filter
from codeact.instruct.funnel import Funnel
from codeact.instruct.load import read_candidates
from codeact.instruct.pipeline import Surroundings, pipeline
from codeact.instruct.row import Row, RowMessage, read_rows, write_rows
from codeact.instruct.selection import Selection, select

__all__ = [
    "Candidate",
    "Collected",
    "Cost",
    "Costs",
    "Export",
    "Exported",
    "Filter",
    "Funnel",
    "Index",
    "Row",
    "RowMessage",
    "Selection",
    "Surroundings",
    "Turn",
    "collect",
    "costs_of",
    "export",
    "pipeline",
    "read_candidates",
    "read_rows",
    "repairs_of",
    "select",
    "texts_of_file",
    "texts_of_suite",
    "with_expert",
    "worth_keeping",
    "write_rows",
]
