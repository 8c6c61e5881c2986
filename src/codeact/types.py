"""Every noun that passes between the parts of CodeAct.

Values only: frozen, compared by content, with no I/O and no behaviour beyond reading themselves. A closed set is a
union whose members carry a literal `kind`, taken apart with `match`. Their live counterpart is in `events.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol

JSON = Any  # what `json.loads` can return; the one place where `Any` is right

# --- what is said to a model and comes back -------------------------------------------------------

Role = Literal["system", "user", "assistant", "tool"]


@dataclass(frozen=True, slots=True)
class Text:
    text: str
    kind: Literal["text"] = "text"


@dataclass(frozen=True, slots=True)
class Image:
    data: bytes
    mime: str = "image/png"
    kind: Literal["image"] = "image"


@dataclass(frozen=True, slots=True)
class NativeCall:
    """A call in a provider's own function-calling format, as it came over the wire: not decoded, not trusted."""

    id: str
    name: str
    arguments: str  # JSON text, possibly broken
    kind: Literal["native_call"] = "native_call"


@dataclass(frozen=True, slots=True)
class NativeResult:
    """The answer to one `NativeCall`; providers insist that each call gets exactly one."""

    id: str
    text: str
    images: tuple[Image, ...] = ()
    kind: Literal["native_result"] = "native_result"


Part = Text | Image | NativeCall | NativeResult


@dataclass(frozen=True, slots=True)
class Message:
    role: Role
    parts: tuple[Part, ...]

    @staticmethod
    def of(role: Role, text: str, images: Sequence[Image] = ()) -> Message:
        return Message(role, (Text(text), *images))

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts if isinstance(part, Text))


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """What a completion, or a whole run, has used."""

    input_tokens: int = 0  # all tokens of the prompt, cached ones included
    cached_tokens: int = 0  # of those, the ones the server did not have to read again
    output_tokens: int = 0
    cost: float | None = None  # USD; None when no price is known

    def __add__(self, other: Usage) -> Usage:
        costs = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Usage(
            input_tokens=self.input_tokens + other.input_tokens,
            cached_tokens=self.cached_tokens + other.cached_tokens,
            output_tokens=self.output_tokens + other.output_tokens,
            cost=sum(costs) if costs else None,
        )

    def __sub__(self, earlier: Usage) -> Usage:
        return Usage(
            input_tokens=self.input_tokens - earlier.input_tokens,
            cached_tokens=self.cached_tokens - earlier.cached_tokens,
            output_tokens=self.output_tokens - earlier.output_tokens,
            cost=None if self.cost is None else self.cost - (earlier.cost or 0.0),
        )

    @property
    def tokens(self) -> int:
        return self.input_tokens + self.output_tokens


Finish = Literal["stop", "length", "tool_calls", "filtered"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Completion:
    """One reply of a model, as received."""

    text: str
    calls: tuple[NativeCall, ...] = ()
    reasoning: str = (
        ""  # a separate reasoning channel where the provider has one; `<think>` inside the text stays in the text
    )
    finish: Finish = "stop"
    usage: Usage = field(default_factory=Usage)
    model: str = ""
    latency: float = 0.0  # seconds from request to the last byte
    first_token: float | None = None  # seconds from request to the first piece of text; None when not streamed


# --- actions --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class CodeAction:
    code: str
    kind: Literal["code"] = "code"


@dataclass(frozen=True, slots=True)
class ToolCall:
    """A call of a registered tool, by name, with values (not text)."""

    name: str
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict[str, Any])
    id: str = ""  # the provider's id where the call came as a native call


@dataclass(frozen=True, slots=True)
class ToolCalls:
    calls: tuple[ToolCall, ...]
    kind: Literal["tool_calls"] = "tool_calls"


@dataclass(frozen=True, slots=True)
class Answer:
    text: str
    value: JSON = None  # what `final_answer(value)` was given, when it is plain JSON; None for an answer in words
    kind: Literal["answer"] = "answer"


Action = CodeAction | ToolCalls | Answer


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an action space read in a completion."""

    action: Action
    thought: str = ""
    notes: tuple[
        str, ...
    ] = ()  # what was tolerated or left out, in words for the model: parsing never guesses silently


# --- results and observations ---------------------------------------------------------------------

ErrorKind = Literal["exception", "timeout", "interrupted", "exited", "crashed", "out_of_memory", "limit"]
State = Literal["kept", "restored", "lost"]  # of the interpreter's variables after an action


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecError:
    """Why an action did not run to its end. The model's mistake or a limit it met; never a failure of the machinery."""

    kind: ErrorKind
    name: str  # exception class, or the kind's own word: "TimeoutError", "MemoryError", …
    message: str
    traceback: str = ""  # the model's own frames only
    line: int | None = None  # 1-based line of the action's code where it happened


