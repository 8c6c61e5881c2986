"""One run with a bit of everything in it, for golden files and for the tests that read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from codeact.types import (
    Answer,
    CodeAction,
    Completion,
    Display,
    ExecError,
    ExecResult,
    Image,
    Message,
    NativeCall,
    Observation,
    Outcome,
    Reply,
    Result,
    Step,
    ToolCall,
    ToolCalls,
    ToolRecord,
    ToolResults,
    Trajectory,
    Usage,
)

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
PICTURE = b"\x89PNG\r\n\x1a\n picture"

SYSTEM = Message.of("system", "Act by writing Python.")


def step(
    number: int,
    text: str,
    reply: Reply | None = None,
    result: Result | None = None,
    seen: Observation | None = None,
    calls: tuple[NativeCall, ...] = (),
    kept: str | None = None,
) -> Step:
    usage = Usage(input_tokens=100 * number, output_tokens=20)
    return Step(
        number=number,
        completion=Completion(text=text, calls=calls, usage=usage, model="scripted:demo", latency=0.5),
        reply=reply,
        kept=kept,
        result=result,
        observation=seen,
        started=NOON + timedelta(seconds=number),
        model_time=0.5,
        action_time=0.1,
    )


def code(source: str, thought: str = "") -> tuple[str, Reply]:
    text = f"{thought}\n\n```python\n{source}\n```".strip()
    return text, Reply(action=CodeAction(source), thought=thought)


def code_run() -> Trajectory:
    """A run in code: a slip in the format, an error, a plot, tables with fences inside, and an answer."""
    failed = ExecError(
        kind="exception",
        name="NameError",
        message="name 'rates' is not defined",
        traceback="Traceback (most recent call last):\n  line 2\nNameError: name 'rates' is not defined",
        line=2,
    )
    plot = Display(data={"image/png": PICTURE, "text/plain": "<Figure size 640x480>"}, name="plot-1.png")
    table = Display(data={"text/html": "<table></table>", "application/json": '{"a": [1, 2]}'})
    broken, fixed = (
        code("x = 1\nrates['Japan']", "Let me look at the rates."),
        code("plot(rates)\n'```'", "Now the plot."),
    )
    return Trajectory(
        id="run-1",
        task="Which country sells the phone cheapest?\n\nPrices are in prices.csv.",
        prompt=(SYSTEM, Message.of("user", "Which country sells the phone cheapest?\n\nPrices are in prices.csv.")),
        steps=(
            step(1, "I would start.", seen=Observation(text="Write code in a fence.", is_error=True)),
            step(
                2,
                broken[0] + "\nObservation: made up",
                broken[1],
                ExecResult(stdout="loading…\n", error=failed, duration=0.1),
                Observation(text="loading…\nNameError: name 'rates' is not defined (line 2)", is_error=True),
                kept=broken[0],
            ),
            step(
                3,
                *fixed,
                ExecResult(
                    stdout="a ``` in the output\n",
                    stderr="a warning\n",
                    value="'```'",
                    displays=(plot, table),
                    tool_calls=(ToolRecord(name="rate", args=["Japan"], value=0.0067, text="0.0067"),),
                ),
                Observation(text="a ``` in the output\n'```'\n[plot-1.png]", images=(Image(PICTURE),)),
            ),
            step(4, "Japan, for $599.", Reply(action=Answer("Japan, for $599."))),
        ),
        outcome=Outcome(
            status="answered",
            answer=Answer("Japan, for $599."),
            usage=Usage(input_tokens=1000, output_tokens=80, cost=0.0123),
            duration=2.5,
        ),
        agent={"model": "scripted:demo", "actions": "code", "dialect": "fenced"},
        environment={"python": "3.11.7"},
        created=NOON,
    )


def json_run() -> Trajectory:
    """A run with native function calls, the second trajectory of a conversation, that ends without an answer."""
    calls = tuple(NativeCall(f"call_{number}", "rate", f'{{"country": "{name}"}}') for number, name in enumerate("AB"))
    records = (
        ToolRecord(name="rate", kwargs={"country": "A"}, value=1.5, text="1.5", id="call_0"),
        ToolRecord(name="rate", kwargs={"country": "B"}, error="KeyError: 'B'", id="call_1"),
    )
    actions = ToolCalls(tuple(ToolCall("rate", (), {"country": name}, f"call_{i}") for i, name in enumerate("AB")))
    return Trajectory(
        id="run-2",
        task="And the rates of A and B?",
        prompt=(
            SYSTEM,
            Message.of("user", "Hello."),
            Message.of("assistant", "Hello!"),
            Message.of("user", "And the rates of A and B?", [Image(b"\x00\x01")]),
        ),
        steps=(
            step(
                1,
                "",
                Reply(action=actions),
                ToolResults(records),
                Observation(text="1.5\nKeyError: 'B'", per_call=("1.5", "KeyError: 'B'"), is_error=True),
                calls,
            ),
        ),
        outcome=Outcome(status="turn_limit", message="1 turn used", usage=Usage(input_tokens=100, output_tokens=20)),
        agent={"model": "scripted:demo", "actions": "json", "dialect": "native"},
        created=NOON,
        parent="run-1",
    )
