"""What is kept and found again, by the official client: chat completions, what a response was asked, files."""

import openai
import pytest
from openai.types.chat import ChatCompletion
from openai.types.responses.response_item import ResponseItem
from pydantic import TypeAdapter

from codeact.server.settings import Quotas

pytestmark = pytest.mark.anyio

ASK = {"model": "codeact", "messages": [{"role": "user", "content": "Hello"}]}
PIXEL = "data:image/png;base64,iVBORw0KGgo="
ITEM = TypeAdapter(ResponseItem)


async def test_a_chat_completion_is_stored_if_that_is_asked_for(serve):
    async with serve("One.", "Two.", "Three.") as place, place.client() as client, place.client("bob") as bob:
        chats = client.chat.completions
        first = await chats.create(**ASK, store=True, metadata={"topic": "greeting"})
        stream = await chats.create(**{**ASK, "model": "codeact+steps"}, store=True, stream=True)
        second = {chunk.id async for chunk in stream}.pop()
        unkept = await chats.create(**ASK)
        again = await chats.retrieve(first.id)
        ChatCompletion.model_validate(again.model_dump(), strict=True)
        assert again.choices[0].message.content == "One."
        assert again.metadata == {"topic": "greeting"}
        assert [each.id async for each in await chats.list(limit=1)] == [first.id, second]
        assert [each.id async for each in await chats.list(order="desc")] == [second, first.id]
        assert [each.id async for each in await chats.list(model="codeact")] == [first.id]
        assert [each.id async for each in await chats.list(metadata={"topic": "greeting"})] == [first.id]
        assert [each.id async for each in await chats.list(metadata={"topic": "other"})] == []
        assert [each.id async for each in await bob.chat.completions.list()] == []
        for unknown in (unkept.id, "chatcmpl-none"):
            with pytest.raises(openai.NotFoundError):
                await chats.retrieve(unknown)
        with pytest.raises(openai.NotFoundError):
            await bob.chat.completions.retrieve(first.id)


async def test_a_stored_completion_is_changed_and_deleted(serve):
    async with serve("One.") as place, place.client() as client:
        chats = client.chat.completions
        kept = await chats.create(**ASK, store=True, metadata={"a": "1"})
        assert (await chats.update(kept.id, metadata={"b": "2"})).metadata == {"b": "2"}
        assert (await chats.retrieve(kept.id)).metadata == {"b": "2"}
        with pytest.raises(openai.BadRequestError) as refused:
            await chats.update(kept.id, metadata={"b": "x" * 513})
        assert refused.value.param == "metadata.b"
        gone = await chats.delete(kept.id)
        assert (gone.id, gone.deleted, gone.object) == (kept.id, True, "chat.completion.deleted")
        with pytest.raises(openai.NotFoundError):
            await chats.delete(kept.id)
        assert "delete chat completion" in [deed.what for deed in await place.house.store.deeds(owner="ada")]


async def test_the_messages_of_a_stored_completion_are_listed(serve):
    image = {"type": "image_url", "image_url": {"url": PIXEL}}
    said = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]},
    ]
    async with serve("A pixel.") as place, place.client() as client:
        kept = await client.chat.completions.create(model="codeact", messages=said, store=True)
        listed = [each async for each in await client.chat.completions.messages.list(kept.id, limit=1)]
        assert [(each.role, each.content) for each in listed] == [("system", "Be brief."), ("user", "What is it?")]
        assert [part.type for part in listed[1].content_parts] == ["text", "image_url"]
        assert len({each.id for each in listed}) == 2


async def test_only_so_many_are_kept_and_the_oldest_go(serve):
    quotas = Quotas(own_responses=2)
    async with serve(*["Yes."] * 5, quotas=quotas) as place, place.client() as client, place.client("bob") as bob:
        await bob.chat.completions.create(**ASK, store=True)
        kept = [(await client.chat.completions.create(**ASK, store=True)).id for _ in range(3)]
        assert [each.id async for each in await client.chat.completions.list()] == kept[1:]
        assert len([each async for each in await bob.chat.completions.list()]) == 1


async def test_what_a_response_was_asked_is_listed(serve):
    said = [
        {"role": "developer", "content": "Be brief."},
        {"role": "assistant", "content": "What?"},
        {"type": "message", "role": "user", "content": [
            {"type": "input_text", "text": "This file."},
            {"type": "input_file", "filename": "a.txt", "file_data": "data:text/plain;base64,YQ=="},
        ]},
    ]  # fmt: skip
    async with serve("One.", "Two.", "Three.") as place, place.client() as client, place.client("bob") as bob:
        items = client.responses.input_items
        simple = await client.responses.create(model="codeact", input="Hello")
        (item,) = [each async for each in await items.list(simple.id)]
        assert (item.type, item.role, item.content[0].text) == ("message", "user", "Hello")
        response = await client.responses.create(model="codeact", input=said)
        listed = [each async for each in await items.list(response.id, order="asc", limit=2)]
        for each in listed:
            ITEM.validate_python(each.to_dict())
        assert [each.role for each in listed] == ["developer", "assistant", "user"]
        assert [part.type for part in listed[2].content] == ["input_text", "input_file"]
        assert listed[2].content[1].file_data is None
        back = [*said, *[each.to_dict() for each in response.output], {"role": "user", "content": "And?"}]
        third = await client.responses.create(model="codeact", input=back, background=False)
        ids = [each.id async for each in await items.list(third.id, order="asc")]
        assert response.output[-1].id in ids
        assert len(set(ids)) == len(back)
        with pytest.raises(openai.NotFoundError):
            await bob.responses.input_items.list(response.id)
        await client.responses.delete(response.id)
        with pytest.raises(openai.NotFoundError):
            await items.list(response.id)


async def test_a_file_is_kept_for_as_long_as_it_says(serve):
    async with serve() as place, place.client() as client:
        soon = {"anchor": "created_at", "seconds": 3600}
        file = await client.files.create(file=("a.txt", b"a"), purpose="user_data", expires_after=soon)
        assert file.expires_at == file.created_at + 3600
        late = {"anchor": "created_at", "seconds": 30 * 86400}
        file = await client.files.create(file=("b.txt", b"b"), purpose="user_data", expires_after=late)
        assert file.expires_at == file.created_at + 86400, "as long as the service keeps any"
        with pytest.raises(openai.BadRequestError) as refused:
            await client.files.create(file=("c.txt", b"c"), purpose="user_data", expires_after={"seconds": 0})
        assert refused.value.param == "expires_after"


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.embeddings.create(model="codeact", input="hello"),
        lambda client: client.responses.compact(model="codeact", input="hello"),
        lambda client: client.responses.input_tokens.count(model="codeact", input="hello"),
        lambda client: client.conversations.create(),
        lambda client: client.completions.create(model="codeact", prompt="hello"),
        lambda client: client.vector_stores.list(),
        lambda client: client.models.delete("codeact"),
    ],
    ids=["embeddings", "compact", "input_tokens", "conversations", "completions", "vector_stores", "delete model"],
)
async def test_what_is_not_there_says_so(serve, call):
    async with serve() as place, place.client() as client:
        with pytest.raises(openai.APIStatusError, match="is not supported here") as refused:
            await call(client)
        assert refused.value.status_code in (404, 405)
        assert refused.value.type == "invalid_request_error"
