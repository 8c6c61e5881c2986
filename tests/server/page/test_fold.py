"""From events to what is shown: live and from the log the same, whatever the events are."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeact import Agent
from codeact.events import Event
from codeact.models.scripted import ScriptedModel
from codeact.sandbox.local import LocalSandbox
from codeact.server.nouns import Told
from codeact.server.page.fold import MOST_OUTPUT, fold
from codeact.server.page.shown import RunShown, Shown
from codeact.trajectory.encoding import encode

NOW = datetime(2026, 11, 23, tzinfo=UTC)
BEGUN = {"kind": "run_begun", "parent": None, "text": "Do it."}


def told(events: Sequence[Mapping[str, Any]], run: str | None = "a", first: int = 1) -> list[Told]:
    return [Told(number=number, run=run, event=event, at=NOW) for number, event in enumerate(events, first)]


def shown(*events: Mapping[str, Any]) -> Shown:
    return reduce(fold, told([BEGUN, *events]), Shown())


def run_of(*events: Mapping[str, Any]) -> RunShown:
    return shown(*events).runs["a"]


Played = Callable[..., Awaitable[RunShown]]


@pytest.fixture
def played(warm_sandbox: LocalSandbox) -> Played:
    """A real run, as its events are kept in the log."""

    async def play(*replies: str, **agent: Any) -> RunShown:
        events: list[Event] = []
        await Agent(ScriptedModel(replies), sandbox=warm_sandbox, **agent).run("Do it.", emit=events.append)
        return run_of(*map(encode, events))

    return play


@pytest.mark.anyio
async def test_a_run_shows_thought_code_output_and_answer(played: Played) -> None:
    run = await played("I add.\n```python\nprint('so')\n1 + 1\n```", "It is 2.")
    first, last = run.turns
    assert (first.thought, first.code) == ("I add.", "print('so')\n1 + 1")
    assert [chunk.text for chunk in first.output.chunks] == ["so\n"]
    assert (first.output.value, first.phase) == ("2", "done")
    assert last.answer == "It is 2."
    assert run.tokens > 0
    assert run.duration > 0
    assert run.message == ""


@pytest.mark.anyio
async def test_an_error_keeps_the_models_own_frames(played: Played) -> None:
    run = await played("```python\nx = 1\nx / 0\n```", "It cannot be done.")
    failure = run.turns[0].output.failure
    assert failure is not None
    assert (failure.name, failure.line) == ("ZeroDivisionError", 2)
    assert "x / 0" in failure.traceback


@pytest.mark.anyio
async def test_calls_of_tools_are_shown_with_what_they_gave(played: Played) -> None:
    def rate(country: str) -> float:
        """The rate of a country."""
        if country != "Chile":
            raise ValueError("unknown")
        return 0.5

    run = await played("```python\nrate('Chile')\nrate(country='Peru')\n```", "So it is.", tools=[rate])
    calls = run.turns[0].output.calls
    assert [(call.text, call.failed) for call in calls] == [("rate('Chile')", False), ("rate(country='Peru')", True)]
    assert calls[0].outcome == "0.5"
    assert "unknown" in str(calls[1].outcome)


@pytest.mark.anyio
async def test_calls_in_json_are_shown_as_python(played: Played) -> None:
    def rate(country: str) -> float:
        """The rate of a country."""
        return 0.5

    reply = '{"name": "rate", "arguments": {"country": "Chile"}}'
    run = await played(f"```json\n{reply}\n```", "Half.", tools=[rate], actions="json")
    assert run.turns[0].code == "rate(country='Chile')"
    assert run.turns[0].output.calls[0].outcome == "0.5"


@pytest.mark.anyio
async def test_an_answer_that_was_sent_back_says_why(played: Played) -> None:
    run = await played("```python\nprint(2.5)\n```", "It is 3.14159.", "It is 2.5.")
    assert run.turns[1].answer is None
    assert run.turns[1].thought == "It is 3.14159."
    assert "3.14159" in run.turns[1].note
    assert run.turns[2].answer == "It is 2.5."


@pytest.mark.anyio
async def test_a_reply_that_could_not_be_read_says_why(played: Played) -> None:
    run = await played("", "Done.")
    assert run.turns[0].code is None
    assert run.turns[0].note


def test_output_grows_as_it_comes_and_streams_stay_apart() -> None:
    chunk = {"kind": "output_chunk", "text": "a"}
    run = run_of({"kind": "turn_started", "number": 1}, chunk, chunk, {**chunk, "stream": "stderr"}, chunk)
    assert [(one.text, one.stream) for one in run.turns[0].output.chunks] == [
        ("aa", "stdout"),
        ("a", "stderr"),
        ("a", "stdout"),
    ]


def test_of_a_long_output_the_end_is_kept() -> None:
    chunk = {"kind": "output_chunk", "text": "x" * 1000}
    last = {"kind": "output_chunk", "text": "the end", "stream": "stderr"}
    output = run_of({"kind": "turn_started"}, *[chunk] * 60, last).turns[0].output
    assert sum(len(one.text) for one in output.chunks) == MOST_OUTPUT
    assert output.chunks[-1].text == "the end"
    assert output.hidden == 60_007 - MOST_OUTPUT


def test_two_equal_calls_at_a_time_return_one_after_the_other() -> None:
    call = {"kind": "tool_called", "call": {"name": "f", "args": {"$tuple": [1]}}}
    done = {"kind": "tool_returned", "record": {"name": "f", "args": [1], "text": "2"}}
    calls = run_of({"kind": "turn_started"}, call, call, done).turns[0].output.calls
    assert [(one.text, one.outcome) for one in calls] == [("f(1)", "2"), ("f(1)", None)]


def test_a_question_waits_until_it_is_settled() -> None:
    asked = {"kind": "question_asked", "question": "q", "prompt": "Name? "}
    approval = {"kind": "approval_asked", "question": "p", "subject": {"kind": "code", "code": "x = 1"}}
    run = run_of({"kind": "turn_started"}, asked, approval)
    assert [(one.id, one.kind, one.text) for one in run.waiting] == [
        ("q", "question", "Name? "),
        ("p", "approval", "x = 1"),
    ]
    settled = run_of({"kind": "turn_started"}, asked, approval, {"kind": "question_settled", "question": "q"})
    assert [one.id for one in settled.waiting] == ["p"]


def test_when_a_run_ends_nothing_waits_and_nothing_runs() -> None:
    asked = {"kind": "question_asked", "question": "q", "prompt": "Name? "}
    view = shown({"kind": "turn_started"}, {"kind": "action_started", "action": {"kind": "code", "code": "x"}}, asked)
    assert view.running == "a"
    view = fold(view, told([{"kind": "run_ended", "status": "cancelled"}], first=9)[0])
    assert view.running is None
    assert view.runs["a"].status == "cancelled"
    assert not view.runs["a"].waiting
    assert view.runs["a"].turns[0].phase == "done"


def test_branches_are_siblings_and_the_path_leads_to_the_head() -> None:
    def begun(parent: str | None) -> dict[str, Any]:
        return {**BEGUN, "parent": parent}

    tree = [("a", None), ("b", "a"), ("c", "b"), ("d", "a"), ("e", "d")]
    events = [told([begun(parent)], run, number)[0] for number, (run, parent) in enumerate(tree, 1)]
    view = reduce(fold, events, Shown())
    assert [run.id for run in view.path] == ["a", "d", "e"]
    assert [run.id for run in view.siblings(view.runs["d"])] == ["b", "d"]
    assert view.tip("b") == "c"
    view = fold(view, told([{"kind": "head_moved", "to": "c", "state": "kept"}], None, 6)[0])
    assert [run.id for run in view.path] == ["a", "b", "c"]
    view = fold(view, told([{"kind": "head_moved"}], None, 7)[0])
    assert not view.path


def test_waking_says_what_was_left() -> None:
    view = fold(shown(), told([{"kind": "slept"}], None, 3)[0])
    assert view.asleep
    view = fold(view, told([{"kind": "woken", "state": "saved", "skipped": {"f": "an open file"}}], None, 4)[0])
    assert not view.asleep
    assert view.notice is not None
    assert (view.notice.state, view.notice.skipped) == ("saved", {"f": "an open file"})


def test_an_event_of_an_unknown_kind_changes_nothing_but_the_number() -> None:
    before = shown({"kind": "turn_started"})
    after = fold(before, told([{"kind": "of another day"}], first=3)[0])
    assert after.number == 3
    assert after.runs == before.runs


KINDS = ["turn_started", "text_delta", "output_chunk", "display_shown", "action_finished", "finished", "observed"]
EVENTS = st.lists(
    st.fixed_dictionaries({"kind": st.sampled_from([*KINDS, "reply_parsed", "tool_returned", "run_ended", "retrying"])})
    | st.builds(lambda text: {"kind": "text_delta", "text": text}, st.text(max_size=20))
    | st.builds(lambda text: {"kind": "output_chunk", "text": text}, st.text(max_size=20)),
    max_size=20,
)


@given(events=EVENTS, cut=st.integers(0, 20))
def test_going_on_from_any_number_gives_the_same_as_from_the_beginning(events: list[dict[str, Any]], cut: int) -> None:
    log = told([BEGUN, *events])
    whole = reduce(fold, log, Shown())
    assert reduce(fold, log[cut:], reduce(fold, log[:cut], Shown())) == whole
    assert whole.number == len(log)


@pytest.mark.parametrize(
    ("args", "text"),
    [
        ([1, "x"], "rate(1, 'x')"),
        ({"$": "tuple", "v": ["EUR", {"$": "set", "v": [1]}]}, "rate('EUR', (1,))"),
        ({"$tuple": ["EUR"]}, "rate('EUR')"),
        (3, "rate(3)"),
    ],
)
def test_arguments_of_a_call_are_read_however_they_were_recorded(args: Any, text: str) -> None:
    record = {"name": "rate", "args": args, "text": "1.1"}
    run = run_of({"kind": "turn_started", "number": 1}, {"kind": "tool_returned", "record": record})
    assert [call.text for call in run.turns[0].output.calls] == [text]
