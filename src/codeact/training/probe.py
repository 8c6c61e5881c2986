"""How fast a training may go, from one small try."""

# torch's annotations are open in places
# pyright: reportUnknownMemberType=false

from __future__ import annotations

import time

import torch

from codeact.training.data import Prepared
from codeact.training.packing import Pack, collate
from codeact.training.trainer import token_losses

_ENOUGH = 256  # tokens; fewer say little


def tokens_per_second(model: torch.nn.Module, prepared: Prepared, bfloat16: bool) -> float:
    """Train nothing, but compute one sequence forwards and backwards, twice; the second time counts."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    sequences = sorted((each for pack in prepared.packs for each in pack.sequences), key=len)
    chosen = next((each for each in sequences if len(each) >= _ENOUGH), sequences[-1])
    inputs = {name: value.to(device) for name, value in collate([Pack((chosen,))]).items()}
    model.to(device)
    seconds = 0.0
    for _ in range(2):
        begun = time.monotonic()
        with torch.autocast(device.type, dtype=torch.bfloat16, enabled=bfloat16):
            losses, _ = token_losses(model, inputs)
        losses.sum().backward()
        if device.type == "cuda":
            torch.cuda.synchronize()
        seconds = time.monotonic() - begun
        model.zero_grad()
    return len(chosen) / max(seconds, 1e-9)
