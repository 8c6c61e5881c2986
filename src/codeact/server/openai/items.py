"""Events of a run → output items of a response, and the events of its stream. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal
from uuid import uuid4

from codeact.events import ActionFinished, ActionStarted, Event, Finished, Observed, ReplyParsed, TextDelta, TurnStarted
from codeact.server.openai.chat import MOST_FIGURE_BYTES
from codeact.server.openai.words import Words
from codeact.server.pictures import PICTURES, data_url
from codeact.types import JSON, Answer, CodeAction, ExecResult, Outcome

_MOST_LOGS = 100_000  # characters of the logs of one action

Told = dict[str, JSON]
Status = Literal["completed", "incomplete", "failed"]


@dataclass(slots=True, kw_only=True)
class Items:
    """What a response gives, as it comes about: `output` grows, and each change goes to `tell` as a stream event."""

    container: str
    with_outputs: bool
    tell: Callable[[Told], None]
    output: list[Told] = field(default_factory=list[Told])
    offered: str = ""  # an answer that may still be sent back
    answer: str | None = None  # accepted; told by `say`, when it is known which files it names
    outcome: Outcome | None = None
    acted: bool = False
    words: Words = field(default_factory=Words)
    number: int = 0  # of the next stream event
    opened: Told | None = None  # the reasoning or the call that goes on
    figure_bytes: int = 0
    took_action: bool = False  # in this turn

    def event(self, kind: str, **fields: JSON) -> None:
        """Tell one event of the stream, numbered."""
        self.tell({"type": f"response.{kind}", "sequence_number": self.number, **fields})
        self.number += 1

    def hear(self, event: Event) -> None:
        """Take one event of the run."""
        self.words.hear(event)
        match event:
            case TurnStarted():
                self.took_action, self.offered = False, ""
            case TextDelta(text=text, reasoning=True):
                self._reason(text)
            case ReplyParsed(reply=reply):
                self._think(reply.thought)
                self.offered = reply.action.text if isinstance(reply.action, Answer) else ""
            case ActionStarted(action=CodeAction(code=code)):
                self._call(code)
            case ActionFinished(result=ExecResult() as result):
                self._return(result)
            case Observed() if not self.took_action:  # a reply that was sent back: unreadable, or objected to
                self._think(self.offered or self.words.text)
            case Finished(outcome=outcome):
                self.outcome = outcome
                self.answer = outcome.answer.text if outcome.answer else None
                self.close("incomplete")
            case _:
                pass

    # --- reasoning ---

    def _think(self, thought: str) -> None:
        if thought.strip():
            self.close()
            self._reason(thought.strip())
            self.close()

    def _reason(self, text: str) -> None:
        """Thoughts are told as a summary, because that is what clients show."""
        if self.opened is None:
            part: Told = {"type": "summary_text", "text": ""}
            item: Told = {"id": f"rs_{uuid4().hex}", "type": "reasoning", "summary": [part]}
            self._open(item, {**item, "summary": []})
            self.event("reasoning_summary_part.added", **self._place, summary_index=0, part=dict(part))
        if self.opened is not None and self.opened["type"] == "reasoning":
            self.opened["summary"][0]["text"] += text
            self.event("reasoning_summary_text.delta", **self._place, summary_index=0, delta=text)

    def _end_reasoning(self, part: Told) -> None:
        self.event("reasoning_summary_text.done", **self._place, summary_index=0, text=part["text"])
        self.event("reasoning_summary_part.done", **self._place, summary_index=0, part=part)

    # --- code ---

    def _call(self, code: str) -> None:
        self.close()
        self.acted = self.took_action = True
        call = {"id": f"ci_{uuid4().hex}", "type": "code_interpreter_call", "container_id": self.container}
        item: Told = {**call, "code": "", "outputs": None, "status": "in_progress"}
        self._open(item, item)
        self.event("code_interpreter_call.in_progress", **self._place)
        self.event("code_interpreter_call_code.delta", **self._place, delta=code)
        self.event("code_interpreter_call_code.done", **self._place, code=code)
        item.update(code=code, status="interpreting")
        self.event("code_interpreter_call.interpreting", **self._place)

    def _return(self, result: ExecResult) -> None:
        if self.opened is not None:
            self.opened["outputs"] = self._outputs(result)
        stopped = result.error is not None and result.error.kind not in ("exception", "exited")
        self.close("failed" if stopped else "completed")

    def _outputs(self, result: ExecResult) -> list[JSON]:
        logs = logs_of(result)
        outputs: list[JSON] = [{"type": "logs", "logs": logs}] if logs else []
        for display in result.displays:
            for mime in PICTURES:
                data = display.data.get(mime)
                if isinstance(data, bytes) and self.figure_bytes + len(data) <= MOST_FIGURE_BYTES:
                    self.figure_bytes += len(data)
                    outputs.append({"type": "image", "url": data_url(data, mime)})
        return outputs

    # --- the answer ---

    def say(self, text: str, citations: Sequence[Told], *, status: Status = "completed") -> None:
        """Tell the answer, with the files that it names."""
        part: Told = {"type": "output_text", "text": "", "annotations": [], "logprobs": []}
        item: Told = {"id": f"msg_{uuid4().hex}", "type": "message", "role": "assistant", "content": [part]}
        self._open({**item, "status": status}, {**item, "content": [], "status": "in_progress"})
        at = {**self._place, "content_index": 0}
        self.event("content_part.added", **at, part={**part, "annotations": []})
        self.event("output_text.delta", **at, delta=text, logprobs=[])
        part["text"] = text
        for index, citation in enumerate(citations):
            part["annotations"].append(citation)
            self.event("output_text.annotation.added", **at, annotation_index=index, annotation=citation)
        self.event("output_text.done", **at, text=text, logprobs=[])
        self.event("content_part.done", **at, part=part)
        self.close(status)

    # --- items ---

    @property
    def _place(self) -> Told:
        return {"item_id": self.output[-1]["id"], "output_index": len(self.output) - 1}

    def _open(self, item: Told, told: Told) -> None:
        self.close()
        self.output.append(item)
        self.opened = item
        self.event("output_item.added", output_index=len(self.output) - 1, item=dict(told))

    def close(self, status: Status = "completed") -> None:
        """End the item that goes on, if one does."""
        item, self.opened = self.opened, None
        if item is None:
            return
        match item["type"]:
            case "reasoning":
                self._end_reasoning(dict(item["summary"][0]))
            case "code_interpreter_call":
                item["status"] = status
                if status == "completed":
                    self.event("code_interpreter_call.completed", **self._place)
            case _:
                pass
        self.event("output_item.done", output_index=len(self.output) - 1, item=shown(item, self.with_outputs))


def shown(item: Told, with_outputs: bool) -> Told:
    """An item as a client sees it who has asked for the outputs of code, or has not."""
    return {**item, "outputs": None} if item["type"] == "code_interpreter_call" and not with_outputs else dict(item)


def logs_of(result: ExecResult) -> str:
    """What an action printed, showed and raised."""
    failed = result.error and (result.error.traceback or f"{result.error.name}: {result.error.message}")
    parts = [result.stdout, result.stderr, result.value or "", failed or ""]
    logs = "\n".join(part.rstrip("\n") for part in parts if part)
    left_out = len(logs) - _MOST_LOGS
    return logs if left_out <= 0 else f"{logs[:_MOST_LOGS]}\n… {left_out:,} characters are left out"
