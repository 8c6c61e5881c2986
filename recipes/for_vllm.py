"""The weights of a GGUF file, with an adapter or without, as a folder that vLLM serves: for many episodes at once.

    python recipes/for_vllm.py --base qwen2.5-coder-1.5b --adapter codeact-runs/agent/adapter agent-1.5b
    vllm serve agent-1.5b --dtype bfloat16 --enable-prefix-caching
    codeact bench m3tooleval --model openai:agent-1.5b --base-url http://127.0.0.1:8000/v1 --at-once 32

llama.cpp is best at one conversation; a bench is dozens. The numbers are those of the file, rounded to bfloat16, so an
episode may go otherwise than with the embedded model: say by which of the two a result was made.
"""

from __future__ import annotations

import argparse
import os
from pathlib import Path
from typing import Any, cast

import torch
from peft import PeftModel

from codeact.models.store import Store, default_root
from codeact.training.base_model import load_base


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("out", type=Path, help="a new folder")
    options.add_argument("--base", required=True, help="a model of `codeact models list`, or a GGUF file")
    options.add_argument("--adapter", type=Path, help="the folder that `codeact train` wrote")
    given = options.parse_args()
    if given.out.exists():
        options.error(f"{given.out} is there already; give another folder")

    file = Path(given.base) if given.base.endswith(".gguf") else Store(default_root(os.environ)).path(given.base)
    model, tokenizer = cast("tuple[Any, Any]", load_base(file))
    if given.adapter:  # merged in float32, and rounded once
        model = cast("Any", PeftModel.from_pretrained(model, str(given.adapter))).merge_and_unload()
    model.to(torch.bfloat16).save_pretrained(given.out)
    tokenizer.save_pretrained(given.out)
    print(given.out)


if __name__ == "__main__":
    main()
