"""Chat completions by the official client."""

import base64

import anyio
import httpx2
import openai
import pytest
from openai.types.chat import ChatCompletion

from codeact.models.scripted import ScriptedModel
from codeact.types import Completion, Image

pytestmark = pytest.mark.anyio

ADD = "I add them.\n```python\nprint(21 + 21)\n```"
PLOT = "```python\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 2])\nplt.show()\n```"
ASK = [{"role": "user", "content": "Add 21 and 21"}]
PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


async def test_an_answer_comes_whole(serve):
    async with serve(ADD, "It is 42.") as place, place.client() as client:
        completion = await client.chat.completions.create(model="codeact", messages=ASK)
    assert completion.choices[0].message.content == "It is 42."
    assert completion.choices[0].finish_reason == "stop"
    assert completion.usage.prompt_tokens > 0
    assert completion.model == "codeact"
    ChatCompletion.model_validate(completion.model_dump(), strict=True)


async def test_the_sync_client_works_too(serve):
    async with serve(ADD, "It is 42.", "43.", "44.", "45.") as place:

        def ask() -> list[str]:
            with place.sync_client() as client:
                chat, responses = client.chat.completions, client.responses
                whole = chat.create(model="codeact", messages=ASK).choices[0].message.content
                chunks = list(chat.create(model="codeact", messages=ASK, stream=True))
                response = responses.create(model="codeact", input="Add")
                events = list(responses.create(model="codeact", input="Add", stream=True))
                streamed = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
                return [whole, streamed, response.output_text, events[-1].response.output_text]

        assert await anyio.to_thread.run_sync(ask) == ["It is 42.", "43.", "44.", "45."]


async def test_an_answer_comes_as_a_stream(serve):
    async with serve(ADD, "It is 42.") as place, place.client() as client:
        stream = await client.chat.completions.create(
            model="codeact", messages=ASK, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
    assert chunks[0].choices[0].delta.role == "assistant"
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks[:-1]) == "It is 42."
    assert [chunk.choices[0].finish_reason for chunk in chunks[:-1]][-1] == "stop"
    assert not chunks[-1].choices
    assert chunks[-1].usage.total_tokens > 0
    assert not any("reasoning_content" in chunk.choices[0].delta.model_extra for chunk in chunks[:-1])


@pytest.mark.parametrize("way", [{"extra_body": {"codeact": {"steps": True}}}, {"model": "codeact+steps"}])
async def test_steps_come_as_reasoning_when_asked_for(serve, way):
    async with serve(ADD, "It is 42.") as place, place.client() as client:
        stream = await client.chat.completions.create(**{"model": "codeact", "messages": ASK, "stream": True, **way})
        deltas = [chunk.choices[0].delta async for chunk in stream]
    thoughts = "".join(delta.model_extra.get("reasoning_content", "") for delta in deltas)
    assert thoughts == f"{ADD}\n\n~~~~~~\n42\n\n~~~~~~\n\n"
    assert "".join(delta.content or "" for delta in deltas) == "It is 42."


async def test_a_figure_comes_as_an_image(serve):
    async with serve(PLOT, "There it is.") as place, place.client() as client:
        completion = await client.chat.completions.create(model="codeact", messages=ASK)
    (image,) = completion.choices[0].message.model_extra["images"]
    assert image["image_url"]["url"].startswith("data:image/png;base64,iVBOR")


async def test_the_messages_are_the_history_and_the_session_is_fresh(serve):
    talk = [
        {"role": "developer", "content": "Be brief."},
        {"role": "user", "content": "My number is 7."},
        {"role": "assistant", "content": "Noted."},
        {"role": "user", "content": [{"type": "text", "text": "Is x known?"}]},
    ]
    async with (
        serve("```python\nx = 1\n```", "no", "```python\nprint(x)\n```", "no") as place,
        place.client() as client,
    ):
        for _ in range(2):
            await client.chat.completions.create(model="codeact", messages=talk)
    assert [message.role for message in place.model.asked[0]] == ["system", "user", "assistant", "user"]
    assert place.model.asked[0][1].text == "My number is 7."
    assert "Be brief." in place.model.asked[0][0].text
    assert "NameError" in place.model.asked[3][-1].text


