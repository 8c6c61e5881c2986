"""Responses with the code interpreter by the official client; its own models say what a valid answer is."""

from __future__ import annotations

from collections.abc import Sequence

import anyio
import openai
import pytest
from openai.types.responses import Response, ResponseStreamEvent
from pydantic import TypeAdapter

from codeact.agent.execute import Relay
from codeact.server.ledger import Ledger
from codeact.server.metering import Meter
from codeact.server.openai.containers import Container, LentPlace
from codeact.server.openai.office import Office
from codeact.server.openai.respond import begun, cited
from codeact.server.openai.response_wire import ResponseRequest
from codeact.server.settings import Quotas
from codeact.tools import ToolSet

pytestmark = pytest.mark.anyio

ADD = "I add them.\n```python\nx = 21\nprint(x + x)\n```"
PLOT = "```python\nimport matplotlib.pyplot as plt\n_ = plt.plot([1, 2])\nplt.show()\n```"
WRITE = "```python\nopen('result.csv', 'w').write('a,b')\n```"
TOOLS = [{"type": "code_interpreter", "container": {"type": "auto"}}]
OUTPUTS = ["code_interpreter_call.outputs"]
ASK = {"model": "codeact", "input": "Add 21 and 21", "tools": TOOLS, "include": OUTPUTS}
EVENT = TypeAdapter(ResponseStreamEvent)


def valid(response: Response) -> Response:
    return Response.model_validate(response.to_dict())


def valid_stream(events: Sequence[ResponseStreamEvent]) -> list[str]:
    """The types of events that are all valid, and numbered without a gap."""
    for number, event in enumerate(events):
        EVENT.validate_python(event.to_dict())
        assert event.sequence_number == number
    return [event.type for event in events]


async def test_a_response_has_reasoning_code_and_an_answer(serve):
    async with serve(ADD, "It is 42.") as place, place.client() as client:
        response = valid(await client.responses.create(**ASK))
    assert response.status == "completed"
    assert response.output_text == "It is 42."
    reasoning, call, message = response.output
    assert (reasoning.type, reasoning.summary[0].text) == ("reasoning", "I add them.")
    assert (call.type, call.code, call.status) == ("code_interpreter_call", "x = 21\nprint(x + x)", "completed")
    assert [output.logs for output in call.outputs] == ["42"]
    assert call.container_id.startswith("cntr_")
    assert (message.type, message.role, message.status) == ("message", "assistant", "completed")
    assert response.usage.total_tokens > 0


async def test_outputs_come_only_if_they_are_included(serve):
    async with serve(ADD, "It is 42.") as place, place.client() as client:
        response = valid(await client.responses.create(model="codeact", input="Add", tools=TOOLS))
        assert response.output[1].outputs is None
        again = await client.responses.retrieve(response.id, include=OUTPUTS)
        assert valid(again).output[1].outputs[0].logs == "42"


async def test_the_stream_has_the_official_events(serve):
    async with (
        serve(ADD, PLOT, "It is 42.") as place,
        place.client() as client,
        client.responses.stream(**ASK) as stream,  # the client's own helper, which builds the response up again
    ):
        events = [event async for event in stream]
        final = await stream.get_final_response()
    kinds = [event.type.removeprefix("response.") for event in events]
    assert kinds == [
        "created", "in_progress",
        "output_item.added", "reasoning_summary_part.added", "reasoning_summary_text.delta",
        "reasoning_summary_text.done", "reasoning_summary_part.done", "output_item.done",
        *(["output_item.added", "code_interpreter_call.in_progress", "code_interpreter_call_code.delta",
           "code_interpreter_call_code.done", "code_interpreter_call.interpreting", "code_interpreter_call.completed",
           "output_item.done"] * 2),
        "output_item.added", "content_part.added", "output_text.delta", "output_text.done", "content_part.done",
        "output_item.done", "completed",
    ]  # fmt: skip
    assert final.output_text == "It is 42."
    assert final.output[2].outputs[0].url.startswith("data:image/png;base64,iVBOR")


