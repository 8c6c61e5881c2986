"""The end of the service while requests are being answered."""

import anyio
import openai
import pytest

pytestmark = pytest.mark.anyio

NAP = "```python\nimport time\ntime.sleep(0.5)\n```"
SLEEP = "```python\nimport time\ntime.sleep(600)\n```"
ASK = {"model": "codeact", "messages": [{"role": "user", "content": "Sleep"}]}


async def running(place) -> None:
    with anyio.fail_after(30):
        while not (place.house.counts().running and place.model.asked):  # noqa: ASYNC110 -- nobody tells
            await anyio.sleep(0.01)


async def test_draining_waits_for_a_chat_completion(serve):
    async with serve(NAP, "Slept.") as place, place.client() as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            completion = await client.chat.completions.create(**ASK)
            assert completion.choices[0].message.content == "Slept."

        tasks.start_soon(ask)
        await running(place)
        await place.house.drain(seconds=60)
        assert place.house.counts().running == 0
        assert len(place.model.asked) == 2, "it came to its end"
        with pytest.raises(openai.RateLimitError, match="restarted"):
            await client.chat.completions.create(**ASK)


async def test_draining_waits_for_a_response_in_the_background(serve):
    async with serve(NAP, "Slept.") as place, place.client() as client:
        response = await client.responses.create(model="codeact", input="Sleep", background=True)
        await running(place)
        await place.house.drain(seconds=60)
        assert (await client.responses.retrieve(response.id)).output_text == "Slept."


async def test_what_takes_longer_is_told_why_it_ends(serve):
    async with serve(SLEEP) as place, place.client() as client, anyio.create_task_group() as tasks:

        async def ask() -> None:
            with pytest.raises(openai.RateLimitError, match="restarted") as refused:
                await client.chat.completions.create(**ASK)
            assert int(refused.value.response.headers["retry-after"]) > 0

        tasks.start_soon(ask)
        await running(place)
        with anyio.fail_after(30):
            await place.house.drain(seconds=0.1)
