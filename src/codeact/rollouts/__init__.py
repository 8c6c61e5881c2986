"""Runs of agents on tasks."""

from __future__ import annotations

from codeact.rollouts.episode import Episode, play_episode
from codeact.rollouts.oracles import OracleRow, oracle_rows, oracle_table

__all__ = ["Episode", "OracleRow", "oracle_rows", "oracle_table", "play_episode"]
