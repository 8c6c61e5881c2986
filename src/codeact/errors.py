"""The one tree of exceptions; each branch says who must act.

CodeActError
├── UsageError             the caller: an argument, option or file given is wrong (also a ValueError)
│   └── TrajectoryError    … a trajectory file that cannot be read
├── SetupError             the machine's owner: a package, key, permission or space is missing
│   ├── MissingExtraError  … `pip install 'codeact[extra]'`
│   ├── WeightsError       … a model file is missing, cut short or not what it should be
│   └── IsolationError     … this host cannot confine code as strongly as asked
├── ModelError             the model's endpoint
│   ├── AuthenticationError, RateLimitError, ConnectionLostError, BadResponseError, ContextLengthError
├── SandboxError           the machinery around the box (what the code does wrong is an `ExecError`, which is data)
│   ├── SessionClosedError, UnsupportedError, TransferError
├── ServiceError           a request to the service
│   ├── NotFoundError      … for what is not there, or is another user's
│   ├── ConflictError      … that contradicts what is going on: a run in a chat that has one, a chat awake elsewhere
│   ├── QuotaError         … beyond what one user may have
│   └── StoreError         … that the database could not keep or answer
├── ToolError              a tool call; its text is worded for the model and is raised again inside its code
└── ParseError             the model's reply could not be read; its text is the correction sent to the model
"""

from __future__ import annotations


class CodeActError(Exception):
    """Anything this package raises on purpose. `str()` is one clear sentence that can be shown to a person."""


class UsageError(CodeActError, ValueError):
    pass


class TrajectoryError(UsageError):
    pass


class SetupError(CodeActError):
    pass


class MissingExtraError(SetupError):
    def __init__(self, extra: str, purpose: str) -> None:
        super().__init__(f"{purpose} needs an extra that is not installed; remedy: pip install 'codeact[{extra}]'")
        self.extra = extra


class WeightsError(SetupError):
    pass


class IsolationError(SetupError):
    pass


class ModelError(CodeActError):
    """The model's endpoint failed, after the retries that made sense."""


class AuthenticationError(ModelError):
    pass


class RateLimitError(ModelError):
    pass


class ConnectionLostError(ModelError):
    """Could not connect, timed out, or the stream was cut."""


class BadResponseError(ModelError):
    """The endpoint answered with something that is not its protocol, or with an error of its own."""


class ContextLengthError(ModelError):
    """The history no longer fits in the model's context."""


class SandboxError(CodeActError):
    pass


class SessionClosedError(SandboxError):
    pass


class UnsupportedError(SandboxError):
    """What was asked is not within this backend's capabilities, or not at this isolation level."""


class TransferError(SandboxError):
    """A file could not be moved into or out of the box."""


class ServiceError(CodeActError):
    pass


class NotFoundError(ServiceError):
    pass


class ConflictError(ServiceError):
    pass


class QuotaError(ServiceError):
    """`again` is in how many seconds a second try may help; None where only using less does."""

    def __init__(self, message: str, again: float | None = None) -> None:
        super().__init__(message)
        self.again = again


class StoreError(ServiceError):
    """`str()` never holds the database's address, which may hold a password."""


class ToolError(CodeActError):
    """`name` is the class of what the tool raised, so that the same name is raised inside the model's code."""

    def __init__(self, message: str, name: str = "ToolError") -> None:
        super().__init__(message)
        self.name = name


class ParseError(CodeActError):
    pass
