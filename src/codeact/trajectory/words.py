"""The words that all exports for people share."""

from __future__ import annotations

import re

from codeact.types import Answer, CodeAction, ExecError, Step, ToolCall, ToolCalls, Trajectory

ENDINGS = {
    "answered": "answered",
    "turn_limit": "out of turns",
    "token_limit": "out of tokens",
    "time_limit": "out of time",
    "repeated": "stopped: it repeated itself",
    "malformed": "stopped: its replies could not be read",
    "cancelled": "cancelled",
    "error": "failed",
}
TITLE = 80  # characters


def title(trajectory: Trajectory) -> str:
    """The first line of the task, cut to a title's length."""
    line = next((line.strip() for line in trajectory.task.splitlines() if line.strip()), "(no task)")
    return line if len(line) <= TITLE else f"{line[: TITLE - 1]}…"


def summary(trajectory: Trajectory) -> str:
    """`answered · 3 turns · 1,234 tokens · 12.3 s · openai:gpt-5.2, code (fenced) · 2026-11-22 12:00 UTC`."""
    outcome = trajectory.outcome
    turns = len(trajectory.steps)
    parts = [ENDINGS[outcome.status] if outcome else "cut off", f"{turns} turn{'' if turns == 1 else 's'}"]
    if outcome is not None:
        parts += [f"{outcome.usage.tokens:,} tokens", f"{outcome.duration:.1f} s"]
        if outcome.usage.cost is not None:
            parts.append(f"${outcome.usage.cost:.4f}")
    agent = trajectory.agent
    if "model" in agent:
        how = f", {agent['actions']} ({agent.get('dialect', '')})" if "actions" in agent else ""
        parts.append(f"{agent['model']}{how}")
    parts.append(f"{trajectory.created:%Y-%m-%d %H:%M} {trajectory.created:%Z}".rstrip())
    return " · ".join(parts)


def ending(trajectory: Trajectory) -> str:
    """What is said at the end of the page: the answer, or why there is none."""
    outcome = trajectory.outcome
    if outcome is None:
        return "The record ends here: the run was cut off."
    if outcome.answer is not None:
        return outcome.answer.text
    return f"No answer: {ENDINGS[outcome.status]}" + (f" ({outcome.message})" if outcome.message else "") + "."


def answered(trajectory: Trajectory) -> bool:
    return trajectory.outcome is not None and trajectory.outcome.answer is not None


def said(step: Step) -> str:
    """What the model said besides its action: its thought, or its whole text where no action could be read."""
    if step.reply is None or isinstance(step.reply.action, Answer):
        return (step.reply.thought if step.reply else step.completion.text).strip()
    return step.reply.thought.strip()


def source(step: Step) -> str:
    """The action as Python: the code itself, or each call as one would write it. Empty for an answer."""
    match step.reply.action if step.reply else None:
        case CodeAction(code):
            return code
        case ToolCalls(calls):
            return "\n".join(map(call_text, calls))
        case _:
            return ""


def call_text(call: ToolCall) -> str:
    """`rate('Germany', year=2026)`."""
    arguments = [repr(value) for value in call.args] + [f"{name}={value!r}" for name, value in call.kwargs.items()]
    return f"{call.name}({', '.join(arguments)})"


def error_text(error: ExecError) -> str:
    """The traceback where there is one, else the one line that says what went wrong."""
    return error.traceback or f"{error.name}: {error.message}"


def fenced(text: str, language: str = "") -> str:
    """A Markdown fence that no run of back-ticks inside the text can end."""
    longest = max((len(run) for run in re.findall(r"`{3,}", text)), default=2)
    fence = "`" * (longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"
