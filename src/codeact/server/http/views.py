"""What goes over the wire: bodies as they are checked, and nouns as they are shown."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Base64Bytes, BaseModel, ConfigDict, Field

from codeact.agent.conversation import MAX_TASK
from codeact.errors import NotFoundError
from codeact.sandbox.base import FileInfo, MiB, Variable
from codeact.server.http.paths import ID, workspace_path
from codeact.server.names import writable
from codeact.server.nouns import Chat, Run, RunStatus, Settings, Share, StateKept
from codeact.trajectory.encoding import encode


def _known(id: str) -> str:
    if not ID.fullmatch(id):  # not worth asking the database, which may take offence at a NUL
        raise NotFoundError(f"there is no {id[:64]!r}")
    return id


Id = Annotated[str, AfterValidator(_known)]  # of anything; a malformed one is as unknown as any other
FilePath = Annotated[str, AfterValidator(workspace_path)]


class Body(BaseModel):
    """What a client sends: no field is ignored, so that a misspelt one is an error and not a surprise."""

    model_config = ConfigDict(extra="forbid")


class SettingsBody(Body):
    """How the agent of a session is made; what is left out is the service's default."""

    model: str = Field(default="", max_length=200, description="`provider:model`, one of those in `/me`", examples=[""])
    actions: Literal["code", "json", "text"] = "code"
    tools: list[Annotated[str, Field(max_length=100)]] = Field(default=[], max_length=100)
    network: str = Field(default="none", max_length=2000, examples=["none"])
    system: str = Field(default="", max_length=20_000, description="Added to the system prompt.")
    approve: bool = Field(default=False, description="Ask before each action.")
    temperature: float | None = Field(default=None, ge=0, le=2)
    turns: int | None = Field(default=None, ge=1, le=1000)
    tokens: int | None = Field(default=None, ge=1, le=10**9)
    memory: int | None = Field(default=None, ge=128 * MiB, le=2**40, description="Bytes of the session.")

    def over(self, before: Settings) -> Settings:
        """Settings with what was said here; the rest as before."""
        given = self.model_dump(exclude_unset=True)
        return replace(before, **{name: tuple(value) if name == "tools" else value for name, value in given.items()})


class NewSession(Body):
    model_config = ConfigDict(json_schema_extra={"example": {"title": "Prices of houses", "settings": {"turns": 10}}})

    title: str = Field(default="", max_length=200)
    settings: SettingsBody = SettingsBody()


class SessionChange(Body):
    title: str | None = Field(default=None, max_length=200)
    settings: SettingsBody | None = None


class GivenFile(Body):
    name: FilePath = Field(max_length=255, examples=["prices.csv"])
    data: Base64Bytes = Field(description="base64")


class NewMessage(Body):
    model_config = ConfigDict(json_schema_extra={"example": {"text": "What is the 20th Fibonacci number?"}})

    text: str = Field(min_length=1, max_length=MAX_TASK)
    files: list[GivenFile] = Field(default=[], max_length=20)


class Edit(Body):
    run: Id
    text: str = Field(min_length=1, max_length=MAX_TASK)


class Which(Body):
    run: Id


class Where(Body):
    run: Id | None = Field(default=None, description="null: the beginning")


class Code(Body):
    model_config = ConfigDict(json_schema_extra={"example": {"code": "1 + 1"}})

    code: str = Field(max_length=MAX_TASK)
    time_limit: float = Field(default=60.0, gt=0, le=600, description="seconds")


class Decision(Body):
    yes: bool
    reason: str = Field(default="", max_length=2000, description="Why not, for the model.")


class Line(Body):
    text: str | None = Field(max_length=100_000, description="What `input()` gives; null: the end of the input")


class NewFork(Body):
    title: str = Field(default="", max_length=200)


class NewShare(Body):
    run: Id | None = Field(default=None, description="The last run that is shown; null: the head as it is now")


class PaperCode(BaseModel):
    """The paper's request: a conversation by any name, and code for it."""

    convid: str = Field(min_length=1, max_length=200, examples=["42"])
    code: str = Field(max_length=MAX_TASK, examples=["print('hello')"])


class PaperResult(BaseModel):
    result: str
    new_kernel_created: bool


