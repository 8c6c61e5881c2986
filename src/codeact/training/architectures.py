"""The architectures that are trained: what a GGUF header says of them, in the words of transformers.

Only those whose logits were compared with llama.cpp's (tests/training/test_two_stacks.py). A header that says something
this module does not know is refused: a setting passed over in silence is another model than the one that is served.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gguf import MODEL_ARCH, TensorNameMap
from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedConfig, PreTrainedModel, Qwen2Config, Qwen2ForCausalLM

from codeact.errors import UsageError
from codeact.models.gguf import GgufHeader, Scalar

# GGUF's key, without the architecture before it: transformers' name of it
_SETTINGS = {
    "block_count": "num_hidden_layers",
    "context_length": "max_position_embeddings",
    "embedding_length": "hidden_size",
    "feed_forward_length": "intermediate_size",
    "attention.head_count": "num_attention_heads",
    "attention.head_count_kv": "num_key_value_heads",
    "attention.layer_norm_rms_epsilon": "rms_norm_eps",
}
_HEAD_SIZES = ("rope.dimension_count", "attention.key_length", "attention.value_length")
_OTHERS = ("rope.freq_base", "vocab_size", *_HEAD_SIZES)
_ROPE_BASE = 10_000.0  # llama.cpp's, where the file gives none


@dataclass(frozen=True, slots=True)
class Architecture:
    """One row of the table below."""

    gguf: MODEL_ARCH
    config: Callable[..., PreTrainedConfig]
    model: type[PreTrainedModel]
    paired_rows: bool  # whether queries and keys are kept in llama.cpp's order: see `rotary`


_KNOWN = {
    "llama": Architecture(MODEL_ARCH.LLAMA, LlamaConfig, LlamaForCausalLM, paired_rows=True),
    "qwen2": Architecture(MODEL_ARCH.QWEN2, Qwen2Config, Qwen2ForCausalLM, paired_rows=False),
}


@dataclass(frozen=True, slots=True)
class Anatomy:
    """How one file's model is built, as far as names and orders of tensors depend on it."""

    name: str
    layers: int
    heads: int
    key_heads: int
    architecture: Architecture
    names: TensorNameMap

    def tensor(self, parameter: str) -> str:
        """The name in the file of a parameter (`model.layers.0.mlp.up_proj.weight` -> `blk.0.ffn_up.weight`).

        Raises:
            UsageError: llama.cpp has no such tensor.
        """
        found = self.names.get_name(parameter, try_suffixes=(".weight", ".bias"))
        if found is None:
            raise UsageError(
                f"the architecture {self.name!r} has no tensor for the parameter {parameter!r} in llama.cpp"
            )
        return found

    def paired_heads(self, tensor: str) -> int | None:
        """The number of heads in whose rows the file has its own order; None for a tensor without any."""
        if not self.architecture.paired_rows:
            return None
        return self.heads if ".attn_q." in tensor else self.key_heads if ".attn_k." in tensor else None


def read_anatomy(header: GgufHeader, path: Path) -> Anatomy:
    """Raises:
    UsageError: this architecture is not trained here.
    """
    architecture = _KNOWN.get(header.info.architecture)
    if architecture is None:
        raise UsageError(
            f"{path.name} is of the architecture {header.info.architecture!r}; trained can be {', '.join(_KNOWN)}"
        )
    said = _said(header.values, header.info.architecture)
    heads, layers = int(_needed(said, "attention.head_count", path)), int(_needed(said, "block_count", path))
    return Anatomy(
        name=header.info.architecture,
        layers=layers,
        heads=heads,
        key_heads=int(said.get("attention.head_count_kv", heads)),
        architecture=architecture,
        names=TensorNameMap(architecture.gguf, layers),
    )


def read_config(header: GgufHeader, path: Path) -> PreTrainedConfig:
    """The configuration of the model in a file.

    Raises:
        UsageError: an architecture or a setting of it that this module does not know.
    """
    anatomy = read_anatomy(header, path)
    said = _said(header.values, anatomy.name)
    if strange := sorted(said.keys() - _SETTINGS.keys() - set(_OTHERS)):
        raise UsageError(f"{path.name} has settings that are not known here, so it cannot be trained: {strange}")
    _check_head_size(said, path)
    settings: dict[str, Any] = {word: _needed(said, key, path) for key, word in _SETTINGS.items()}
    tensors = {tensor.name: tensor for tensor in header.tensors}
    if "token_embd.weight" not in tensors:
        raise UsageError(f"{path.name} has no tensor 'token_embd.weight', so it is no whole language model")
    return anatomy.architecture.config(
        **settings,
        vocab_size=tensors["token_embd.weight"].shape[0],
        rope_parameters={"rope_type": "default", "rope_theta": float(said.get("rope.freq_base", _ROPE_BASE))},
        tie_word_embeddings="output.weight" not in tensors,
        **_special_tokens(header.values),
    )


def _special_tokens(values: Mapping[str, Scalar]) -> dict[str, Scalar | None]:
    words = {"bos_token_id": "bos", "eos_token_id": "eos", "pad_token_id": "padding"}
    return {word: values.get(f"tokenizer.ggml.{key}_token_id") for word, key in words.items()}


def _said(values: Mapping[str, Scalar], architecture: str) -> dict[str, Scalar]:
    prefix = f"{architecture}."
    return {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}


def _check_head_size(said: Mapping[str, Scalar], path: Path) -> None:
    size = _needed(said, "embedding_length", path) // _needed(said, "attention.head_count", path)
    for key in _HEAD_SIZES:
        if said.get(key, size) != size:
            raise UsageError(
                f"{path.name} has heads of an unusual size ({key} is {said[key]}, not {size}): not trained here"
            )


def _needed(said: Mapping[str, Scalar], key: str, path: Path) -> Any:
    if key not in said:
        raise UsageError(f"{path.name} does not say its {key}, so it is no whole language model")
    return said[key]
