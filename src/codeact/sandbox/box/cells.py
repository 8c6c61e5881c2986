"""From the text of a cell to Python, as IPython does it, but a short way for what is Python already.

IPython's way goes through a tokenizer that is written in Python, and compiles a cell once only to see whether it
awaits. Most actions have nothing in them that it could find.
"""

from __future__ import annotations

import re

# IPython is only partly typed.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
from IPython.core.inputtransformer2 import TransformerManager, leading_empty_lines

# What may be no Python, or is made tidy: `%magic`, `!command`, `help?`, lines that begin with `,` `;` `/` or a prompt,
# white space where a cell or an empty line begins, and what ends lines besides "\n".
_PERHAPS_MORE = re.compile(
    r"[%!?\r\v\f\x1c-\x1e\x85\u2028\u2029] | ^[ \t]* (?: [,;/] | >>> | \.\.\. ) | ^[ \t]+$ | \A\s | In[ ]\[",
    re.MULTILINE | re.VERBOSE,
)


class Transformers(TransformerManager):
    def __init__(self) -> None:
        super().__init__()
        # Leading empty lines must stay, or line numbers in tracebacks would be off by as many.
        self.cleanup_transforms.remove(leading_empty_lines)
        self._known = self._all

    def transform_cell(self, cell: str) -> str:
        if _PERHAPS_MORE.search(cell) or self._all != self._known:
            return super().transform_cell(cell)
        return cell if cell.endswith("\n") else f"{cell}\n"

    @property
    def _all(self) -> list[object]:
        """An agent's code may add to them."""
        return [*self.cleanup_transforms, *self.line_transforms, *self.token_transformers]


def may_await(cell: str) -> bool:
    """False where it certainly does not; keywords have no other spelling."""
    return "await" in cell or "async" in cell
