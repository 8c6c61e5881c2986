"""Chat messages out of trajectories, and back."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from codeact.errors import TrajectoryError
from codeact.trajectory import from_messages, to_messages
from codeact.trajectory.history import messages_of
from codeact.types import Image, Message, NativeCall, NativeResult, Text, Trajectory

from .example import code_run, json_run
from .strategies import images, messages, native_calls, quick, trajectories, words

GOLDEN = Path(__file__).parent / "golden"


@pytest.mark.parametrize("run", [code_run(), json_run()], ids=["code", "json"])
def test_golden(run: Trajectory) -> None:
    lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in to_messages(run))
    assert lines == (GOLDEN / f"{run.id}.messages.jsonl").read_text()


@pytest.mark.parametrize("run", [code_run(), json_run()], ids=["code", "json"])
def test_the_way_back(run: Trajectory) -> None:
    assert from_messages(to_messages(run)) == messages_of(run)


def test_only_what_an_earlier_trajectory_holds_is_marked() -> None:
    assert [entry.get("is_copied_context", False) for entry in to_messages(json_run())] == [
        *[True] * 3,  # system, user, assistant
        *[False] * 4,  # user, assistant, tool, tool
    ]
    assert not any("is_copied_context" in entry for entry in to_messages(code_run()))


said = st.builds(Text, words) | images
carried = st.one_of(
    st.builds(
        Message, st.sampled_from(["system", "user", "assistant"]), st.lists(said, min_size=1, max_size=3).map(tuple)
    ),
    st.builds(
        lambda text, calls: Message("assistant", (Text(text), *calls)), words, st.lists(native_calls, max_size=2)
    ),
    st.builds(
        lambda results: Message("tool", tuple(results)),
        st.lists(
            st.builds(NativeResult, words, words, st.lists(images, max_size=2).map(tuple)), min_size=1, max_size=3
        ),
    ),
)


@quick
@given(st.lists(carried, max_size=5))
def test_what_messages_carry_comes_back(talk: list[Message]) -> None:
    assume(not any(a.role == b.role == "tool" for a, b in pairwise(talk)))
    run = Trajectory(id="x", task="x", prompt=tuple(talk), created=code_run().created)
    entries = json.loads(json.dumps(to_messages(run)))
    assert from_messages(entries) == talk


@quick
@given(trajectories)
def test_every_entry_is_a_chat_entry(run: Trajectory) -> None:
    for entry in to_messages(run):
        assert entry["role"] in ("system", "user", "assistant", "tool")
        assert isinstance(entry["content"], (str, list, type(None)))
        assert ("tool_call_id" in entry) <= (entry["role"] == "tool")


@quick
@given(messages)
def test_messages_that_no_endpoint_would_take_can_be_written_down(message: Message) -> None:
    run = Trajectory(id="x", task="x", prompt=(message,), created=code_run().created)
    assert all(entry["role"] in (message.role, "tool") for entry in to_messages(run))


def test_calls_keep_their_ids_and_their_broken_arguments() -> None:
    call = NativeCall("call_1", "python", '{"code": "print(')
    run = Trajectory(id="x", task="x", prompt=(Message("assistant", (call,)),), created=code_run().created)
    (entry,) = to_messages(run)
    assert entry["content"] is None
    assert entry["tool_calls"][0] == {
        "id": "call_1",
        "type": "function",
        "function": {"name": "python", "arguments": '{"code": "print('},
    }


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ({"role": "robot", "content": "x"}, "its role is 'robot'"),
        ({"content": "x"}, "KeyError('role')"),
        ({"role": "tool", "content": "x"}, "KeyError('tool_call_id')"),
        ({"role": "user", "content": [{"type": "image_url", "image_url": {"url": "https://x/y.png"}}]}, "data: URI"),
        ({"role": "user", "content": [{"type": "audio"}]}, "KeyError('image_url')"),
        ("x", "TypeError"),
    ],
)
def test_entries_that_are_no_messages(entry: Any, words: str) -> None:
    with pytest.raises(TrajectoryError) as caught:
        from_messages([{"role": "user", "content": "x"}, entry])
    assert str(caught.value).startswith("messages[1] is not a chat message")
    assert words in str(caught.value)


def test_images_are_data_uris() -> None:
    run = Trajectory(
        id="x",
        task="x",
        prompt=(Message("user", (Image(b"\x00", "image/svg+xml;charset=utf-8"),)),),
        created=code_run().created,
    )
    url = to_messages(run)[0]["content"][0]["image_url"]["url"]
    assert url == "data:image/svg+xml;charset=utf-8;base64,AA=="
