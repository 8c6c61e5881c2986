"""What one does with the API, through the client that ships with it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path

import anyio
import pytest

from codeact.errors import ConflictError, NotFoundError, TransferError, UsageError
from codeact.server.client import RemoteChat
from codeact.server.house import House
from codeact.server.http.app import app
from codeact.server.http.conversations import Conversations
from codeact.server.http.credentials import digest
from codeact.server.http.settings import HttpSettings
from codeact.server.http.views import SettingsBody
from codeact.server.nouns import Settings
from codeact.trajectory import load_trajectories

from .conftest import TOKENS, Users

pytestmark = pytest.mark.anyio


async def ended(house: House, chat: RemoteChat, owner: str = "ann") -> None:
    """The transport of these tests gives an answer only when it is whole, so they cannot listen."""
    await (await house.room(chat.id, owner=owner)).wait()


async def said(house: House, chat: RemoteChat, text: str) -> str:
    run = await chat.send(text)
    await ended(house, chat)
    return run.id


async def test_a_talk_from_its_first_message_to_its_export(house: House, users: Users, tmp_path: Path) -> None:
    client = users.client("ann")
    chat = await client.create("Numbers", Settings(turns=5))
    first = await said(house, chat, "run: x = 6 * 7; print(x)")
    run = await chat.run(first)
    assert (run.status, run.answer, run.turns) == ("answered", "It is 42", 2)
    assert [(each.name, each.preview) for each in await chat.variables()] == [("x", "42")]
    second = await said(house, chat, "run: x += 1; print(x)")
    assert [(each.id, each.parent) for each in await chat.runs()] == [(first, None), (second, first)]
    assert (await chat.view()).head == second
    assert "x += 1" in (await chat.export("markdown")).decode()
    assert json.loads(await chat.export("notebook"))["nbformat"] == 4
    lines = [json.loads(line) for line in (await chat.export("messages")).splitlines()]
    assert [line["messages"][-1]["content"] for line in lines] == ["It is 42", "It is 43"]
    (tmp_path / "talk.jsonl").write_bytes(await chat.export("trajectory"))
    assert [each.id for each in load_trajectories(tmp_path / "talk.jsonl")] == [first, second]


async def test_undo_move_retry_edit_and_fork_take_the_interpreter_along(house: House, users: Users) -> None:
    chat = await users.client("ann").create()
    first = await said(house, chat, "run: n = 1; print(n)")
    await said(house, chat, "run: n = 2; print(n)")
    assert await chat.undo() == "kept"
    assert (await chat.run_code("n"))["value"] == "1"
    edited = await chat.edit(first, "run: n = 10; print(n)")
    await ended(house, chat)
    assert (await chat.view()).head == edited.id
    assert (await chat.run(edited.id)).answer == "It is 10"
    again = await chat.retry(edited.id)
    await ended(house, chat)
    assert [run.parent for run in await chat.runs() if run.id in (first, edited.id, again.id)] == [None] * 3
    await chat.move_to(first)
    assert (await chat.run_code("n"))["value"] == "1"
    fork = await chat.fork("another")
    assert (await fork.run_code("n"))["value"] == "1"
    assert len(await fork.runs()) == 1


async def test_sessions_are_listed_in_pages_and_found_by_what_was_said(house: House, users: Users) -> None:
    client = users.client("ann")
    chats = [await client.create(f"chat {number}") for number in range(5)]
    await said(house, chats[2], "about whales")
    assert [each.id for each in (await client.chats("whales")).sessions] == [chats[2].id]
    seen: list[str] = []
    page = await client.chats(most=2)
    while True:
        seen += [each.id for each in page.sessions]
        if page.next is None:
            break
        page = await client.chats(most=2, before=page.next)
    assert sorted(seen) == sorted(chat.id for chat in chats)
    assert seen[0] == chats[2].id
    with pytest.raises(UsageError, match="before"):
        await client.chats(before="yesterday")


async def test_a_session_is_renamed_changed_and_deleted(users: Users) -> None:
    client = users.client("ann")
    chat = await client.create("Old")
    changed = await chat.change(title="New", settings=SettingsBody(turns=3))
    changed = await chat.change(settings=SettingsBody(tools=["double"]))
    assert (changed.title, changed.settings.turns, changed.settings.tools) == ("New", 3, ["double"])
    with pytest.raises(UsageError, match="not offered"):
        await chat.change(settings=SettingsBody(model="openai:other"))
    await chat.delete()
    with pytest.raises(NotFoundError):
        await chat.view()


async def test_files_are_given_listed_fetched_and_removed(users: Users, tmp_path: Path) -> None:
    chat = await users.client("ann").create()
    (tmp_path / "table.csv").write_bytes(b"a,b\n1,2\n")
    await chat.put("data/table.csv", tmp_path / "table.csv")
    assert [(each.path, each.size) for each in await chat.files()] == [("data/table.csv", 8)]
    assert (await chat.run_code("open('data/table.csv').read()"))["value"] == repr("a,b\n1,2\n")
    assert await chat.get("data/table.csv") == b"a,b\n1,2\n"
    await chat.remove("data/table.csv")
    assert await chat.files() == []
    with pytest.raises((TransferError, NotFoundError)):
        await chat.get("data/table.csv")


async def test_one_search_of_a_user_at_a_time(house: House, users: Users) -> None:
    house.shared.ledger.searches.patience = 0.1
    async with users.by("ann") as ann, users.by("bob") as bob:
        with house.shared.ledger.searches.through("ann"):
            assert (await ann.get("/sessions", params={"search": "x"})).status_code == 429
            assert (await ann.get("/sessions")).status_code == 200
            assert (await bob.get("/sessions", params={"search": "x"})).status_code == 200
        assert (await ann.get("/sessions", params={"search": "x"})).status_code == 200


async def test_a_file_whose_name_is_no_text_is_listed(users: Users) -> None:
    chat = await users.client("ann").create()
    async with users.by("ann") as ann:
        await ann.post(f"/sessions/{chat.id}/code", json={"code": "open(b'a\\xff', 'w').close()"})
        listed = (await ann.get(f"/sessions/{chat.id}/files")).json()["files"]
    assert [file["path"] for file in listed] == ["a\\udcff"]


async def test_who_sends_slowly_stops_nobody_elses_uploads(house: House) -> None:
    tokens = {digest(token): owner for owner, token in TOKENS.items()}
    users = Users(app(house, settings=HttpSettings(body=1000, uploads=1), tokens=tokens))
    house.shared.ledger.transfers.own, house.shared.ledger.transfers.patience = 2, 0.2
    chats = {owner: (await users.client(owner).create()).id for owner in ("ann", "bob")}
    come, go = anyio.Semaphore(0), {"one": anyio.Event(), "two": anyio.Event()}
    answers: list[int] = []

    async def slowly(name: str) -> AsyncIterator[bytes]:
        yield bytes(2000)
        come.release()
        await go[name].wait()
        yield b"b"

    async def give(owner: str, name: str, content: AsyncIterator[bytes] | bytes) -> int:
        async with users.by(owner) as by:
            return (await by.put(f"/sessions/{chats[owner]}/files/{name}", content=content)).status_code

    async def give_slowly(name: str) -> None:
        answers.append(await give("ann", name, slowly(name)))
        come.release()

    async with anyio.create_task_group() as tasks:
        for name in ("one", "two"):
            tasks.start_soon(give_slowly, name)
            await come.acquire()
        assert await give("bob", "his", b"bob's") == 201
        assert await give("ann", "three", bytes(2000)) == 429  # one too many
        assert await give("ann", "small", b"which keeps no place from others") == 201
        for name in go:  # one after the other: how long each takes is not what is tried here
            go[name].set()
            await come.acquire()
    assert answers == [201, 201]
    assert await give("ann", "three", bytes(2000)) == 201


async def test_a_figure_is_served_by_its_digest(house: House, users: Users) -> None:
    chat = await users.client("ann").create()
    await chat.run_code(
        "from IPython.display import Image, display\ndisplay(Image(data=b'\\x89PNG\\r\\n\\x1a\\n0', format='png'))"
    )
    await (await house.room(chat.id, owner="ann")).telling.flushed()
    figure = await chat.media(hashlib.sha256(b"\x89PNG\r\n\x1a\n0").hexdigest())
    assert figure == b"\x89PNG\r\n\x1a\n0"


async def test_who_fetched_a_file_is_in_the_audit_log(house: House, users: Users) -> None:
    chat = await users.client("ann").create()
    await chat.put("given.txt", b"given")
    await chat.get("given.txt")
    deed = (await house.store.deeds(owner="ann"))[0]
    assert (deed.what, deed.chat, deed.detail) == ("download", chat.id, {"path": "given.txt"})


async def test_a_file_on_its_way_lies_where_the_next_service_would_remove_it(house: House, users: Users) -> None:
    chat = await users.client("ann").create()
    seen: list[int] = []

    def there() -> int:
        return len([path for path in house.shared.folder.iterdir() if path.name != "lock"])

    async def pieces() -> AsyncIterator[bytes]:
        yield b"one "
        seen.append(there())
        yield b"two"

    await users.client("ann").http.put(f"{chat.path}/files/given.txt", content=pieces())
    assert (await chat.get("given.txt"), seen, there()) == (b"one two", [1], 0)


def figure(data: str) -> str:
    """A message that shows these bytes as a picture."""
    return f"run: from IPython.display import Image, display; display(Image(data={data.encode()!r}, format='png'))"


async def test_a_share_shows_its_own_figures_and_no_others(house: House, users: Users) -> None:
    chat = await users.client("ann").create()
    await said(house, chat, figure("shared"))
    share = await chat.share()
    await said(house, chat, figure("later"))
    await chat.put("given.txt", b"given")
    await (await house.room(chat.id, owner="ann")).telling.flushed()
    async with users.http() as anybody:
        for data, status in ((b"shared", 200), (b"later", 404), (b"given", 404)):
            found = await anybody.get(f"{share.path}/media/{hashlib.sha256(data).hexdigest()}")
            assert found.status_code == status
            assert status != 200 or (found.content, found.headers["content-type"]) == (data, "image/png")
        assert (await anybody.get(f"{share.path}/media/..%2F..")).status_code == 404
        await users.client("ann").http.delete(f"{chat.path}/shares/{share.token}")
        gone = await anybody.get(f"{share.path}/media/{hashlib.sha256(b'shared').hexdigest()}")
        assert gone.status_code == 404


async def test_a_share_shows_the_talk_up_to_its_run_to_anybody(house: House, users: Users) -> None:
    chat = await users.client("ann").create(settings=Settings(system="our secret rules"))
    first = await said(house, chat, "run: print(1)")
    share = await chat.share()
    await said(house, chat, "run: print('later')")
    async with users.http() as anybody:
        shown = await anybody.get(share.path)
        assert [run["id"] for run in shown.json()["runs"]] == [first]
        assert "secret rules" not in shown.text
        assert "later" not in shown.text
        assert (await anybody.get(f"{share.path}/export", params={"form": "markdown"})).status_code == 200
        assert (await anybody.get("/shared/" + "x" * 43)).status_code == 404
    http = users.client("ann").http
    assert [each["token"] for each in (await http.get(f"{chat.path}/shares")).json()["shares"]] == [share.token]
    assert (await http.delete(f"{chat.path}/shares/{share.token}")).status_code == 204
    async with users.http() as anybody:
        assert (await anybody.get(share.path)).status_code == 404


async def test_an_action_is_approved_and_a_question_answered(house: House, users: Users) -> None:
    chat = await users.client("ann").create(settings=Settings(approve=True))
    await chat.send("run: print(input('how many? '))")
    asked: list[str] = []
    async with house.listen(chat.id) as events:
        async for told in events:
            match told.event["kind"]:
                case "approval_asked":
                    asked.append("approval")
                    await chat.decide(told.event["question"], yes=True)
                case "question_asked":
                    asked.append(told.event["prompt"])
                    await chat.reply(told.event["question"], "three")
                case "run_ended":
                    break
                case _:
                    pass
    assert asked == ["approval", "how many? "]
    assert [each.status for each in await chat.runs()] == ["answered"]
    with pytest.raises(NotFoundError):
        await chat.decide("none", yes=True)


async def test_one_message_at_a_time_and_stop_ends_it(house: House, users: Users) -> None:
    chat = await users.client("ann").create()
    run = await chat.send("run: import time; time.sleep(60)")
    with pytest.raises(ConflictError, match="going on"):
        await chat.send("and now?")
    await chat.stop()
    assert (await chat.run(run.id)).status == "cancelled"
    await chat.stop()


async def test_the_papers_protocol(users: Users) -> None:
    """Section 7: a conversation's first code starts its interpreter, and the next finds what was left."""
    client = users.client("ann")
    assert (await client.execute("42", "x = 1\nprint('hi')\nx")).model_dump() == {
        "result": "hi\n1",
        "new_kernel_created": True,
    }
    assert (await client.execute("42", "x + 1")).model_dump() == {"result": "2", "new_kernel_created": False}
    assert "ZeroDivisionError" in (await client.execute("42", "1 / 0")).result
    assert (await users.client("bob").execute("42", "x")).new_kernel_created
    drawn = await client.execute("42", "from IPython.display import Image; Image(data=b'\\x89PNG', format='png')")
    assert "![image](data:image/png;base64,iVBORw==)" in drawn.result