async def test_images_and_files_reach_the_model_and_the_workspace(serve):
    parts = [
        {"type": "text", "text": "Read them"},
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}},
        {"type": "file", "file": {"filename": "a.csv", "file_data": f"data:text/csv;base64,{PNG}"}},
    ]
    code = "```python\nprint(open('image_1.png', 'rb').read() == open('a.csv', 'rb').read())\n```"
    async with serve(code, "Same.") as place, place.client() as client:
        await client.chat.completions.create(model="codeact", messages=[{"role": "user", "content": parts}])
    message = place.model.asked[0][-1]
    assert [part.mime for part in message.parts if isinstance(part, Image)] == ["image/png"]
    assert "a.csv (8 bytes), image_1.png (8 bytes)" in message.text
    assert "True" in place.model.asked[1][-1].text


async def test_the_answer_ends_before_a_stop_string(serve):
    async with serve("One. Two. Three.") as place, place.client() as client:
        completion = await client.chat.completions.create(model="codeact", messages=ASK, stop=[" Three", " Two"])
    assert completion.choices[0].message.content == "One."


async def test_output_tokens_are_of_the_whole_run(serve):
    async with serve(ADD, ADD, ADD, "Late.") as place, place.client() as client:
        completion = await client.chat.completions.create(model="codeact", messages=ASK, max_completion_tokens=20)
    assert completion.choices[0].finish_reason == "length"
    assert completion.choices[0].message.content == ""
    assert completion.model_extra["codeact"]["status"] == "token_limit"
    assert completion.usage.completion_tokens < 40


async def test_what_there_is_of_a_cut_answer_is_given(serve):
    async with serve("word " * 100) as place, place.client() as client:
        completion = await client.chat.completions.create(model="codeact", messages=ASK, max_tokens=10)
    assert completion.choices[0].message.content.startswith("word word")
    assert len(completion.choices[0].message.content) < 100
    assert completion.choices[0].finish_reason == "length"


async def test_turns_may_be_fewer(serve):
    async with serve(ADD, ADD, "Late.") as place, place.client() as client:
        completion = await client.chat.completions.create(
            model="scripted:script", messages=ASK, seed=3, extra_body={"codeact": {"turns": 1}}
        )
    assert completion.model_extra["codeact"]["status"] == "turn_limit"


def user(*parts: dict[str, object]) -> list[dict[str, object]]:
    return [{"role": "user", "content": [*parts]}]


WRONG = [
    ({"n": 2}, "n"),
    ({"tools": [{"type": "function", "function": {"name": "f"}}]}, "tools"),
    ({"response_format": {"type": "json_object"}}, "response_format"),
    ({"logprobs": True}, "logprobs"),
    ({"messages": []}, "messages"),
    ({"messages": [{"role": "assistant", "content": "Hello"}]}, "messages"),
    ({"messages": [{"role": "tool", "content": "Hello", "tool_call_id": "1"}]}, "messages[0].role"),
    ({"messages": user({"type": "image_url", "image_url": {"url": "http://127.0.0.1/"}})}, "messages[0].content[0]"),
    ({"messages": user({"type": "image_url", "image_url": {"url": "data:image/svg+xml;base64,aGk="}})},
     "messages[0].content[0]"),
    ({"messages": user({"type": "file", "file": {"filename": "../x", "file_data": "aGk="}})}, "messages[0].content[0]"),
    ({"messages": user({"type": "file", "file": {"filename": "x", "file_data": "?"}})}, "messages[0].content[0]"),
    ({"messages": user({"type": "text", "text": " "})}, "messages"),
    ({"max_tokens": 0}, "max_tokens"),
    ({"temperature": "hot"}, "temperature"),
    ({"extra_body": {"codeact": {"unknown": 1}}}, "codeact.unknown"),
    ({"extra_body": {"codeact": {"turns": 1000}}}, None),
]  # fmt: skip


async def test_what_cannot_be_honoured_is_refused_by_name(serve):
    async with serve() as place, place.client() as client:
        for wrong, param in WRONG:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.chat.completions.create(**{"model": "codeact", "messages": ASK, **wrong})
            assert (refused.value.param, refused.value.type) == (param, "invalid_request_error"), wrong


async def test_hints_are_ignored(serve):
    async with serve("Hello.") as place, place.client() as client:
        completion = await client.chat.completions.create(
            model="codeact",
            messages=ASK,
            top_p=0.9,
            presence_penalty=0.1,
            user="u",
            metadata={"a": "b"},
            service_tier="auto",
            reasoning_effort="low",
            tools=[],
            response_format={"type": "text"},
        )
    assert completion.choices[0].message.content == "Hello."


