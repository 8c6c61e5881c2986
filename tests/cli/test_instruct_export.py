"""`codeact instruct export`: the table, the files, and the card."""

from __future__ import annotations

import json

from .command import Codeact


def rows(count: int) -> str:
    talk = [{"role": "user", "content": "What?"}, {"role": "assistant", "content": "42"}]
    facts = {"turns": 1, "success": True, "domain": "sums", "source": "ours", "licence": "own", "model": "local:small"}
    lines = [{"id": f"r{n}", "messages": talk, "task": f"t{n}", **facts, "origin": {}} for n in range(count)]
    return "".join(json.dumps(line) + "\n" for line in lines)


def test_a_data_set_with_its_card(codeact: Codeact) -> None:
    codeact.write("rows.jsonl", rows(40))
    done = codeact("instruct", "export", "rows.jsonl", "--to", "parquet", "--out", "set", "--validation", "0.2")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["domain", "instances", "tasks", "tokens", "average", "turns"]
    assert lines[1] == ["sums", "40", "40", "520", "13.00", "1.00"]
    assert "tokens are estimated" in done.stdout
    assert {path.name for path in (codeact.folder / "set").iterdir()} == {
        *("README.md", "train.parquet", "validation.parquet"),
    }
    again = codeact("instruct", "export", "rows.jsonl", "--to", "parquet", "--out", "set")
    assert (again.returncode, again.stderr) == (
        2,
        "error: 'set/train.parquet' exists; give another folder, or move it away\n",
    )
    told = codeact("instruct", "export", "rows.jsonl", "--out", "chats", "--validation", "0", "--json")
    record = json.loads(told.stdout)
    assert record["files"] == {"train": "chats/train.jsonl"}
    assert record["all"] == {"rows": 40, "tasks": 40, "tokens": 520, "turns": 40}
    written = (codeact.folder / "chats" / "train.jsonl").read_text().splitlines()
    assert [json.loads(line) for line in written] == [json.loads(line) for line in rows(40).splitlines()]
