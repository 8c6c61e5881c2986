"""`codeact acp`: the real command, spoken to by the client side of the protocol's own package."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import anyio
import psutil
import pytest
from acp import PROTOCOL_VERSION, RequestError, resource_link_block, spawn_agent_process, text_block
from acp.client.connection import ClientSideConnection
from acp.schema import (
    AgentMessageChunk,
    AgentThoughtChunk,
    AllowedOutcome,
    AudioContentBlock,
    ClientCapabilities,
    DeniedOutcome,
    FileSystemCapabilities,
    ImageContentBlock,
    ReadTextFileResponse,
    RequestPermissionResponse,
    TextContentBlock,
    ToolCallProgress,
    ToolCallStart,
    WriteTextFileResponse,
)

from codeact import Agent
from codeact.agent import Approve
from codeact.models.scripted import ScriptedModel
from codeact.server.acp.editor import Editor
from codeact.server.acp.updates import Updates
from codeact.server.stdio import pollable
from codeact.tools import ToolSet
from codeact.types import ToolCall, ToolCalls

pytestmark = pytest.mark.anyio

# The real local sandbox, without the seconds that importing the data stack takes.
QUICK = """
from codeact.sandbox.local import LocalSandbox

class Quick(LocalSandbox):
    def __init__(self, **options):
        super().__init__(preload=(), **options)