class SessionView(BaseModel):
    id: str
    title: str
    settings: SettingsBody
    head: str | None = Field(description="The run that the next message follows.")
    created: datetime
    changed: datetime

    @classmethod
    def of(cls, chat: Chat) -> SessionView:
        return cls(
            id=chat.id,
            title=chat.title,
            settings=SettingsBody.model_validate({**asdict(chat.settings), "tools": list(chat.settings.tools)}),
            head=chat.head,
            created=chat.created,
            changed=chat.changed,
        )


class SessionPage(BaseModel):
    sessions: list[SessionView]
    next: str | None = Field(description="`before` of the next page; null: that was all")


class UsageView(BaseModel):
    input_tokens: int = 0
    cached_tokens: int = 0
    output_tokens: int = 0
    cost: float | None = None


class RunView(BaseModel):
    """A message, and where it stands in the tree."""

    id: str
    parent: str | None
    text: str
    files: list[str]
    status: RunStatus
    created: datetime

    @classmethod
    def of(cls, run: Run) -> RunView:
        return cls(
            id=run.id,
            parent=run.parent,
            text=run.text,
            files=list(run.files),
            status=run.status,
            created=run.created,
        )


class RunDetail(RunView):
    """A run with what became of it."""

    turns: int = 0
    answer: str | None = None
    message: str = Field(default="", description="Why it ended, where that was no answer.")
    usage: UsageView = UsageView()
    duration: float = Field(default=0.0, description="seconds")
    trajectory: dict[str, Any] | None = Field(description="As in a trajectory file; null before the first step.")

    @classmethod
    def of(cls, run: Run) -> RunDetail:
        trajectory, outcome = run.trajectory, run.trajectory.outcome if run.trajectory else None
        return cls(
            **RunView.of(run).model_dump(),
            turns=len(trajectory.steps) if trajectory else 0,
            answer=outcome.answer.text if outcome and outcome.answer else None,
            message=outcome.message if outcome else "",
            usage=UsageView.model_validate(asdict(outcome.usage)) if outcome else UsageView(),
            duration=outcome.duration if outcome else 0.0,
            trajectory=encode(trajectory) if trajectory else None,
        )


class RunList(BaseModel):
    runs: list[RunView] = Field(description="All of the tree, in the order in which they were begun.")


class StateView(BaseModel):
    state: StateKept = Field(description="What the interpreter has: exactly that state (`kept`), or how much of it.")


class FileView(BaseModel):
    path: str
    size: int = Field(description="bytes")
    modified: datetime | None = None

    @classmethod
    def of(cls, info: FileInfo) -> FileView:
        return cls(path=writable(info.path), size=info.size, modified=_moment(info.modified))


class FileList(BaseModel):
    files: list[FileView]


class VariableView(BaseModel):
    name: str
    type: str
    shape: str
    size: int
    preview: str

    @classmethod
    def of(cls, found: Variable) -> VariableView:
        return cls(name=found.name, type=found.type, shape=found.shape, size=found.size, preview=found.preview)


class VariableList(BaseModel):
    variables: list[VariableView]


class ShareView(BaseModel):
    token: str
    path: str = Field(description="Where anybody may read it.")
    head: str
    created: datetime

    @classmethod
    def of(cls, share: Share) -> ShareView:
        return cls(token=share.token, path=f"/shared/{share.token}", head=share.head, created=share.created)


class ShareList(BaseModel):
    shares: list[ShareView]


class SharedView(BaseModel):
    """A chat as its link shows it: the runs that lead to the shared one, and nothing beside them."""

    created: datetime
    runs: list[RunDetail]


class ResultView(BaseModel):
    result: dict[str, Any] = Field(description="As in a trajectory file: stdout, stderr, value, displays, error, …")


class Me(BaseModel):
    owner: str
    models: list[str]
    tools: list[str]


def public(run: Run) -> Run:
    """A run as a share shows it: without the prompt, which holds the system's, and what is said of the machine."""
    if run.trajectory is None:
        return run
    return replace(run, trajectory=replace(run.trajectory, prompt=(), agent={}, environment={}))


def _moment(seconds: float) -> datetime | None:
    try:
        return datetime.fromtimestamp(seconds).astimezone()
    except (OverflowError, ValueError, OSError):  # what a box says of its files is a claim
        return None
