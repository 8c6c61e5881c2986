"""CodeActInstruct: from episodes to rows that a model is trained on (paper, section 3).

`read_candidates` reads what was played, a `Selection` lets it through a pipeline of filters, `read_rows` reads what is
left, and `export` writes a data set of it. Training meets this over files of rows, and not over code.
"""

from __future__ import annotations

from codeact.instruct.candidate import Candidate, Turn
from codeact.instruct.dataset import Export, Exported, export
from codeact.instruct.filters import Filter
from codeact.instruct.funnel import Funnel
from codeact.instruct.load import read_candidates
from codeact.instruct.pipeline import Surroundings, pipeline
from codeact.instruct.row import Row, RowMessage, read_rows, write_rows
from codeact.instruct.selection import Selection, select

__all__ = [
    "Candidate",
    "Export",
    "Exported",
    "Filter",
    "Funnel",
    "Row",
    "RowMessage",
    "Selection",
    "Surroundings",
    "Turn",
    "export",
    "pipeline",
    "read_candidates",
    "read_rows",
    "select",
    "write_rows",
]
