"""Files and containers by the official client."""

from pathlib import Path

import anyio
import httpx2
import openai
import pytest

from codeact.errors import ConflictError, NotFoundError, QuotaError
from codeact.server.ledger import Ledger
from codeact.server.openai.containers import Containers
from codeact.server.openai.errors import InvalidRequestError
from codeact.server.openai.said import file_name
from codeact.server.settings import Quotas

pytestmark = pytest.mark.anyio


async def test_uploaded_files_are_listed_read_and_deleted(serve):
    async with serve() as place, place.client() as client:
        made = [await client.files.create(file=(name, b"1,2"), purpose="user_data") for name in ("a.csv", "b.csv")]
        assert [file.filename async for file in client.files.list()] == ["b.csv", "a.csv"]
        assert (await client.files.retrieve(made[0].id)).bytes == 3
        assert (await client.files.content(made[0].id)).content == b"1,2"
        assert (await client.files.delete(made[0].id)).deleted
        with pytest.raises(openai.NotFoundError):
            await client.files.content(made[0].id)


async def test_a_container_is_made_with_files_found_and_deleted(serve):
    async with serve() as place, place.client() as client:
        upload = await client.files.create(file=("a.csv", b"1,2"), purpose="assistants")
        made = await client.containers.create(
            name="mine",
            file_ids=[upload.id],
            expires_after={"anchor": "last_active_at", "minutes": 5},
            memory_limit="1g",
        )
        assert (made.status, made.expires_after.minutes, made.memory_limit) == ("running", 5, "1g")
        assert (await client.containers.retrieve(made.id)).name == "mine"
        assert [each.id async for each in client.containers.list()] == [made.id]
        (file,) = [each async for each in client.containers.files.list(made.id)]
        assert (file.path, file.source, file.bytes) == ("/box/work/a.csv", "user", 3)
        await client.containers.delete(made.id)
        with pytest.raises(openai.NotFoundError):
            await client.containers.retrieve(made.id)
        assert [each.id async for each in client.containers.list()] == []


async def test_files_of_a_container_are_put_read_and_deleted(serve, tmp_path):
    (tmp_path / "b.txt").write_text("two")
    async with serve() as place, place.client() as client:
        container = (await client.containers.create(name="mine")).id
        files = client.containers.files
        first = await files.create(container, file=("a.txt", b"one"))
        upload = await client.files.create(file=Path(tmp_path / "b.txt"), purpose="assistants")
        second = await files.create(container, file_id=upload.id)
        assert (await files.content.retrieve(first.id, container_id=container)).content == b"one"
        assert (await files.retrieve(second.id, container_id=container)).path.endswith("/b.txt")
        await files.delete(first.id, container_id=container)
        assert [each.id async for each in files.list(container)] == [second.id]
        with pytest.raises(openai.NotFoundError):
            await files.content.retrieve(first.id, container_id=container)


async def test_lists_come_in_pages(serve):
    async with serve() as place, place.client() as client:
        made = [(await client.files.create(file=(f"{n}", b""), purpose="vision")).id for n in range(5)]
        first = await client.files.list(limit=2, order="asc")
        assert ([file.id for file in first.data], first.has_more) == (made[:2], True)
        assert [file.id async for file in client.files.list(limit=2, order="asc")] == made
        with pytest.raises(openai.BadRequestError):
            await client.files.list(after="file-none")
        with pytest.raises(openai.BadRequestError):
            await client.files.list(limit=0)


async def test_what_is_anothers_is_as_unknown_as_what_never_was(serve):
    async with serve() as place, place.client() as ada, place.client("bob") as bob:
        container = (await ada.containers.create(name="mine")).id
        file = (await ada.containers.files.create(container, file=("a.txt", b"one"))).id
        upload = (await ada.files.create(file=("a.txt", b"one"), purpose="vision")).id
        own = (await bob.containers.create(name="own")).id

        def tries(container: str, file: str, upload: str):
            yield bob.containers.retrieve, (container,), {}
            yield bob.containers.delete, (container,), {}
            yield bob.containers.files.list, (container,), {}
            yield bob.containers.files.create, (container,), {"file": ("b", b"")}
            yield bob.containers.files.retrieve, (file,), {"container_id": container}
            yield bob.containers.files.content.retrieve, (file,), {"container_id": container}
            yield bob.containers.files.delete, (file,), {"container_id": container}
            yield bob.files.retrieve, (upload,), {}
            yield bob.files.content, (upload,), {}
            yield bob.files.delete, (upload,), {}
            yield bob.containers.create, (), {"name": "x", "file_ids": [upload]}
            yield bob.containers.files.create, (own,), {"file_id": upload}

        for foreign, unknown in zip(tries(container, file, upload), tries("cntr_0", "cfile_0", "file-0"), strict=True):
            told = []
            for call, args, options in (foreign, unknown):
                with pytest.raises(openai.NotFoundError) as refused:
                    await call(*args, **options)
                told.append((refused.value.code, refused.value.type, refused.value.param))
            assert told[0] == told[1]
        assert [each.id async for each in bob.files.list()] == []
        assert [each.id async for each in bob.containers.list()] == [own]


