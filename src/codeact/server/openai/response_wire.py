"""A request to `/responses`: outside bytes become values, and what cannot be honoured is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from codeact.actions.fences import unused_fence
from codeact.server.openai.container_wire import Memory, NetworkAsked
from codeact.server.openai.errors import InvalidRequestError
from codeact.server.openai.metadata import Metadata
from codeact.server.openai.said import Attachment, Said, file_of, image_of
from codeact.trajectory.history import OBSERVATION
from codeact.types import JSON, Image

OUTPUTS = "code_interpreter_call.outputs"
_STRICT = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class TextContent(BaseModel):
    model_config = _STRICT
    type: Literal["input_text", "output_text"]
    text: str


class RefusalContent(BaseModel):
    model_config = _STRICT
    type: Literal["refusal"]
    refusal: str


class ImageContent(BaseModel):
    model_config = _STRICT
    type: Literal["input_image"]
    image_url: str | None = None


class FileContent(BaseModel):
    model_config = _STRICT
    type: Literal["input_file"]
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


Content = Annotated[TextContent | RefusalContent | ImageContent | FileContent, Field(discriminator="type")]


class MessageItem(BaseModel):
    model_config = _STRICT
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[Content], Field(max_length=100)]


class Summary(BaseModel):
    model_config = _STRICT
    text: str


class ReasoningItem(BaseModel):
    model_config = _STRICT
    summary: list[Summary]


class OutputItem(BaseModel):
    model_config = _STRICT
    type: Literal["logs", "image"]
    logs: str = ""


class CodeItem(BaseModel):
    model_config = _STRICT
    code: str | None
    outputs: list[OutputItem] | None = None


class AutoContainer(BaseModel):
    model_config = _STRICT
    type: Literal["auto"]
    file_ids: Annotated[list[str], Field(max_length=100)] | None = None
    memory_limit: Memory | None = None
    network_policy: NetworkAsked | None = None


class CodeInterpreter(BaseModel):
    model_config = _STRICT
    type: Literal["code_interpreter"]
    container: str | AutoContainer


class ResponseRequest(BaseModel):
    """What of `POST /responses` is read; any other parameter is a hint that we do without."""

    model_config = _STRICT
    model: str
    input: str | Annotated[list[dict[str, JSON]], Field(min_length=1, max_length=2000)]
    instructions: str | None = None
    tools: Annotated[list[CodeInterpreter], Field(max_length=1)] = []
    include: list[str] | None = None
    stream: bool | None = None
    background: bool | None = None
    store: bool | None = None
    previous_response_id: str | None = None
    max_output_tokens: Annotated[int, Field(ge=1)] | None = None
    max_tool_calls: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    metadata: Metadata | None = None
    parallel_tool_calls: bool | None = None
    # Refused unless they say what holds anyway.
    tool_choice: str | dict[str, JSON] | None = None
    text: dict[str, JSON] | None = None
    top_logprobs: int | None = None
    conversation: JSON = None
    prompt: JSON = None

    @property
    def container(self) -> str | AutoContainer:
        """Without the tool it is as if it had been given: the agent acts in Python or not at all."""
        return self.tools[0].container if self.tools else AutoContainer(type="auto")

    @property
    def with_outputs(self) -> bool:
        return OUTPUTS in (self.include or ())

    @property
    def remembered(self) -> ResponseRequest:
        """Without what has been read and may be large: the rest is in the response's card, and weighed with it."""
        include = [OUTPUTS] if self.with_outputs else None
        return self.model_copy(update={"input": "", "include": include, "text": None, "tool_choice": None})


def check_supported(asked: ResponseRequest) -> None:
    """Raises `InvalidRequestError` for a parameter that would change what the answer is, and that we cannot honour."""
    form: JSON = (asked.text or {}).get("format") or {"type": "text"}
    choice = asked.tool_choice.get("type") if isinstance(asked.tool_choice, dict) else asked.tool_choice
    refused = {
        "tool_choice": choice not in (None, "auto", "required", "code_interpreter"),
        "text.format": form != {"type": "text"},
        "top_logprobs": bool(asked.top_logprobs),
        "conversation": asked.conversation is not None,
        "prompt": asked.prompt is not None,
    }
    for name, is_refused in refused.items():
        if is_refused:
            raise InvalidRequestError(
                f"{name} is not supported here: the agent acts by writing Python, and answers in text",
                param=name,
                code="unsupported_parameter",
            )


def said_in(given: str | Sequence[dict[str, JSON]]) -> tuple[Said, ...]:
    """Raises `InvalidRequestError` for an item that cannot be read, or is of a kind that has no meaning here."""
    if isinstance(given, str):
        return (Said(role="user", text=given),)
    return tuple(said for at, item in enumerate(given) for said in _said(item, f"input[{at}]"))


def _said(item: dict[str, JSON], where: str) -> Sequence[Said]:
    match item.get("type", "message"):
        case "message":
            return (_message(_read(MessageItem, item, where), where),)
        case "reasoning":
            thought = "\n".join(part.text for part in _read(ReasoningItem, item, where).summary)
            return (Said(role="assistant", text=thought),) if thought else ()
        case "code_interpreter_call":
            return _action(_read(CodeItem, item, where))
        case other:
            raise InvalidRequestError(f"items of the type {other!r} are not supported here", param=f"{where}.type")


def _action(call: CodeItem) -> Sequence[Said]:
    """An action of an earlier response and what it gave, as the agent's own history has them."""
    code = call.code or ""
    fence = unused_fence(code)
    logs = "\n".join(output.logs or "[an image]" for output in call.outputs or ()) or "[no output is known]"
    written = Said(role="assistant", text=f"{fence}python\n{code}\n{fence}")
    return written, Said(role="user", text=OBSERVATION + logs)


def _message(message: MessageItem, where: str) -> Said:
    role = "system" if message.role == "developer" else message.role
    if isinstance(message.content, str):
        return Said(role=role, text=message.content)
    texts, images, files = list[str](), list[Image](), list[Attachment]()
    for at, part in enumerate(message.content):
        param = f"{where}.content[{at}]"
        match part:
            case TextContent(text=text) | RefusalContent(refusal=text):
                texts.append(text)
            case ImageContent(image_url=url):
                images.append(image_of(url or "", param=param))
            case FileContent():
                files.append(file_of(part.filename, part.file_data, part.file_id, param=param))
    return Said(role=role, text="\n".join(texts), images=tuple(images), files=tuple(files))


Item = TypeVar("Item", bound=BaseModel)


def _read(kind: type[Item], item: dict[str, JSON], where: str) -> Item:
    try:
        return kind.model_validate(item)
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(str(part) for part in first["loc"])
        raise InvalidRequestError(f"{where}.{place}: {first['msg']}", param=where) from None
