"""pip's configuration, as pip prints it, and what a box is told of it."""

from __future__ import annotations

import sys

import pytest

from codeact.errors import SetupError, UsageError
from codeact.sandbox.network.indexes import configured, indexes, read_listing
from codeact.sandbox.network.rules import Rule

from .conftest import Site

pytestmark = pytest.mark.anyio


def test_the_last_section_wins() -> None:
    text = ":env:.index-url='https://env/simple'\nglobal.index-url='https://global/simple'\nglobal.timeout='5'\n"
    assert read_listing(text) == {"index-url": "https://env/simple", "timeout": "5"}
    assert read_listing("install.find-links='a\\nb'\nnonsense\n") == {"find-links": "a\nb"}


def test_without_a_configuration_it_is_pypi_and_where_its_files_are() -> None:
    found = indexes({})
    assert found.rules == (Rule("pypi.org", (443,), configured=True), Rule("files.pythonhosted.org", (443,)))
    assert found.environment == {"PIP_INDEX_URL": "https://pypi.org/simple"}


def test_passwords_stay_on_the_host() -> None:
    settings = {
        "index-url": "http://me:p%40ss@index.internal:8080/simple",
        "extra-index-url": "https://you:secret@other.example/simple file:///srv/simple",
        "trusted-host": "index.internal",
    }
    found = indexes(settings)
    assert "p%40ss" not in str(found.environment)
    assert "secret" not in str(found.environment)
    assert found.environment == {
        "PIP_INDEX_URL": "http://index.internal:8080/simple",
        "PIP_EXTRA_INDEX_URL": "https://other.example/simple",
        "PIP_TRUSTED_HOST": "index.internal",
    }
    assert found.credentials == {("index.internal", 8080): "Basic bWU6cEBzcw=="}
    assert [(rule.host, rule.ports) for rule in found.rules] == [("index.internal", (8080,)), ("other.example", (443,))]


def test_no_index_is_kept() -> None:
    found = indexes({"no-index": "true", "find-links": "https://wheels.example/ /opt/wheels"})
    assert found.environment == {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "https://wheels.example/"}
    assert [rule.host for rule in found.rules] == ["wheels.example"]


def test_an_address_that_cannot_be_read_is_said() -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        indexes({"index-url": "https://:443/simple"})


async def test_pip_says_what_is_in_its_file_and_in_the_environment(
    index: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await configured(sys.executable))["index-url"] == f"{index.url}/simple"
    monkeypatch.setenv("PIP_INDEX_URL", "https://other.example/simple")
    assert (await configured(sys.executable))["index-url"] == "https://other.example/simple"


async def test_an_interpreter_without_pip_is_a_clear_error() -> None:
    with pytest.raises(SetupError, match="cannot be asked for its index"):
        await configured("/nonexistent/python")