async def test_every_event_of_a_stream_is_valid(serve):
    async with serve(ADD, WRITE, "See result.csv.") as place, place.client() as client:
        stream = await client.responses.create(**ASK, stream=True)
        kinds = valid_stream([event async for event in stream])
    assert "response.output_text.annotation.added" in kinds
    assert kinds[-1] == "response.completed"


async def test_files_that_the_answer_names_are_cited_and_can_be_had(serve):
    async with serve(WRITE, "It is in result.csv, as you said.") as place, place.client() as client:
        response = valid(await client.responses.create(**ASK))
        (cited,) = response.output[-1].content[0].annotations
        assert (cited.type, cited.filename) == ("container_file_citation", "result.csv")
        assert response.output_text[cited.start_index : cited.end_index] == "result.csv"
        content = await client.containers.files.content.retrieve(cited.file_id, container_id=cited.container_id)
        assert content.content == b"a,b"


async def test_names_of_files_and_half_characters_never_spoil_an_answer(serve):
    """Seen in a review: what can go wrong with a citation would have made a failure of a finished answer."""
    names = "[b'\\xff.csv', 'a\\nb.csv', 'plain.csv', '(.csv', 'x' * 251 + '.csv']"
    write = f"```python\nfor name in {names}:\n    open(name, 'w').write('a')\n```"
    answer = "See plain.csv, \udcff.csv, (.csv and a\nb.csv."
    async with serve(write, answer, write, answer) as place, place.client() as client:
        response = valid(await client.responses.create(**ASK))
        assert response.status == "completed"
        assert response.output_text == answer.replace("\udcff", "?")
        cited = {each.filename for each in response.output[-1].content[0].annotations}
        assert {"plain.csv", "(.csv", "a\nb.csv"} <= cited
        assert (await client.responses.retrieve(response.id)).output_text == response.output_text
        kinds = valid_stream([event async for event in await client.responses.create(**ASK, stream=True)])
        assert kinds[-1] == "response.completed"


async def test_an_answer_stands_where_its_files_cannot_be_listed(warm_sandbox):
    relay, ledger = Relay(ToolSet()), Ledger(Quotas())
    async with warm_sandbox.open(relay) as session:
        container = Container(
            id="cntr_1", owner="ada", name="auto", idle=60.0, memory=None, created=0.0, active=0.0, deadline=0.0,
            place=LentPlace(warm_sandbox, session, relay), meter=Meter(ledger, "ada"),
        )  # fmt: skip
        await session.put("a.csv", b"a")
        (citation,) = await cited("See a.csv.", container)
        assert citation["filename"] == "a.csv"
    assert await cited("See a.csv.", container) == ()


async def test_a_response_goes_on_from_the_one_before_with_its_variables(serve):
    async with serve(ADD, "42.", "```python\nx\n```", "21.") as place, place.client() as client:
        first = await client.responses.create(**ASK, instructions="Be brief.")
        second = valid(await client.responses.create(**{**ASK, "input": "And x?"}, previous_response_id=first.id))
        assert second.output[0].outputs[0].logs == "21"
        assert second.output[0].container_id == first.output[1].container_id
        asked = place.model.asked[2]
        assert [message.role for message in asked] == ["system", "user", "assistant", "user", "assistant", "user"]
        assert "Be brief." in place.model.asked[0][0].text
        assert "Be brief." not in asked[0].text
        await client.containers.delete(first.output[1].container_id)


async def test_the_client_may_keep_the_history_itself(serve):
    async with serve(ADD, "42.", "Right.") as place, place.client() as client:
        first = await client.responses.create(**ASK, store=False)
        talk = [{"role": "user", "content": "Add 21 and 21"}, *[item.to_dict() for item in first.output]]
        talk.append({"role": "user", "content": [{"type": "input_text", "text": "Are you sure?"}]})
        second = await client.responses.create(model="codeact", input=talk)
        assert second.output_text == "Right."
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(first.id)
    told = [message.text for message in place.model.asked[2][1:]]
    assert told == [
        "Add 21 and 21",
        "I add them.\n\n```python\nx = 21\nprint(x + x)\n```",
        "Observation:\n42",
        "42.",
        "Are you sure?",
    ]


