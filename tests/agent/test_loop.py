"""What the loop promises, on a scripted model and the real sandbox."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

import anyio
import pytest

from codeact import Agent, Budget, RunResult, expect_files, tool
from codeact.errors import ContextLengthError, ModelError, SandboxError, TransferError, UsageError
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
from codeact.models.scripted import ScriptedModel
from codeact.sandbox.local import LocalSandbox
from codeact.trajectory import load_trajectory
from codeact.types import Completion, Message, NativeCall, NativeResult

pytestmark = pytest.mark.anyio


def code(source: str, thought: str = "") -> str:
    return f"{thought}\n```python\n{source}\n```"


@tool
def rate(country: str) -> float:
    """Exchange rate of a country's currency to USD."""
    return {"Germany": 1.1, "Japan": 0.0067}[country]


@tool(needs_approval=True)
def pay(amount: float) -> str:
    """Pay an amount."""
    return f"paid {amount}"


@pytest.fixture(autouse=True)
def shared(warm_sandbox: LocalSandbox) -> None:
    """All agents here share one fork server."""
    WARM["sandbox"] = warm_sandbox


WARM: dict[str, LocalSandbox] = {}


def agent(*replies: object, pace: float = 0.0, **options: object) -> Agent:
    return Agent(ScriptedModel(replies, pace=pace), **{**WARM, **options})  # type: ignore[arg-type]


async def run(*replies: object, task: str = "do it", **options: object) -> RunResult:
    return await agent(*replies, **options).run(task)


def observations(result: RunResult) -> list[str]:
    return [step.observation.text for step in result.trajectory.steps if step.observation]


async def test_state_stays_from_turn_to_turn_and_plain_text_answers() -> None:
    result = await run(code("x = 20"), code("print(x * 2 + 2)"), "It is 42.")
    assert (result.status, result.answer, result.turns) == ("answered", "It is 42.", 3)
    assert "42" in observations(result)[1]


@pytest.mark.parametrize(
    ("reply", "answer", "value"),
    [
        ("<answer>42</answer>", "42", None),
        (code("final_answer({'n': [1, 2]})"), "{'n': [1, 2]}", {"n": [1, 2]}),
        (code("final_answer('forty-two')"), "forty-two", "forty-two"),
    ],
)
async def test_answers_by_tag_and_from_code(reply: str, answer: str, value: object) -> None:
    result = await run(reply)
    assert (result.answer, result.value) == (answer, value)


async def test_final_answer_stops_the_action() -> None:
    result = await run(code("final_answer(1)\nprint('not reached')"))
    assert result.value == 1
    assert result.trajectory.steps[0].result is not None
    assert "not reached" not in str(result.trajectory.steps[0].result)


async def test_an_error_names_the_line_and_shows_no_frame_of_ours() -> None:
    result = await run(code("def f(x):\n    return 1 / x\n\nf(0)"), "gave up")
    seen = observations(result)[0]
    assert "ZeroDivisionError" in seen
    assert "line 2" in seen
    assert "site-packages" not in seen
    assert "codeact" not in seen


async def test_after_an_error_the_observation_says_what_had_already_happened() -> None:
    result = await run(code("r = rate('Germany')\nr + 'oops'"), "gave up", tools=[rate])
    seen = observations(result)[0]
    assert "rate(" in seen
    assert "Germany" in seen


async def test_an_unreadable_reply_is_corrected_once_and_costs_no_turn() -> None:
    result = await run("", code("print(7)"), "7", budget=Budget(turns=2))
    assert result.status == "answered"
    assert result.trajectory.steps[0].reply is None
    assert "```python" in observations(result)[0]


async def test_a_model_that_never_writes_a_readable_reply_is_stopped() -> None:
    result = await run("", "", "", "")
    assert (result.status, result.turns) == ("malformed", 3)


async def test_the_turn_limit_is_announced_one_turn_ahead() -> None:
    result = await run(*[code(f"print({n})") for n in range(5)], budget=Budget(turns=3))
    assert (result.status, result.turns, result.answer) == ("turn_limit", 3, None)
    assert ["Only one turn is left" in text for text in observations(result)] == [False, True, False]