async def test_a_failing_model_is_a_server_error_before_and_in_a_stream(serve):
    async with serve() as place, place.client() as client:
        with pytest.raises(openai.InternalServerError) as failed:
            await client.chat.completions.create(model="codeact", messages=ASK)
        assert failed.value.code == "model_error"
        stream = await client.chat.completions.create(model="codeact", messages=ASK, stream=True)
        with pytest.raises(openai.APIError, match="was asked for one more"):
            [chunk async for chunk in stream]


async def test_strangers_are_refused(serve):
    async with serve() as place:
        client = openai.AsyncOpenAI(base_url=place.base_url, api_key="guess", max_retries=0)
        with pytest.raises(openai.AuthenticationError) as refused:
            await client.models.list()
        assert refused.value.code == "invalid_api_key"
        await client.close()


async def test_models_are_listed_with_their_steps(serve):
    async with serve() as place, place.client() as client:
        listed = [model.id async for model in client.models.list()]
        assert listed == ["codeact", "codeact+steps", "scripted:script", "scripted:script+steps"]
        assert (await client.models.retrieve("scripted:script")).id == "scripted:script"
        with pytest.raises(openai.NotFoundError):
            await client.chat.completions.create(model="gpt-none", messages=ASK)


@pytest.mark.parametrize("streams", [False, True])
async def test_who_hangs_up_stops_the_agent(serve, streams):
    stopped = anyio.Event()

    class Watched(ScriptedModel):
        async def complete(self, *args: object, **options: object) -> Completion:
            try:
                return await super().complete(*args, **options)
            except anyio.get_cancelled_exc_class():
                stopped.set()
                raise

    async with serve(model=Watched(["words " * 1000], pace=0.05)) as place:
        body = {"model": "codeact+steps", "messages": ASK, "stream": streams}
        async with httpx2.AsyncClient(headers={"authorization": "Bearer token-of-ada"}) as client:
            with anyio.move_on_after(60) as hanging:
                async with anyio.create_task_group() as tasks:

                    async def ask() -> None:
                        async with client.stream(
                            "POST", f"{place.base_url}/chat/completions", json=body, timeout=60
                        ) as got:
                            await got.aread()

                    tasks.start_soon(ask)
                    while not place.model.asked:  # noqa: ASYNC110 (the model tells nobody)
                        await anyio.sleep(0.01)
                    tasks.cancel_scope.cancel()
            assert not hanging.cancelled_caught
        with anyio.fail_after(30):
            await stopped.wait()


async def test_bodies_that_are_no_request_are_refused_in_the_same_form(serve):
    bodies = [b"", b"{", b"[]", b"null", b'{"model": 1}', b'{"messages": {"a": 1}}', b"\xff\xfe", b"[" * 100_000]
    asked = b'{"model": "codeact", "messages": [{"role": "user", "content": "%s"}]}'
    bodies += [
        asked % b"\\ud800",
        asked[:-1] % b"x" + b', "temperature": NaN}',
        asked[:-1] % b"x" + b', "n": 1%s}' % (b"0" * 5000),
    ]
    headers = {"content-type": "application/json", "authorization": "Bearer token-of-ada"}
    async with serve() as place, httpx2.AsyncClient(headers=headers) as client:
        for body in bodies:
            got = await client.post(f"{place.base_url}/chat/completions", content=body)
            assert (got.status_code, got.json()["error"]["type"]) == (400, "invalid_request_error"), body[:20]


async def test_actions_are_in_the_audit_log_and_their_time_is_the_users(serve):
    busy = "import time\nend = time.process_time() + 0.1\nwhile time.process_time() < end: pass"
    async with serve(f"```python\n{busy}\n```", "Done.") as place, place.client() as client:
        await client.chat.completions.create(model="codeact", messages=ASK)
        (deed,) = await place.house.store.deeds(owner="ada")
        assert (deed.what, deed.detail) == ("action", {"through": "chat", "code": busy})
        assert place.house.shared.ledger.cpu("ada") > 0
        assert not place.house.shared.ledger.runs.inside


async def test_the_endpoints_describe_themselves(serve):
    headers = {"authorization": "Bearer token-of-ada"}
    async with serve() as place, httpx2.AsyncClient(headers=headers) as client:
        described = (await client.get(place.base_url.replace("/v1", "/openapi.json"))).json()["paths"]
    names = {path: [operation["operationId"] for operation in each.values()] for path, each in described.items()}
    ours = [name for path, each in names.items() if path.startswith("/v1/") for name in each]
    assert len(ours) == 27
    assert all(name.startswith("openai_") for name in ours)
    every = [name for each in names.values() for name in each]
    assert len(every) == len(set(every))