async def test_a_named_container_is_used_with_its_files(serve):
    code = "```python\nprint(open('a.txt').read(), open('b.txt').read())\n```"
    async with serve(code, "Read.") as place, place.client() as client:
        container = await client.containers.create(name="mine")
        await client.containers.files.create(container.id, file=("a.txt", b"one"))
        content = [
            {"type": "input_text", "text": "Read them"},
            {"type": "input_file", "filename": "b.txt", "file_data": "data:text/plain;base64,dHdv"},
        ]
        response = await client.responses.create(
            model="codeact",
            input=[{"role": "user", "content": content}],
            tools=[{"type": "code_interpreter", "container": container.id}],
            include=OUTPUTS,
        )
        assert response.output[0].outputs[0].logs == "one two"
        assert response.output[0].container_id == container.id


async def test_uploaded_files_go_into_an_automatic_container(serve):
    async with serve("```python\nprint(open('a.txt').read())\n```", "Read.") as place, place.client() as client:
        upload = await client.files.create(file=("a.txt", b"one"), purpose="user_data")
        container = {"type": "auto", "file_ids": [upload.id], "memory_limit": "1g"}
        response = await client.responses.create(
            model="codeact",
            input="Read it",
            tools=[{"type": "code_interpreter", "container": container}],
            include=OUTPUTS,
        )
        assert response.output[0].outputs[0].logs == "one"


async def test_automatic_containers_give_way_to_new_ones(serve):
    async with serve("1.", "2.", "3.", quotas=Quotas(own_containers=1)) as place, place.client() as client:
        for _ in range(3):
            await client.responses.create(**ASK)
        assert len([each async for each in client.containers.list()]) == 1


async def test_what_code_does_wrong_is_in_its_logs(serve):
    async with serve("```python\n1 / 0\n```", "It fails.") as place, place.client() as client:
        response = valid(await client.responses.create(**ASK))
    assert "ZeroDivisionError" in response.output[0].outputs[0].logs
    assert response.output[0].status == "completed"


async def test_an_answer_that_is_sent_back_is_a_thought(serve):
    async with serve(ADD, "It is 42.1763.", "It is 42.") as place, place.client() as client:
        response = valid(await client.responses.create(**ASK))
    assert [item.type for item in response.output] == ["reasoning", "code_interpreter_call", "reasoning", "message"]
    assert response.output[2].summary[0].text == "It is 42.1763."
    assert response.output_text == "It is 42."


async def test_tokens_and_calls_that_are_used_up_make_it_incomplete(serve):
    async with serve("word " * 100) as place, place.client() as client:
        response = valid(await client.responses.create(**ASK, max_output_tokens=10))
        assert (response.status, response.incomplete_details.reason) == ("incomplete", "max_output_tokens")
        assert response.output_text.startswith("word")
    async with serve(ADD, WRITE) as place, place.client() as client:
        stream = await client.responses.create(**ASK, max_tool_calls=1, stream=True)
        events = [event async for event in stream]
        valid_stream(events)
        assert events[-1].type == "response.incomplete"
        assert events[-1].response.incomplete_details.reason == "max_messages"


async def test_a_model_that_fails_is_an_error_a_failed_event_and_not_tried_again_after_an_action(serve):
    async with serve(ADD) as place, place.client(max_retries=3) as client:
        with pytest.raises(openai.InternalServerError) as failed:
            await client.responses.create(**ASK)
        assert failed.value.response.headers["x-should-retry"] == "false"
        assert len(place.model.asked) == 1
    async with serve() as place, place.client() as client:
        events = [event async for event in await client.responses.create(**ASK, stream=True)]
        valid_stream(events)
        assert events[-1].type == "response.failed"
        assert events[-1].response.error.code == "server_error"


