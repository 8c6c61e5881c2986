"""An episode as a sample of an Inspect log: the conversation as the model saw it, and what happened as events.

A code action is the event of a tool `python`, and the calls that the code made follow it; calls in JSON and text are
events by themselves. So the three formats read alike in Inspect's viewer.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Literal, cast

from inspect_ai.event import Event, ModelEvent, ScoreEvent, ToolEvent
from inspect_ai.log import EvalError, EvalSample, EvalSampleLimit
from inspect_ai.model import GenerateConfig, ModelOutput
from inspect_ai.scorer import CORRECT, INCORRECT, Score
from inspect_ai.tool import ToolCallContent, ToolCallError

from codeact.inspect.messages import chat_messages, model_output, model_usage
from codeact.rollouts import Rollout
from codeact.tasks import Verdict
from codeact.trajectory.history import messages_of
from codeact.types import JSON, CodeAction, ExecError, ExecResult, Outcome, Step, ToolRecord, ToolResults, Trajectory

SCORER = "verdict"

_LIMITS: dict[str, tuple[Literal["turn", "token", "time"], str]] = {  # by outcome: Inspect's word, and the budget's
    "turn_limit": ("turn", "turns"),
    "token_limit": ("token", "tokens"),
    "time_limit": ("time", "time"),
}


def sample_of(rollout: Rollout, *, epoch: int, model: str) -> EvalSample:
    """The sample; one with an error and no score where the machinery failed. `epoch` counts the seeds, from 1."""
    metadata: dict[str, Any] = {**rollout.labels, "actions": rollout.key.actions, "seed": rollout.key.seed}
    trajectory, verdict = rollout.trajectory, rollout.verdict
    if trajectory is None or verdict is None:
        error = EvalError(message=rollout.error, traceback=rollout.error, traceback_ansi=rollout.error)
        return EvalSample(id=rollout.key.task, epoch=epoch, input="", target="", metadata=metadata, error=error)
    outcome = trajectory.outcome or Outcome(status="cancelled")
    score = score_of(verdict, outcome, turns=len(trajectory.steps))
    ended = trajectory.created + timedelta(seconds=outcome.duration)
    return EvalSample(
        id=rollout.key.task,
        epoch=epoch,
        input=trajectory.task,
        target="",  # the judge has it, and it stands in no record
        messages=chat_messages(messages_of(trajectory)),
        output=model_output(trajectory.steps[-1].completion) if trajectory.steps else ModelOutput(model=model),
        scores={SCORER: score},
        metadata={**metadata, "outcome": outcome.status, "agent": dict(trajectory.agent)},
        events=[*_events(trajectory, model), _score_event(score, ended, outcome.duration)],
        model_usage={model: model_usage(outcome.usage)},
        started_at=trajectory.created.isoformat(),
        completed_at=ended.isoformat(),
        total_time=outcome.duration,
        working_time=sum(step.model_time + step.action_time for step in trajectory.steps),
        uuid=trajectory.id,
        limit=_limit(outcome, trajectory.agent),
        turn_count=len(trajectory.steps),
    )


def score_of(verdict: Verdict, outcome: Outcome, *, turns: int) -> Score:
    """Our verdict, with what it is about."""
    return Score(
        value=CORRECT if verdict.correct else INCORRECT,
        answer=outcome.answer.text if outcome.answer else None,
        explanation=verdict.reason or None,
        metadata={"turns": turns, "outcome": outcome.status},
    )


def _limit(outcome: Outcome, agent: Mapping[str, JSON]) -> EvalSampleLimit | None:
    if outcome.status not in _LIMITS:
        return None
    kind, name = _LIMITS[outcome.status]
    return EvalSampleLimit(type=kind, limit=float(agent.get("budget", {}).get(name) or 0), reason=outcome.message)


def _events(trajectory: Trajectory, model: str) -> Iterator[Event]:
    for index, step in enumerate(trajectory.steps):
        seen = chat_messages(messages_of(trajectory, index))
        acted = step.started + timedelta(seconds=step.model_time)
        yield ModelEvent(
            model=step.completion.model or model,
            input=seen,
            tools=[],
            tool_choice="auto",
            config=GenerateConfig(max_tokens=trajectory.agent.get("budget", {}).get("reply_tokens")),
            output=model_output(step.completion),
            timestamp=step.started,
            working_start=_since(trajectory, step.started),
            completed=acted,
            working_time=step.model_time,
        )
        for number, event in enumerate(_tool_events(step)):
            event.id = f"{index + 1}.{number}"
            event.timestamp, event.working_start = acted, _since(trajectory, acted)
            event.completed = acted + timedelta(seconds=event.working_time or 0)
            yield event


def _tool_events(step: Step) -> Iterator[ToolEvent]:
    match step.result:
        case ExecResult():
            action = step.reply.action if step.reply else None
            yield _code_event(action.code if isinstance(action, CodeAction) else "", step, step.result)
            yield from map(_call_event, step.result.tool_calls)
        case ToolResults(records):
            yield from map(_call_event, records)
        case None:
            return


def _code_event(code: str, step: Step, result: ExecResult) -> ToolEvent:
    answer = f"final_answer({result.answer.text})" if result.answer else ""
    return ToolEvent(
        id="",
        function="python",
        arguments={"code": code},
        view=ToolCallContent(format="markdown", content=f"```python\n{code}\n```"),
        result=step.observation.text if step.observation else "\n".join(filter(None, [result.stdout, answer])),
        error=_code_error(result.error) if result.error else None,
        working_time=step.action_time,
    )


def _code_error(error: ExecError) -> ToolCallError:
    kind = "timeout" if error.kind == "timeout" else "limit" if error.kind in ("limit", "out_of_memory") else "unknown"
    return ToolCallError(kind, f"{error.name}: {error.message}")


def _call_event(record: ToolRecord) -> ToolEvent:
    return ToolEvent(
        id="",
        function=record.name,
        arguments=_arguments(record),
        result=record.text,
        error=ToolCallError("unknown", record.error) if record.error else None,
        working_time=record.duration,
    )


def _arguments(record: ToolRecord) -> dict[str, Any]:
    """By name; those given by position are a list, because the record does not say what their parameters are called."""
    given = cast("Mapping[str, Any] | Sequence[Any]", record.args)
    args = list(given["v"] if isinstance(given, Mapping) else given)  # a tuple is marked as one on the wire
    return {**({"args": args} if args else {}), **cast("dict[str, Any]", record.kwargs)}


def _score_event(score: Score, ended: datetime, duration: float) -> ScoreEvent:
    return ScoreEvent(score=score, scorer=SCORER, target="", timestamp=ended, working_start=duration)


def _since(trajectory: Trajectory, moment: datetime) -> float:
    return max((moment - trajectory.created).total_seconds(), 0.0)
