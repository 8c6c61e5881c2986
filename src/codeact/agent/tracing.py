"""A run as spans of OpenTelemetry, by its conventions for generative AI: the agent; in it replies, actions and calls.

    agent.run(task, emit=traced(ignore, model="openai:gpt-5.2", conversation=id))

Only its API is needed, and without a tracer provider nothing is recorded. What was said, run and seen is in no span:
traces go to other people's servers.
"""

from __future__ import annotations

import time
from dataclasses import dataclass

from opentelemetry import trace
from opentelemetry.trace import Span, SpanKind, Status, StatusCode, Tracer
from opentelemetry.util.types import AttributeValue

from codeact.events import (
    ActionFinished,
    ActionStarted,
    Emit,
    Event,
    Finished,
    Observed,
    ReplyParsed,
    ToolReturned,
    TurnStarted,
)
from codeact.types import ExecResult, Outcome, ToolRecord

_SECOND = 1_000_000_000  # nanoseconds
_tracer = trace.get_tracer("codeact")  # a proxy: it finds the provider that is set later


def traced(emit: Emit, *, model: str, conversation: str = "", tracer: Tracer = _tracer) -> Emit:
    """An `emit` for one run that makes spans of its events and hands them on."""
    return Traced(emit, model, conversation, tracer)


@dataclass(slots=True)
class Traced:
    """The spans of one run that are open: the run's, and within it that of a reply or of an action."""

    emit: Emit
    model: str
    conversation: str
    tracer: Tracer
    _run: Span | None = None
    _inner: Span | None = None

    def __call__(self, event: Event) -> None:
        self._follow(event)
        self.emit(event)

    def _follow(self, event: Event) -> None:
        match event:
            case TurnStarted(number=number):
                self._begin(f"chat {self.model}", "chat", SpanKind.CLIENT, {"codeact.turn": number})
            case ReplyParsed() | Observed():  # a reply that could not be read is observed only
                self._end()
            case ActionStarted(action=action) if action.kind == "code":
                self._begin("execute_tool python", "execute_tool", SpanKind.INTERNAL, {"gen_ai.tool.name": "python"})
            case ToolReturned(record=record):
                self._called(record)
            case ActionFinished(result=result):
                self._end(result.error.name if isinstance(result, ExecResult) and result.error else None)
            case Finished(outcome=outcome):
                self._finish(outcome)
            case _:
                pass

    def _begin(self, name: str, operation: str, kind: SpanKind, more: dict[str, AttributeValue]) -> None:
        self._end()
        if self._run is None:
            self._run = self.tracer.start_span("invoke_agent codeact", attributes=self._said("invoke_agent"))
        attributes = {**self._said(operation), **more}
        within = trace.set_span_in_context(self._run)
        self._inner = self.tracer.start_span(name, within, kind=kind, attributes=attributes)

    def _said(self, operation: str) -> dict[str, AttributeValue]:
        said: dict[str, AttributeValue] = {"gen_ai.operation.name": operation}
        if operation == "invoke_agent":
            said["gen_ai.agent.name"] = "codeact"
        if operation != "execute_tool":
            said["gen_ai.request.model"] = self.model
        if self.conversation:
            said["gen_ai.conversation.id"] = self.conversation
        return said

    def _called(self, record: ToolRecord) -> None:
        """A tool of the host, known once it has returned."""
        ended = time.time_ns()
        around = self._inner or self._run
        span = self.tracer.start_span(
            f"execute_tool {record.name}",
            trace.set_span_in_context(around) if around else None,
            attributes={**self._said("execute_tool"), "gen_ai.tool.name": record.name},
            start_time=ended - int(record.duration * _SECOND),
        )
        if record.error is not None:
            _fail(span, record.error.partition(":")[0])
        span.end(ended)

    def _end(self, error: str | None = None) -> None:
        if self._inner is not None:
            if error is not None:
                _fail(self._inner, error)
            self._inner.end()
            self._inner = None

    def _finish(self, outcome: Outcome) -> None:
        self._end(outcome.status if outcome.status == "error" else None)
        if self._run is None:
            return
        used = outcome.usage
        self._run.set_attributes(
            {
                "gen_ai.usage.input_tokens": used.input_tokens,
                "gen_ai.usage.output_tokens": used.output_tokens,
                "codeact.outcome": outcome.status,
            }
        )
        if outcome.status == "error":
            _fail(self._run, "error")
        self._run.end()
        self._run = None


def _fail(span: Span, kind: str) -> None:
    span.set_attribute("error.type", kind)
    span.set_status(Status(StatusCode.ERROR))
