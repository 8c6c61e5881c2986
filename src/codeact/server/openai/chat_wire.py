"""A request to `/chat/completions`: outside bytes become values, and what cannot be honoured is refused by name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from codeact.server.openai.errors import InvalidRequestError
from codeact.server.openai.metadata import Metadata
from codeact.server.openai.said import Attachment, Said, file_of, image_of
from codeact.types import JSON, Image

_MOST_MESSAGES = 2000
_MOST_PARTS = 100
_STRICT = ConfigDict(strict=True, frozen=True, extra="ignore", allow_inf_nan=False)


class TextPart(BaseModel):
    model_config = _STRICT
    type: Literal["text"]
    text: str


class ImageAddress(BaseModel):
    model_config = _STRICT
    url: str


class ImagePart(BaseModel):
    model_config = _STRICT
    type: Literal["image_url"]
    image_url: ImageAddress


class FileContent(BaseModel):
    model_config = _STRICT
    file_data: str | None = None
    file_id: str | None = None
    filename: str | None = None


class FilePart(BaseModel):
    model_config = _STRICT
    type: Literal["file"]
    file: FileContent


class RefusalPart(BaseModel):
    model_config = _STRICT
    type: Literal["refusal"]
    refusal: str


Part = Annotated[TextPart | ImagePart | FilePart | RefusalPart, Field(discriminator="type")]


class ChatMessage(BaseModel):
    model_config = _STRICT
    role: Literal["system", "developer", "user", "assistant"]
    content: str | Annotated[list[Part], Field(max_length=_MOST_PARTS)] | None = None


class StreamOptions(BaseModel):
    model_config = _STRICT
    include_usage: bool = False


class Extras(BaseModel):
    """Fields of our own: `extra_body={"codeact": {…}}` in the official client."""

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")
    steps: bool = False  # thoughts, code and output as `reasoning_content`
    figures: bool = True  # figures that code drew as `images`
    turns: int | None = Field(default=None, ge=1)


class ChatRequest(BaseModel):
    """What of `POST /chat/completions` is read; any other parameter is a hint that we do without."""

    model_config = _STRICT
    model: str
    messages: Annotated[list[ChatMessage], Field(min_length=1, max_length=_MOST_MESSAGES)]
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    max_tokens: Annotated[int, Field(ge=1)] | None = None
    max_completion_tokens: Annotated[int, Field(ge=1)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    seed: Annotated[int, Field(ge=-(2**63), lt=2**63)] | None = None
    stop: str | Annotated[list[str], Field(max_length=4)] | None = None
    store: bool | None = None
    metadata: Metadata | None = None
    codeact: Extras = Extras()
    # Refused unless they say what holds anyway.
    n: int | None = None
    tools: list[JSON] | None = None
    functions: list[JSON] | None = None
    response_format: dict[str, JSON] | None = None
    logprobs: bool | None = None
    modalities: list[str] | None = None
    audio: dict[str, JSON] | None = None
    web_search_options: dict[str, JSON] | None = None

    @property
    def stops(self) -> tuple[str, ...]:
        given = [self.stop] if isinstance(self.stop, str) else self.stop or []
        return tuple(filter(None, given))

    @property
    def most_tokens(self) -> int | None:
        return self.max_completion_tokens or self.max_tokens


class CompletionChange(BaseModel):
    model_config = _STRICT
    metadata: Metadata | None


def check_supported(asked: ChatRequest) -> None:
    """Raises `InvalidRequestError` for a parameter that would change what the answer is, and that we cannot honour."""
    refused = {
        "n": asked.n not in (None, 1),
        "tools": bool(asked.tools),
        "functions": bool(asked.functions),
        "response_format": (asked.response_format or {}).get("type", "text") != "text",
        "logprobs": bool(asked.logprobs),
        "modalities": asked.modalities not in (None, ["text"]),
        "audio": asked.audio is not None,
        "web_search_options": asked.web_search_options is not None,
    }
    for name, is_refused in refused.items():
        if is_refused:
            raise InvalidRequestError(
                f"{name} is not supported here: the agent acts by writing Python, and answers in text",
                param=name,
                code="unsupported_parameter",
            )


def said_in(messages: Sequence[ChatMessage]) -> tuple[Said, ...]:
    """Raises `InvalidRequestError` for an image or a file that cannot be read."""
    return tuple(_said(message, f"messages[{at}].content") for at, message in enumerate(messages))


def _said(message: ChatMessage, where: str) -> Said:
    role = "system" if message.role == "developer" else message.role
    if message.content is None or isinstance(message.content, str):
        return Said(role=role, text=message.content or "")
    texts, images, files = list[str](), list[Image](), list[Attachment]()
    for at, part in enumerate(message.content):
        param = f"{where}[{at}]"
        match part:
            case TextPart(text=text) | RefusalPart(refusal=text):
                texts.append(text)
            case ImagePart():
                images.append(image_of(part.image_url.url, param=param))
            case FilePart(file=file):
                files.append(file_of(file.filename, file.file_data, file.file_id, param=param))
    return Said(role=role, text="\n".join(texts), images=tuple(images), files=tuple(files))
