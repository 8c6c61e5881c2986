"""What `codeact` tells its caller: exit codes, and errors in one line."""

from __future__ import annotations

from codeact.errors import CodeActError, ModelError, SandboxError, SetupError, UsageError
from codeact.types import OutcomeStatus

ANSWERED = 0
NO_ANSWER = 1
USAGE = 2
SETUP = 3
MODEL = 4
SANDBOX = 5
INTERRUPTED = 130
UNREAD = 141  # as of a process that SIGPIPE ended: who read the output has left

MEANING = """Exit codes: 0 answered or done, 1 no answer (budget used up) or a difference found, 2 wrong usage, \
3 something is missing on this machine, 4 the model's endpoint failed, 5 the sandbox failed, 130 interrupted."""


def of_error(error: CodeActError) -> int:
    """The exit code that says who must act."""
    match error:
        case UsageError():
            return USAGE
        case SetupError():
            return SETUP
        case ModelError():
            return MODEL
        case SandboxError():
            return SANDBOX
        case _:
            return NO_ANSWER


def of_outcome(status: OutcomeStatus) -> int:
    match status:
        case "answered":
            return ANSWERED
        case "cancelled":
            return INTERRUPTED
        case _:
            return NO_ANSWER


def unwrapped(error: BaseException) -> BaseException:
    """The one error that groups of a single member wrap."""
    match error:
        case BaseExceptionGroup(exceptions=(inner,)):
            return unwrapped(inner)
        case _:
            return error
