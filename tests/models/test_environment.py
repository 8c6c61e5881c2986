from __future__ import annotations

import pytest

from codeact.models import choose_default, default_model, open_model, options_from_env

KEYS = {"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b", "OPENAI_BASE_URL": "http://localhost:1/v1"}


@pytest.mark.parametrize(
    ("spec", "env", "options"),
    [
        ("openai:m", KEYS, {"api_key": "a", "base_url": "http://localhost:1/v1"}),
        ("anthropic:m", KEYS, {"api_key": "b"}),
        ("anthropic:m", {"ANTHROPIC_BASE_URL": "https://proxy"}, {"base_url": "https://proxy"}),
        ("openai:m", {"OPENAI_API_KEY": ""}, {}),
        ("local:m", KEYS, {}),
        ("my.models:make", KEYS, {}),
    ],
)
def test_options_from_env(spec: str, env: dict[str, str], options: dict[str, str]) -> None:
    assert options_from_env(spec, env) == options


@pytest.mark.parametrize(
    ("env", "provider", "reason"),
    [
        ({}, "local", "no API key"),
        ({"OPENAI_API_KEY": "a"}, "openai", "OPENAI_API_KEY"),
        ({"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "https://eu.api.openai.com/v1"}, "openai", "OPENAI_API_KEY"),
        ({"ANTHROPIC_API_KEY": "b"}, "anthropic", "ANTHROPIC_API_KEY"),
        ({"OPENAI_API_KEY": "a", "ANTHROPIC_API_KEY": "b"}, "openai", "OPENAI_API_KEY"),
        (KEYS, "anthropic", "ANTHROPIC_API_KEY"),
        ({"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "http://localhost:1/v1"}, "local", "OPENAI_BASE_URL"),
        ({"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "https://notopenai.com/v1"}, "local", "OPENAI_BASE_URL"),
        ({"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "https://openai.com.example/v1"}, "local", "OPENAI_BASE_URL"),
        ({"OPENAI_API_KEY": "a", "OPENAI_BASE_URL": "https://[broken"}, "local", "OPENAI_BASE_URL"),
    ],
)
def test_default_model(env: dict[str, str], provider: str, reason: str) -> None:
    chosen = choose_default(env)
    assert chosen.spec.startswith(f"{provider}:")
    assert reason in chosen.reason
    assert default_model(env) == chosen.spec


@pytest.mark.parametrize("variable", ["OPENAI_API_KEY", "ANTHROPIC_API_KEY"])
def test_the_default_can_be_opened(variable: str) -> None:
    spec = default_model({variable: "k"})
    assert open_model(spec, **options_from_env(spec, {variable: "k"}))
