from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from codeact.errors import MissingExtraError, ModelError, SetupError, UsageError
from codeact.models import PROVIDERS, open_model
from codeact.models.endpoint import EndpointOptions, endpoint
from codeact.models.openai import OPENAI

from .loopback import Loopback

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize("entry", PROVIDERS.values(), ids=PROVIDERS.keys())
def test_every_provider_in_the_table_exists(entry: str) -> None:
    module, _, name = entry.partition(":")
    assert callable(getattr(importlib.import_module(module), name))


@pytest.mark.parametrize("spec", ["", "gpt-5.2", "openai:", ":m", "openai"])
def test_a_malformed_name(spec: str) -> None:
    with pytest.raises(UsageError, match=r"should look like openai:gpt-5\.2.*local, openai, anthropic"):
        open_model(spec)


@pytest.mark.parametrize("spec", ["opnai:gpt-5.2", "my-module:thing", "a.b:c.d"])
def test_an_unknown_provider_names_those_that_exist(spec: str) -> None:
    with pytest.raises(UsageError, match=r"no provider '.*providers are local, openai, anthropic, scripted, replay"):
        open_model(spec)


@pytest.mark.parametrize(
    ("spec", "words"),
    [
        ("no.such_module:make", "'no.such_module', which cannot be imported"),
        ("codeact.models.no_such:make", "'codeact.models.no_such', which cannot be imported"),
        ("codeact.models.scripted:no_such", "'no_such', which 'codeact.models.scripted' does not have"),
    ],
)
def test_a_dotted_path_that_leads_nowhere(spec: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        open_model(spec)


async def test_a_provider_of_ones_own_by_its_dotted_path(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "models.py").write_text(
        "from contextlib import asynccontextmanager\n"
        "from codeact.models import ScriptedModel\n"
        "@asynccontextmanager\n"
        "async def make(*, reply):\n"
        "    yield ScriptedModel([reply], name='mine:echo')\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    async with open_model("mine.models:make", reply="hello") as model:
        assert (await model.complete([])).text == "hello"


def test_a_missing_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "codeact.models.anthropic", raising=False)
    monkeypatch.setitem(sys.modules, "anthropic", None)  # how Python itself marks what cannot be imported
    with pytest.raises(MissingExtraError, match=r"the model 'anthropic:m' .*pip install 'codeact\[anthropic\]'"):
        open_model("anthropic:m", api_key="k")


@pytest.mark.parametrize(
    ("spec", "variable"), [("openai:gpt-5.2", "OPENAI_API_KEY"), ("anthropic:claude", "ANTHROPIC_API_KEY")]
)
async def test_a_missing_key_is_one_clear_sentence_whatever_the_environment_holds(
    spec: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "sk-ambient")  # the library does not read it by itself
    with pytest.raises(SetupError, match=rf"no API key for {spec}; set {variable} in the environment or give api_key="):
        async with open_model(spec):
            pass


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"temprature": 0.5}, "no option 'temprature'; they have api_key, base_url, temperature"),
        ({"base_url": "localhost:8000/v1"}, "'localhost:8000/v1' is not a URL"),
        ({"base_url": "http://"}, "'http://' is not a URL"),
        ({"timeout": 0}, "timeout must be a positive number of seconds, not 0"),
        ({"prices": {"input": 1.0}}, "cannot be read .* give USD per million tokens"),
        ({"prices": {"input": "much", "output": 2}}, "cannot be read"),
    ],
)
async def test_wrong_options(provider: str, options: dict[str, Any], words: str) -> None:
    with pytest.raises(UsageError, match=words):
        async with open_model(f"{provider}:m", **{"api_key": "k", **options}):
            pass


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
@pytest.mark.parametrize("key", ["sk-\u200b123456", "sk-123\n456", "“sk-123456”"])
async def test_a_key_that_cannot_be_one_is_refused_and_not_shown(provider: str, key: str) -> None:
    with pytest.raises(UsageError, match="characters that no key has; copy it again") as caught:
        async with open_model(f"{provider}:m", api_key=key):
            pass
    assert "123" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://me:hush@host/v1", "me:hush@host", "http://me:hu/hush@[x", "host/v1?key=hush"])
async def test_a_password_in_a_base_url_that_is_none_is_not_shown(url: str) -> None:
    with pytest.raises(UsageError, match=r"base_url \(not shown: it may hold a password\) is not a URL") as caught:
        async with open_model("openai:m", api_key="k", base_url=url):
            pass
    assert "hush" not in str(caught.value)


def test_a_password_in_a_base_url_is_not_in_the_repr() -> None:
    place = endpoint(OPENAI, "m", EndpointOptions(api_key="k", base_url="http://me:hush@host/v1"))
    assert "hush" not in repr(place)
    assert place.shown_url == "http://host/v1"


@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_space_around_a_key_does_no_harm(provider: str, server: Loopback) -> None:
    async with open_model(f"{provider}:m", api_key=" sk-123\n", base_url=server.url) as model:
        with pytest.raises(ModelError, match="418"):
            await model.complete([])
    assert server.requests[0].headers["authorization"] == "Bearer sk-123"


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1", "127.8.8.8", "0.0.0.0", "[::1]", "llm.localhost"])
@pytest.mark.parametrize("provider", ["openai", "anthropic"])
async def test_an_endpoint_on_this_machine_needs_no_key(provider: str, host: str) -> None:
    async with open_model(f"{provider}:qwen2.5:7b", base_url=f"http://{host}:8000/v1") as model:
        assert model.name == f"{provider}:qwen2.5:7b"


async def test_an_endpoint_on_this_machine_is_not_reached_through_a_proxy(
    server: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    for provider in ("openai", "anthropic"):
        async with open_model(f"{provider}:m", base_url=server.url) as model:
            with pytest.raises(ModelError, match="418"):  # the server's own answer when nothing is scripted
                await model.complete([])


def test_importing_the_family_loads_no_sdk() -> None:
    code = (
        "import codeact.models, sys; print(*sorted({'openai', 'anthropic', 'httpx2', 'xllamacpp'} & set(sys.modules)))"
    )
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert loaded.stdout.strip() == ""
