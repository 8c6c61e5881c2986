"""The loop: history in, steps out.

A turn is one completion of the model. It is read as an action, which is carried out and observed, or as an answer,
which is checked and ends the run (paper, section 2.1). Everything wrong with the model's reply is worded back to it;
everything wrong with the machinery is an exception. Where this differs from the original: a reply that cannot be read
gets one correction and costs no turn, an answer can be sent back by checks, and a repeated action is named before it
ends the run.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from itertools import takewhile

import anyio

from codeact.actions.base import ActionSpace
from codeact.actions.reasoning import INVENTED
from codeact.agent.budget import Meter
from codeact.agent.checks import Check, Evidence
from codeact.agent.execute import Hands
from codeact.errors import ContextLengthError, ParseError
from codeact.events import Answered, Emit, Observed, ReplyParsed, TurnStarted
from codeact.models.base import Model
from codeact.trajectory.history import NOT_EXECUTED, step_messages
from codeact.types import (
    Answer,
    CodeAction,
    ExecResult,
    Message,
    Observation,
    Outcome,
    OutcomeStatus,
    Reply,
    Result,
    Step,
    ToolCalls,
    ToolResults,
)

REPEATED = "You have just taken this very action, with the same result. Do something different."
LAST_TURN = "Only one turn is left: give your answer in the next reply."
INTERRUPTED = "The user interrupted this action before it was finished."
OUT_OF_TIME = "The time of the run was over before this action was finished."
TOGETHER = "Run together with the first call: see its result."


@dataclass(slots=True, kw_only=True)
class Run:
    """One run of the loop: what it works with, and the history it grows."""

    task: str
    messages: list[Message]  # the history
    model: Model
    space: ActionSpace
    hands: Hands
    meter: Meter
    emit: Emit
    record: Callable[[Step], None]  # called with each step as soon as it is complete
    checks: Sequence[Check] = ()
    seed: int | None = None
    steps: list[Step] = field(default_factory=list[Step])
    earlier: tuple[Message, ...] = field(init=False)  # the history before this run
    objection: str = ""  # the one that still stood when an answer had to be accepted
    gists: list[object] = field(default_factory=list[object])  # of each action so far, to notice repetition

    def __post_init__(self) -> None:
        self.earlier = tuple(self.messages)

    async def until_answer(self) -> Outcome:
        """Take turns until there is an answer or the budget is used up; the model's context is part of it.

        Raises:
            ModelError: the endpoint failed, or not even the task fits into the model's context.
            SandboxError: the machinery around the box failed.
        """
        with self.meter.limit():
            try:
                while self.meter.exhausted() is None:
                    answer = await self._turn()
                    if answer is not None:
                        return self._outcome("answered", self.objection, answer)
            except ContextLengthError as error:
                if not self.steps:
                    raise
                return self._outcome("token_limit", str(error))
        return self._outcome(*(self.meter.exhausted() or ("error", "the loop ended for no reason")))

    async def _turn(self) -> Answer | None:
        """One completion and what follows from it. Returns the answer when it is given and accepted."""
        self.emit(TurnStarted(len(self.steps) + 1))
        step = await self._complete()
        try:
            reply = self.space.parse(step.completion)
        except ParseError as error:
            self.meter.malformed += 1
            self.meter.turns += self.meter.budget.unreadable_turns
            self._enter(replace(step, observation=Observation(text=str(error), is_error=True)))
            return None
        self.meter.malformed = 0
        self.meter.turns += 1
        self.emit(ReplyParsed(reply))
        if isinstance(reply.action, Answer):
            return await self._offer(reply.action, replace(step, reply=reply), shown="")
        return await self._act(reply, reply.action, replace(step, reply=reply))

    async def _complete(self) -> Step:
        started, clock = datetime.now(UTC), time.monotonic()
        completion = await self.model.complete(
            self.messages,
            tools=self.space.functions(self.hands.specs),
            stop=self.space.stop,
            max_tokens=self.meter.budget.reply_tokens,
            seed=self.seed,
            emit=self.emit,
        )
        self.meter.usage += completion.usage
        number = len(self.steps) + 1
        return Step(number=number, completion=completion, started=started, model_time=time.monotonic() - clock)

    async def _act(self, reply: Reply, action: CodeAction | ToolCalls, step: Step) -> Answer | None:
        clock = time.monotonic()
        try:
            result = await self.hands.carry_out(action)
        except anyio.get_cancelled_exc_class():
            self._enter(replace(step, observation=self._interruption()))
            raise
        step = replace(step, result=result, action_time=time.monotonic() - clock)
        seen = _for_each_call(self.space.observe(result), step)
        if isinstance(result, ExecResult) and result.answer is not None:
            return await self._offer(result.answer, step, shown=seen.text)
        self._enter(replace(step, observation=self._with_additions(seen, reply, gist(action, result))))
        return None

    async def _offer(self, answer: Answer, step: Step, *, shown: str) -> Answer | None:
        """Let the checks look at an answer. Returns it when it is accepted."""
        action = step.reply.action if step.reply else None
        evidence = Evidence(
            task=self.task,
            steps=self.steps,
            source=action if isinstance(action, CodeAction) else None,
            session=self.hands.session,
            history=self.earlier,
            shown=shown,
        )
        objections = [objection for check in self.checks if (objection := await check(answer, evidence))]
        self.objection = "\n".join(objections)
        may_object = self.meter.objections < self.meter.budget.objections and self.meter.exhausted() is None
        if objections and may_object:
            self.meter.objections += 1
            text = "\n".join(filter(None, [shown, self.objection]))
            self._enter(replace(step, observation=Observation(text=text, is_error=True)))
            return None
        self._enter(step)
        self.emit(Answered(answer))
        return answer

    def _with_additions(self, seen: Observation, reply: Reply, gist: object) -> Observation:
        """An observation of the action space with what the loop has to say about it."""
        additions = list(reply.notes)
        self.gists.append(gist)
        self.meter.repeats = sum(1 for _ in takewhile(lambda earlier: earlier == gist, reversed(self.gists)))
        remarks = self.meter.budget.remarks
        if remarks and self.meter.repeats > 1:
            additions.append(REPEATED)
        if remarks and self.meter.turns == self.meter.budget.turns - 1:
            additions.append(LAST_TURN)
        text = "\n".join([seen.text, *additions])
        first = ["\n".join([told, *additions]) for told in seen.per_call[:1]]  # all that providers show
        return replace(seen, text=text, per_call=(*first, *seen.per_call[1:]))

    def _interruption(self) -> Observation:
        """What the model sees of an action that was cancelled: what had happened by then."""
        told = OUT_OF_TIME if self.meter.scope.cancel_called else INTERRUPTED
        partial = self.hands.unfinished()
        seen = self.space.observe(partial).text if partial else ""
        return Observation(text="\n".join(filter(None, [told, seen])), is_error=True)

    def _enter(self, step: Step) -> None:
        """Enter a finished step into the history and the record."""
        step = replace(step, kept=self._kept(step))
        self.messages.extend(step_messages(step))
        if step.observation is not None:
            self.emit(Observed(step.observation))
        self.steps.append(step)
        self.record(step)

    def _kept(self, step: Step) -> str | None:
        """What stays in the history instead of the reply's text; None where it stays as written.

        That is the rule, because a prompt cache knows it already. A reply that went on to make up its observation stays
        as it was read, so that the model never sees that; one that a stop string ended gets its closing mark back.
        """
        text, reply = step.completion.text, step.reply
        if reply is None or isinstance(reply.action, Answer) or step.completion.calls:
            return None
        canonical = self.space.render(reply.action, reply.thought).text
        if INVENTED in reply.notes:
            return canonical
        closed = ["".join((text + mark).split()) for mark in self.space.stop]
        return canonical if "".join(canonical.split()) in closed else None

    def _outcome(self, status: OutcomeStatus, message: str, answer: Answer | None = None) -> Outcome:
        usage, duration = self.meter.usage, self.meter.elapsed
        return Outcome(status=status, answer=answer, message=message, usage=usage, duration=duration)


def _for_each_call(seen: Observation, step: Step) -> Observation:
    """The observation with one text for each of the provider's calls, in their order: providers insist on that."""
    calls, texts = step.completion.calls, seen.per_call
    if not calls or not texts:
        return seen
    if isinstance(step.result, ToolResults):
        by_id = {record.id: text for record, text in zip(step.result.records, texts, strict=True)}
        return replace(seen, per_call=tuple(by_id.get(call.id, NOT_EXECUTED) for call in calls))
    return replace(seen, per_call=(texts[0], *[TOGETHER] * (len(calls) - 1)))


def gist(action: CodeAction | ToolCalls, result: Result) -> object:
    """What makes an action the same as an earlier one: itself and what came of it, not when and under which number."""
    match action, result:
        case CodeAction(), ExecResult(stdout="", stderr="", value=None, error=None):
            return object()  # it showed nothing, so whether it changed something cannot be seen: never the same
        case CodeAction(code), ExecResult(stdout=stdout, stderr=stderr, value=value, error=error):
            return code, stdout, stderr, value, error and (error.name, error.message)
        case ToolCalls(calls), ToolResults(records):
            return [(call.name, call.args, call.kwargs) for call in calls], [(r.text, r.error) for r in records]
        case _:
            return action, result