@dataclass(frozen=True, slots=True, kw_only=True)
class Display:
    """Rich output: one MIME bundle. Text types are `str`, binary types `bytes`."""

    data: Mapping[str, str | bytes]
    name: str | None = None  # file in the workspace that holds it, where there is one


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolRecord:
    """One tool call and what came of it. Arguments and value are in the wire's JSON form (`sandbox.box.values`)."""

    name: str
    args: JSON = ()
    kwargs: JSON = field(default_factory=dict[str, Any])
    value: JSON = None
    text: str = ""  # the value as text for a model: what JSON and text actions observe
    error: str | None = None  # "ValueError: …" when the call failed
    duration: float = 0.0  # seconds
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExecResult:
    """What running one code action gave."""

    stdout: str = ""
    stderr: str = ""
    value: str | None = None  # repr of the last expression; None when there is none
    displays: tuple[Display, ...] = ()
    error: ExecError | None = None
    answer: Answer | None = None  # set by `final_answer(value)`
    tool_calls: tuple[ToolRecord, ...] = ()
    dropped: int = 0  # bytes of output that were not kept, over the limit of the session
    overflow: str | None = None  # file in the workspace that holds the whole of a long output
    late: str = ""  # output of background work that arrived since the previous action
    state: State = "kept"
    duration: float = 0.0  # seconds
    kind: Literal["exec"] = "exec"


@dataclass(frozen=True, slots=True)
class ToolResults:
    """What running JSON or text actions gave, in the order of the calls."""

    records: tuple[ToolRecord, ...]
    kind: Literal["tools"] = "tools"


Result = ExecResult | ToolResults


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What the model sees of a result. `per_call` has one text for each native call, in order, where there were any."""

    text: str
    images: tuple[Image, ...] = ()
    per_call: tuple[str, ...] = ()
    is_error: bool = False


# --- records --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One turn: what the model replied, what was made of it, and what it saw."""

    number: int  # 1-based
    completion: Completion
    reply: Reply | None = None  # None when the completion could not be read as an action
    kept: str | None = None  # the completion's text as it stays in the history; None when that is all of it
    result: Result | None = None
    observation: Observation | None = None  # None on the step that ends the run
    started: datetime
    model_time: float = 0.0  # seconds
    action_time: float = 0.0  # seconds


OutcomeStatus = Literal[
    "answered", "turn_limit", "token_limit", "time_limit", "repeated", "malformed", "cancelled", "error"
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    status: OutcomeStatus
    answer: Answer | None = None
    message: str = ""  # for people: why it ended, when that was not an answer
    usage: Usage = field(default_factory=Usage)
    duration: float = 0.0  # seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class Trajectory:
    """A run, whole: enough to read it, to train on it and to run it again.

    `prompt` holds the exact messages before the first step; in a conversation that is the earlier talk as well, and
    `parent` names the trajectory it was copied from, so that nothing is trained on twice.
    """

    id: str
    task: str
    prompt: tuple[Message, ...]
    steps: tuple[Step, ...] = ()
    outcome: Outcome | None = None  # None when the run was cut off
    agent: Mapping[str, JSON] = field(default_factory=dict[str, Any])  # model, actions, dialect, budget, tools
    environment: Mapping[str, JSON] = field(default_factory=dict[str, Any])  # versions, platform, isolation level
    created: datetime
    parent: str | None = None
    schema_version: int = 1


# --- tools and the box, as other parts see them ---------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ToolSpec:
    """A tool as it is described to a model and stubbed in a box."""

    name: str  # a Python identifier
    signature: str  # "(country: str) -> tuple[float, float]"
    doc: str
    schema: Mapping[str, JSON]  # JSON schema of the parameters: an object with `properties` and `required`
    read_only: bool = False
    needs_approval: bool = False


class ToolBox(Protocol):
    """The tools of one run. Lives in the host, with its credentials; only calls and values cross."""

    @property
    def specs(self) -> Sequence[ToolSpec]: ...

    async def call(self, call: ToolCall) -> Any:
        """Run one tool.

        Raises:
            ToolError: unknown name, wrong arguments, or the tool failed; worded for the model.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class NetworkRequest:
    """Code in a box asked for a host. A tunnel (CONNECT) is one request, whatever goes through it."""

    time: float  # seconds since the epoch
    method: str
    host: str
    port: int
    allowed: bool
    reason: str = ""  # why it was refused, or failed
    sent: int = 0  # bytes, so far
    received: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class BoxInfo:
    """What is in the box, for the prompt and the record."""

    python: str  # "3.11.7"
    workspace: str  # absolute path inside the box
    packages: Mapping[str, str] = field(default_factory=dict[str, str])  # import name to version, the notable ones
    isolation: str = "process"  # level that held, by name
    network: str = "none"  # the policy, as its text
