"""Language models by name: `open_model("openai:gpt-5.2")`. A provider is imported when it is first asked for."""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from importlib import import_module
from typing import Any

from codeact.errors import MissingExtraError, UsageError
from codeact.models.base import Model
from codeact.models.environment import DefaultModel, choose_default, default_model, options_from_env
from codeact.models.metering import Prices
from codeact.models.retries import RetryPolicy
from codeact.models.scripted import ScriptedModel

__all__ = [
    "PROVIDERS",
    "DefaultModel",
    "Model",
    "Prices",
    "RetryPolicy",
    "ScriptedModel",
    "choose_default",
    "default_model",
    "open_model",
    "options_from_env",
]

# `provider:rest` is opened by calling the provider's function with `rest` and the options.
PROVIDERS = {
    "local": "codeact.models.local:open_local",
    "openai": "codeact.models.openai:open_openai",
    "anthropic": "codeact.models.anthropic:open_anthropic",
    "scripted": "codeact.models.scripted:open_scripted",
    "replay": "codeact.models.replay:open_replay",
}
EXTRAS = {"xllamacpp": "local", "anthropic": "anthropic"}  # imported package to the extra that brings it

DOTTED = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)+:[A-Za-z_]\w*")


def open_model(spec: str, **options: Any) -> AbstractAsyncContextManager[Model]:
    """A model by its name, to be opened with `async with`.

    `spec` is `provider:model` (`openai:gpt-5.2`, `local:qwen2.5-coder-1.5b`, `replay:run.jsonl`), or
    `package.module:function` for a provider of your own: it is called with the options and returns what `async with`
    turns into a `Model`. Keys in the environment are not looked for: see `options_from_env`.

    Raises:
        UsageError: no such provider, or the string is not a name of this form.
        MissingExtraError: the provider needs a package that is not installed.
    """
    provider, colon, rest = spec.partition(":")
    if not (provider and colon and rest):
        raise UsageError(f"{spec!r} is not the name of a model; it should look like openai:gpt-5.2 ({_known()})")
    if provider in PROVIDERS:
        return _load(PROVIDERS[provider], f"the model {spec!r}")(rest, **options)
    if DOTTED.fullmatch(spec):
        return _load(spec, f"the model {spec!r}")(**options)
    raise UsageError(f"there is no provider {provider!r} for the model {spec!r}; {_known()}")


def _load(entry: str, purpose: str) -> Callable[..., AbstractAsyncContextManager[Model]]:
    module_name, _, name = entry.partition(":")
    try:
        return getattr(import_module(module_name), name)
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing in EXTRAS:
            raise MissingExtraError(EXTRAS[missing], purpose) from error
        if module_name.startswith(error.name or "-"):
            raise UsageError(
                f"{purpose} names the module {module_name!r}, which cannot be imported: {error}"
            ) from error
        raise
    except AttributeError as error:
        raise UsageError(f"{purpose} names {name!r}, which {module_name!r} does not have") from error


def _known() -> str:
    return f"providers are {', '.join(PROVIDERS)}, or package.module:function for one of your own"
