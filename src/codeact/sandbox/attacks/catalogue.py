"""All attacks of the suite, and how to choose among them."""

from __future__ import annotations

from collections.abc import Sequence
from fnmatch import fnmatchcase

from codeact.sandbox.attacks.attack import Attack
from codeact.sandbox.attacks.families.channel import CHANNEL
from codeact.sandbox.attacks.families.files import FILES
from codeact.sandbox.attacks.families.interpreter import INTERPRETER
from codeact.sandbox.attacks.families.kernel import KERNEL
from codeact.sandbox.attacks.families.network import NETWORK
from codeact.sandbox.attacks.families.processes import PROCESSES
from codeact.sandbox.attacks.families.resources import RESOURCES
from codeact.sandbox.attacks.families.tools import TOOLS
from codeact.sandbox.attacks.families.transcript import TRANSCRIPT
from codeact.sandbox.attacks.families.working import WORKING

CATALOGUE: tuple[Attack, ...] = (
    *FILES, *PROCESSES, *KERNEL, *NETWORK, *RESOURCES, *INTERPRETER, *CHANNEL, *TOOLS, *TRANSCRIPT, *WORKING,
)  # fmt: skip


def chosen(pattern: str = "") -> Sequence[Attack]:
    """The attacks whose id contains `pattern`, or matches it where it has a `*`; all of them for ""."""
    if "*" in pattern:
        return [attack for attack in CATALOGUE if fnmatchcase(attack.id, pattern)]
    return [attack for attack in CATALOGUE if pattern in attack.id]
