"""A run as a person sees it: events in, terminal out.

On a terminal the reply is drawn while the model writes it and wiped when it is complete; then its thought and its code
are printed once, for good. Elsewhere the same blocks come as plain lines without any control character.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from rich.console import Console, RenderableType
from rich.rule import Rule
from rich.text import Text

from codeact.actions.observation import observe
from codeact.cli import describe
from codeact.cli.escape import harmless
from codeact.cli.live_reply import LiveReply
from codeact.cli.panes import OutputPane, code_block, prose, text_block
from codeact.events import (
    ActionFinished,
    Answered,
    DisplayShown,
    Event,
    Finished,
    Observed,
    OutputChunk,
    ReplyParsed,
    Retrying,
    TextDelta,
    ToolCalled,
    ToolReturned,
    TurnStarted,
)
from codeact.types import Answer, CodeAction, Display, ExecResult, Observation, Reply, Result, ToolCalls

STREAM_STYLES = {"stdout": "dim", "stderr": "yellow"}


@dataclass(slots=True)
class Screen:
    """Shows runs one after the other; `emit` is the run's `emit`."""

    console: Console
    animated: bool = False  # draw replies while they are written, and output piece by piece
    turns: int = 0  # of the current run
    opened: bool = False  # whether the current turn has its heading
    shown: list[str] = field(default_factory=list[str])  # texts that code has displayed in the current turn
    reply: LiveReply = field(init=False)
    pane: OutputPane = field(init=False)
    parsed: Reply | None = None  # of the current turn
    result: Result | None = None  # of the current turn

    @staticmethod
    def on(console: Console) -> Screen:
        """A screen on a console of this process, animated where that can be."""
        return Screen(console, animated=console.is_terminal and not console.is_dumb_terminal)

    def __post_init__(self) -> None:
        self.reply = LiveReply(self.console, turn=0, animated=False)
        self.pane = OutputPane(self.console, immediate=self.animated)

    def emit(self, event: Event) -> None:
        match event:
            case TurnStarted(number):
                self._begin_turn(number)
            case TextDelta(text):
                self.reply.add(text)
            case Retrying(reason, delay):
                self.note(f"the model's endpoint failed: {reason}; next try in {describe.seconds(delay)}")
            case ReplyParsed(reply):
                self._show_reply(reply)
            case Observed(observation):
                self._show_observation(observation)
            case Answered(answer):
                self._show_answer(answer)
            case Finished():
                self._end()
            case _:
                self._show_acting(event)

    def _show_acting(self, event: Event) -> None:
        match event:
            case OutputChunk(text, stream):
                self.pane.write(text, STREAM_STYLES[stream])
            case DisplayShown(display):
                self._show_display(display)
            case ToolCalled(call):
                if not (self.parsed and isinstance(self.parsed.action, ToolCalls)):  # those are shown with the reply
                    self.line("→ ", describe.call(call), "blue")
            case ToolReturned(record):
                self.line("← ", describe.returned(record), "red" if record.error else "blue")
            case ActionFinished(result):
                self._show_result(result)
            case _:
                pass  # actions are shown with the reply, approvals by who asks for them

    def note(self, text: str) -> None:
        """A remark of the program, not of the model."""
        self.line("» ", text, "yellow")

    def line(self, mark: str, text: str, style: str) -> None:
        self.pane.break_line()
        self.print(text_block(text, bar=mark, style=style))

    def print(self, block: RenderableType) -> None:
        self.console.print(block, soft_wrap=not self.console.is_terminal)

    def _begin_turn(self, number: int) -> None:
        self._end()
        self.turns = number
        self.parsed = self.result = None
        self.opened = False
        self.shown.clear()
        self.reply = LiveReply(self.console, turn=number, animated=self.animated)
        self.reply.start()

    def _open_turn(self) -> None:
        """Print the heading of a turn, when there is something to print below it."""
        if not self.opened:
            self.opened = True
            if self.turns > 1:
                self.console.print()
            self.print(self._rule(f"turn {self.turns}"))

    def _show_reply(self, reply: Reply) -> None:
        self.reply.stop()
        self.parsed = reply
        if reply.thought.strip() or not isinstance(reply.action, Answer):
            self._open_turn()
        if reply.thought.strip():
            self.print(Text(harmless(reply.thought).strip()))
        match reply.action:
            case CodeAction(code):
                self.print(code_block(code))
            case ToolCalls(calls):
                for call in calls:
                    self.line("→ ", describe.call(call), "blue")
            case Answer():
                pass  # shown when it is accepted, or with what was objected to it

    def _show_display(self, display: Display) -> None:
        text = display.data.get("text/plain")
        if display.name is None and isinstance(text, str):
            self.shown.append(text)
            self.line("│ ", text, "green")
        else:
            self.line("▣ ", describe.display(display), "magenta")

    def _show_result(self, result: Result) -> None:
        self.pane.finish()
        self.result = result
        if not isinstance(result, ExecResult):
            return
        if result.late:
            self.note(f"output of earlier background work:\n{result.late}")
        if result.value is not None and result.value not in self.shown:  # a table is displayed and is a value too
            self.print(text_block(result.value, style="green"))
        if result.error is not None:
            self.print(text_block(describe.error(result.error), style="red", text_style="red"))
        if describe.restarted(result):
            self.note(describe.restarted(result))

    def _show_observation(self, observation: Observation) -> None:
        if self.parsed is None:
            self._show_unread()
        self._open_turn()
        offered = self._offered()
        if offered is not None:
            self.print(text_block(offered.text, bar="? ", style="yellow"))
        news = _news(observation, self.result)
        if news:
            self.note(news)

    def _show_unread(self) -> None:
        """A reply that was no action and no answer, as it came."""
        self.reply.stop()
        if self.reply.text.strip():
            self._open_turn()
            self.print(text_block(self.reply.text, bar="┊ "))
        self.reply.text = ""

    def _offered(self) -> Answer | None:
        if isinstance(self.result, ExecResult):
            return self.result.answer
        return self.parsed.action if self.parsed and isinstance(self.parsed.action, Answer) else None

    def _show_answer(self, answer: Answer) -> None:
        self.console.print()
        self.print(self._rule("answer"))
        self.print(prose(answer.text.strip()) if self.console.is_terminal else Text(harmless(answer.text).strip()))

    def _end(self) -> None:
        """Close what is open: of a turn that was cut off too."""
        self.reply.stop()
        if self.parsed is None and self.result is None:
            self._show_unread()
        self.pane.finish()

    def _rule(self, title: str) -> RenderableType:
        if self.console.is_terminal:
            return Rule(Text(title, style="bold"), style="dim", align="left")
        return Text(f"── {title} ──")


def _news(observation: Observation, result: Result | None) -> str:
    """What the model was told beyond what the screen shows already: corrections, notes, and how much was cut."""
    if result is None:
        return observation.text.strip()
    seen = observe(result, native=True).text
    _, found, added = observation.text.rpartition(seen)
    cuts = [line for line in seen.splitlines() if line.startswith("[…")]
    if isinstance(result, ExecResult) and _is_silent(result):
        cuts.append(seen)
    return "\n".join(filter(None, [*cuts, added.strip() if found else ""]))


def _is_silent(result: ExecResult) -> bool:
    return not (result.stdout or result.stderr or result.displays or result.error or result.value is not None)
