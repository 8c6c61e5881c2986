"""`codeact serve` in a process that has a tracer provider, as a `sitecustomize` or OpenTelemetry's agent gives one."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from benchmarks.served import QUICK, TOKEN, served

from codeact.server.client import connect

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

PROVIDER = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import ConsoleSpanExporter, SimpleSpanProcessor

provider, spans = TracerProvider(), open({path!r}, "a", buffering=1)
exporter = ConsoleSpanExporter(out=spans, formatter=lambda span: span.to_json(None) + "\\n")
provider.add_span_processor(SimpleSpanProcessor(exporter))
trace.set_tracer_provider(provider)
"""


async def test_each_message_is_a_trace_without_its_words(tmp_path: Path) -> None:
    found = tmp_path / "spans.jsonl"
    (tmp_path / "sitecustomize.py").write_text(PROVIDER.format(path=str(found)))
    async with served(tmp_path, QUICK) as service:
        async with connect(service.url, token=TOKEN) as client:
            chat = await client.create()
            asked = await chat.ask("run: secret = 42")
        assert await service.end() == []
    assert asked.status == "answered"
    spans = [json.loads(line) for line in found.read_text().splitlines()]
    (run,) = [span for span in spans if span["name"] == "invoke_agent codeact"]
    assert run["attributes"]["gen_ai.conversation.id"] == chat.id
    inner = [span["name"].split()[0] for span in spans if span["parent_id"] == run["context"]["span_id"]]
    assert inner == ["chat", "execute_tool", "chat"]
    assert any(span["name"] == "POST /sessions/{id}/messages" for span in spans), {span["name"] for span in spans}
    assert "secret" not in found.read_text()