class Forgetful(ScriptedModel):
    """A model whose context is full with more than `room` messages."""

    room = 3

    async def complete(self, messages: Sequence[Message], **options: Any) -> Completion:
        if len(messages) > self.room:
            raise ContextLengthError("the conversation no longer fits into the context")
        return await super().complete(messages, **options)


async def test_a_full_context_ends_a_run_and_keeps_what_was_done() -> None:
    result = await Agent(Forgetful([code("x = 1")]), **WARM).run("go on")  # type: ignore[arg-type]
    assert (result.status, result.turns, result.answer) == ("token_limit", 1, None)
    assert "no longer fits" in result.outcome.message
    model = Forgetful(["nothing"])
    model.room = 1  # not even the task: that is no run
    with pytest.raises(ContextLengthError):
        await Agent(model, **WARM).run("go on")  # type: ignore[arg-type]


async def test_the_token_limit_ends_a_run() -> None:
    result = await run(*[code(f"print({n})") for n in range(9)], budget=Budget(tokens=1))
    assert (result.status, result.turns) == ("token_limit", 1)


async def test_the_time_limit_ends_a_run_in_the_middle_of_an_action() -> None:
    result = await run(code("while True: pass"), "never said", budget=Budget(time=1.5))
    assert result.status == "time_limit"
    assert result.trajectory.steps[0].reply is not None


async def test_a_repeated_action_is_named_and_then_ends_the_run() -> None:
    result = await run(*[code("print(1)")] * 5)
    assert (result.status, result.turns) == ("repeated", 3)
    assert ["just taken this very action" in text for text in observations(result)] == [False, True, True]


async def test_the_same_action_with_another_result_is_no_repetition() -> None:
    result = await run(code("n = 0"), *[code("n += 1; print(n)")] * 4, "done")
    assert result.status == "answered"


async def test_long_output_is_cut_head_and_tail_and_the_whole_can_be_read_again() -> None:
    script = [
        code("print('HEAD'); print('x' * 60_000); print('TAIL')"),
        code("import glob; [p] = glob.glob('.codeact/*.txt'); print(len(open(p).read()))"),
        "done",
    ]
    first, second = observations(await run(*script))
    assert len(first) < 6000
    assert "HEAD" in first
    assert "TAIL" in first
    assert ".codeact/" in first
    assert "60011" in second


async def test_an_observation_that_the_model_invents_never_enters_the_history() -> None:
    seen: list[Sequence[Message]] = []

    def second(messages: Sequence[Message]) -> str:
        seen.append(list(messages))
        return "done"

    await run(code("print(6 * 7)") + "\nObservation:\n43\n\nThe answer is 43.", second)
    assistant = next(message.text for message in seen[0] if message.role == "assistant")
    assert "print(6 * 7)" in assistant
    assert "43" not in assistant


async def test_the_history_only_grows() -> None:
    histories: list[list[Message]] = []

    def reply(text: str) -> object:
        def write(messages: Sequence[Message]) -> str:
            histories.append(list(messages))
            return text

        return write

    await run(*map(reply, [code("1/0"), "", code("print(2)"), "2"]))
    assert len(histories) == 4
    assert all(later[: len(earlier)] == earlier for earlier, later in pairwise(histories))


async def test_a_number_that_no_output_has_shown_is_sent_back() -> None:
    result = await run(code("print(3.14159)"), "It is 2.718.", "It is about 3.14.")
    assert result.answer == "It is about 3.14."
    assert "2.718" in observations(result)[1]


async def test_a_file_that_is_expected_has_to_exist() -> None:
    script = ["All done!", code("open('out.txt', 'w').write('hi')"), "Now it is done."]
    result = await run(*script, checks=[expect_files(["out.txt"])])
    assert result.answer == "Now it is done."
    assert "'out.txt'" in observations(result)[0]


