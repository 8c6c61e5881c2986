"""Inspect (the evaluation framework `inspect_ai`): our results as its logs, and our suites as its tasks.

Nothing is imported here, because `inspect_ai` takes seconds to import: take `codeact.inspect.logs` for the logs. The
tasks are found by Inspect itself, through the entry point `inspect_ai` (`codeact.inspect.registry`).
"""
