"""The base of a training: the very weights that llama.cpp serves, as a model and a tokenizer of transformers.

Both are made here and not by `from_pretrained(gguf_file=…)` (transformers 5.23), which passes over settings and tensors
that it does not know, splits some text otherwise than llama.cpp does, and takes several times as long.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch
from gguf import GGMLQuantizationType, dequantize
from numpy.typing import NDArray
from transformers import PreTrainedConfig, PreTrainedModel, PreTrainedTokenizerFast
from transformers.utils import logging

from codeact.errors import UsageError
from codeact.models.gguf import GgufTensor, read_header
from codeact.training import rotary
from codeact.training.architectures import Anatomy, read_anatomy, read_config
from codeact.training.base_tokenizer import ARRAYS, read_tokenizer


def load_base(
    path: str | Path, *, dtype: torch.dtype = torch.float32
) -> tuple[PreTrainedModel, PreTrainedTokenizerFast]:
    """Model and tokenizer of a GGUF file, on the processor. Quantised weights become the numbers that they stand for.

    In float32 the logits are llama.cpp's but for its 8-bit activations; in bfloat16 the weights are rounded once more.

    Raises:
        WeightsError: no such file, not GGUF, or cut short.
        UsageError: its architecture, a setting, a tensor or its tokenizer is not supported.
    """
    path = Path(path).expanduser()
    header = read_header(path, ARRAYS)
    anatomy, config = read_anatomy(header, path), read_config(header, path)
    weights = _Weights(path, anatomy, {tensor.name: tensor for tensor in header.tensors}).read(config, dtype)
    tokenizer = read_tokenizer(header, path)
    with _no_progress_bar():
        model = anatomy.architecture.model.from_pretrained(  # pyright: ignore[reportUnknownMemberType]  # bare PathLike
            None, config=config, state_dict=weights, dtype=dtype
        )
    model.name_or_path = ""  # no name of a hub's, which peft would ask there
    return model, tokenizer


def parameter_shapes(anatomy: Anatomy, config: PreTrainedConfig) -> dict[str, tuple[int, ...]]:
    """What transformers calls the parameters of such a model; those that are tied to another are not among them."""
    with torch.device("meta"):  # takes no memory
        model = anatomy.architecture.model(config)
    return {name: tuple(parameter.shape) for name, parameter in model.named_parameters()}


class _Weights:
    """The tensors of one file, by the names of transformers."""

    def __init__(self, path: Path, anatomy: Anatomy, tensors: Mapping[str, GgufTensor]) -> None:
        self._path = path
        self._anatomy = anatomy
        self._tensors = tensors

    def read(self, config: PreTrainedConfig, dtype: torch.dtype) -> dict[str, torch.Tensor]:
        """A tensor for each parameter, and no tensor left over: what does not fit is another model."""
        shapes = parameter_shapes(self._anatomy, config)
        names = {parameter: self._anatomy.tensor(parameter) for parameter in shapes}
        if wrong := sorted(self._tensors.keys() ^ set(names.values())):
            raise UsageError(f"{self._path.name} does not have the tensors of its architecture; these differ: {wrong}")
        return {
            parameter: torch.tensor(self._rows(name, shapes[parameter]), dtype=dtype)
            for parameter, name in names.items()
        }

    def _rows(self, name: str, shape: tuple[int, ...]) -> NDArray[np.float32]:
        tensor = self._tensors[name]
        if tensor.shape != shape:
            raise UsageError(
                f"{self._path.name} has a tensor {name!r} of shape {tensor.shape}, and it should be {shape}"
            )
        packed = np.fromfile(self._path, np.uint8, tensor.size, offset=tensor.start).reshape(*shape[:-1], -1)
        values = dequantize(packed, GGMLQuantizationType(tensor.kind)).reshape(shape)
        heads = self._anatomy.paired_heads(name)
        return np.ascontiguousarray(values if heads is None else rotary.from_file(values, heads))


@contextmanager
def _no_progress_bar() -> Generator[None]:
    """A library does not print; putting weights into their places takes milliseconds anyway."""
    shown = logging.is_progress_bar_enabled()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if shown:
            logging.enable_progress_bar()
