"""The requests that go over the wire, against golden files, byte by byte."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeact.models import anthropic_messages, openai_messages
from codeact.models.wire_messages import alternating, arguments_object, encodable
from codeact.types import Image, Message, NativeResult, Text

from .conftest import Hosted
from .talk import LOOK_UP, PIXEL, TALK

GOLDEN = Path(__file__).parent / "golden"


def check(name: str, value: Any) -> None:
    expected = (GOLDEN / name).read_text(encoding="utf-8")
    assert json.dumps(value, indent=2, ensure_ascii=False) + "\n" == expected


@pytest.mark.anyio
async def test_a_whole_request(hosted: Hosted) -> None:
    hosted.server.will(hosted.says("ok"))
    async with hosted.open(extra_body={"top_p": 0.9}, headers={"x-title": "codeact"}) as model:
        await model.complete(TALK, tools=[LOOK_UP], stop=["</execute>", "\n\n", ""], max_tokens=100, seed=7)
    [request] = hosted.server.requests
    check(f"{hosted.provider}_request.json", request.body)
    assert request.headers["x-title"] == "codeact"
    assert request.path == {"openai": "/v1/chat/completions", "anthropic": "/v1/messages"}[hosted.provider]


def test_for_a_model_that_reads_no_images_a_note_stands_in() -> None:
    check("openai_no_images.json", openai_messages.render_messages(TALK, images=False))
    check("anthropic_no_images.json", anthropic_messages.render_messages(TALK, images=False))


def test_a_system_prompt_and_nothing_else() -> None:
    system = [Message.of("system", "Be brief.")]
    assert openai_messages.render_messages(system) == [{"role": "system", "content": "Be brief."}]
    assert anthropic_messages.render_messages(system) == []
    assert anthropic_messages.render_system([]) == []


def test_a_turn_only_adds_to_the_prompt() -> None:
    """What a server has read once stays the same, so its cache holds."""
    talk = [*TALK[:2], TALK[3], Message("tool", (NativeResult("call_1", "20.0", (PIXEL,)),))]
    talk += [Message.of("assistant", "Done?"), Message.of("user", "No.", [PIXEL]), Message.of("assistant", "Done.")]
    for length in range(1, len(talk)):
        before, after = openai_messages.render_messages(talk[:length]), openai_messages.render_messages(talk)
        assert after[: len(before)] == before
        before, after = anthropic_messages.render_messages(talk[:length]), anthropic_messages.render_messages(talk)
        for message in before:
            message["content"][-1].pop("cache_control", None)
        assert after[: len(before)] == before


def test_neighbours_of_one_role_become_one_message() -> None:
    said = [
        Message.of("user", "a"),
        Message.of("user", "b", [PIXEL]),
        Message.of("assistant", " "),
        Message.of("user", "c"),
    ]
    [message] = alternating(said)
    assert message.parts == (Text("a"), Text("\n\n"), Text("b"), PIXEL, Text("c"))


def test_an_image_without_words() -> None:
    message = Message("user", (Image(b"x", "image/jpeg"),))
    [rendered] = openai_messages.render_messages([message])
    assert rendered["content"] == [{"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,eA=="}}]


def test_anthropic_wants_results_before_words() -> None:
    message = Message("tool", (Text("Note."), NativeResult("1", "r")))
    [rendered] = anthropic_messages.render_messages([message])
    assert [block["type"] for block in rendered["content"]] == ["tool_result", "text"]


@pytest.mark.parametrize(
    ("arguments", "value"),
    [
        ('{"a": 1}', {"a": 1}),
        ("", {}),
        ("[1]", {"unreadable": "[1]"}),
        ('{"a": ', {"unreadable": '{"a": '}),
        ("null", {"unreadable": "null"}),
        pytest.param("[" * 100_000, {"unreadable": "[" * 100_000}, id="deep"),
    ],
)
def test_arguments_are_always_an_object(arguments: str, value: dict[str, Any]) -> None:
    assert arguments_object(arguments) == value


def test_a_lone_surrogate_becomes_a_mark_and_the_rest_stays() -> None:
    assert encodable({"\udfff": ["a\ud800b", "\\ud800", 1, None]}) == {"\ufffd": ["a\ufffdb", "\\ud800", 1, None]}
