"""Perplexity of a text by a base, and by the base with an adapter: a model that unlearned to read shows it here.

    python recipes/perplexity.py text.txt --base qwen2.5-coder-0.5b --adapter codeact-runs/agent/adapter

The text is cut into windows that share nothing; a window's first token is read and not counted. Both models read the
same windows, so the difference has a narrow interval: 1.96 standard errors of its mean over windows.
"""

from __future__ import annotations

import argparse
import math
import os
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean, stdev
from typing import Any, cast

import torch
from peft import PeftModel

from codeact.models.store import Store, default_root
from codeact.training.base_model import load_base


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("text", type=Path, nargs="+")
    options.add_argument("--base", required=True, help="a model of `codeact models list`, or a GGUF file")
    options.add_argument("--adapter", type=Path, help="the folder that `codeact train` wrote")
    options.add_argument("--window", type=int, default=512, help="tokens")
    options.add_argument("--tokens", type=int, default=20_000, help="read at most so many")
    given = options.parse_args()

    file = Path(given.base) if given.base.endswith(".gguf") else Store(default_root(os.environ)).path(given.base)
    model, tokenizer = load_base(file)
    ids = tokenizer("\n\n".join(path.read_text() for path in given.text))["input_ids"][: given.tokens]
    windows = [ids[start : start + given.window] for start in range(0, len(ids) - given.window + 1, given.window)]
    if len(windows) < 2:
        options.error(f"the text has {len(ids)} tokens, and two windows of {given.window} are needed: --window")
    base = list(losses(model, windows))
    report("base", base)
    if given.adapter:
        adapted = list(losses(PeftModel.from_pretrained(cast("Any", model), str(given.adapter)), windows))
        report("adapted", adapted)
        differences = [after - before for before, after in zip(base, adapted, strict=True)]
        error = 1.96 * stdev(differences) / math.sqrt(len(differences))
        print(f"difference: {fmean(differences):+.4f} nats a token, 95 % within ± {error:.4f}")


@torch.inference_mode()
def losses(model: Any, windows: list[list[int]]) -> Iterator[float]:
    """Of each window the mean negative log-likelihood of a token, in nats."""
    model.eval()
    for window in windows:
        tokens = torch.tensor([window])
        logits = model(tokens).logits[0, :-1].float()
        yield torch.nn.functional.cross_entropy(logits, tokens[0, 1:]).item()


def report(name: str, found: list[float]) -> None:
    print(f"{name}: perplexity {math.exp(fmean(found)):.3f} over {len(found)} windows", flush=True)


if __name__ == "__main__":
    main()