async def test_names_with_a_path_are_refused(serve):
    async with serve() as place, place.client() as client:
        container = (await client.containers.create(name="mine")).id
        headers = {"authorization": "Bearer token-of-ada"}
        async with httpx2.AsyncClient(headers=headers) as raw:
            for name in ("../a", "/etc/passwd", "a/b", "a\\b", "..", ".", ".codeact", "x" * 300):
                for address in ("files", f"containers/{container}/files"):
                    got = await raw.post(
                        f"{place.base_url}/{address}", files={"file": (name, b"")}, data={"purpose": "vision"}
                    )
                    assert got.status_code == 400, (name, address)


async def test_wrong_requests_are_refused_by_name(serve):
    async with serve() as place, place.client() as client:
        wrong = [
            ({"name": 1}, "name"),
            ({"name": "x", "memory_limit": "2g"}, "memory_limit"),
            ({"name": "x", "memory_limit": "64g"}, None),
            ({"name": "x", "expires_after": {"anchor": "created_at", "minutes": 1}}, "expires_after.anchor"),
            ({"name": "x", "expires_after": {"anchor": "last_active_at", "minutes": 0}}, "expires_after.minutes"),
            ({"name": "x", "network_policy": {"type": "allowlist", "allowed_domains": ["a"]}}, "network_policy.type"),
            ({"name": "x", "skills": [{"type": "inline"}]}, "skills"),
        ]
        for asked, param in wrong:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.containers.create(**asked)
            assert refused.value.param == param
        with pytest.raises(openai.BadRequestError):
            await client.files.create(file=("a", b""), purpose="nonsense")


async def test_thousands_of_containers_end_in_a_refusal_that_is_not_tried_again(serve):
    quotas = Quotas(own_containers=2, own_disk=10, upload=8)
    async with serve(quotas=quotas) as place, place.client(max_retries=5) as client:
        made = [await client.containers.create(name="x") for _ in range(2)]
        with pytest.raises(openai.RateLimitError) as refused:
            await client.containers.create(name="x")
        assert refused.value.code == "insufficient_quota"
        await client.containers.delete(made[0].id)
        with anyio.fail_after(30):
            while True:  # the session takes a moment to close
                try:
                    await client.containers.create(name="x")
                    break
                except openai.RateLimitError:
                    await anyio.sleep(0.05)
        with pytest.raises(openai.BadRequestError):
            await client.files.create(file=("a", b"x" * 9), purpose="vision")
        kept = await client.files.create(file=("a", b"x" * 8), purpose="vision")
        with pytest.raises(openai.RateLimitError, match="8 bytes of 10"):
            await client.files.create(file=("a", b"x" * 8), purpose="vision")
        with pytest.raises(QuotaError):  # a user has one room for all: what these endpoints keep, chats cannot have
            await place.house.shared.admit("ada", size=8)
        await client.files.delete(kept.id)
        await place.house.shared.admit("ada", size=8)


async def test_an_idle_container_is_gone_and_a_used_one_is_not(warm_sandbox):
    async with anyio.create_task_group() as tasks:
        containers = Containers(tasks, Ledger(Quotas(container_idle=0.2)))
        idle, used = [await containers.open("ada", warm_sandbox, warm_sandbox.open, name=name) for name in "iu"]
        with used.used(), anyio.fail_after(30):
            while idle.id in containers.alive:  # noqa: ASYNC110 (its task tells nobody)
                await anyio.sleep(0.01)
            with pytest.raises(NotFoundError):
                containers.find("ada", idle.id)
            assert containers.find("ada", used.id) is used
            with pytest.raises(ConflictError), used.used():
                pass
        with anyio.fail_after(30):
            while containers.alive:  # noqa: ASYNC110 (as above)
                await anyio.sleep(0.01)
        assert not containers.ledger.containers.inside


_TOOLS = [{"type": "code_interpreter", "container": {"type": "auto"}}]


async def test_what_is_left_running_in_a_container_is_charged_and_ends_with_the_hours_time(serve):
    burn = "import threading\n\ndef burn():\n    while True:\n        pass\n\nthreading.Thread(target=burn).start()"
    async with serve(f"```python\n{burn}\n```", "It burns.", beat=0.1) as place, place.client() as client:
        response = await client.responses.create(model="codeact", input="Burn", tools=_TOOLS)
        assert response.output_text == "It burns."
        ledger = place.house.shared.ledger
        used = ledger.cpu("ada")
        with anyio.fail_after(60):
            while ledger.cpu("ada") < used + 0.1:  # noqa: ASYNC110 -- of another process
                await anyio.sleep(0.05)
            ledger.charge("ada", 3600)
            while [each async for each in client.containers.list()]:  # noqa: ASYNC110 (its task tells nobody)
                await anyio.sleep(0.05)
        with pytest.raises(openai.RateLimitError, match="processor time"):
            await client.containers.create(name="more")
        with pytest.raises(openai.RateLimitError, match="processor time"):
            await client.responses.create(model="codeact", input="Again")


