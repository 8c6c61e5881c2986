"""What a client says, whichever of the two protocols it says it in, and what of it an agent is given.

Pure: bytes of data URLs are decoded, ids of uploaded files are left for whoever keeps those.
"""

from __future__ import annotations

import binascii
import mimetypes
import re
from base64 import b64decode
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from codeact.server.openai.errors import InvalidRequestError
from codeact.server.pictures import PICTURES
from codeact.types import Image, Message

_DATA_URL = re.compile(r"data:([\w.+-]+/[\w.+-]+)?(?:;[\w=.+-]+)*;base64,", re.ASCII)
_NAME = re.compile(r"[^/\\\x00-\x1f\x7f\ud800-\udfff]{1,200}")  # half a character could not be sent anywhere


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that comes with a message; without `data` it is one that was uploaded before, under `id`."""

    name: str
    data: bytes | Path | None = None  # a path of the host is where an upload lies
    id: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """One message of the history."""

    role: Literal["system", "user", "assistant"]
    text: str = ""
    images: tuple[Image, ...] = ()
    files: tuple[Attachment, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Prompt:
    """What a run begins with: all that was said before, and the message that it is about."""

    system: str
    history: tuple[Message, ...]
    text: str
    images: tuple[Image, ...] = ()
    files: tuple[Attachment, ...] = ()  # of all messages, because the session is fresh


def prompt_of(said: Sequence[Said], *, param: str) -> Prompt:
    """Raises `InvalidRequestError` where the last message is not a user's, or there is none."""
    system = "\n\n".join(each.text for each in said if each.role == "system" and each.text)
    talk = _joined(each for each in said if each.role != "system")
    if not talk or talk[-1].role != "user":
        raise InvalidRequestError("the last message must be the user's", param=param)
    last = talk[-1]
    if not last.text.strip():
        raise InvalidRequestError("the user's message has no text; say what is to be done", param=param)
    return Prompt(
        system=system,
        history=tuple(Message.of(each.role, each.text, each.images) for each in talk[:-1]),
        text=last.text,
        images=last.images,
        files=_all_files(said),
    )


def _joined(said: Iterable[Said]) -> list[Said]:
    """Messages of one role in a row become one, because many chat templates insist on alternating roles."""
    joined: list[Said] = []
    for each in said:
        if joined and joined[-1].role == each.role:
            before = joined[-1]
            text = "\n\n".join(filter(None, [before.text, each.text]))
            joined[-1] = replace(before, text=text, images=before.images + each.images)
        else:
            joined.append(each)
    return joined


def _all_files(said: Sequence[Said]) -> tuple[Attachment, ...]:
    """Also the images, so that code can open what only some models can see."""
    pictures = (image for each in said for image in each.images)
    named = (Attachment(f"image_{n}{_suffix(image.mime)}", image.data) for n, image in enumerate(pictures, start=1))
    return (*(file for each in said for file in each.files), *named)


def _suffix(mime: str) -> str:
    return mimetypes.guess_extension(mime) or ""


def image_of(url: str, *, param: str) -> Image:
    """Raises `InvalidRequestError` for all but the data URL of an image: this service fetches nothing."""
    mime, data = _decoded(url, param=param, code="invalid_image_url")
    if mime not in PICTURES:
        raise InvalidRequestError(
            f"an image is {', '.join(sorted(PICTURES))}, not {mime!r}", param=param, code="unsupported_image_media_type"
        )
    return Image(data, mime)


def file_of(name: str | None, data: str | None, id: str | None, *, param: str) -> Attachment:
    """A file by its content (a data URL, or bare base64) or by its id.

    Raises:
        InvalidRequestError: neither or both of them, or a name that is none.
    """
    if bool(data) == bool(id):
        raise InvalidRequestError("give a file either as file_data or as file_id", param=param)
    if id:
        return Attachment(name="", id=id)
    url = data if data and data.startswith("data:") else f"data:application/octet-stream;base64,{data}"
    return Attachment(name=file_name(name or "file", param=param), data=_decoded(url, param=param)[1])


def file_name(name: str, *, param: str) -> str:
    """A name without any path in it.

    Raises:
        InvalidRequestError: it has one, or is no name.
    """
    if not _NAME.fullmatch(name) or name.startswith("."):
        raise InvalidRequestError(f"{name[:200]!r} is not the plain name of a file", param=param)
    return name


def _decoded(url: str, *, param: str, code: str | None = None) -> tuple[str, bytes]:
    head = _DATA_URL.match(url)
    if head is None:
        raise InvalidRequestError(
            f"{url[:60]!r} is not a data URL (data:TYPE;base64,…), and this service fetches no addresses",
            param=param,
            code=code,
        )
    try:
        data = b64decode(url[head.end() :], validate=True)
    except (binascii.Error, ValueError):
        raise InvalidRequestError("this base64 cannot be read", param=param, code=code) from None
    return (head[1] or "").lower(), data