async def test_objections_end_and_the_last_one_is_kept() -> None:
    result = await run("a", "b", "c", checks=[expect_files(["out.txt"])], budget=Budget(objections=2))
    assert (result.status, result.answer) == ("answered", "c")
    assert "'out.txt'" in result.outcome.message


@pytest.mark.parametrize(
    ("actions", "call", "wrong"),
    [
        ("json", '{"tool": "rate", "args": {"country": "Japan"}}', '{"tool": "rate", "args": {"nation": "Japan"}}'),
        ("text", 'Action: rate, country="Japan" End Action', 'Action: rate, nation="Japan" End Action'),
        ("code", code('print(rate(country="Japan"))'), code('print(rate(nation="Japan"))')),
    ],
)
async def test_the_same_tools_in_every_action_space_with_the_real_exception(
    actions: str, call: str, wrong: str
) -> None:
    result = await run(wrong, call, "Answer: 0.0067", tools=[rate], actions=actions)
    first, second = observations(result)
    assert "nation" in first
    assert "country" in first
    assert "0.0067" in second
    assert result.status == "answered"


@pytest.mark.parametrize(
    ("actions", "calls"),
    [
        ("json", '[{"tool": "rate", "args": ["Japan"]}, {"tool": "rate", "args": {"country": "Mars"}}]'),
        ("text", 'Action: rate, "Japan" End Action\nAction: rate, country="Mars" End Action'),
    ],
)
async def test_the_results_of_several_calls_stand_below_the_calls_as_they_were_made(actions: str, calls: str) -> None:
    seen = observations(await run(calls, "Answer: 0.0067", tools=[rate], actions=actions))[0]
    assert '[1] rate("Japan"):\n0.0067\n[2] rate(country="Mars"):\nError' in seen


async def test_a_tool_that_needs_approval_is_refused_where_nobody_can_approve() -> None:
    result = await run(code("print(pay(5.0))"), "no", tools=[pay])
    assert "PermissionError" in observations(result)[0]


async def test_approval_is_asked_for_actions_and_tools_and_its_reason_reaches_the_model() -> None:
    asked: list[str] = []

    async def approve(subject: object) -> bool | str:
        asked.append(type(subject).__name__)
        return True if len(asked) < 3 else "too expensive"

    script = [code("print(pay(5.0))"), code("print(pay(6.0))"), "ok"]
    result = await run(*script, tools=[pay], approve=approve)
    assert asked == ["CodeAction", "ToolCall", "CodeAction"]
    first, second = observations(result)
    assert "paid 5.0" in first
    assert "too expensive" in second


async def test_waiting_for_approval_takes_no_time_from_the_budget() -> None:
    async def approve(subject: object) -> bool:
        await anyio.sleep(1.2)
        return True

    result = await run(code("print(1)"), "ok", approve=approve, budget=Budget(time=1.0))
    assert result.status == "answered"


async def test_a_tool_that_hangs_or_returns_what_cannot_cross_is_an_error_in_the_code() -> None:
    @tool(time_limit=0.2)
    async def hang() -> None:
        """Never returns."""
        await anyio.sleep_forever()

    @tool
    def handle() -> object:
        """Returns something that lives in the host only."""
        return object()

    script = [code("try: hang()\nexcept TimeoutError as e: print('late:', e)"), code("handle()"), "ok"]
    first, second = observations(await run(*script, tools=[hang, handle]))
    assert "late:" in first
    assert "TypeError" in second


async def test_events_come_in_order_and_the_last_is_finished() -> None:
    events: list[Event] = []
    await agent(code("print('hi')"), "done").run("do it", emit=events.append)
    # Output comes in as many chunks as it happens to be flushed in.
    kinds = [kind for kind, _ in groupby(type(event) for event in events if not isinstance(event, TextDelta))]
    assert kinds == [
        *[TurnStarted, ReplyParsed, ActionStarted, OutputChunk, ActionFinished, Observed],
        *[TurnStarted, ReplyParsed, Answered, Finished],
    ]


