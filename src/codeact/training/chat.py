"""A conversation as the text that the served model reads, and which characters of it are trained.

Trained are what the model itself has to write: the content of an assistant's message and the token that ends it. Its
header (`<|im_start|>assistant` and a newline) is not, because the server writes that (`add_generation_prompt`); nor is
the newline behind the end token, before which generation stops. The paper trains header and end token, and by a slip
of one position lost the first token of the one and trained the token after the other (spec, section 5).

Where a template marks what is generated (`{% generation %}`), its marks count. Where it does not, the marks are found
by rendering the conversation message by message, which needs a template that never changes what it has written already.
"""

# transformers' annotations are open in places
# pyright: reportUnknownVariableType=false

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, cast

from transformers.utils.chat_template_utils import render_jinja_template

from codeact.errors import UsageError
from codeact.training.rows import RowMessage

Span = tuple[int, int]  # characters, the end excluded


class Tokenizer(Protocol):
    """What is used of a tokenizer of transformers."""

    chat_template: str | None
    eos_token: str | None

    def __call__(self, text: str, **options: Any) -> Mapping[str, Any]: ...


@dataclass(frozen=True, slots=True)
class Rendered:
    """A conversation as text, with the span of each assistant's message that is trained."""

    text: str
    spans: tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Tokenized:
    """Token ids with the characters that each stands for."""

    ids: Sequence[int]
    places: Sequence[Span]


class Chat:
    """The tokenizer and the chat template of a base model, by which it is served."""

    def __init__(self, tokenizer: Tokenizer, name: str, template: str | None = None) -> None:
        """`name` is for messages; `template` replaces the base's own.

        Raises:
            UsageError: there is no template, or no token that ends a reply.
        """
        found = template or tokenizer.chat_template
        if not found:
            raise UsageError(f"{name} has no chat template; give one with --template FILE")
        if not tokenizer.eos_token:
            raise UsageError(f"{name} does not say which token ends a reply, so it cannot be taught to end one")
        self._tokenizer = tokenizer
        self._template = found
        self._name = name
        self._end = tokenizer.eos_token
        self._marked = "generation" in found and "endgeneration" in found

    def render(self, messages: Sequence[RowMessage]) -> Rendered:
        """The text of a conversation, with what is trained of it.

        Raises:
            UsageError: the template does not let us say what is trained; says why, and what helps.
        """
        return self._by_marks(messages) if self._marked else self._by_prefixes(messages)

    def text(self, messages: Sequence[RowMessage], *, prompt: bool = False) -> str:
        """What the server makes of the messages; with `prompt`, what it lets the model go on from."""
        return self._apply(messages, prompt=prompt)[0]

    def tokenize(self, text: str) -> Tokenized:
        """As the server does: special tokens written in the text are read as such, and none is added."""
        made = self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)
        return Tokenized(made["input_ids"], made["offset_mapping"])

    def _by_marks(self, messages: Sequence[RowMessage]) -> Rendered:
        text, spans = self._apply(messages, marks=True)
        replies = [message for message in messages if message.role == "assistant"]
        if len(spans) != len(replies):
            raise self._unusable(f"marks {len(spans)} generated parts in a conversation with {len(replies)} replies")
        ended = [self._with_end(text, span) for span in spans]
        return Rendered(text, tuple(span for span, message in zip(ended, replies, strict=True) if message.trained))

    def _with_end(self, text: str, span: Span) -> Span:
        """Marks often stop before the end token, and a model that is never shown it never stops."""
        start, end = span
        if text[start:end].rstrip().endswith(self._end):
            return span
        if text.startswith(self._end, end):
            return start, end + len(self._end)
        raise self._unusable(f"puts no {self._end!r} at the end of a reply, so the model would not learn to stop")

    def _by_prefixes(self, messages: Sequence[RowMessage]) -> Rendered:
        text = self.text(messages)
        spans: list[Span] = []
        for place, message in enumerate(messages):
            if message.trained:
                prompt = self.text(messages[:place], prompt=True)
                until = self.text(messages[: place + 1])
                if not (until.startswith(prompt) and text.startswith(until)):
                    raise self._unusable("writes earlier messages differently once others follow, and marks no replies")
                spans.append((len(prompt), self._end_of(prompt, until)))
        return Rendered(text, tuple(spans))

    def _end_of(self, prompt: str, until: str) -> int:
        found = until.rfind(self._end, len(prompt))
        if found < 0:
            raise self._unusable(f"puts no {self._end!r} at the end of a reply, so the model would not learn to stop")
        return found + len(self._end)

    def _apply(
        self, messages: Sequence[RowMessage], *, prompt: bool = False, marks: bool = False
    ) -> tuple[str, list[Span]]:
        plain = [{"role": message.role, "content": message.content} for message in messages]
        try:
            texts, spans = cast(
                "tuple[list[str], list[list[Span]]]",
                render_jinja_template(
                    [plain],
                    chat_template=self._template,
                    return_assistant_tokens_mask=marks,
                    add_generation_prompt=prompt,
                    bos_token="",
                    eos_token=self._end,
                ),
            )
        except Exception as error:  # a template is somebody else's program: it may raise anything
            raise self._unusable(f"refuses a conversation: {error}") from error
        return texts[0], spans[0] if spans else []

    def _unusable(self, why: str) -> UsageError:
        return UsageError(
            f"the chat template of {self._name} {why}; remedy: --template FILE, the template with "
            "{% generation %} … {% endgeneration %} around what the assistant writes, end token included"
        )
