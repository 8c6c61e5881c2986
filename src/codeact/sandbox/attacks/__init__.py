"""Attacks of our own against a sandbox, and what must keep working in it: `codeact doctor --attack`.

    rows = await run_attacks(sandbox("local", spares=0), chosen())
    rows = await run_in_lanes(Target(sandbox="local", options={"spares": 0}), chosen(), lanes=4)  # the same, faster

Read `attack` for the nouns, one of `families` for what is tried, `ground` for how the host sees what came of it.
"""

from __future__ import annotations

from codeact.sandbox.attacks.attack import Attack, Row, Verdict
from codeact.sandbox.attacks.catalogue import CATALOGUE, chosen
from codeact.sandbox.attacks.lanes import run_in_lanes
from codeact.sandbox.attacks.runner import LIMITS, View, run_attacks
from codeact.sandbox.attacks.target import Target

__all__ = ["CATALOGUE", "LIMITS", "Attack", "Row", "Target", "Verdict", "View", "chosen", "run_attacks", "run_in_lanes"]