async def test_a_response_in_the_background_is_polled_heard_again_and_deleted(serve):
    async with serve(ADD, "It is 42.") as place, place.client() as client:
        response = valid(await client.responses.create(**ASK, background=True))
        assert response.status in ("queued", "in_progress")
        heard = [event async for event in await client.responses.retrieve(response.id, stream=True)]
        valid_stream(heard)
        assert heard[-1].response.output_text == "It is 42."
        later = await client.responses.retrieve(response.id, stream=True, starting_after=heard[-3].sequence_number)
        assert [event.type for event in heard[-2:]] == [event.type async for event in later]
        assert valid(await client.responses.retrieve(response.id)).status == "completed"
        await client.responses.delete(response.id)
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(response.id)


@pytest.mark.parametrize("background", [False, True])
async def test_a_response_can_be_cancelled(serve, background):
    async with serve("```python\nimport time\ntime.sleep(600)\n```") as place, place.client() as client:
        stream = await client.responses.create(**ASK, stream=True, background=background)
        async for event in stream:
            if event.type == "response.created":
                id = event.response.id
            if event.type == "response.code_interpreter_call.interpreting":
                cancelled = valid(await client.responses.cancel(id))
        assert cancelled.status == "cancelled"
        assert event.response.status == "cancelled"
        assert event.response.output[0].status == "incomplete"
        assert (await client.responses.retrieve(id)).status == "cancelled"
        container = event.response.output[0].container_id
        with anyio.fail_after(30):  # its interpreter is free again
            place.model.replies = ["", ADD, "42."]
            tools = [{"type": "code_interpreter", "container": container}]
            assert (await client.responses.create(**{**ASK, "tools": tools})).output_text == "42."


async def test_a_container_does_one_thing_at_a_time(serve):
    async with serve("```python\nimport time\ntime.sleep(600)\n```") as place, place.client() as client:
        container = (await client.containers.create(name="mine")).id
        tools = [{"type": "code_interpreter", "container": container}]
        response = await client.responses.create(**{**ASK, "tools": tools}, background=True)
        async for event in await client.responses.retrieve(response.id, stream=True):
            if event.type == "response.created":
                with pytest.raises(openai.ConflictError):
                    await client.responses.create(**{**ASK, "tools": tools})
                await client.responses.delete(response.id)


async def test_wrong_requests_are_refused_by_name(serve):
    def message(**part: object) -> dict[str, object]:
        return {"input": [{"role": "user", "content": [part]}]}

    wrong = [
        ({"tools": [{"type": "web_search"}]}, "tools[0].type"),
        ({"tools": [{"type": "code_interpreter", "container": 1}]}, "tools[0].container"),
        ({"tools": TOOLS * 2}, "tools"),
        ({"text": {"format": {"type": "json_object"}}}, "text.format"),
        ({"tool_choice": "none"}, "tool_choice"),
        ({"conversation": "conv_1"}, "conversation"),
        ({"input": []}, "input"),
        ({"input": [{"type": "function_call_output", "call_id": "1", "output": "2"}]}, "input[0].type"),
        ({"input": [{"role": "robot", "content": "hello"}]}, "input[0]"),
        (message(type="input_audio"), "input[0]"),
        (message(type="input_image", image_url="file:///etc/passwd"), "input[0].content[0]"),
        (message(type="input_file", filename="../a", file_data="aGk="), "input[0].content[0]"),
        ({"previous_response_id": "resp_none"}, "previous_response_id"),
        ({"background": True, "store": False}, "store"),
    ]
    async with serve() as place, place.client() as client:
        for change, param in wrong:
            with pytest.raises(openai.BadRequestError) as refused:
                await client.responses.create(**{**ASK, **change})
            assert refused.value.param == param, change
        with pytest.raises(openai.NotFoundError):
            await client.responses.create(**{**ASK, "tools": [{"type": "code_interpreter", "container": "cntr_0"}]})


async def test_anothers_response_is_as_unknown_as_one_that_never_was(serve):
    async with serve(ADD, "42.") as place, place.client() as ada, place.client("bob") as bob:
        response = await ada.responses.create(**ASK)
        container = response.output[1].container_id
        for id in (response.id, "resp_0"):
            for call in (bob.responses.retrieve, bob.responses.delete, bob.responses.cancel):
                with pytest.raises(openai.NotFoundError):
                    await call(id)
            with pytest.raises(openai.BadRequestError):
                await bob.responses.create(**ASK, previous_response_id=id)
        for id in (container, "cntr_0"):
            with pytest.raises(openai.NotFoundError):
                await bob.responses.create(**{**ASK, "tools": [{"type": "code_interpreter", "container": id}]})


