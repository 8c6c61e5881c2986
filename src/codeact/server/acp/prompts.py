"""What a person writes in an editor, with what they mention there, as a message for the agent."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from urllib.parse import unquote, urlsplit

from acp.schema import (
    AudioContentBlock,
    EmbeddedResourceContentBlock,
    ImageContentBlock,
    ResourceContentBlock,
    TextContentBlock,
    TextResourceContents,
)

from codeact.errors import UsageError

Block = TextContentBlock | ImageContentBlock | AudioContentBlock | ResourceContentBlock | EmbeddedResourceContentBlock


def read_prompt(blocks: Sequence[Block], folder: Path) -> tuple[str, list[Path]]:
    """The message, and files to be copied into the workspace: those that are mentioned and lie in the project's folder.
    What an editor embeds stands in the message.

    Raises:
        UsageError: images, sound or binary data, which this agent has not said it takes.
    """
    texts, files = list[str](), list[Path]()
    for block in blocks:
        match block:
            case TextContentBlock():
                texts.append(block.text)
            case EmbeddedResourceContentBlock(resource=TextResourceContents() as resource):
                texts.append(f"\n\n{resource.uri}:\n{resource.text}\n")
            case ResourceContentBlock():
                path = mentioned(block.uri, folder)
                files += [path] if path is not None and path not in files else []
                texts.append(path.name if path is not None else f"{block.name} ({block.uri})")
            case _:
                raise UsageError(f"a prompt may have text and files, and this one has {block.type!r}")
    return "".join(texts), files


def mentioned(uri: str, folder: Path) -> Path | None:
    """The file of the project that a `file:` address means; None for anything else, and for what leads out of it."""
    parts = urlsplit(uri)
    if parts.scheme != "file" or parts.netloc not in ("", "localhost"):
        return None
    try:
        path, root = Path(unquote(parts.path)).resolve(strict=True), folder.resolve(strict=True)
    except (OSError, ValueError):
        return None
    return path if path.is_file() and path.is_relative_to(root) else None