async def test_the_record_grows_step_by_step_and_survives_a_failing_model(tmp_path: Path) -> None:
    path = tmp_path / "run.jsonl"
    lines: list[int] = []

    def second(messages: Sequence[Message]) -> str:
        lines.append(len(path.read_text().splitlines()))
        raise ModelError("the endpoint is down")

    with pytest.raises(ModelError):
        await agent(code("print(1)"), second).run("do it", record=path)
    assert lines == [2]  # the header and the first step were there before the second turn
    trajectory = load_trajectory(path)
    assert len(trajectory.steps) == 1
    assert trajectory.outcome is not None
    assert trajectory.outcome.status == "error"


@pytest.mark.parametrize("phase", ["model", "action"])
async def test_cancelling_keeps_the_conversation_and_its_session(phase: str) -> None:
    started = anyio.Event()

    def notice(event: Event) -> None:
        if isinstance(event, ActionStarted if phase == "action" else TurnStarted):
            started.set()

    first = code("import time; time.sleep(60)") if phase == "action" else "slow " * 2000
    script = [code("x = 5"), "ready", first, code("print(x)"), "ok"]
    async with agent(*script, pace=0.01).open() as conversation:
        await conversation.send("prepare")
        async with anyio.create_task_group() as group:

            async def second() -> None:
                await conversation.send("wait", emit=notice)

            group.start_soon(second)
            await started.wait()
            await anyio.sleep(0.2)
            group.cancel_scope.cancel()
        result = await conversation.send("go on")
    assert result.status == "answered"
    assert "5" in observations(result)[0]


async def test_undo_and_reset() -> None:
    script = [code("x = 1"), "ok", code("x = 2"), "ok", code("print(x)"), "done", code("print('x' in globals())"), "no"]
    async with agent(*script).open() as conversation:
        await conversation.send("one")
        before = list(conversation.messages)
        await conversation.send("two")
        assert await conversation.undo()
        assert conversation.messages == before
        result = await conversation.send("which?")
        assert "1" in observations(result)[0]
        await conversation.reset()
        assert [message.role for message in conversation.messages] == ["system"]
        assert "False" in observations(await conversation.send("is x there?"))[0]
        await conversation.reset()
        with pytest.raises(UsageError, match="nothing to undo"):
            await conversation.undo()


async def test_undo_says_when_the_state_could_not_be_kept() -> None:
    thread = "import threading; e = threading.Event(); threading.Thread(target=e.wait, daemon=True).start(); x = 1"
    async with agent(code(thread), "ok", code("x = 2"), "ok", code("print(x)"), "done").open() as conversation:
        await conversation.send("one")
        await conversation.send("two")
        assert not await conversation.undo()
        assert "2" in observations(await conversation.send("which?"))[0]


async def test_the_stream_ends_with_finished_and_can_be_left_early() -> None:
    async with agent(code("print(1)"), "done").stream("do it") as events:
        seen = [event async for event in events]
    assert isinstance(seen[-1], Finished)
    with anyio.fail_after(20):
        async with agent(code("while True: pass")).stream("do it") as events:
            async for event in events:
                if isinstance(event, ActionStarted):
                    break


@pytest.mark.parametrize(
    ("task", "match"), [("", "empty"), (" \n", "empty"), ("x" * 1_000_000, "1,000,000 characters")]
)
async def test_an_empty_or_enormous_task_is_refused_with_the_remedy(task: str, match: str) -> None:
    with pytest.raises(UsageError, match=match):
        await run("ok", task=task)


async def test_files_are_put_into_the_workspace_and_named_in_the_prompt(tmp_path: Path) -> None:
    path = tmp_path / "numbers.csv"
    path.write_text("n\n1\n2\n")
    script = [code("print(open('numbers.csv').read())"), "ok"]
    result = await agent(*script).run("sum it", files=[path])
    assert "numbers.csv" in result.messages[1].text
    assert "n\n1\n2" in observations(result)[0]
    with pytest.raises(UsageError, match=r"no such file"):
        await agent("ok").run("sum it", files=[tmp_path / "missing.csv"])


