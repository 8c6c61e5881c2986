"""`codeact train` before anything is trained; trainings themselves are in `tests/training`."""

from __future__ import annotations

import io

from rich.console import Console

from codeact.cli.train_screen import Lines
from codeact.training.counts import Counts
from codeact.training.progress import Planned, Stepped, Validated

from .command import Codeact


def test_what_is_missing_is_asked_for(codeact: Codeact) -> None:
    for arguments, message in (((), "give --data FILE"), (("--data", "rows.jsonl"), "give --out FOLDER")):
        done = codeact("train", "--base", "own.gguf", *arguments)
        assert done.returncode == 2
        assert message in done.stderr


def test_the_plan_counts_what_does_not_fit_and_steps_are_lines() -> None:
    counts = Counts(rows=10, sequences=9, tokens=9_000, trained=3_000, longest=5_000, cut=2, turns_cut=3, dropped=1)
    plan = Planned(
        base="local:small",
        counts={"data": counts},
        packs=3,
        shared=2_500,
        filled=0.75,
        steps=20,
        done=5,
        weights=1_000,
        all_weights=100_000,
        device="a processor",
        seconds=90,
    )
    step = Stepped(
        step=6, steps=20, epoch=0.3, loss=1.25, rate=1e-4, norm=1.0, tokens_per_second=1234, seconds=1, left=14
    )
    text = io.StringIO()
    view = Lines(Console(file=text, width=200))
    for progress in (plan, step, Validated(step=6, epoch=1.0, loss=1.5)):
        view.progress(progress)
    assert [" ".join(line.split()) for line in text.getvalue().splitlines()] == [
        "rows for rows sequences tokens trained longest cut dropped",
        "data 10 9 9,000 3,000 5,000 2 1",
        "data, rows above --length: 2 lost their last turns (3 in all), 1 dropped",
        "local:small: 1,000 of 100,000 weights are trained (1 %), on a processor",
        "3 packs, 75 % full; 20 steps, of which 5 are done",
        "2,500 of 9,000 tokens are beginnings that others have too, and not computed again",
        "about 90.0 s, judged by one short sequence",
        "step 6/20, epoch 0.30, loss 1.2500, 1,234 tokens/s, 14.0 s left",
        "after epoch 1.00: validation loss 1.5000",
    ]
