"""Serving a coroutine in the task that has come upon it, without giving up what that task was doing."""

from __future__ import annotations

import types
from collections.abc import Callable, Coroutine, Generator
from contextvars import copy_context
from typing import Any


@types.coroutine
def handing_over(work: Coroutine[Any, Any, None], hand_over: Callable[[], object]) -> Generator[Any, Any, bool]:
    """Await `work`; when it first has to wait, call `hand_over`, so that another task does what this one did until now.
    Whether that was so.

    Most work ends without waiting, and then costs no task. All of it runs in this one task, so cancel scopes and task
    groups that it opens are its own as ever; and in a context of its own, as if it were a task.
    """
    run, waited = copy_context().run, False
    try:
        waits_for = run(work.send, None)
        waited = True
        hand_over()
        while True:
            try:
                given = yield waits_for
            except GeneratorExit:
                work.close()
                raise
            except BaseException as error:  # noqa: BLE001 (a cancellation, most likely, and for `work` to handle)
                waits_for = run(work.throw, error)
            else:
                waits_for = run(work.send, given)
    except StopIteration:
        return waited
