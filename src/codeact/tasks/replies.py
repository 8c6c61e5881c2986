"""Tasks that are asked and answered in one reply, without any action: what a model can do by itself."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codeact.actions import reasoning
from codeact.errors import UsageError
from codeact.tasks.base import Rules
from codeact.types import Action, Answer, BoxInfo, Completion, Observation, Reply, Result, ToolSpec


@dataclass(frozen=True, slots=True)
class ReplySpace:
    """A format without actions: every reply is an answer. `read` finds in its text what is to be judged."""

    read: Callable[[str], str]
    name: str = "text"
    dialect: str = "reply"
    stop: tuple[str, ...] = ()

    def instructions(self, tools: Sequence[ToolSpec], box: BoxInfo | None) -> str:
        return ""

    def functions(self, tools: Sequence[ToolSpec]) -> tuple[ToolSpec, ...]:
        return ()

    def parse(self, completion: Completion) -> Reply:
        """Raises `ParseError` for a reply that says nothing."""
        seen = reasoning.visible(completion, form="Answer the question.")
        return Reply(action=Answer(self.read(seen.text)), thought=seen.reasoning)

    def render(self, action: Action, thought: str = "") -> Completion:
        """Raises `UsageError` for all but an answer that is read as it is written."""
        if not isinstance(action, Answer) or self.read(action.text) != action.text:
            raise UsageError(f"a reply that is nothing but an answer cannot be {action!r}")
        return Completion(text=action.text)

    def observe(self, result: Result) -> Observation:
        raise UsageError("where nothing is done there is nothing to observe")


def one_reply(suite: str, read: Callable[[str], str], *, tokens: int = 1024) -> Rules:
    """The rules of such tasks. They are played in `text`, where no code is run."""

    def space(format: str) -> ReplySpace:
        if format != "text":
            raise UsageError(
                f"{suite}'s profile 'plain' is answered in words, so it cannot be played in {format!r} actions; "
                "remedy: actions='text' (on the command line: --actions text)"
            )
        return ReplySpace(read)

    return Rules(turns=1, remarks=False, reply_tokens=tokens, space=space)
