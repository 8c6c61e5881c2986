"""Files of the project by way of the editor: as it has them, with what is not saved yet, and changed under its eyes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from acp import RequestError
from acp.interfaces import Client
from acp.schema import FileSystemCapabilities

from codeact.errors import ToolError
from codeact.tools import ToolSet, ToolSource, tool

_UNTOUCHED = frozenset({".git", ".hg", ".svn"})  # what is written there may be run without anybody seeing it


@dataclass(frozen=True, slots=True)
class Project:
    """The folder that an editor has open, as tools for the agent. The editor reads and writes; the wall is here."""

    client: Client
    session: str
    folder: Path

    def tools(self, offered: FileSystemCapabilities | None) -> ToolSet:
        """As many as the editor has said that it serves. A person is asked before anything is written."""
        tools = list[ToolSource]()
        if offered is not None and offered.read_text_file:
            tools.append(tool(self.read_project_file, read_only=True))
        if offered is not None and offered.write_text_file:
            tools.append(tool(self.write_project_file, needs_approval=True))
        return ToolSet(tools)

    async def read_project_file(self, path: str, line: int | None = None, limit: int | None = None) -> str:
        """The text of a file of the user's project, as their editor has it: also what is not saved yet.

        The project is not in the working directory; only this reaches it.

        Args:
            path: Relative to the project's folder, as in src/main.py.
            line: The first line that is wanted; 1 is the first of all.
            limit: How many lines, at most.
        """
        place = str(within(self.folder, path))
        try:
            return (await self.client.read_text_file(self.session, place, line=line, limit=limit)).content
        except RequestError as error:
            raise ToolError(f"the editor could not read {path!r}: {error}", name="OSError") from error

    async def write_project_file(self, path: str, content: str) -> None:
        """Write a text file of the user's project, whole, in their editor; they are asked first.

        Args:
            path: Relative to the project's folder, as in src/main.py.
            content: All that the file is to hold.
        """
        place = within(self.folder, path)
        if _UNTOUCHED & set(place.relative_to(self.folder.resolve()).parts):
            raise ToolError(f"{path!r} belongs to the version control; it is not written", name="PermissionError")
        try:
            await self.client.write_text_file(self.session, str(place), content)
        except RequestError as error:
            raise ToolError(f"the editor could not write {path!r}: {error}", name="OSError") from error


def within(folder: Path, path: str) -> Path:
    """The place that a path of the project means, absolute as the protocol wants it.

    Raises:
        ToolError: it leads out of the project, also by a link.
    """
    root = folder.resolve()
    try:
        place = (root / path).resolve()
    except (OSError, ValueError, RuntimeError) as error:  # NUL, a loop of links
        raise ToolError(f"{path!r} is no path: {error}", name="ValueError") from error
    if place == root or not place.is_relative_to(root):
        raise ToolError(f"{path!r} is no file of the project, which is all that can be reached", name="PermissionError")
    return place