async def test_the_oldest_responses_go(serve):
    async with serve("1.", "2.", "3.", quotas=Quotas(own_responses=2)) as place, place.client() as client:
        ids = [(await client.responses.create(**ASK)).id for _ in range(3)]
        with pytest.raises(openai.NotFoundError):
            await client.responses.retrieve(ids[0])
        assert (await client.responses.retrieve(ids[2])).output_text == "3."


async def test_runs_at_once_are_bounded(serve):
    sleep = "```python\nimport time\ntime.sleep(600)\n```"
    async with serve(sleep, quotas=Quotas(own_runs=1)) as place, place.client() as client:
        response = await client.responses.create(**ASK, background=True)
        async for event in await client.responses.retrieve(response.id, stream=True):
            if event.type == "response.created":
                for more in ({}, {"background": True}, {"stream": True}):
                    with pytest.raises(openai.RateLimitError) as refused:
                        await client.responses.create(**ASK, **more)
                    assert int(refused.value.response.headers["retry-after"]) > 0
                await client.responses.cancel(response.id)


async def test_refused_responses_take_the_place_of_none(serve):
    sleep = "```python\nimport time\ntime.sleep(600)\n```"
    bounds = {"quotas": Quotas(own_runs=1, own_responses=2)}
    async with serve("1.", sleep, "3.", **bounds) as place, place.client() as client:
        first = await client.responses.create(**ASK)
        going_on = await client.responses.create(**ASK, background=True)
        async for event in await client.responses.retrieve(going_on.id, stream=True):
            if event.type == "response.created":
                for more in ({}, {"background": True}, {"stream": True}):
                    with pytest.raises(openai.RateLimitError):
                        await client.responses.create(**ASK, **more)
                with pytest.raises(openai.BadRequestError):
                    await client.responses.create(**ASK, background=True, store=False)
                assert (await client.responses.retrieve(first.id)).output_text == "1."
                await client.responses.cancel(going_on.id)
        third = await client.responses.create(**ASK)
        assert [(await client.responses.retrieve(id)).status for id in (going_on.id, third.id)] == [
            "cancelled",
            "completed",
        ]


async def test_what_was_asked_is_not_kept_beside_what_is_weighed(serve):
    long = "x" * 100_000
    item = {"role": "user", "content": [{"type": "input_text", "text": long}]}
    asked = ResponseRequest(
        model="codeact",
        input=[item],
        include=[*OUTPUTS, long],
        text={"format": {"type": "text"}, "verbosity": long},
        tool_choice={"type": "code_interpreter", "name": long},
    )
    async with serve() as place:
        office = Office(place.house)
        async with office.serving():
            answering, prompt = begun(office, "ada", asked)
    assert prompt.text == long
    assert long not in answering.asked.model_dump_json()
    assert answering.asked.with_outputs


async def test_streams_of_responses_in_the_background_are_bounded(serve):
    sleep = "```python\nimport time\ntime.sleep(600)\n```"
    async with serve(sleep, quotas=Quotas(own_streams=1)) as place, place.client() as client:
        response = await client.responses.create(**ASK, background=True)
        async for event in await client.responses.retrieve(response.id, stream=True):
            if event.type == "response.created":
                with pytest.raises(openai.RateLimitError, match="1 streams"):
                    await client.responses.retrieve(response.id, stream=True)
                await client.responses.cancel(response.id)
        with anyio.fail_after(30):
            while (again := await _heard(client, response.id)) is None:  # noqa: ASYNC110 -- nobody tells
                await anyio.sleep(0.05)
        assert again[-1].type == "response.incomplete"


async def _heard(client: openai.AsyncOpenAI, id: str) -> list[ResponseStreamEvent] | None:
    try:
        return [event async for event in await client.responses.retrieve(id, stream=True)]
    except openai.RateLimitError:  # the server has not seen yet that the first has ended
        return None
