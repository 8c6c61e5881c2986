"""Pairs: what failed against what succeeded, from the moment where they differ."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from codeact.errors import UsageError
from codeact.instruct.collection import collect, repairs_of
from codeact.instruct.dataset import Export, export
from codeact.instruct.load import read_candidates
from codeact.instruct.pairs import pairs_of
from codeact.instruct.row import write_rows
from codeact.rollouts import Job
from codeact.sandbox.local import LocalSandbox

from .players import Player, forgetful, safe_task

pytestmark = pytest.mark.anyio


@pytest.fixture
async def results(tmp_path: Path, bare_sandbox: LocalSandbox) -> Path:
    """A failed episode, which a repair has mended."""
    job = Job(suite="safes", profile="plain", model="player", tasks=[safe_task([])], actions=["code"])
    await collect(job, tmp_path / "r.jsonl", Player(forgetful), repair=1, sandbox=bare_sandbox)
    return tmp_path / "r.jsonl"


async def test_a_repair_and_the_episode_that_it_mended_are_a_pair(results: Path, tmp_path: Path) -> None:
    rows = [candidate.row for candidate in read_candidates(repairs_of(results))]
    write_rows(tmp_path / "rows.jsonl", rows)
    done = export(Export(rows=tmp_path / "rows.jsonl", folder=tmp_path / "set", validation=0, pairs=[results]))
    [line] = done.files["train"].read_text().splitlines()
    pair = json.loads(line)
    assert [message["role"] for message in pair["prompt"]] == ["system", *["user", "assistant"] * 2, "user"]
    assert "NameError" in pair["prompt"][-1]["content"]
    assert [message["content"] for message in pair["rejected"]] == ["something else"]
    assert "final_answer(word)" in pair["chosen"][0]["content"]
    assert (pair["success"], pair["task"]) == (True, "safes/safe")
    assert pair["origin"]["rejected"] != pair["id"]
    assert "Form: `pairs`" in done.card.read_text()


async def test_what_cannot_be_compared_is_no_pair(results: Path, tmp_path: Path) -> None:
    [row] = (candidate.row for candidate in read_candidates(repairs_of(results)))
    assert [*pairs_of([row], [results])] == [row.id]
    asked = replace(row, messages=(row.messages[0], replace(row.messages[1], content="Another."), *row.messages[2:]))
    for other in (replace(row, model="another"), replace(row, task="safes/other"), asked, replace(row, success=False)):
        with pytest.raises(UsageError, match=r"none of \d rows has a failed episode of its task and model"):
            pairs_of([other], [results])
    write_rows(tmp_path / "rows.jsonl", [row])
    wanted = Export(rows=tmp_path / "rows.jsonl", folder=tmp_path / "set", to="paper", pairs=[results])
    with pytest.raises(UsageError, match="pairs are written as messages, and not as 'paper'"):
        export(wanted)