async def test_a_binary_csv_is_the_models_problem_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "data.csv"
    path.write_bytes(bytes(range(256)) * 10)
    script = [code("import pandas as pd; pd.read_csv('data.csv')"), "It is not text."]
    result = await agent(*script).run("load it", files=[path])
    assert "Error" in observations(result)[0]
    assert result.status == "answered"


async def test_run_sync_is_for_places_without_an_event_loop() -> None:
    result = await anyio.to_thread.run_sync(lambda: Agent(ScriptedModel(["hello"])).run_sync("say hello"))
    assert result.answer == "hello"
    with pytest.raises(UsageError, match="await agent"):
        agent("hello").run_sync("say hello")


async def test_what_a_streamed_run_raises_comes_out_by_its_own_name() -> None:
    async def listen() -> None:
        async with agent(code("print(1)")).stream("do it") as events:
            async for _ in events:
                pass

    with pytest.raises(ModelError, match="one more"):
        await listen()


@pytest.mark.parametrize("actions", ["json", "text"])
async def test_a_tool_that_returns_what_is_no_data_is_an_error_in_every_action_space(actions: str) -> None:
    @tool
    def handle() -> object:
        """Returns something that lives in the host only."""
        return object()

    call = {"json": '{"tool": "handle", "args": {}}', "text": "Action: handle End Action"}[actions]
    result = await run(call, "Answer: no", tools=[handle], actions=actions)
    assert "TypeError" in observations(result)[0]
    assert result.status == "answered"


def native(*calls: NativeCall) -> Completion:
    return Completion(text="", calls=calls, finish="tool_calls")


def results(result: RunResult) -> dict[str, str]:
    parts = [part for message in result.messages for part in message.parts]
    return {part.id: part.text for part in parts if isinstance(part, NativeResult)}


async def test_each_native_call_gets_the_result_that_is_its_own() -> None:
    calls = [NativeCall("a", "final_answer", '{"answer": 1}'), NativeCall("b", "rate", '{"country": "Japan"}')]
    result = await run(native(*calls), "0.0067", tools=[rate], actions="json", dialect="native")
    assert "Not executed" in results(result)["a"]
    assert "0.0067" in results(result)["b"]


async def test_native_python_calls_that_ran_as_one_cell_are_not_called_unexecuted() -> None:
    calls = [NativeCall(id, "python", f'{{"code": "print({n})"}}') for id, n in (("a", 11), ("b", 22))]
    result = await run(native(*calls), "done", dialect="native")
    assert "11\n22" in results(result)["a"]
    assert "first call" in results(result)["b"]


async def test_an_answer_from_code_is_there_for_the_next_message() -> None:
    async with agent(code("final_answer(6 * 7)"), "84").open() as conversation:
        await conversation.send("What is 6 * 7?")
        await conversation.send("Double it.")
        assert "42" in conversation.messages[2].text + conversation.messages[3].text


async def test_an_answer_on_the_last_turn_stands() -> None:
    result = await run(code("print(3.14159)"), "It is 2.718.", budget=Budget(turns=2))
    assert (result.status, result.answer) == ("answered", "It is 2.718.")
    assert "2.718" in result.outcome.message


async def test_reasoning_stays_out_of_the_history() -> None:
    thinking = Completion(text=code("print(1)", "Now."), reasoning="Hmm, let me think.")
    result = await run(thinking, f"<think>I wonder.</think>{code('print(2)')}", "done")
    said = [message.text for message in result.messages if message.role == "assistant"]
    assert said[0] == thinking.text
    assert said[1].startswith("<think>")


async def test_two_approvals_at_once_are_asked_one_after_the_other_and_the_time_limit_holds() -> None:
    asking: list[object] = []

    async def approve(subject: object) -> bool:
        asking.append(subject)
        assert len(asking) == 1
        await anyio.sleep(0.1)
        asking.clear()
        return True

    both = "import asyncio\nawait asyncio.gather(pay(1.0), pay(2.0))\nwhile True: pass"
    result = await run(code(both), tools=[pay], approve=approve, budget=Budget(time=1.0))
    assert result.status == "time_limit"


