"""An adapter as the package ships it, under a name of its own: `codeact models list` says what it is and its licence.

    python recipes/ship.py codeact-runs/agent/adapter codeact-agent-1.5b --base qwen2.5-coder-1.5b \\
        --description "CodeActAgent, small: acts by Python"

The model card beside it, README.md, is for people to write.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
from pathlib import Path

from codeact.models.store import Store, default_root
from codeact.models.store.adapted import SHIPPED
from codeact.training.gguf_adapter import write_gguf_adapter


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("trained", type=Path, help="the folder that `codeact train` wrote")
    options.add_argument("name", help="what it is called from now on")
    options.add_argument("--base", required=True, help="a model of `codeact models list`")
    options.add_argument("--description", required=True, help="what it is, in a few words")
    options.add_argument("--licence", default="Apache-2.0")
    options.add_argument("--into", type=Path, default=SHIPPED, help="default: the package's own adapters")
    given = options.parse_args()
    report = json.loads((given.trained / "training.json").read_text())
    base = Store(default_root(os.environ)).path(given.base)

    folder: Path = given.into / given.name
    folder.mkdir(parents=True, exist_ok=True)
    hashes = {f"{file['for']}_sha256": file["sha256"] for file in report["data"]}
    said = {"licence": given.licence, "description": given.description, "steps": str(report["steps"])}
    write_gguf_adapter(given.trained, folder / "adapter.gguf", base=base, provenance={**hashes, **said})
    for name in ("training.json", "loss.png"):
        shutil.copy(given.trained / name, folder)
    print(f"{folder / 'adapter.gguf'}: {(folder / 'adapter.gguf').stat().st_size / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
