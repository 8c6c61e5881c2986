"""Which tests of every backend are run on kernels of a Jupyter server, and which of these each time.

A test costs a new kernel, and what a kernel runs is the same code as in every other box. So those are run each time in
which the way to the kernel, its interrupts and its death matter; `pytest -m jupyter` runs all.
"""

from __future__ import annotations

from typing import Any

import pytest

MODULES = ("test_contract.py", "test_tools.py", "test_asking.py")  # not those of checkpoints and of our own processes
EACH_TIME = {
    "test_the_last_expression_is_the_value": "",
    "test_a_print_before_a_long_wait_is_seen_at_once": "",
    "test_top_level_await_and_asyncio_run": "",
    "test_shell_commands_and_magics": "",
    "test_a_time_limit_always_returns": "!sleep",
    "test_interrupt": "",
    "test_cancelling_before_the_code_has_crossed": "",
    "test_a_crash_is_reported_and_the_interpreter_restarted": "_exit",
    "test_a_death_between_actions_is_told_to_the_next": "",
    "test_late_output_is_marked": "",
    "test_memory_is_limited": "",
    "test_reset_and_variables": "",
    "test_files_go_in_and_out": "",
    "test_no_tool_starts_once_its_action_is_stopped": "",
    "test_interrupting_a_hanging_tool": "",
    "test_calls_after_the_action_or_from_a_fork_are_refused": "",
    "test_input_and_getpass_are_answered": "",
}  # a test, and what its parameters have to hold


def select(items: list[pytest.Item]) -> None:
    """Leave out what a kernel is not put to, and mark as slow what is not run each time."""
    items[:] = [item for item in items if not _on_kernel(item) or item.path.name in MODULES]
    for item in filter(_on_kernel, items):
        function, _, parameters = item.name.partition("[")
        if EACH_TIME.get(function, "not in a name\n") not in parameters:
            item.add_marker(pytest.mark.slow)


def _on_kernel(item: pytest.Item) -> bool:
    call: Any = getattr(item, "callspec", None)
    return call is not None and call.params.get("backend") == "jupyter"
