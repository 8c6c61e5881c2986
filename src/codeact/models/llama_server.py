"""`python -m codeact.models.llama_server`: llama.cpp behind an OpenAI-compatible API on the loopback interface.

A process of its own, so that it can neither block nor crash the agent. It reads `LlamaSettings` as one line of JSON
from standard input, which keeps the key out of argument lists and environments, answers `{"url": …}` in one line when
it is ready, and lives until standard input or its parent ends. Its log goes to standard error.
"""

from __future__ import annotations

import json
import os
import sys
from dataclasses import asdict, dataclass, field
from importlib import import_module
from typing import Any

from codeact.models.orphans import die_with_parent

WARNINGS = 2  # llama.cpp's level of log: a few lines for a failed load, next to none for a request

# How often a thread of libgomp looks at a barrier before it sleeps; by default so long that neighbours pay for it.
# Measured with Qwen2.5-Coder 0.5B on 2 cores, tokens written per second, alone / beside one busy process / beside two:
# default 49 / 17 / 10, 1000 looks 47 / 22 / 22, no looks at all (OMP_WAIT_POLICY=passive) 27 / 32 / 18.
SPINS = "1000"


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaSettings:
    """What the server is told. The parameters that are not here keep llama.cpp's defaults, which measured best:
    repacked weights, memory-mapped files, flash attention where it pays, 16-bit cache, batches of 512.
    """

    path: str
    alias: str  # the name under which the API knows the model
    context: int  # tokens of each conversation
    threads: int
    parallel: int  # conversations that are computed side by side
    prompt_cache: int  # MiB of memory for conversations that have made room for another
    key: str = field(repr=False)
    parent: int  # process id
    adapter: str | None = None  # path of a LoRA that is added to the weights

    def line(self) -> bytes:
        return json.dumps(asdict(self)).encode() + b"\n"


def main() -> None:
    settings = LlamaSettings(**json.loads(sys.stdin.readline()))
    die_with_parent(settings.parent)
    with os.fdopen(os.dup(1), "w") as answer:
        os.dup2(2, 1)  # what llama.cpp prints is log, wherever it prints it
        os.putenv("GOMP_SPINCOUNT", SPINS)  # before the library is loaded
        server = serve(settings)
        answer.write(json.dumps({"url": server.listening_address}) + "\n")
    sys.stdin.read()
    os._exit(0)  # nothing to save, and the tidy way would wait for a running completion


def serve(settings: LlamaSettings) -> Any:
    """The running server: an HTTP thread and a computing thread, until the process ends."""
    return import_module("xllamacpp").Server(parameters(settings))


def parameters(settings: LlamaSettings) -> Any:
    """The settings in llama.cpp's own terms. No speculative decoding: on few cores it costs more than it saves
    (`python -m benchmarks.serving`).
    """
    library = import_module("xllamacpp")
    params = library.CommonParams()
    params.model.path = settings.path
    params.model_alias = {settings.alias}
    params.api_keys = [settings.key]
    params.cors_origins = ""  # no page in a browser has any business here
    params.ui = False
    params.verbosity = WARNINGS
    params.fit_params = False  # loads the model once more, only to size what we have sized
    params.n_ctx = settings.context * settings.parallel  # it is divided among the slots
    params.n_parallel = settings.parallel
    params.cpuparams.n_threads = settings.threads
    params.cache_ram_mib = settings.prompt_cache
    if settings.adapter is not None:
        params.lora_adapters = [library.CommonAdapterLoraInfo(settings.adapter, 1.0)]
    return params


if __name__ == "__main__":
    main()
