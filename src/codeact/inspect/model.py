"""A model of Inspect's, as ours: so a suite runs with any model that Inspect knows, by the loop and formats of this
package.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from inspect_ai.model import GenerateConfig
from inspect_ai.model import Model as TheirModel
from inspect_ai.tool import ToolInfo, ToolParams

from codeact.errors import BadResponseError
from codeact.events import Emit, TextDelta, ignore
from codeact.inspect.messages import chat_messages, completion_of
from codeact.models.stops import StopWatch
from codeact.types import Completion, Message, ToolSpec


@dataclass(frozen=True, slots=True)
class InspectModel:
    """Retries, limits, caches and the events of its transcript stay Inspect's own."""

    model: TheirModel

    @property
    def name(self) -> str:
        return f"inspect:{self.model}"

    async def complete(
        self,
        messages: Sequence[Message],
        *,
        tools: Sequence[ToolSpec] = (),
        stop: Sequence[str] = (),
        max_tokens: int | None = None,
        seed: int | None = None,
        emit: Emit = ignore,
    ) -> Completion:
        """See `Model.complete`. What Inspect raises, its limits above all, passes through, for Inspect to see it.

        Raises:
            BadResponseError: it gave no choice.
        """
        output = await self.model.generate(
            chat_messages(messages),
            tools=[_tool_info(spec) for spec in tools],
            config=GenerateConfig(stop_seqs=list(stop) or None, max_tokens=max_tokens, seed=seed),
        )
        if output.empty:
            raise BadResponseError(f"{self.name} gave no choice: {output.error or 'and no reason'}")
        completion = completion_of(output)
        watch = StopWatch(stop)
        text = watch.feed(completion.text) + watch.finish()
        emit(TextDelta(text))
        return replace(completion, text=text, finish="stop" if watch.stopped else completion.finish)


def _tool_info(spec: ToolSpec) -> ToolInfo:
    return ToolInfo(name=spec.name, description=spec.doc, parameters=ToolParams.model_validate(spec.schema))