@tool
def play(move: str) -> str:
    """Make a move in a game."""
    if move == "lost":
        raise TransferError("there is no file of that name")  # what was asked, and not the machinery
    raise SandboxError("the game's process has ended")


CAUGHT = "try:\n    play('a')\nexcept Exception as error:\n    print(error)"


@pytest.mark.parametrize(("actions", "reply"), [("code", code(CAUGHT)), ("json", '{"tool": "play", "args": ["a"]}')])
async def test_a_tool_whose_machinery_fails_ends_the_run_and_is_never_shown(actions: str, reply: str) -> None:
    """Whatever the code makes of it: what follows would say nothing of the model."""
    events: list[Event] = []
    talk = agent(reply, "It is over.", tools=[play], actions=actions)
    with pytest.raises(SandboxError, match="the game's process has ended"):
        await talk.run("win", emit=events.append)
    assert not any(isinstance(event, Observed) for event in events)
    assert isinstance(events[-1], Finished)
    assert (events[-1].outcome.status, events[-1].outcome.message) == ("error", "the game's process has ended")


async def test_what_a_tool_was_asked_in_vain_is_the_models_to_read() -> None:
    result = await run(code("play('lost')"), "there is none", tools=[play])
    assert (result.status, "no file of that name" in observations(result)[0]) == ("answered", True)


async def test_a_check_that_fails_is_an_error_and_no_cancellation() -> None:
    async def broken(answer: object, evidence: object) -> str | None:
        raise ValueError("broken check")

    events: list[Event] = []
    with pytest.raises(ValueError, match="broken check"):
        await agent("hello", checks=[broken]).run("hi", emit=events.append)
    assert isinstance(events[-1], Finished)
    assert events[-1].outcome.status == "error"


async def test_what_the_reader_of_a_stream_raises_keeps_its_name() -> None:
    async def read() -> None:
        async with agent("hello").stream("hi"):
            raise KeyError("mine")

    with pytest.raises(KeyError):
        await read()


async def test_silent_progress_is_no_repetition() -> None:
    result = await run(code("n = 0"), *[code("n += 1")] * 4, code("print(n)"), "4")
    assert result.status == "answered"


@pytest.mark.parametrize("budget", [{"turns": 0}, {"repeats": 1}, {"malformed": 0}, {"time": 0.0}, {"tokens": -1}])
def test_a_budget_that_allows_nothing_is_refused(budget: dict[str, float]) -> None:
    with pytest.raises(UsageError, match=next(iter(budget))):
        Budget(**budget)  # type: ignore[arg-type]


async def test_an_error_of_evaluated_code_does_not_claim_that_nothing_ran() -> None:
    seen = observations(await run(code("print('ran')\neval('1 +')"), "ok"))[0]
    assert "SyntaxError" in seen
    assert "nothing was run" not in seen


@pytest.mark.parametrize(
    ("actions", "call"),
    [
        ("code", code("x = note('first')\nimport time; time.sleep(60)")),
        ("json", '[{"tool": "note", "args": ["first"]}, {"tool": "hang", "args": []}]'),
    ],
)
async def test_an_interrupted_action_says_which_calls_were_made(actions: str, call: str) -> None:
    noted = anyio.Event()

    @tool
    async def note(text: str) -> str:
        """Take a note."""
        noted.set()
        return f"noted {text}"

    @tool
    async def hang() -> None:
        """Never returns."""
        await anyio.sleep_forever()

    async with agent(call, "ok", tools=[note, hang], actions=actions).open() as conversation:
        async with anyio.create_task_group() as group:
            group.start_soon(conversation.send, "go")
            await noted.wait()
            await anyio.sleep(0.3)
            group.cancel_scope.cancel()
        said = conversation.messages[-1].text
        assert "The user interrupted this action" in said
        assert "first" in said
        assert (await conversation.send("and now?")).status == "answered"