async def test_an_action_ends_with_the_hours_processor_time(serve):
    action = "```python\nopen('on', 'w').close()\nimport time; time.sleep(600)\n```"
    async with serve(action, beat=0.1) as place, place.client() as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(openai.RateLimitError, match="processor time"):
                await client.responses.create(model="codeact", input="Wait", tools=_TOOLS)

        async def on() -> bool:
            files = client.containers.files
            return any([file async for one in client.containers.list() async for file in files.list(one.id)])

        tasks.start_soon(ask)
        with anyio.fail_after(60):
            while not await on():  # noqa: ASYNC110 (code in a box tells nobody)
                await anyio.sleep(0.05)
        place.house.shared.ledger.charge("ada", 3600)


async def test_a_file_may_be_as_large_as_the_quota_says(serve):
    async with serve() as place, place.client() as client:
        most = place.house.settings.quotas.upload
        assert (await client.files.create(file=("a", bytes(most)), purpose="user_data")).bytes == most


async def test_a_large_file_comes_back_byte_by_byte(serve):
    data = bytes(range(256)) * 12_000
    async with serve() as place, place.client() as client:
        upload = await client.files.create(file=("a", data), purpose="user_data")
        assert (await client.files.content(upload.id)).content == data
        container = (await client.containers.create(name="x")).id
        files = client.containers.files
        for given in ({"file": ("b", data)}, {"file_id": upload.id}):
            made = await files.create(container, **given)
            assert made.bytes == len(data)
            assert (await files.content.retrieve(made.id, container_id=container)).content == data


async def test_deletions_are_in_the_audit_log(serve):
    async with serve() as place, place.client() as client:
        upload = await client.files.create(file=("a.txt", b"one"), purpose="user_data")
        container = await client.containers.create(name="mine", file_ids=[upload.id])
        [file] = [each async for each in client.containers.files.list(container.id)]
        await client.containers.files.delete(file.id, container_id=container.id)
        await client.containers.delete(container.id)
        await client.files.delete(upload.id)
        deeds = [deed for deed in await place.house.store.deeds(owner="ada") if deed.what.startswith("delete")]
    assert sorted(deed.what for deed in deeds) == ["delete container", "delete file", "delete file"]
    assert {deed.detail.get("name") for deed in deeds} == {"a.txt", None}


async def test_a_name_that_is_no_text_breaks_nothing(serve):
    write = "```python\nopen(b'a\\xff', 'w').write('one')\n```"
    async with serve(write, "It is in b.txt.") as place, place.client() as client:
        container = (await client.containers.create(name="mine")).id
        tools = [{"type": "code_interpreter", "container": container}]
        response = await client.responses.create(model="codeact", input="Write", tools=tools)
        assert (response.status, response.output_text) == ("completed", "It is in b.txt.")
        files = client.containers.files
        await files.create(container, file=("b.txt", b"two"))
        paths = {file.path: file.id async for file in files.list(container)}
        assert set(paths) == {"/box/work/a\\udcff", "/box/work/b.txt"}
        await files.delete(paths["/box/work/a\\udcff"], container_id=container)
        assert [file.path async for file in files.list(container)] == ["/box/work/b.txt"]
        with pytest.raises(InvalidRequestError):
            file_name("a\udcff", param="file")


async def test_an_upload_is_given_once_however_often_it_is_named(serve):
    async with serve("Chat.", "Response.") as place, place.client() as client:
        id = (await client.files.create(file=("a.csv", b"1,2"), purpose="user_data")).id
        parts = [{"type": "file", "file": {"file_id": id}}] * 50
        talk = [{"role": "user", "content": [{"type": "text", "text": "Look."}, *parts]}] * 5
        await client.chat.completions.create(model="codeact", messages=talk)
        parts = [{"type": "input_file", "file_id": id}] * 50
        talk = [{"role": "user", "content": [{"type": "input_text", "text": "Look."}, *parts]}] * 5
        await client.responses.create(model="codeact", input=talk)
        assert [asked[-1].text.count("a.csv (3 bytes)") for asked in place.model.asked] == [1, 1]


async def test_files_of_a_request_are_bounded_and_found_before_it_begins(serve):
    def ask(names: list[str]) -> list[object]:
        parts = [{"type": "input_file", "filename": name, "file_data": "aGk="} for name in names]
        return [{"role": "user", "content": [{"type": "input_text", "text": "Look."}, *parts]}]

    async with serve("Right.", quotas=Quotas(own_files=3)) as place, place.client() as client:
        with pytest.raises(openai.BadRequestError, match="3 files, not 4"):
            await client.responses.create(model="codeact", input=ask(["a", "b", "c", "d"]))
        missing = ask([])
        missing[0]["content"].append({"type": "input_file", "file_id": "file-none"})
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(model="codeact", input=missing, background=True)
        assert [each.id async for each in client.containers.list()] == []
        response = await client.responses.create(model="codeact", input=ask(["a", "b", "c"]))
        assert response.output_text == "Right."
