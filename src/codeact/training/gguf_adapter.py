"""A LoRA of peft as a GGUF adapter, which llama.cpp adds to the file that the base was loaded from; and back.

The form is that of llama.cpp's convert_lora_to_gguf.py: for each weight W two tensors, A `W.lora_a` (rank, in) and
B `W.lora_b` (out, rank), and W x + alpha / rank · B A x is computed. Our own key `codeact.base_sha256` says to which
file it belongs. Numbers have 16 bits: half the size, and far finer than the quantised weights that they are added to.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import numpy as np
import torch
from gguf import GGUFWriter, Keys
from numpy.typing import NDArray
from peft import PeftModel, get_peft_model_state_dict  # pyright: ignore[reportUnknownVariableType]
from safetensors.torch import load_file  # pyright: ignore[reportUnknownVariableType]

from codeact.errors import UsageError
from codeact.models.adapter import BASE_NAME, BASE_SHA256, OWN, read_adapter
from codeact.models.fingerprint import fingerprint
from codeact.models.gguf import GgufHeader, read_header
from codeact.training import rotary
from codeact.training.architectures import Anatomy, read_anatomy, read_config
from codeact.training.base_model import parameter_shapes

_ROOT = "base_model.model."  # before the names of peft
CONFIG, TENSORS = "adapter_config.json", "adapter_model.safetensors"  # what peft saves
_NOTHING: Mapping[str, str] = MappingProxyType({})
_LARGEST = float(np.finfo(np.float16).max)


def write_gguf_adapter(
    lora: PeftModel | str | Path, path: str | Path, *, base: str | Path, provenance: Mapping[str, str] = _NOTHING
) -> None:
    """Write what was trained, a model of peft's or the folder of a saved one, as an adapter for the GGUF file `base`.

    `provenance` is written into the file, each key as `codeact.KEY`. The file appears when it is whole.

    Raises:
        WeightsError: `base` cannot be read.
        UsageError: llama.cpp could not apply it to this base, or its numbers are not finite.
    """
    path, base = Path(path), Path(base).expanduser()
    header = read_header(base)
    anatomy = read_anatomy(header, base)
    trained = _of_model(lora) if isinstance(lora, PeftModel) else _of_folder(Path(lora))
    pairs = list(_pairs(trained, anatomy, header, base))
    partial = path.with_name(f"{path.name}.partial")
    writer = GGUFWriter(partial, anatomy.name)
    writer.add_type("adapter")
    writer.add_string(Keys.Adapter.TYPE, "lora")
    writer.add_float32(Keys.Adapter.LORA_ALPHA, trained.alpha)
    writer.add_string(BASE_SHA256, fingerprint(base))
    writer.add_string(BASE_NAME, base.name)
    for key, value in provenance.items():
        writer.add_string(f"{OWN}{key}", value)
    for name, a, b in pairs:
        writer.add_tensor(f"{name}.lora_a", a)
        writer.add_tensor(f"{name}.lora_b", b)
    writer.write_header_to_file()
    writer.write_kv_data_to_file()
    writer.write_tensors_to_file()
    writer.close()
    partial.replace(path)


def read_gguf_adapter(path: str | Path, *, base: str | Path) -> dict[str, torch.Tensor]:
    """The tensors by the names of peft (`set_peft_model_state_dict` takes them), in float32.

    Raises:
        WeightsError: not an adapter, or of another base.
    """
    path, base = Path(path), Path(base).expanduser()
    read_adapter(path).check_base(base, fingerprint(base))
    header = read_header(base)
    anatomy = read_anatomy(header, base)
    parameters = {anatomy.tensor(name): name for name in parameter_shapes(anatomy, read_config(header, base))}
    found: dict[str, torch.Tensor] = {}
    for tensor in read_header(path).tensors:
        name, _, half = tensor.name.rpartition(".lora_")
        rows = np.fromfile(path, np.float16, tensor.size // 2, offset=tensor.start).reshape(tensor.shape)
        rows = rows.astype(np.float32)
        heads = anatomy.paired_heads(name) if half == "b" else None
        rows = rows if heads is None else rotary.from_file(rows, heads)
        module = parameters[name].removesuffix(".weight")
        found[f"{_ROOT}{module}.lora_{half.upper()}.weight"] = torch.tensor(rows)
    return found


@dataclass(frozen=True, slots=True)
class _Trained:
    tensors: Mapping[str, torch.Tensor]  # by the names of peft
    alpha: float
    rank_stabilised: bool  # rsLoRA divides alpha by the root of the rank


def _of_model(model: PeftModel) -> _Trained:
    config = cast("Any", model).active_peft_config  # typed in parts only
    return _trained(get_peft_model_state_dict(model, save_embedding_layers=False), config.to_dict())


def _of_folder(folder: Path) -> _Trained:
    for name in (CONFIG, TENSORS):
        if not (folder / name).is_file():
            raise UsageError(f"{str(folder)!r} is not the folder of a LoRA that peft saved: it has no {name}")
    return _trained(load_file(folder / TENSORS), json.loads((folder / CONFIG).read_bytes()))


def _trained(tensors: Mapping[str, torch.Tensor], config: Mapping[str, Any]) -> _Trained:
    if config.get("alpha_pattern"):
        raise UsageError("a LoRA with an alpha for each module (alpha_pattern) cannot be written; give all the same")
    return _Trained(tensors, float(config["lora_alpha"]), bool(config.get("use_rslora")))


def _pairs(
    trained: _Trained, anatomy: Anatomy, header: GgufHeader, base: Path
) -> Iterator[tuple[str, NDArray[np.float16], NDArray[np.float16]]]:
    """For each weight its name in the base, A and B."""
    ends = ".lora_A.weight"
    modules = sorted(key.removesuffix(ends) for key in trained.tensors if key.endswith(ends))  # one file for one LoRA
    known = {f"{module}.lora_{half}.weight" for module in modules for half in "AB"}
    if strange := sorted(trained.tensors.keys() ^ known):
        raise UsageError(f"llama.cpp adds only plain LoRAs of linear layers; this one also has {strange[:5]}")
    shapes = {tensor.name: tensor.shape for tensor in header.tensors}
    for module in modules:
        name = anatomy.tensor(f"{module.removeprefix(_ROOT)}.weight")
        a, b = (trained.tensors[f"{module}.lora_{half}.weight"].detach().float().cpu().numpy() for half in "AB")
        if shapes.get(name) != (b.shape[0], a.shape[1]):
            raise UsageError(
                f"this LoRA changes {name!r} of shape {(b.shape[0], a.shape[1])}, which {base.name} does not have "
                f"({shapes.get(name, 'no such tensor')})"
            )
        if trained.rank_stabilised:
            b = b * np.sqrt(np.float32(a.shape[0]))
        heads = anatomy.paired_heads(name)
        yield name, _halved(a, name), _halved(b if heads is None else rotary.to_file(b, heads), name)


def _halved(values: NDArray[np.float32], name: str) -> NDArray[np.float16]:
    if not (np.abs(values) <= _LARGEST).all():  # also false for what is no number
        raise UsageError(f"the LoRA of {name!r} has numbers that are not finite: its training has failed")
    return np.ascontiguousarray(values, dtype=np.float16)
