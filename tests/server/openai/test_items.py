"""Whatever happens in a run, what is told of it is what the official client can read."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from openai.types.responses import ResponseOutputItem, ResponseStreamEvent
from pydantic import TypeAdapter

from codeact.events import (
    ActionFinished,
    ActionStarted,
    Answered,
    Event,
    Finished,
    Observed,
    OutputChunk,
    ReplyParsed,
    TextDelta,
    TurnStarted,
)
from codeact.server.openai.citations import cite
from codeact.server.openai.items import Items
from codeact.server.openai.steps import Steps
from codeact.types import Answer, CodeAction, Display, ExecError, ExecResult, Observation, Outcome, Reply

EVENT, ITEM = TypeAdapter(ResponseStreamEvent), TypeAdapter(ResponseOutputItem)
TEXT = st.sampled_from(["", "a", "It is 42.", "```python\n", "1 / 0", "<think>", "~~~~~~\n"])
RESULTS = st.builds(
    ExecResult,
    stdout=TEXT,
    value=st.none() | TEXT,
    error=st.none() | st.builds(ExecError, kind=st.sampled_from(["exception", "timeout"]), name=TEXT, message=TEXT),
    displays=st.sampled_from([(), (Display(data={"image/png": b"PNG"}),), (Display(data={"text/html": "<b>"}),)]),
)
EVENTS = st.one_of(
    st.builds(TurnStarted, number=st.integers(1, 9)),
    st.builds(TextDelta, text=TEXT, reasoning=st.booleans()),
    st.builds(
        ReplyParsed, st.builds(Reply, action=st.builds(CodeAction, TEXT) | st.builds(Answer, TEXT), thought=TEXT)
    ),
    st.builds(ActionStarted, st.builds(CodeAction, TEXT)),
    st.builds(OutputChunk, TEXT),
    st.builds(ActionFinished, RESULTS),
    st.builds(Observed, st.builds(Observation, text=TEXT)),
    st.builds(Answered, st.builds(Answer, TEXT)),
    st.builds(Finished, st.builds(Outcome, status=st.just("cancelled"))),
)


@settings(max_examples=40)
@given(st.lists(EVENTS, max_size=12), st.booleans())
def test_any_events_in_any_order_give_a_valid_stream(events: list[Event], with_outputs: bool) -> None:
    told: list[dict[str, object]] = []
    items = Items(container="cntr_1", with_outputs=with_outputs, tell=told.append)
    for event in events:
        items.hear(event)
    items.say("It is in a.csv.", cite("It is in a.csv.", {"a.csv": "cfile_1"}, container="cntr_1", workspace="/w"))
    for number, event in enumerate(told):
        EVENT.validate_python(event)
        assert event["sequence_number"] == number
    for item in items.output:
        ITEM.validate_python(item)
    added = [event["output_index"] for event in told if event["type"] == "response.output_item.added"]
    done = [event["output_index"] for event in told if event["type"] == "response.output_item.done"]
    assert added == done == list(range(len(items.output))), "each is opened once, in order, and closed"


@settings(max_examples=40)
@given(st.lists(EVENTS, max_size=12))
def test_steps_can_be_told_of_any_events(events: list[Event]) -> None:
    steps = Steps([].append)
    for event in events:
        steps.hear(event)


def test_a_file_is_cited_where_its_name_stands_by_itself() -> None:
    def cited(text: str, *paths: str) -> list[str]:
        found = cite(text, {path: path for path in paths}, container="c", workspace="/box/work")
        return [text[each["start_index"] : each["end_index"]] for each in found]

    assert cited("See data.csv, a.csv.gz and a.csv.", "a.csv") == ["a.csv"]
    assert cited("See /box/work/out/b.png; and ./a.csv", "a.csv", "out/b.png") == ["/box/work/out/b.png", "./a.csv"]
    assert cited("See data.csv and x/a.csv", "a.csv") == []
