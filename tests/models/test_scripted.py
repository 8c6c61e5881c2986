from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import pytest

from codeact.errors import ModelError, UsageError
from codeact.events import Event, TextDelta
from codeact.models import ScriptedModel, open_model
from codeact.types import Completion, Message, NativeCall, Usage

pytestmark = pytest.mark.anyio

ASK = [Message.of("user", "Hello")]
CALL = NativeCall("c1", "look_up", '{"country": "FR"}')


async def test_replies_of_every_kind() -> None:
    def echo(messages: Sequence[Message]) -> str:
        return f"You said {messages[-1].text}."

    whole = Completion(text="Look.", reasoning="hm", calls=(CALL,), finish="tool_calls", usage=Usage(input_tokens=3))
    model = ScriptedModel(["one", whole, echo])
    events: list[Event] = []
    assert (await model.complete(ASK)).text == "one"
    second = await model.complete(ASK, emit=events.append)
    assert (second.text, second.reasoning, second.calls, second.finish) == ("Look.", "hm", (CALL,), "tool_calls")
    assert second.usage == Usage(input_tokens=3)
    assert events == [TextDelta("hm", reasoning=True), TextDelta("Look.")]
    assert (await model.complete(ASK)).text == "You said Hello."
    assert model.asked == [tuple(ASK)] * 3


async def test_the_end_of_the_script_is_an_error_that_says_so() -> None:
    model = ScriptedModel(["one"], name="scripted:demo")
    await model.complete(ASK)
    with pytest.raises(ModelError, match="scripted:demo has 1 replies and was asked for one more"):
        await model.complete(ASK)


async def test_usage_is_plausible() -> None:
    completion = await ScriptedModel(["x" * 40]).complete([Message.of("user", "y" * 400)])
    assert completion.usage == Usage(input_tokens=104, output_tokens=10)


async def test_the_token_limit_cuts() -> None:
    completion = await ScriptedModel(["0123456789"]).complete(ASK, max_tokens=2)
    assert (completion.text, completion.finish) == ("01234567", "length")
    assert (await ScriptedModel(["0123456789"]).complete(ASK, max_tokens=3)).finish == "stop"


async def test_a_script_in_a_text_file(tmp_path: Path) -> None:
    (tmp_path / "script.md").write_text("---\nrule\n---\n\n```python\nprint('---')\n```\n---\nIt is 42.\n")
    async with open_model(f"scripted:{tmp_path / 'script.md'}") as model:
        replies = [(await model.complete(ASK)).text for _ in range(4)]
    assert replies == ["", "rule", "```python\nprint('---')\n```", "It is 42."]


async def test_a_script_in_a_json_file(tmp_path: Path) -> None:
    call = {"name": "look_up", "arguments": {"country": "FR"}}
    script = [
        "one",
        {"text": "Look.", "reasoning": "hm", "calls": [call, {"id": "c9", "name": "stop", "arguments": "{"}]},
    ]
    path = tmp_path / "script.json"
    path.write_text(json.dumps(script))
    async with open_model(f"scripted:{path}", pace=0.0) as model:
        assert model.name == f"scripted:{path}"
        assert (await model.complete(ASK)).text == "one"
        second = await model.complete(ASK)
    assert (second.text, second.reasoning, second.finish) == ("Look.", "hm", "tool_calls")
    assert second.calls == (NativeCall("call_2_0", "look_up", '{"country": "FR"}'), NativeCall("c9", "stop", "{"))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (None, "cannot read the script"),
        (b"\xff\xfe", "cannot read the script"),
        (b"{", "is not a JSON list of replies"),
        (b"7", "is not a JSON list of replies"),
        (b'["one", 7]', "reply 2 must be a text, or an object with text, reasoning and calls, not 7"),
        (b'[{"txt": "one"}]', "reply 1 must be"),
        (b"[{}]", "reply 1 must be"),
    ],
)
async def test_a_script_that_cannot_be_read(tmp_path: Path, content: bytes | None, words: str) -> None:
    path = tmp_path / "script.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=words):
        async with open_model(f"scripted:{path}"):
            pass
