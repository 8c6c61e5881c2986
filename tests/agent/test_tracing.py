"""A run as spans: what is in them, what is not, and which is within which."""

from __future__ import annotations

from contextlib import suppress

import pytest
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from codeact import Agent, tool
from codeact.agent.tracing import traced
from codeact.errors import ModelError
from codeact.events import ignore
from codeact.models.scripted import ScriptedModel
from codeact.sandbox.local import LocalSandbox

pytestmark = pytest.mark.anyio


@tool
def rate(country: str) -> float:
    """Exchange rate of a country's currency to USD."""
    return {"Germany": 1.1}[country]


async def spans_of(sandbox: LocalSandbox, *replies: str) -> list[ReadableSpan]:
    """In the order in which they ended."""
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    model = ScriptedModel(replies)
    agent = Agent(model, tools=[rate], sandbox=sandbox)
    emit = traced(ignore, model=model.name, conversation="c1", tracer=provider.get_tracer("test"))
    with suppress(ModelError):
        await agent.run("The secret task", emit=emit)
    return list(exporter.get_finished_spans())


async def test_a_run_holds_its_replies_actions_and_calls(warm_sandbox: LocalSandbox) -> None:
    spans = await spans_of(
        warm_sandbox, "```python\nrate('Germany')\n```", "```python\nrate('Spain')\n```", "It is 1.1."
    )
    names = [span.name for span in spans]
    turn = ["chat scripted:script", "execute_tool rate", "execute_tool python"]
    assert names == [*turn, *turn, "chat scripted:script", "invoke_agent codeact"]
    run = spans[-1]
    assert run.attributes is not None
    assert run.attributes["gen_ai.conversation.id"] == "c1"
    assert run.attributes["codeact.outcome"] == "answered"
    failed = [span for span in spans if span.attributes and "error.type" in span.attributes]
    assert [span.name for span in failed] == ["execute_tool rate", "execute_tool python"]
    inner = [span.parent.span_id if span.parent else None for span in spans]
    own = [span.context.span_id if span.context else None for span in spans]
    assert inner == [own[-1], own[2], own[-1], own[-1], own[5], own[-1], own[-1], None]
    assert not any("secret" in str(span.to_json()) or "Germany" in str(span.to_json()) for span in spans)


async def test_a_failed_run_ends_its_spans_as_failed(warm_sandbox: LocalSandbox) -> None:
    spans = await spans_of(warm_sandbox)  # a script without a reply
    assert [span.name for span in spans] == ["chat scripted:script", "invoke_agent codeact"]
    assert all(span.attributes and span.attributes["error.type"] == "error" for span in spans)