async def test_clients_of_the_paper_are_told_once_that_a_kernel_is_new(house: House, users: Users) -> None:
    client = users.client("ann")
    await client.execute("42", "x = 1")
    chat = await house.store.titled("ann", "execute: 42")
    assert chat is not None
    room = await house.room(chat.id, owner="ann")
    await room.sleep()
    assert (await client.execute("42", "x")).model_dump() == {"result": "1", "new_kernel_created": False}
    chat = await house.new_chat("ann", title="execute: 43")
    await client.execute("43", "x = 1")
    room = await house.room(chat.id, owner="ann")
    await room.close(save=False)  # as a kill would
    await room.close(save=False)
    assert [(await client.execute("43", "1")).new_kernel_created for _ in range(2)] == [True, False]


async def test_a_conversation_of_the_paper_is_found_among_many_that_are_called_alike(
    house: House, users: Users
) -> None:
    for number in range(60):
        await house.new_chat("ann", title=f"execute: 4{number}")
    first = await house.store.titled("ann", "execute: 4")
    assert first is None
    chat, new = await Conversations().find(house, "ann", "40")
    assert (chat.title, new) == ("execute: 40", False)
    wanted = await house.new_chat("ann", title="execute: 4")
    for number in range(60, 120):
        await house.new_chat("ann", title=f"execute: 4{number}")
    assert (await Conversations().find(house, "ann", "4"))[0].id == wanted.id
    assert (await Conversations().find(house, "bob", "4"))[1]


