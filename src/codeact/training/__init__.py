"""CodeActAgent: fine-tuning on the very weights that are served (paper, section 4).

Needs the extra `train` (torch, transformers, peft, …), which is imported when a training is first asked for.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from codeact.errors import MissingExtraError
from codeact.training.settings import Settings

if TYPE_CHECKING:
    from codeact.training.finetune import Trained, dry_run, train

__all__ = ["Settings", "Trained", "dry_run", "train"]

_EXTRA = {"accelerate", "gguf", "matplotlib", "numpy", "peft", "tokenizers", "torch", "transformers"}


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module("codeact.training.finetune"), name)
    except ModuleNotFoundError as error:
        if error.name not in _EXTRA:
            raise
        raise MissingExtraError("train", "fine-tuning") from error
