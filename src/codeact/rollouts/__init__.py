"""Runs of agents on tasks: one episode, or a whole job of them that can be stopped and gone on with at any point."""

from __future__ import annotations

from codeact.rollouts.episode import Episode, play_episode
from codeact.rollouts.job import Job, Key
from codeact.rollouts.oracles import OracleRow, oracle, oracle_rows, oracle_table
from codeact.rollouts.players import ORACLE, open_player
from codeact.rollouts.pool import Finished, Spending, run_job
from codeact.rollouts.progress import Interval, Progress, wilson
from codeact.rollouts.results import Results, Rollout, known_results, read_results
from codeact.rollouts.source import TaskSource, subset

__all__ = [
    "ORACLE",
    "Episode",
    "Finished",
    "Interval",
    "Job",
    "Key",
    "OracleRow",
    "Progress",
    "Results",
    "Rollout",
    "Spending",
    "TaskSource",
    "known_results",
    "open_player",
    "oracle",
    "oracle_rows",
    "oracle_table",
    "play_episode",
    "read_results",
    "run_job",
    "subset",
    "wilson",
]