async def test_who_one_is_and_what_there_is(users: Users) -> None:
    me = await users.client("bob").me()
    assert (me.owner, me.models, me.tools) == ("bob", ["scripted:test"], ["double"])


async def test_health_readiness_and_metrics(house: House, users: Users) -> None:
    async with users.http() as anybody, users.by("ann") as ann:
        assert (await anybody.get("/healthz")).json() == {"status": "alive"}
        assert (await anybody.get("/readyz")).json() == {"status": "ready"}
        assert (await anybody.get("/metrics")).status_code == 401
        await ann.post("/sessions", json={})
        text = (await ann.get("/metrics")).text
        assert 'codeact_http_requests_total{method="POST",route="/sessions",status="201"} 1' in text
        assert "codeact_house_awake 0" in text
        await house.drain(seconds=0)
        assert (await anybody.get("/readyz")).status_code == 503
        refused = await ann.post("/sessions", json={})
        assert refused.status_code in (429, 503)
        assert "retry-after" in refused.headers


async def test_errors_are_problem_documents(users: Users) -> None:
    async with users.by("ann") as ann:
        unknown = await ann.get("/sessions/none")
        assert unknown.headers["content-type"] == "application/problem+json"
        assert unknown.json() == {
            "type": "urn:codeact:not-found",
            "title": "Not Found",
            "status": 404,
            "detail": "there is no session 'none'",
        }
        wrong = await ann.post("/sessions", json={"titel": "x", "settings": {"turns": "SECRET"}})
        assert {each["where"] for each in wrong.json()["errors"]} == {"body.titel", "body.settings.turns"}
        assert "SECRET" not in wrong.text
        assert (await ann.get("/nowhere")).headers["content-type"] == "application/problem+json"
        assert (await ann.delete("/me")).status_code == 405
