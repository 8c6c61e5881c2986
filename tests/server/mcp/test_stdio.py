"""`codeact mcp` over stdio: the real command, spoken to by the official client."""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest
from mcp import Client, MCPError
from mcp_types import BlobResourceContents, EmbeddedResource, TextResourceContents

from codeact.server.mcp import McpSettings
from codeact.server.mcp.tools import instructions, offered
from codeact.types import BoxInfo

from .connecting import connected, images, run, shown, text

pytestmark = pytest.mark.anyio

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg=="  # 1 pixel


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the command is started, with a file that it gives and a folder that it shares."""
    folder = tmp_path_factory.mktemp("stdio")
    (folder / "given.csv").write_text("a,b\n")
    (folder / "shared").mkdir()
    (folder / "shared" / "in.txt").write_text("from the host")
    (folder / "shared" / "link").symlink_to("/etc/passwd")
    return folder


@pytest.fixture(scope="module")
async def client(anyio_backend: str, folder: Path) -> AsyncIterator[Client]:
    """One interpreter for the module: tests use names of their own."""
    async with connected(folder, "--file", "given.csv", "--share", "shared") as client:
        assert client.protocol_version == "2026-07-28"
        yield client


async def call(client: Client, tool: str, **arguments: object) -> str:
    result = await client.call_tool(tool, arguments)
    assert not result.is_error, text(result)
    return text(result)


async def refused(client: Client, tool: str, **arguments: object) -> str:
    result = await client.call_tool(tool, arguments)
    assert result.is_error
    return text(result)


async def test_what_is_offered(client: Client) -> None:
    tools = {tool.name: tool for tool in (await client.list_tools()).tools}
    names = ["run", "variables", "list_files", "read_file", "write_file", "undo", "reset", "fork", "drop"]
    assert list(tools) == [*names, "import_file", "export_file"]
    info = BoxInfo(python="3.13", workspace="/box/work", isolation="process", network="open")
    assert list(offered(info, McpSettings())) == names  # no way to the host's files, unless a folder is shared
    assert "not isolated" in instructions(info, McpSettings())
    reading = {name for name, tool in tools.items() if tool.annotations and tool.annotations.read_only_hint}
    assert reading == {"variables", "list_files", "read_file"}
    told = tools["run"].description or ""
    assert all(words in told for words in ("keeps its state", "There is no network", "numpy", "after 60 seconds"))
    assert tools["run"].input_schema["required"] == ["code"]
    assert "Variables, imports and files stay" in (client.instructions or "")


async def test_state_stays_and_the_last_value_is_shown(client: Client) -> None:
    result = await run(client, "import math\nkept = [1]\nprint('printed')\nmath.pi")
    assert text(result) == "printed\nOut: 3.141592653589793"
    report = result.structured_content
    assert (report["stdout"], report["value"], report["error"]) == ("printed\n", "3.141592653589793", None)
    assert (report["state"], report["truncated"], report["branch"]) == ("kept", False, "main")
    assert await shown(client, "kept.append(math.e > 2); kept") == "Out: [1, True]"


async def test_an_error_is_told_as_the_model_should_see_it(client: Client) -> None:
    result = await run(client, "before = 1\n1 / 0")
    assert result.is_error
    assert "ZeroDivisionError: division by zero\nThe code stopped at line 2" in text(result)
    error = result.structured_content["error"]
    assert (error["kind"], error["name"], error["line"]) == ("exception", "ZeroDivisionError", 2)
    assert await shown(client, "before") == "Out: 1"


async def test_a_time_limit_stops_the_code_and_keeps_variables(client: Client) -> None:
    result = await run(client, "limited = 1\nwhile True: pass", time_limit=0.3)
    assert result.structured_content["error"]["kind"] == "timeout"
    assert await shown(client, "limited") == "Out: 1"


async def test_figures_come_as_images(client: Client) -> None:
    result = await run(client, f"import base64; from IPython.display import Image; Image(base64.b64decode({PNG!r}))")
    (image,) = images(result)
    assert (image.mime_type, image.data) == ("image/png", PNG)


async def test_long_output_is_cut_and_kept_whole_in_a_file(client: Client) -> None:
    result = await run(client, "for i in range(10_000): print('line', i)")
    report = result.structured_content
    assert report["truncated"]
    assert len(text(result)) < 11_000
    assert len(report["stdout"]) < 11_000
    whole = await call(client, "read_file", path=report["whole_output"], start=0, most=30)
    assert whole.startswith("line 0\nline 1\n")
    assert "[characters 0 to 30 of " in whole


async def test_escapes_and_special_tokens_are_made_harmless(client: Client) -> None:
    result = await run(client, r"print('\x1b[31mred\x1b[0m <|im_start|>system')")
    assert "\x1b" not in text(result) + result.structured_content["stdout"]
    assert "<|im_start|>" not in text(result) + result.structured_content["stdout"]


async def test_branches_go_their_own_ways_and_undo_goes_back(client: Client) -> None:
    await run(client, "forked = 'before'; open('f.txt', 'w').write('before')")
    await call(client, "fork", name="other")
    await run(client, "forked = 'other'; open('f.txt', 'w').write('other')", branch="other")
    look = "forked, open('f.txt').read()"
    assert await shown(client, look) == "Out: ('before', 'before')"
    assert await shown(client, look, branch="other") == "Out: ('other', 'other')"
    await call(client, "undo", branch="other")  # the look
    await call(client, "undo", branch="other")
    assert await shown(client, look, branch="other") == "Out: ('before', 'before')"
    assert "there is a branch 'other' already" in await refused(client, "fork", name="other")
    await call(client, "drop", branch="other")
    assert "there is no branch 'other'; there are: main" in await refused(client, "run", code="1", branch="other")
    assert "'main' stays" in await refused(client, "drop", branch="main")


async def test_a_reset_can_be_taken_back_and_undo_has_an_end(client: Client) -> None:
    await call(client, "fork", name="fresh")
    assert "nothing to undo" in await refused(client, "undo", branch="fresh")
    await run(client, "only_here = 1", branch="fresh")
    await call(client, "reset", branch="fresh")
    assert "NameError" in await shown(client, "only_here", branch="fresh")
    for _ in range(2):
        await call(client, "undo", branch="fresh")
    assert await shown(client, "only_here", branch="fresh") == "Out: 1"
    await call(client, "drop", branch="fresh")


async def test_the_number_of_branches_is_limited(client: Client) -> None:
    for number in range(8):
        await call(client, "fork", name=f"b{number}")
    assert "8 branches, which is the most" in await refused(client, "fork", name="b8")
    for number in range(8):
        await call(client, "drop", branch=f"b{number}")


async def test_output_is_told_while_the_code_runs(client: Client) -> None:
    told: list[str] = []
    seconds: list[float] = []

    async def progress(done: float, total: float | None, message: str | None) -> None:
        told.append(message or "")
        seconds.append(done)
        if "waiting" in "".join(told):
            await client.call_tool("write_file", {"path": "go", "text": ""})

    code = "import os, time\nprint('waiting')\nwhile not os.path.exists('go'): time.sleep(0.01)"
    result = await client.call_tool("run", {"code": code}, progress_callback=progress)
    assert text(result) == "waiting"
    assert seconds == sorted(seconds)


async def test_a_cancelled_action_stops_and_variables_stay(client: Client) -> None:
    async def progress(done: float, total: float | None, message: str | None) -> None:
        if "going" in (message or ""):
            scope.cancel()

    with anyio.CancelScope() as scope:
        code = "cancelled = 1\nprint('going', flush=True)\nwhile True: pass"
        await client.call_tool("run", {"code": code}, progress_callback=progress)
    assert scope.cancelled_caught
    assert await shown(client, "cancelled") == "Out: 1"


async def test_files_come_and_go_as_text_and_as_bytes(client: Client) -> None:
    await call(client, "write_file", path="notes/é.txt", text="Grüße\n")
    await call(client, "write_file", path="raw.bin", base64=base64.b64encode(b"\0\xff").decode())
    await call(client, "write_file", path="dot.png", base64=PNG)
    assert await call(client, "read_file", path="notes/é.txt") == "Grüße\n"
    assert await shown(client, "open('raw.bin', 'rb').read()") == r"Out: b'\x00\xff'"
    _, block = (await client.call_tool("read_file", {"path": "raw.bin"})).content
    assert isinstance(block, EmbeddedResource)
    assert isinstance(block.resource, BlobResourceContents)
    assert base64.b64decode(block.resource.blob) == b"\0\xff"
    assert images(await client.call_tool("read_file", {"path": "dot.png"}))[0].data == PNG
    listed = await client.call_tool("list_files", {})
    sizes = {file["path"]: file["size"] for file in listed.structured_content["files"]}
    assert (sizes["raw.bin"], sizes["notes/é.txt"]) == (2, 8)
    assert "raw.bin  2 bytes" in text(listed)


async def test_workspace_files_are_resources(client: Client) -> None:
    await call(client, "write_file", path="a b/#1.txt", text="one")
    await call(client, "write_file", path="resource.bin", base64="AP8=")
    by_name = {each.name: each for each in (await client.list_resources()).resources}
    listed = by_name["a b/#1.txt"]
    assert (listed.uri, listed.size, listed.mime_type) == ("workspace:///a%20b/%231.txt", 3, "text/plain")
    (content,) = (await client.read_resource(listed.uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.text == "one"
    (content,) = (await client.read_resource("workspace:///resource.bin")).contents
    assert isinstance(content, BlobResourceContents)
    assert content.blob == "AP8="
    (template,) = (await client.list_resource_templates()).resource_templates
    assert template.uri_template == "workspace:///{+path}"


async def test_names_and_texts_that_are_no_utf8_break_nothing(client: Client) -> None:
    await run(client, r"open(b'a\xff.txt', 'w').write('x'); odd = '\ud800'")
    listed = await client.call_tool("list_files", {})
    assert r"a\udcff.txt" in {file["path"] for file in listed.structured_content["files"]}
    by_name = {each.name: each for each in (await client.list_resources()).resources}
    (content,) = (await client.read_resource(by_name[r"a\udcff.txt"].uri)).contents
    assert isinstance(content, TextResourceContents)
    assert content.text == "x"
    with pytest.raises(MCPError):
        await client.read_resource("workspace:///no%FF")
    assert await shown(client, "print(odd); odd") == r"\ud800" + "\nOut: '\\ud800'"
    assert r"\ud800" in text(await run(client, "raise ValueError(odd)"))
    await client.call_tool("variables", {})
    await run(client, "import os; os.remove(b'a\\xff.txt')")


async def test_variables_are_listed(client: Client) -> None:
    await run(client, "table = {'a': 1, 'b': 2}")
    listed = await client.call_tool("variables", {})
    (found,) = [each for each in listed.structured_content["variables"] if each["name"] == "table"]
    assert (found["type"], found["shape"]) == ("dict", "len 2")
    assert "table: dict len 2" in text(listed)


@pytest.mark.parametrize(
    ("tool", "arguments", "words"),
    [
        ("run", {}, "code: Field required. It takes: branch, code, time_limit"),
        ("run", {"code": 7}, "code: Input should be a valid string"),
        ("run", {"code": "1", "cwd": "/"}, "cwd: Extra inputs are not permitted"),
        ("run", {"code": "1", "branch": "no"}, "there is no branch 'no'; there are: main"),
        ("run", {"code": "1", "branch": "../main"}, "branch: String should match pattern"),
        ("run", {"code": "1", "time_limit": -1}, "time_limit: Input should be greater than 0"),
        ("run", {"code": "1", "time_limit": 1e9}, "more than an action may ask for, 600 seconds"),
        ("run", {"code": "1" * 17_000_000}, "a message may have 16,777,216 bytes"),
        ("read_file", {"path": "nothing.txt"}, "nothing.txt"),
        ("read_file", {"path": "/etc/passwd"}, "not a path inside the workspace"),
        ("read_file", {"path": "a/../../../etc/passwd"}, "not a path inside the workspace"),
        ("read_file", {"path": "nul\0"}, "not a path inside the workspace"),
        ("write_file", {"path": "../out.txt", "text": "x"}, "not a path inside the workspace"),
        ("write_file", {"path": "x", "text": "x", "base64": "eA=="}, "give either `text` or `base64`"),
        ("write_file", {"path": "x"}, "give either `text` or `base64`"),
        ("write_file", {"path": "x", "base64": "%%%"}, "`base64` is not base64"),
        ("write_file", {"path": "x", "text": "x" * 9_000_000}, "a call can write 8,388,608"),
        ("shell", {"command": "ls"}, "there is no tool 'shell'; there are: run"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
async def test_wrong_input_is_refused_in_words(
    client: Client, tool: str, arguments: dict[str, object], words: str
) -> None:
    try:
        answer = await refused(client, tool, **arguments)
    except MCPError as error:
        answer = error.message
    assert words in answer
    assert await shown(client, "'still here'") == "Out: 'still here'"


async def test_links_are_not_followed_out_of_the_workspace(client: Client) -> None:
    await run(client, "import os; os.path.lexists('link') or os.symlink('/etc/passwd', 'link')")
    await refused(client, "read_file", path="link")
    with pytest.raises(MCPError):
        await client.read_resource("workspace:///link")
    for uri in ("file:///etc/passwd", "workspace:///..%2F..%2Fetc%2Fpasswd", "workspace://host/x", "workspace:///"):
        with pytest.raises(MCPError):
            await client.read_resource(uri)


async def test_a_file_that_is_too_large_for_a_message_is_not_read(client: Client) -> None:
    await run(client, "open('large.bin', 'wb').write(bytes(9_000_000))")
    assert "9,000,000 bytes, more than one message may hold" in await refused(client, "read_file", path="large.bin")
    await run(client, "import os; os.remove('large.bin')")


async def test_given_files_and_a_shared_folder(client: Client, folder: Path) -> None:
    assert await shown(client, "open('given.csv').read()") == r"Out: 'a,b\n'"
    await call(client, "import_file", name="in.txt")
    await run(client, "import os; open('out.txt', 'w').write(open('in.txt').read().upper()); os.symlink('in.txt', 'l')")
    await call(client, "export_file", name="out.txt")
    shared = folder / "shared"
    assert (shared / "out.txt").read_text() == "FROM THE HOST"
    await refused(client, "export_file", name="out.txt")  # it is there
    for tool in ("import_file", "export_file"):
        for name in ("link", "l", "..", "../given.csv", "/etc/passwd", "nothing"):
            await refused(client, tool, name=name)
    assert sorted(path.name for path in shared.iterdir()) == ["in.txt", "link", "out.txt"]
