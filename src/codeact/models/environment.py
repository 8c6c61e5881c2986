"""What the environment says about models. Nothing here reads it: the command and `Agent` pass `os.environ` in."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

# One well-known model for each vendor, of the middle class: able enough for agents, and no surprise on the bill.
EMBEDDED = "local:qwen2.5-coder-1.5b"
OPENAI = "openai:gpt-5.2"
ANTHROPIC = "anthropic:claude-sonnet-5-5"

OPENAIS_OWN = re.compile(r"https://([\w-]+\.)*openai\.com(?=[:/]|$)")

VARIABLES = {
    "openai": {"api_key": "OPENAI_API_KEY", "base_url": "OPENAI_BASE_URL"},
    "anthropic": {"api_key": "ANTHROPIC_API_KEY", "base_url": "ANTHROPIC_BASE_URL"},
    "local": {"home": "CODEACT_HOME"},
}


@dataclass(frozen=True, slots=True)
class DefaultModel:
    """The model that is used when none is named, and why, in words for people."""

    spec: str
    reason: str


def options_from_env(spec: str, env: Mapping[str, str]) -> dict[str, str]:
    """The options of `open_model` that the environment holds for this model; empty variables count as missing.

    Options that are given explicitly come after these: `{**options_from_env(spec, env), **options}`.
    """
    provider = spec.partition(":")[0]
    found = {option: env.get(variable, "") for option, variable in VARIABLES.get(provider, {}).items()}
    return {option: value for option, value in found.items() if value}


def choose_default(env: Mapping[str, str]) -> DefaultModel:
    """A hosted model where there is a key for one, else the embedded one.

    `OPENAI_BASE_URL` that leads elsewhere than to OpenAI does not count: what its server calls its models is not known.
    """
    openai = options_from_env(OPENAI, env)
    if "api_key" in openai and OPENAIS_OWN.match(openai.get("base_url", "https://api.openai.com")):
        return DefaultModel(OPENAI, "OPENAI_API_KEY is set")
    if "api_key" in options_from_env(ANTHROPIC, env):
        return DefaultModel(ANTHROPIC, "ANTHROPIC_API_KEY is set")
    if "api_key" in openai:
        return DefaultModel(EMBEDDED, "OPENAI_BASE_URL is not OpenAI's, so the name of its model must be given")
    return DefaultModel(EMBEDDED, "no API key is set")


def default_model(env: Mapping[str, str]) -> str:
    """`choose_default`, without the reason."""
    return choose_default(env).spec