"""
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="  # 1 pixel
FIGURE = f"import base64\nfrom IPython.display import Image\nImage(base64.b64decode({PNG!r}))"


@dataclass
class Person:
    """Who sits at the editor."""

    answers: list[str] = field(default_factory=list)  # to permission requests, one after the other
    updates: list[Any] = field(default_factory=list)
    asked: list[Any] = field(default_factory=list)
    running: asyncio.Event = field(default_factory=asyncio.Event)
    unsaved: dict[str, str] = field(default_factory=dict[str, str])  # what the editor's buffers hold, by path

    async def session_update(self, session_id: str, update: Any, **_: Any) -> None:
        self.updates.append(update)
        if isinstance(update, ToolCallProgress) and "\ngoing\n" in shown(update):  # its output; the code says more
            self.running.set()

    async def request_permission(self, session_id: str, tool_call: Any, options: Any, **_: Any) -> Any:
        self.asked.append((tool_call.title, [option.kind for option in options]))
        answer = self.answers.pop(0) if self.answers else "once"
        outcome = AllowedOutcome(outcome="selected", option_id=answer) if answer else DeniedOutcome(outcome="cancelled")
        return RequestPermissionResponse(outcome=outcome)

    async def read_text_file(
        self, session_id: str, path: str, line: int | None = None, limit: int | None = None, **_: Any
    ) -> ReadTextFileResponse:
        if path not in self.unsaved:
            raise RequestError(-32002, "no such file")
        lines = self.unsaved[path].splitlines(keepends=True)
        start = (line or 1) - 1
        return ReadTextFileResponse(content="".join(lines[start : None if limit is None else start + limit]))

    async def write_text_file(self, session_id: str, path: str, content: str, **_: Any) -> WriteTextFileResponse:
        self.unsaved[path] = content
        return WriteTextFileResponse()

    def on_connect(self, conn: Any) -> None:
        pass

    def of(self, kind: type) -> list[Any]:
        return [update for update in self.updates if isinstance(update, kind)]


def shown(update: Any) -> str:
    content = getattr(update, "content", None) or []
    blocks = [each.content for each in content] if isinstance(content, list) else [content]
    return "\n".join(block.text for block in blocks if isinstance(block, TextContentBlock))


@asynccontextmanager
async def editor(
    folder: Path, person: Person, *replies: str, files: FileSystemCapabilities | None = None, ask: bool = True
) -> AsyncIterator[tuple[ClientSideConnection, str, int]]:
    (folder / "quick.py").write_text(QUICK)
    (folder / "script.txt").write_text("\n---\n".join(replies))
    env = {"PYTHONPATH": ":".join([str(folder), *filter(None, sys.path)]), "PATH": os.defpath, "HOME": str(folder)}
    options = ["--sandbox", "quick:Quick", "-m", "scripted:script.txt", *(["--approve"] if ask else [])]
    command = [sys.executable, "-m", "codeact", "acp", *options]
    async with spawn_agent_process(person, *command, env=env, cwd=folder) as (connection, process):
        offered = ClientCapabilities(fs=files)
        begun = await connection.initialize(protocol_version=PROTOCOL_VERSION, client_capabilities=offered)
        assert (begun.protocol_version, begun.agent_info.name) == (1, "codeact")
        session = await connection.new_session(cwd=str(folder), mcp_servers=[])
        yield connection, session.session_id, process.pid


async def test_a_prompt_becomes_thoughts_actions_and_an_answer(tmp_path: Path) -> None:
    (tmp_path / "numbers.txt").write_text("1 2 3")
    person = Person()
    replies = (
        "I look.\n\n```python\nnumbers = open('numbers.txt').read()\nprint(numbers)\n```",
        f"```python\n{FIGURE}\n```",
        "```python\n1 / 0\n```",
        "They are **1 2 3**.",
        "```python\nlen(numbers)\n```",
        "Five characters.",
        "```python\nx = 1\nprint('going', flush=True)\nwhile True: pass\n```",
        "```python\nx\n```",
        "It is 1.",
        *(f"```python\nprint({number})\n```" for number in range(4)),
        "Done.",
    )
    async with editor(tmp_path, person, *replies) as (connection, session, pid):
        link = resource_link_block("numbers.txt", (tmp_path / "numbers.txt").as_uri())
        outside = resource_link_block("passwd", "file:///etc/passwd")
        prompt = [text_block("What is in "), link, text_block(" and in "), outside, text_block("?")]
        assert (await connection.prompt(session_id=session, prompt=prompt)).stop_reason == "end_turn"
        assert [shown(thought) for thought in person.of(AgentThoughtChunk)] == ["I look.\n"]
        begun = person.of(ToolCallStart)
        assert [call.title for call in begun] == ["numbers = open('numbers.txt').read()", "import base64", "1 / 0"]
        assert {(call.kind, call.status) for call in begun} == {("execute", "pending")}
        ended = [update for update in person.of(ToolCallProgress) if update.status in ("completed", "failed")]
        assert [update.status for update in ended] == ["completed", "completed", "failed"]
        assert shown(ended[0]).endswith("print(numbers)\n```\n```\n1 2 3\n```")
        images = [each.content for each in ended[1].content if isinstance(each.content, ImageContentBlock)]
        assert [(image.mime_type, image.data) for image in images] == [("image/png", PNG)]
        assert "ZeroDivisionError" in shown(ended[2])
        assert [shown(message) for message in person.of(AgentMessageChunk)] == ["They are **1 2 3**."]

        await connection.prompt(session_id=session, prompt=[text_block("How long?")])  # variables stay
        assert shown(person.of(AgentMessageChunk)[-1]) == "Five characters."
        assert shown(person.of(ToolCallProgress)[-1]).endswith("Out: 5\n```")

        await a_cancelled_prompt_stops_and_the_session_goes_on(connection, session, person)
        await permission_is_asked_for(connection, session, person)
        await what_is_wrong_is_said(connection, session)
        processes = [psutil.Process(pid), *psutil.Process(pid).children(recursive=True)]
    assert not psutil.wait_procs(processes, timeout=30)[1]


async def a_cancelled_prompt_stops_and_the_session_goes_on(
    connection: ClientSideConnection, session: str, person: Person
) -> None:
    prompt = asyncio.ensure_future(connection.prompt(session_id=session, prompt=[text_block("Go.")]))
    async with asyncio.timeout(60):
        await person.running.wait()
    with pytest.raises(RequestError, match="is going on"):
        await connection.prompt(session_id=session, prompt=[text_block("Another.")])
    await connection.cancel(session_id=session)
    assert (await prompt).stop_reason == "cancelled"
    assert (await connection.prompt(session_id=session, prompt=[text_block("And?")])).stop_reason == "end_turn"
    assert "Out: 1" in shown(person.of(ToolCallProgress)[-1])


async def what_is_wrong_is_said(connection: ClientSideConnection, session: str) -> None:
    with pytest.raises(RequestError, match="there is no session 'no-such'"):
        await connection.prompt(session_id="no-such", prompt=[text_block("x")])
    for prompt in ([], [text_block(" ")], [text_block("x" * 200_000)]):
        with pytest.raises(RequestError, match="the task"):
            await connection.prompt(session_id=session, prompt=prompt)
    sound = AudioContentBlock(type="audio", data="AA==", mime_type="audio/wav")
    with pytest.raises(RequestError, match="'audio'"):
        await connection.prompt(session_id=session, prompt=[sound])
    with pytest.raises(RequestError, match="was asked for one more"):  # the model failed
        await connection.prompt(session_id=session, prompt=[text_block("More.")])


async def permission_is_asked_for(connection: ClientSideConnection, session: str, person: Person) -> None:
    person.asked.clear()
    person.updates.clear()
    person.answers += ["once", "no", "always"]
    await connection.prompt(session_id=session, prompt=[text_block("Go.")])
    kinds = ["allow_once", "allow_always", "reject_once"]
    assert person.asked == [(f"print({number})", kinds) for number in range(3)]  # and the fourth was allowed for good
    ended = [update for update in person.of(ToolCallProgress) if update.status in ("completed", "failed")]
    assert [update.status for update in ended] == ["completed", "failed", "completed", "completed"]
    assert "refused by the user" in shown(ended[1])


READ = """```python
print(read_project_file('src/main.py'), read_project_file('src/main.py', line=2, limit=1))
```"""
WRITE = """```python
for number in range(3):
    try:
        write_project_file('src/new.py', f'x = {number}')
        print('written', number)
    except Exception as error:
        print(type(error).__name__, error)
```"""
WALL = """```python
for path in ('../secret.txt', '/etc/passwd', 'link', '', '.', 'src/none.py', 'a\\0b'):
    try:
        print('READ', read_project_file(path))
    except Exception as error:
        print(type(error).__name__)
for path in ('.git/hooks/post-checkout', '../x', 'link'):
    try:
        print('WROTE', write_project_file(path, 'x'))
    except Exception as error:
        print(type(error).__name__)
```"""


async def test_the_project_is_reached_through_the_editor_alone(tmp_path: Path) -> None:
    (tmp_path / "secret.txt").write_text("of nobody's business")
    project = tmp_path / "project"
    (project / "src").mkdir(parents=True)
    (project / "src" / "main.py").write_text("saved = 1\nlast = 2\n")
    (project / "link").symlink_to(tmp_path / "secret.txt")
    main, new = (str(project.resolve() / "src" / name) for name in ("main.py", "new.py"))
    person = Person(answers=["no", "once", "always"], unsaved={main: "not_saved = 1\nlast = 2\n"})
    files = FileSystemCapabilities(read_text_file=True, write_text_file=True)
    replies = (READ, "Read.", WRITE, "Written.", WALL, "Tried.")
    async with editor(project, person, *replies, files=files, ask=False) as (connection, session, _):

        async def output() -> list[str]:
            await connection.prompt(session_id=session, prompt=[text_block("Go.")])
            code = [call for call in person.of(ToolCallProgress) if call.status in ("completed", "failed")]
            return shown(code[-1]).rpartition("```\n```\n")[2].removesuffix("\n```").splitlines()

        assert await output() == ["not_saved = 1", "last = 2", " last = 2"]
        assert person.asked == [], "what is read changes nothing"
        refused, *written = await output()
        assert refused.startswith("ToolError") or "refused" in refused
        assert written == ["written 1", "written 2"]
        assert person.asked[0][0].startswith("write_project_file('src/new.py'")
        assert (person.unsaved[new], len(person.asked)) == ("x = 2", 3)
        person.answers += ["once"] * 3
        assert await output() == [
            *["PermissionError"] * 5, "OSError", "ValueError",
            *["PermissionError"] * 3,
        ]  # fmt: skip
    assert not (project / ".git").exists()


async def test_an_editor_that_serves_no_files_is_asked_for_none(tmp_path: Path) -> None:
    person = Person()
    code = "```python\nprint([name for name in globals() if name.endswith('_project_file')])\n```"
    async with editor(tmp_path, person, code, "None.", files=FileSystemCapabilities(read_text_file=True)) as (
        connection,
        session,
        _,
    ):
        await connection.prompt(session_id=session, prompt=[text_block("Go.")])
    assert "['read_project_file']" in shown(person.of(ToolCallProgress)[-1])


def test_a_call_is_asked_about_with_all_that_it_is_given() -> None:
    harmless = "x" * 300
    call = ToolCall(name="send", args=(harmless, "to the enemy"), kwargs={})
    for subject in (call, ToolCalls(calls=(call,))):
        asked = Updates().asked(subject)
        assert "to the enemy" not in (asked.title or "")
        assert f"send({harmless!r}, 'to the enemy')" in shown(asked)


async def test_an_earlier_session_gives_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("codeact.server.acp.editor._MOST_SESSIONS", 2)
    person = Person()

    @asynccontextmanager
    async def opened(*, approve: Approve, more: Sequence[ToolSet]) -> AsyncIterator[Agent]:
        yield Agent(ScriptedModel(["Hello.", "Again."]), actions="json", tools=more, approve=approve)

    async with anyio.create_task_group() as group:
        editor = Editor(opened, group)
        editor.on_connect(person)
        first, second = [(await editor.new_session(cwd=str(tmp_path))).session_id for _ in range(2)]
        await editor.prompt(session_id=first, prompt=[text_block("Hi.")])  # so the second is the older one
        third = (await editor.new_session(cwd=str(tmp_path))).session_id
        with pytest.raises(RequestError, match="any more"):
            await editor.prompt(session_id=second, prompt=[text_block("Hi.")])
        for session in (first, third):
            assert (await editor.prompt(session_id=session, prompt=[text_block("Hi.")])).stop_reason == "end_turn"
        group.cancel_scope.cancel()
    assert [shown(message) for message in person.of(AgentMessageChunk)] == ["Hello.", "Again.", "Hello."]


def test_without_an_editor_there_is_nothing_to_wait_for() -> None:
    with Path(os.devnull).open() as nothing:
        assert not pollable(nothing.fileno())
