"""Runs of agents on tasks: one episode, or a whole job of them that can be stopped and gone on with at any point."""

from __future__ import annotations

from codeact.rollouts.episode import Episode, play_episode
from codeact.rollouts.intervals import Interval, effective_size, share_interval, wilson
from codeact.rollouts.job import EXPERT, EXPERTS, ORACLE, Job, Key
from codeact.rollouts.loss import Bill, Loss
from codeact.rollouts.oracles import OracleRow, oracle, oracle_rows, oracle_table
from codeact.rollouts.players import open_player
from codeact.rollouts.pool import Finished, Spending, run_job
from codeact.rollouts.progress import Progress
from codeact.rollouts.results import Results, Rollout, known_results, outcomes_by_task, read_results
from codeact.rollouts.source import TaskSource, subset

__all__ = [
    "EXPERT",
    "EXPERTS",
    "ORACLE",
    "Bill",
    "Episode",
    "Finished",
    "Interval",
    "Job",
    "Key",
    "Loss",
    "OracleRow",
    "Progress",
    "Results",
    "Rollout",
    "Spending",
    "TaskSource",
    "effective_size",
    "known_results",
    "open_player",
    "oracle",
    "oracle_rows",
    "oracle_table",
    "outcomes_by_task",
    "play_episode",
    "read_results",
    "run_job",
    "share_interval",
    "subset",
    "wilson",
]
