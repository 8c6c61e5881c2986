"""What collecting has cost: tokens, seconds and money for each episode, each success and each trajectory that is kept,
and what a repair costs beside sampling whole new episodes of the same tasks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from statistics import fmean

from codeact.instruct import filters
from codeact.instruct.candidate import About, of_trajectory
from codeact.rollouts import Key, Loss, Results, Rollout
from codeact.types import Usage

Keep = Callable[[Rollout], bool]
_AMOUNTS = ("input_tokens", "cached_tokens", "output_tokens", "seconds", "cost")


_RULES = (filters.success(), filters.turns(), filters.readable(), filters.clean_step())


def worth_keeping(rollout: Rollout) -> bool:
    """Those of the paper's rules that look at one episode: a success in more than two turns, with an action before the
    last that ran cleanly. What else a selection drops (duplicates, licences) is not known before all are collected.
    """
    if rollout.trajectory is None:
        return False
    left = iter([of_trajectory(rollout.trajectory, _about(rollout))])
    for rule in _RULES:
        left = rule(left)
    return next(left, None) is not None


def _about(rollout: Rollout) -> About:
    return About(
        id=str(rollout.key),
        success=rollout.correct,
        domain="",
        task=rollout.key.task,
        source="",
        licence="",
        model="",
        origin={},
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What some episodes have taken and what came of them. A mean over samples may have parts of an episode."""

    episodes: float = 0.0
    successes: float = 0.0
    kept: float = 0.0  # that a selection would take
    input_tokens: float = 0.0  # cached ones included
    cached_tokens: float = 0.0
    output_tokens: float = 0.0
    seconds: float = 0.0
    cost: float | None = None  # USD; None where no price is known

    @property
    def tokens(self) -> float:
        return self.input_tokens + self.output_tokens

    def __add__(self, other: Cost) -> Cost:
        added = {name: getattr(self, name) + getattr(other, name) for name in _COUNTED}
        known = [cost for cost in (self.cost, other.cost) if cost is not None]
        return Cost(**added, cost=sum(known) if known else None)

    def shared(self, by: float) -> Mapping[str, float | None]:
        """The amounts, for each of so many; empty for none."""
        if not by:
            return {}
        amounts = {name: getattr(self, name) for name in _AMOUNTS}
        return {name: None if amount is None else amount / by for name, amount in amounts.items()}


_COUNTED = tuple(part.name for part in fields(Cost) if part.name != "cost")


def cost_of(rollouts: Iterable[Rollout], keep: Keep = worth_keeping) -> Cost:
    """All of them together."""
    return sum((_cost(rollout, keep) for rollout in rollouts), Cost())


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """The same failed episodes, repaired and sampled anew.

    Only those count whose task has other samples: sampling anew is what these took and gave on average, so the episode
    that failed, without which there would be nothing to repair, does not speak against sampling.
    """

    repairs: Cost
    anew: Cost


@dataclass(frozen=True, slots=True, kw_only=True)
class Costs:
    """What a job of collecting has cost."""

    env: str
    profile: str
    model: str
    episodes: Cost
    repairs: Cost | None = None  # of the repairs alone; None where nothing was to be repaired
    lost: Cost | None = None  # by tries of either whose machinery broke: no episodes, but paid for
    states: Mapping[str, int] | None = None  # how many of these were forked, replayed, …
    comparison: Comparison | None = None

    @property
    def all(self) -> Cost:
        return self.episodes + (self.repairs or Cost()) + (self.lost or Cost())


def costs_of(episodes: Results, repairs: Results | None = None, keep: Keep = worth_keeping) -> Costs:
    """The costs of a results file and of that of its repairs."""
    job, lost = episodes.job, episodes.lost + (repairs.lost if repairs else Loss())
    repaired = [rollout for rollout in (repairs.judged if repairs else ()) if rollout.repair is not None]
    states = [str(rollout.repair["state"]) for rollout in repaired if rollout.repair is not None]
    return Costs(
        env=str(job["suite"]),
        profile=str(job["profile"]),
        model=str(job["model"]),
        episodes=cost_of(episodes.judged, keep),
        repairs=cost_of(repaired, keep) if repaired else None,
        lost=_amounts(lost.usage, lost.seconds) if lost.tries else None,
        states={state: states.count(state) for state in dict.fromkeys(states)} or None,
        comparison=_compared(episodes, repaired, keep),
    )


def _compared(episodes: Results, repaired: Sequence[Rollout], keep: Keep) -> Comparison | None:
    samples = dict[tuple[str, str], list[Rollout]]()
    for rollout in episodes.judged:
        samples.setdefault((rollout.key.task, rollout.key.actions), []).append(rollout)
    pairs = [(each, others) for each in repaired if (others := _others(each.key, samples))]
    if not pairs:
        return None
    anew = sum((_mean([_cost(other, keep) for other in others]) for _, others in pairs), Cost())
    return Comparison(repairs=cost_of((each for each, _ in pairs), keep), anew=anew)


def _others(key: Key, samples: Mapping[tuple[str, str], Sequence[Rollout]]) -> list[Rollout]:
    return [other for other in samples.get((key.task, key.actions), ()) if other.key != key]


def _mean(costs: Sequence[Cost]) -> Cost:
    known = [cost.cost for cost in costs if cost.cost is not None]
    means = {name: fmean(getattr(cost, name) for cost in costs) for name in _COUNTED}
    return Cost(**means, cost=fmean(known) if known else None)


def _cost(rollout: Rollout, keep: Keep) -> Cost:
    amounts = _amounts(rollout.spent, _seconds(rollout))
    return replace(amounts, episodes=1, successes=rollout.correct, kept=keep(rollout))


def _amounts(used: Usage, seconds: float) -> Cost:
    return Cost(
        input_tokens=used.input_tokens,
        cached_tokens=used.cached_tokens,
        output_tokens=used.output_tokens,
        seconds=seconds,
        cost=used.cost,
    )


def _seconds(rollout: Rollout) -> float:
    if rollout.repair is not None:
        return rollout.repair["spent"]["seconds"]
    outcome = rollout.trajectory.outcome if rollout.trajectory else None
    return outcome.duration if outcome else 0.0
