"""Tries on this host what the local sandbox claims: opens a box and attempts from inside what must not work."""

from __future__ import annotations

from collections.abc import Sequence

from codeact.sandbox.isolation import IsolationReport, MissingLayerError, report
from codeact.sandbox.ladder import FORMS, Form
from codeact.sandbox.local import LocalSandbox


async def probe(forms: Sequence[Form] = FORMS) -> IsolationReport:
    """What isolates code on this host. Takes some seconds; a host that cannot is a report, not an error.

    Raises:
        SandboxError: the box could not be tried, for a reason other than isolation.
    """
    try:
        return await LocalSandbox(preload=(), require="process", forms=forms).examine()
    except MissingLayerError as error:
        return report(above=error.layers)
