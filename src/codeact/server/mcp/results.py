"""What a client is given back: text as a model should see it, images, and the same facts as data."""

from __future__ import annotations

import base64
import mimetypes
from collections.abc import Sequence

from mcp_types import (
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    TextContent,
    TextResourceContents,
)
from pydantic import BaseModel

from codeact.actions.observation import observe, readable, shorten
from codeact.errors import TransferError
from codeact.sandbox.base import FileInfo, Variable
from codeact.server.mcp.settings import MiB
from codeact.server.mcp.uris import uri_of
from codeact.server.names import writable
from codeact.server.pictures import PICTURES
from codeact.types import ErrorKind, ExecResult, Image, State

_MOST_IMAGES = 8  # of one action
_MOST_IMAGE = 4 * MiB  # bytes; hosts of models refuse larger ones
MOST_LISTED = 500  # files or variables


class Failure(BaseModel):
    kind: ErrorKind
    name: str
    message: str
    traceback: str
    line: int | None


class RunReport(BaseModel):
    """An action, as data. Texts are cut in their middle where they are long, and `truncated` says so."""

    branch: str
    stdout: str
    stderr: str
    value: str | None  # repr of the last expression
    error: Failure | None
    state: State  # of the variables: kept; restored to what they were before this action; or lost
    truncated: bool
    whole_output: str | None  # file of the workspace that holds all of a long output
    dropped: int  # bytes of output beyond the limit of the session, which are in no file
    figures: list[str]  # files of the workspace
    duration: float  # seconds


class FileReport(BaseModel):
    path: str
    size: int  # bytes
    modified: float  # seconds since the epoch


class FilesReport(BaseModel):
    branch: str
    files: list[FileReport]
    more: int  # that are not listed


class VariableReport(BaseModel):
    name: str
    type: str
    shape: str
    preview: str


class VariablesReport(BaseModel):
    branch: str
    variables: list[VariableReport]
    more: int


class DoneReport(BaseModel):
    """What an answer in one sentence is as data."""

    done: str
    branches: list[str]


def of_run(result: ExecResult, branch: str, *, limit: int, note: str) -> CallToolResult:
    seen = observe(result, limit=limit)
    texts = [readable(text) for text in (result.stdout, result.stderr, result.value or "")]
    stdout, stderr, value = (shorten(text, limit) for text in texts)
    report = RunReport(
        branch=branch,
        stdout=stdout,
        stderr=stderr,
        value=None if result.value is None else value,
        error=_failure(result, limit),
        state=result.state,
        truncated=sum(map(len, texts)) > limit or result.dropped > 0,
        whole_output=result.overflow and writable(result.overflow),
        dropped=result.dropped,
        figures=[writable(display.name) for display in result.displays if display.name],
        duration=round(result.duration, 3),
    )
    blocks: list[ContentBlock] = [_text(f"[{note}]\n{seen.text}" if note else seen.text)]
    blocks += [_image(image) for image in seen.images[:_MOST_IMAGES] if len(image.data) <= _MOST_IMAGE]
    if (left := 1 + len(seen.images) - len(blocks)) > 0:
        blocks.append(_text(f"[{left} more figures are only in the workspace]"))
    return CallToolResult(content=blocks, structured_content=report.model_dump(), is_error=seen.is_error)


def of_files(files: Sequence[FileInfo], branch: str) -> CallToolResult:
    listed = sorted(files, key=lambda file: file.path)[:MOST_LISTED]
    lines = [f"{readable(file.path)}  {file.size:,} bytes" for file in listed]
    report = FilesReport(
        branch=branch,
        files=[FileReport(path=writable(file.path), size=file.size, modified=file.modified) for file in listed],
        more=len(files) - len(listed),
    )
    return _listing(lines, report, report.more, "There are no files.")


def of_variables(variables: Sequence[Variable], branch: str) -> CallToolResult:
    listed = variables[:MOST_LISTED]
    lines = [readable(f"{each.name}: {each.type} {each.shape} {each.preview}".rstrip()) for each in listed]
    report = VariablesReport(
        branch=branch,
        variables=[
            VariableReport(
                name=readable(each.name),
                type=readable(each.type),
                shape=readable(each.shape),
                preview=readable(each.preview),
            )
            for each in listed
        ],
        more=len(variables) - len(listed),
    )
    return _listing(lines, report, report.more, "There are no variables.")


def of_file(path: str, data: bytes, *, start: int, most: int, limit: int) -> CallToolResult:
    """Text as it is, from `start` on; an image as one; other bytes as a resource.

    Raises:
        TransferError: bytes that are too many for one message.
    """
    if (text := text_of(data)) is not None:
        part, end = text[start : start + most], min(start + most, len(text))
        cut = f"[characters {start:,} to {end:,} of {len(text):,}]"
        return CallToolResult(content=[_text(part), *([_text(cut)] if len(part) < len(text) else [])])
    if len(data) > limit:
        raise TransferError(f"{path!r} has {len(data):,} bytes, more than one message may hold ({limit:,}); use code")
    if (kind := type_of(path)) in PICTURES and len(data) <= _MOST_IMAGE:
        return CallToolResult(content=[_image(Image(data, kind))])
    size = _text(f"{readable(path)}: {len(data):,} bytes that are no text")
    contents = contents_of(uri_of(path), path, data)
    return CallToolResult(content=[size, EmbeddedResource(type="resource", resource=contents)])


def of_words(text: str, branches: Sequence[str]) -> CallToolResult:
    report = DoneReport(done=text, branches=list(branches))
    return CallToolResult(content=[_text(text)], structured_content=report.model_dump())


def of_failure(error: Exception) -> CallToolResult:
    return CallToolResult(content=[_text(readable(str(error)))], is_error=True)


def contents_of(uri: str, path: str, data: bytes) -> TextResourceContents | BlobResourceContents:
    """A file as a resource: text where it is some, else base64."""
    if (text := text_of(data)) is not None:
        return TextResourceContents(uri=uri, mime_type=type_of(path, "text/plain"), text=text)
    return BlobResourceContents(uri=uri, mime_type=type_of(path), blob=base64.b64encode(data).decode())


def type_of(path: str, otherwise: str = "application/octet-stream") -> str:
    return mimetypes.guess_type(path)[0] or otherwise


def text_of(data: bytes) -> str | None:
    """None for bytes that are no text."""
    try:
        return None if b"\0" in data else data.decode()
    except UnicodeDecodeError:
        return None


def _failure(result: ExecResult, limit: int) -> Failure | None:
    if (error := result.error) is None:
        return None
    return Failure(
        kind=error.kind,
        name=readable(error.name),
        message=shorten(readable(error.message), limit),
        traceback=shorten(readable(error.traceback), limit),
        line=error.line,
    )


def _listing(lines: Sequence[str], report: BaseModel, more: int, none: str) -> CallToolResult:
    rest = [f"[{more:,} more]"] if more else []
    return CallToolResult(
        content=[_text("\n".join([*lines, *rest]) or none)], structured_content=report.model_dump(mode="json")
    )


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


def _image(image: Image) -> ImageContent:
    return ImageContent(type="image", data=base64.b64encode(image.data).decode(), mime_type=image.mime)
