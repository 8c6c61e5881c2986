"""Runs tasks of EleutherAI's lm-eval against the embedded model, as its server is for everybody else.

    pip install 'codeact[local,lm-eval]'
    python scripts/run_lm_eval.py --model smollm2-135m --gsm8k train.jsonl.xz -- --limit 2
    python scripts/run_lm_eval.py -- --tasks gsm8k,mmlu_generative  # where a hub can be reached, which has their data

What follows `--` goes to `lm-eval run`. `--gsm8k FILE` adds the task `gsm8k_file`: lm-eval's own `gsm8k`, prompt and
scorer, on a file of the publisher's format (json lines: question, answer), whose first rows are the worked examples.

What does not work this way: `mmlu` itself, because llama.cpp's server gives no probabilities of a prompt
(`mmlu_generative` asks for the letter instead); and `humaneval`, because lm-eval runs a model's programs in its own
process. Our suite `mint` has HumanEval tasks, whose programs run in a box.
"""

from __future__ import annotations

import argparse
import lzma
import os
import sys
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from codeact.errors import CodeActError
from codeact.models import open_model
from codeact.models.local import LocalModel

EXAMPLES = 8  # worked ones, as in the paper; no row of the evaluation
TASK = """\
include: {original}
task: gsm8k_file
tag: []
dataset_path: json
dataset_name: null
dataset_kwargs:
  data_files:
    train: {examples}
    test: {rows}
num_fewshot: {count}
"""


def main() -> None:
    own, theirs = _split(sys.argv[1:])
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", default="qwen2.5-coder-1.5b", help="weights of the store, or a GGUF file")
    parser.add_argument("--gsm8k", type=Path, help="a file of GSM8K: json lines, or those packed by xz")
    given = parser.parse_args(own)
    if find_spec("lm_eval") is None:
        parser.exit(2, "lm-eval is not installed; remedy: pip install 'codeact[lm-eval]'\n")
    with TemporaryDirectory() as folder:
        if given.gsm8k is not None:
            theirs = [*write_task(given.gsm8k, Path(folder)), *theirs]
        try:
            sys.exit(anyio.run(evaluate, given.model, theirs))
        except CodeActError as error:
            parser.exit(2, f"{error}\n")


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    at = arguments.index("--") if "--" in arguments else len(arguments)
    return list(arguments[:at]), list(arguments[at + 1 :])


def write_task(source: Path, folder: Path) -> list[str]:
    """lm-eval's GSM8K on a file, and the arguments that choose it."""
    text = lzma.decompress(source.read_bytes()).decode() if source.suffix == ".xz" else source.read_text()
    lines = [line for line in text.splitlines() if line.strip()]
    if len(lines) <= EXAMPLES:
        sys.exit(f"{source} has {len(lines)} rows; {EXAMPLES} become worked examples, so it needs more")
    examples, rows = folder / "examples.jsonl", folder / "rows.jsonl"
    examples.write_text("\n".join(lines[:EXAMPLES]))
    rows.write_text("\n".join(lines[EXAMPLES:]))
    spec = find_spec("lm_eval")
    assert spec is not None
    assert spec.origin is not None
    original = Path(spec.origin).parent / "tasks/gsm8k/gsm8k.yaml"
    (folder / "gsm8k_file.yaml").write_text(
        TASK.format(original=original, examples=examples, rows=rows, count=EXAMPLES)
    )
    return ["--include_path", str(folder), "--tasks", "gsm8k_file"]


async def evaluate(name: str, arguments: Sequence[str]) -> int:
    """Serve the model for as long as lm-eval runs; the exit status of that."""
    async with open_model(f"local:{name}") as model:
        assert isinstance(model, LocalModel)
        place = f"model={name},base_url={model.process.url}/v1/chat/completions,num_concurrent=1,timeout=86400"
        command = [
            *[sys.executable, "-m", "lm_eval", "run", "--model", "local-chat-completions", "--model_args", place],
            *["--apply_chat_template", "--fewshot_as_multiturn", "True", *arguments],
        ]
        environment = {**os.environ, "OPENAI_API_KEY": model.process.key}
        done = await anyio.run_process(command, env=environment, check=False, stdout=None, stderr=None)
        return done.returncode


if __name__ == "__main__":
    main()
