"""Rows of attacks as a summary and as the page docs/attacks.md."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence

from codeact.sandbox.attacks.attack import Attack, Row, Verdict
from codeact.sandbox.attacks.catalogue import CATALOGUE

VERDICTS: tuple[Verdict, ...] = (
    "held", "contained", "not held", "works", "broken", "not applicable", "not tried", "faulty",
)  # fmt: skip
_HEAD = """# The attack suite, and what held here

Made by `codeact doctor --attack {names} --markdown`; do not edit. How to read it, how to add an attack and how to \
report a hole: [security.md](security.md).

**held**: refused, and by which layer. **contained**: it happened, but only to the session itself or up to a limit. \
**not held**: it got through; *known gap* where no layer of that level promises otherwise. **not tried**: it would \
harm a machine that does not isolate it.
"""


def summary(rows: Sequence[Row]) -> dict[str, Counter[Verdict]]:
    """How many of each verdict, by family."""
    counts = dict[str, Counter[Verdict]]()
    for row in rows:
        counts.setdefault(row.family, Counter())[row.verdict] += 1
    return counts


def page(by_sandbox: Mapping[str, Sequence[Row]]) -> str:
    """The whole catalogue as Markdown, with a column of verdicts for each sandbox."""
    found = {name: {row.id: row for row in rows} for name, rows in by_sandbox.items()}
    lines = [_HEAD.format(names=" ".join(f"--sandbox {name}" for name in found)), *table(by_sandbox), ""]
    for family in dict.fromkeys(attack.family for attack in CATALOGUE):
        lines += [
            f"## {family}",
            "",
            f"| attack | code tries to | {' | '.join(found)} |",
            "|---|---|" + "---|" * len(found),
        ]
        lines += [_line(attack, found) for attack in CATALOGUE if attack.family == family]
        lines.append("")
    return "\n".join(lines)


def table(by_sandbox: Mapping[str, Sequence[Row]]) -> list[str]:
    """The lines of the summary as Markdown, which docs/security.md shows too."""
    counts = {name: summary(rows) for name, rows in by_sandbox.items()}
    lines = [f"| family | {' | '.join(counts)} |", "|---|" + "---|" * len(counts)]
    for family in dict.fromkeys(attack.family for attack in CATALOGUE):
        cells = [_counted(found.get(family, Counter())) for found in counts.values()]
        lines.append(f"| {family} | {' | '.join(cells)} |")
    return lines


def _counted(counts: Counter[Verdict]) -> str:
    return ", ".join(f"{counts[verdict]} {verdict}" for verdict in VERDICTS if counts[verdict])


def _line(attack: Attack, found: Mapping[str, Mapping[str, Row]]) -> str:
    cells = [_cell(rows.get(attack.id)) for rows in found.values()]
    tries = attack.tries.replace("|", "\\|")
    return f"| {attack.name} | {tries} | {' | '.join(cells)} |"


def _cell(row: Row | None) -> str:
    if row is None:
        return ""
    if row.verdict == "not held" and not row.promised:
        return f"not held, known gap ({row.promise})"
    return f"{row.verdict}, {row.layer}" if row.layer else row.verdict
