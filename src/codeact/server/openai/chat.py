"""Events of a run → a chat completion, whole or in chunks. Pure but for the time it is told."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from codeact.events import Answered, DisplayShown, Event, Finished, TurnStarted
from codeact.server.openai.steps import Steps
from codeact.server.openai.words import Words
from codeact.server.pictures import PICTURES, data_url
from codeact.types import JSON, Display, Outcome, Usage

MOST_FIGURES = 10
MOST_FIGURE_BYTES = 16 * 1024 * 1024  # of all figures of an answer together

Tell = Callable[[dict[str, JSON]], None]


def ignore_chunk(chunk: dict[str, JSON]) -> None:
    """For whoever wants the whole answer only."""


@dataclass(slots=True, kw_only=True)
class ChatAnswer:
    """One answer as it comes about. `hear` takes the events of a run; chunks go to `tell`, the whole is in `whole`."""

    id: str
    created: int  # seconds since the epoch
    model: str
    tell: Tell = ignore_chunk
    with_steps: bool = False
    with_figures: bool = True
    with_usage: bool = False  # a chunk of its own at the end
    stops: Sequence[str] = ()
    text: str = ""
    thoughts: list[str] = field(default_factory=list[str])
    images: list[dict[str, JSON]] = field(default_factory=list[dict[str, JSON]])
    image_bytes: int = 0
    outcome: Outcome | None = None
    words: Words = field(default_factory=Words)
    turns: int = 0
    steps: Steps = field(init=False)

    def __post_init__(self) -> None:
        self.steps = Steps(self._think)

    def hear(self, event: Event) -> None:
        """Take one event of the run."""
        self.words.hear(event)
        match event:
            case TurnStarted(number=number):
                self.turns = number
                if number == 1:
                    self._delta({"role": "assistant", "content": ""})
            case DisplayShown(display=display) if self.with_figures:
                self._draw(display)
            case Answered(answer=answer):
                self.text = until_stop(answer.text, self.stops)
            case Finished(outcome=outcome):
                self.outcome = outcome
                if outcome.status == "token_limit":
                    self.text = until_stop(self.words.partial, self.stops)
            case _:
                pass
        if self.with_steps:
            self.steps.hear(event)

    def close(self) -> None:
        """Tell the answer, and that it is all. To be called once, when the run has ended."""
        if self.text:
            self._delta({"content": self.text})
        self.tell(self._chunk([{"index": 0, "delta": {}, "finish_reason": self.finish, "logprobs": None}]))
        if self.with_usage:
            self.tell({**self._chunk([]), "usage": usage_of(self.usage)})

    @property
    def finish(self) -> str:
        """`length` also where turns or time were used up: there is no better word in the protocol."""
        answered = self.outcome is not None and self.outcome.status == "answered"
        return "stop" if answered else "length"

    @property
    def usage(self) -> Usage:
        return self.outcome.usage if self.outcome else Usage()

    @property
    def whole(self) -> dict[str, JSON]:
        message: dict[str, JSON] = {"role": "assistant", "content": self.text, "refusal": None}
        if self.thoughts:
            message["reasoning_content"] = "".join(self.thoughts)
        if self.images:
            message["images"] = self.images
        choice = {"index": 0, "message": message, "finish_reason": self.finish, "logprobs": None}
        return {**self._envelope("chat.completion"), "choices": [choice], "usage": usage_of(self.usage)}

    def _think(self, text: str) -> None:
        if text:
            self.thoughts.append(text)
            self._delta({"reasoning_content": text})

    def _draw(self, display: Display) -> None:
        """Figures have no place in the protocol; `images` is where OpenRouter and its clients have them."""
        for mime in PICTURES:
            data = display.data.get(mime)
            if isinstance(data, bytes) and len(self.images) < MOST_FIGURES:
                self.image_bytes += len(data)
                if self.image_bytes <= MOST_FIGURE_BYTES:
                    image = {"type": "image_url", "image_url": {"url": data_url(data, mime)}}
                    self.images.append(image)
                    self._delta({"images": [image]})
                return

    def _delta(self, delta: dict[str, JSON]) -> None:
        self.tell(self._chunk([{"index": 0, "delta": delta, "finish_reason": None, "logprobs": None}]))

    def _chunk(self, choices: list[JSON]) -> dict[str, JSON]:
        chunk = {**self._envelope("chat.completion.chunk"), "choices": choices}
        return {**chunk, "usage": None} if self.with_usage else chunk

    def _envelope(self, kind: str) -> dict[str, JSON]:
        told = {"turns": self.turns, "status": self.outcome.status if self.outcome else "running"}
        if self.outcome and self.outcome.message:
            told["message"] = self.outcome.message
        return {"id": self.id, "object": kind, "created": self.created, "model": self.model, "codeact": told}


def usage_of(usage: Usage) -> dict[str, JSON]:
    """What all turns of the run have used together."""
    return {
        "prompt_tokens": usage.input_tokens,
        "completion_tokens": usage.output_tokens,
        "total_tokens": usage.tokens,
        "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
    }


def until_stop(text: str, stops: Sequence[str]) -> str:
    """A text up to the first stop string in it."""
    return text[: min((at for stop in stops if (at := text.find(stop)) >= 0), default=len(text))]
