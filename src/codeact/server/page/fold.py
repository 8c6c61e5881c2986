"""From events to what a page shows: a pure function, so that a reload or a second browser shows the same.

    shown = Shown()
    async for told in events:
        shown = fold(shown, told)

Events are read as they lie in the log (`trajectory.encoding`): fields with their default are left out. An event of a
kind that is not known here changes nothing, so that an older page can read a newer log.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, cast

from codeact.server.nouns import Told
from codeact.server.page.reading import called, failure, object_of, source, text_of, texts_of
from codeact.server.page.shown import Asked, Call, Chunk, Notice, Output, RunShown, Shown, Turn
from codeact.trajectory.words import ENDINGS
from codeact.types import JSON

Event = Mapping[str, JSON]
MOST_OUTPUT = 40_000  # characters of an action's output that a page holds: the last ones; its result names the file


def fold(shown: Shown, told: Told) -> Shown:
    """What is shown after one more event."""
    shown = replace(shown, number=told.number)
    kind = told.event.get("kind")
    if kind in _OF_CHAT:
        return _OF_CHAT[kind](shown, told.run, told.event)
    run = shown.runs.get(told.run or "")
    if run is None or kind not in _OF_RUN:
        return shown
    return _with_run(shown, _OF_RUN[kind](run, told.event))


def _with_run(shown: Shown, run: RunShown) -> Shown:
    return replace(shown, runs={**shown.runs, run.id: run})


# --- of the chat ----------------------------------------------------------------------------------


def _run_begun(shown: Shown, run: str | None, event: Event) -> Shown:
    begun = RunShown(
        id=run or "",
        parent=event.get("parent"),
        text=text_of(event, "text"),
        files=tuple(text_of(file, "path") for file in event.get("files", ())),
    )
    shown = _with_run(shown, begun)
    return replace(shown, head=begun.id, running=begun.id, notice=None, asleep=False)


def _run_ended(shown: Shown, run: str | None, event: Event) -> Shown:
    ended = shown.runs.get(run or "")
    if shown.running == run:
        shown = replace(shown, running=None)
    if ended is None:
        return shown
    asked = tuple(replace(asked, settled=True) for asked in ended.asked)
    status = event.get("status") or "interrupted"
    turns = tuple(map(_stopped, ended.turns))
    message = text_of(event, "message") or ended.message
    return _with_run(shown, replace(ended, status=status, asked=asked, turns=turns, message=message))


def _stopped(turn: Turn) -> Turn:
    return turn if turn.phase == "done" else replace(turn, phase="done")


def _head_moved(shown: Shown, run: str | None, event: Event) -> Shown:
    return replace(shown, head=event.get("to"), notice=_notice(event))


def _slept(shown: Shown, run: str | None, event: Event) -> Shown:
    return replace(shown, asleep=True)


def _woken(shown: Shown, run: str | None, event: Event) -> Shown:
    return replace(shown, asleep=False, notice=_notice(event))


def _notice(event: Event) -> Notice | None:
    skipped = {str(name): str(reason) for name, reason in object_of(event, "skipped").items()}
    state = text_of(event, "state")
    return Notice(state=state, skipped=skipped) if state else None


# --- of a run -------------------------------------------------------------------------------------


def _turn_started(run: RunShown, event: Event) -> RunShown:
    turns = tuple(map(_stopped, run.turns))
    return replace(run, turns=(*turns, Turn(number=int(event.get("number", len(turns) + 1)))))


def _text_delta(run: RunShown, event: Event) -> RunShown:
    turn, text = _last(run), text_of(event, "text")
    if event.get("reasoning"):
        return _with_turn(run, replace(turn, phase="writing", note="", reasoning=turn.reasoning + text))
    return _with_turn(run, replace(turn, phase="writing", note="", text=turn.text + text))


def _retrying(run: RunShown, event: Event) -> RunShown:
    note = f"{text_of(event, 'reason')}; trying again in {float(event.get('delay', 0)):.0f} s"
    return _with_turn(run, replace(_last(run), text="", reasoning="", note=note))


def _reply_parsed(run: RunShown, event: Event) -> RunShown:
    reply = object_of(event, "reply")
    action = object_of(reply, "action")
    turn = replace(_last(run), thought=text_of(reply, "thought"), code=source(action), note="")
    if action.get("kind") == "answer":
        turn = replace(turn, answer=text_of(action, "text"))
    return _with_turn(run, turn)


def _action_started(run: RunShown, event: Event) -> RunShown:
    code = source(object_of(event, "action"))
    turn = _last(run)
    return _with_turn(run, replace(turn, phase="running", code=turn.code if code is None else code))


def _output_chunk(run: RunShown, event: Event) -> RunShown:
    stream = "stderr" if event.get("stream") == "stderr" else "stdout"
    output = _last(run).output
    *before, last = output.chunks or (Chunk("", stream),)
    if last.stream == stream:
        chunks = [*before, Chunk(last.text + text_of(event, "text"), stream)]
    else:
        chunks = [*before, last, Chunk(text_of(event, "text"), stream)]
    return _with_output(run, bounded(replace(output, chunks=tuple(chunks))))


def bounded(output: Output) -> Output:
    """The end of a long output, with a count of what is missing at its beginning."""
    excess = sum(len(chunk.text) for chunk in output.chunks) - MOST_OUTPUT
    if excess <= 0:
        return output
    hidden, kept = output.hidden + excess, list(output.chunks)
    while excess >= len(kept[0].text):
        excess -= len(kept.pop(0).text)
    kept[0] = replace(kept[0], text=kept[0].text[excess:])
    return replace(output, chunks=tuple(kept), hidden=hidden)


def _display_shown(run: RunShown, event: Event) -> RunShown:
    output = _last(run).output
    bundle = object_of(object_of(event, "display"), "data")
    return _with_output(run, replace(output, displays=(*output.displays, bundle)))


def _network_requested(run: RunShown, event: Event) -> RunShown:
    request = object_of(event, "request")
    text = f"{text_of(request, 'method')} {text_of(request, 'host')}:{request.get('port', '')}"
    allowed = bool(request.get("allowed"))
    call = Call(text=text, outcome="" if allowed else text_of(request, "reason") or "refused", failed=not allowed)
    return _with_call(run, call)


def _tool_called(run: RunShown, event: Event) -> RunShown:
    return _with_call(run, Call(text=called(object_of(event, "call"))))


def _tool_returned(run: RunShown, event: Event) -> RunShown:
    """Calls may go on side by side: the first open one that reads the same has returned."""
    done = _returned(object_of(event, "record"))
    output = _last(run).output
    calls = list(output.calls)
    at = next((at for at, call in enumerate(calls) if call.outcome is None and call.text == done.text), len(calls))
    calls[at : at + 1] = [done]
    return _with_output(run, replace(output, calls=tuple(calls)))


def _returned(record: Event) -> Call:
    error = record.get("error")
    return Call(
        text=called(record), outcome=text_of(record, "text") if error is None else error, failed=error is not None
    )


def _action_finished(run: RunShown, event: Event) -> RunShown:
    """What had been told while the action ran stays; the result adds what is known only at the end."""
    result = object_of(event, "result")
    turn = _last(run)
    if result.get("kind") == "tools":
        return _with_turn(run, replace(turn, phase="done", output=_of_calls(turn.output, result)))
    output = replace(
        _completed(turn.output, result),
        value=result.get("value"),
        failure=failure(result.get("error")),
        duration=float(result.get("duration", 0.0)),
        state=text_of(result, "state") or "kept",
        overflow=result.get("overflow"),
    )
    answer = result.get("answer")
    given = text_of(cast("Event", answer), "text") if isinstance(answer, Mapping) else turn.answer
    return _with_turn(run, replace(turn, phase="done", output=output, answer=given))


def _completed(output: Output, result: Event) -> Output:
    """The output that nobody was told of while it ran: that of background work, or all where chunks were not told."""
    late = text_of(result, "late")
    if late:
        output = replace(output, chunks=(Chunk(late), *output.chunks))
    if not output.chunks:
        said = (Chunk(text_of(result, "stdout")), Chunk(text_of(result, "stderr"), "stderr"))
        output = replace(output, chunks=tuple(chunk for chunk in said if chunk.text))
    if not output.displays:
        shown = [object_of(cast("Event", display), "data") for display in result.get("displays", ())]
        output = replace(output, displays=tuple(shown))
    return bounded(output)


def _of_calls(output: Output, result: Event) -> Output:
    records: Sequence[Event] = result.get("records", ())
    duration = sum(record.get("duration", 0.0) for record in records)
    return replace(output, calls=tuple(map(_returned, records)), duration=duration)


def _observed(run: RunShown, event: Event) -> RunShown:
    """Shown only where it says what nothing else does: why a reply or an answer was sent back."""
    turn = _last(run)
    if turn.code is not None and turn.answer is None:
        return run
    observation = object_of(event, "observation")
    note = text_of(observation, "text") or "\n".join(texts_of(observation, "per_call"))
    return _with_turn(run, replace(turn, phase="done", answer=None, thought=turn.thought or turn.answer, note=note))


def _answered(run: RunShown, event: Event) -> RunShown:
    answer = text_of(object_of(event, "answer"), "text")
    return _with_turn(run, replace(_last(run), phase="done", answer=answer))


def _approval_asked(run: RunShown, event: Event) -> RunShown:
    subject = object_of(event, "subject")
    text = source(subject) if "kind" in subject else called(subject)
    return _with_asked(run, Asked(id=text_of(event, "question"), kind="approval", text=text or ""))


def _question_asked(run: RunShown, event: Event) -> RunShown:
    secret = bool(event.get("secret"))
    asked = Asked(id=text_of(event, "question"), kind="question", text=text_of(event, "prompt"), secret=secret)
    return _with_asked(run, asked)


def _question_settled(run: RunShown, event: Event) -> RunShown:
    settled = text_of(event, "question")
    asked = (replace(asked, settled=True) if asked.id == settled else asked for asked in run.asked)
    return replace(run, asked=tuple(asked))


def _finished(run: RunShown, event: Event) -> RunShown:
    outcome = object_of(event, "outcome")
    usage, status = object_of(outcome, "usage"), text_of(outcome, "status")
    return replace(
        run,
        tokens=int(usage.get("input_tokens", 0)) + int(usage.get("output_tokens", 0)),
        cost=usage.get("cost"),
        duration=float(outcome.get("duration", 0.0)),
        message="" if status == "answered" else text_of(outcome, "message") or ENDINGS.get(status, ""),
    )


# --- the last turn --------------------------------------------------------------------------------


def _last(run: RunShown) -> Turn:
    return run.turns[-1] if run.turns else Turn(number=1)


def _with_turn(run: RunShown, turn: Turn) -> RunShown:
    return replace(run, turns=(*run.turns[:-1], turn))


def _with_output(run: RunShown, output: Output) -> RunShown:
    return _with_turn(run, replace(_last(run), output=output))


def _with_call(run: RunShown, call: Call) -> RunShown:
    output = _last(run).output
    return _with_output(run, replace(output, calls=(*output.calls, call)))


def _with_asked(run: RunShown, asked: Asked) -> RunShown:
    return replace(run, asked=(*run.asked, asked))


_OF_CHAT: Mapping[Any, Callable[[Shown, str | None, Event], Shown]] = {
    "run_begun": _run_begun,
    "run_ended": _run_ended,
    "head_moved": _head_moved,
    "slept": _slept,
    "woken": _woken,
}
_OF_RUN: Mapping[Any, Callable[[RunShown, Event], RunShown]] = {
    "turn_started": _turn_started,
    "text_delta": _text_delta,
    "retrying": _retrying,
    "reply_parsed": _reply_parsed,
    "action_started": _action_started,
    "output_chunk": _output_chunk,
    "display_shown": _display_shown,
    "network_requested": _network_requested,
    "tool_called": _tool_called,
    "tool_returned": _tool_returned,
    "action_finished": _action_finished,
    "observed": _observed,
    "answered": _answered,
    "approval_asked": _approval_asked,
    "question_asked": _question_asked,
    "question_settled": _question_settled,
    "finished": _finished,
}
