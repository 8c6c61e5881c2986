"""Whose terms allow training: what the filters `licences` and `models` go by unless told otherwise.

A default that errs on the side of leaving out, and no legal advice.
"""

from __future__ import annotations

NO_LICENCE = "unknown"  # how a list names rows of which nobody has said

ALLOWED_LICENCES = (
    "own",
    "MIT",
    "Apache-2.0",
    "BSD-2-Clause",
    "BSD-3-Clause",
    "CC0-1.0",
    "CC-BY-4.0",
    "CC-BY-SA-3.0",
    "CC-BY-SA-4.0",
)

# Providers who forbid to train other models on outputs, and the licences of Llama 2, Code Llama and Llama 3, which
# forbid to improve other models with them. Models made from those inherit the licence under names of their own.
FORBIDDING_MODELS = (
    *("gpt-[0-9]*", "*:gpt-[0-9]*", "*/gpt-[0-9]*", "*chatgpt-*"),  # not gpt-oss, which is Apache-2.0
    *("o[0-9]-*", "o[0-9]", "*:o[0-9]*", "*/o[0-9]*"),
    "*text-davinci-*",
    "anthropic:*",
    "*claude-*",
    "*gemini-*",
    "*chat-bison*",
    "*llama-2*",
    "*codellama*",
    "*llama-3*",
    "*vicuna-*",
    "*lemur-*",
    "eurus-70b*",
    "opencodeinterpreter-cl-*",
)
