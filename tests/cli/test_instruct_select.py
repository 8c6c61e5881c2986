"""`codeact instruct select`: the funnel, the rows, and what is wrong with its input."""

from __future__ import annotations

import json
import lzma
from pathlib import Path

import pytest

from codeact.cli import app
from codeact.errors import UsageError

from .command import Codeact

TALK = (
    "<thought>\nI look.\n</thought>\n<execute>\nprint(6 * 7, {})\n</execute>",
    "Observation:\n42\nYou have 4 steps left",
    "<execute>\nprint(6 * 7)\n</execute>",
    "Observation:\n42\nYou have 3 steps left",
    "The answer is <solution> 42 </solution>",
)


def outputs(count: int = 4) -> str:
    """Lines in the form of MINT's outputs: the last one has failed."""
    lines: list[str] = []
    for number in range(count):
        history = [{"role": "user", "content": f"You help.\n\n---\n\nTask:\nWhat is it, number {number}?\n"}]
        roles = ("assistant", "user") * 3
        history += [{"role": role, "content": said.format(number)} for role, said in zip(roles, TALK, strict=False)]
        counts = {"propose_solution": 1, "use_tool": 2, "invalid_action": 0}
        state = {"history": history, "success": number < count - 1, "agent_action_count": counts}
        task = {"task_name": "reasoning", "task_id": number, "prompt": f"What is it, number {number}?"}
        lines.append(json.dumps({"state": {**state, "terminate_reason": "task_success"}, "task": task}) + "\n")
    return "".join(lines)


def test_the_papers_funnel_and_ours(codeact: Codeact) -> None:
    codeact.write("mistral.max5.jsonl.xz", lzma.compress(outputs().encode()))
    done = codeact("instruct", "select", "mistral.max5.jsonl.xz", "--filters", "paper")
    assert (done.returncode, done.stderr) == (0, "")
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["filter", "in", "dropped", "left", "reasoning", "drops", "what"]
    assert [line[:4] for line in lines[1:4]] == [["plain", *"404"], ["once", *"404"], ["success", *"413"]]
    assert lines[-1] == ["3", "rows", "in", "rows.jsonl"]
    rows = [json.loads(line) for line in (codeact.folder / "rows.jsonl").read_text().splitlines()]
    assert [row["origin"]["errors"] for row in rows] == ["recognised"] * 3
    assert rows[0]["messages"][0] == {"role": "system", "content": "You help."}
    report = json.loads((codeact.folder / "rows.funnel.json").read_text())
    assert (report["pipeline"]["clean_step"], report["context_only"]) == ("word", [])

    ours = codeact("instruct", "select", "mistral.max5.jsonl.xz", "-o", "ours.jsonl", "--filter", "turns=2")
    assert ours.returncode == 1, "nothing is left, as mint is on the bench"
    assert "bench mint: 3 suite\nno row is left" in ours.stdout
    assert "turns=2" in ours.stdout
    assert "miniwob, gsm8k, humaneval by the suite's name only" in ours.stderr
    assert not (codeact.folder / "ours.jsonl").exists()
    hits = [json.loads(line) for line in (codeact.folder / "ours.hits.jsonl").read_text().splitlines()]
    assert [(hit["bench"], hit["way"]) for hit in hits] == [("mint", "suite")] * 3


def test_for_a_program_and_against_a_set(codeact: Codeact) -> None:
    codeact.write("mistral.max5.jsonl", outputs())
    codeact.write("held-out.jsonl", '{"ask": "What is it, number 1?"}\n')
    done = codeact(
        *("instruct", "select", "mistral.max5.jsonl", "--against", "held-out.jsonl:ask", "--json"),
        *("--filters", "none", "--filter", "bench=on", "--context-only", "wrong,erred"),
    )
    *stages, last = [json.loads(line) for line in done.stdout.splitlines()]
    assert [stage["filter"] for stage in stages] == ["plain", "bench"]
    assert last["hits"] == {"held-out.jsonl": {"exact": 1}, "mint": {"suite": 3}}
    assert (last["rows"], last["file"], last["context_only"]) == (0, None, ["wrong", "erred"])
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["nothing.jsonl"], "cannot read .*nothing.jsonl': No such file"),
        (["song.jsonl"], "of no kind that can be selected from"),
        (["cut.xz"], r"cut\.xz' is cut off: its compressed data end after line \d+"),
        (["good.jsonl", "--filter", "luck=1"], "there is no filter 'luck'; there are: once"),
        (["good.jsonl", "--filter", "keep=many"], "the filter keep cannot take 'many': it is a whole number"),
        (["good.jsonl", "--bench", "luck"], "there is no suite 'luck'; there are: m3tooleval"),
        (["good.jsonl", "--bench", "mint"], "mint has no data of its own; remedy: data=FOLDER"),
        (["good.jsonl", "--against", "good.jsonl:luck"], r"good\.jsonl', line 1: no text at 'luck'"),
        (["good.jsonl", "--context-only", "sad"], "there is no fault 'sad' of a turn; there are: unreadable: "),
        (["good.jsonl", "--tokenizer", "no.gguf"], r"there is no model file .*no\.gguf' to count tokens with"),
        (["good.jsonl", "--ngram", "1"], "at least 2 words"),
        (["good.jsonl", "--filters", "paper", "-o", "good.jsonl"], r"good\.jsonl' exists; give another name"),
    ],
)
def test_wrong_input_is_one_clear_line(tmp_path: Path, arguments: list[str], words: str) -> None:
    (tmp_path / "good.jsonl").write_text(outputs())
    (tmp_path / "song.jsonl").write_text('{"kind": "song"}\n')
    (tmp_path / "cut.xz").write_bytes(lzma.compress(outputs(200).encode())[:600])
    placed = [
        str(tmp_path / each) if each.startswith(("good", "song", "cut", "no.", "nothing")) else each
        for each in arguments
    ]
    given = ["instruct", "select", *placed, *([] if "-o" in arguments else ["-o", str(tmp_path / "rows.jsonl")])]
    with pytest.raises(UsageError, match=words):
        app.build(given).main(given, prog_name="codeact", standalone_mode=False)
    assert not (tmp_path / "rows.jsonl").exists()


def test_an_error_of_the_command(codeact: Codeact) -> None:
    done = codeact("instruct", "select", "nothing.jsonl", "--filters", "paper")
    assert done.returncode == 2
    assert done.stderr == "error: cannot read 'nothing.jsonl': No such file or directory\n"
