"""Attacks of our own against a sandbox, and what must keep working in it: `codeact doctor --attack`.

    rows = await run_attacks(sandbox("local", spares=0), chosen())

Read `attack` for the nouns, one of `families` for what is tried, `ground` for how the host sees what came of it.
"""

from __future__ import annotations

from codeact.sandbox.attacks.attack import Attack, Row, Verdict
from codeact.sandbox.attacks.catalogue import CATALOGUE, chosen
from codeact.sandbox.attacks.runner import LIMITS, View, run_attacks

__all__ = ["CATALOGUE", "LIMITS", "Attack", "Row", "Verdict", "View", "chosen", "run_attacks"]
