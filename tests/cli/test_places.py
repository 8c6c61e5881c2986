"""`--sandbox` and `--sandbox-option`: which sandbox a command gets, and from where its options come."""

from __future__ import annotations

import pytest

from codeact.cli.places import sandbox_named
from codeact.errors import SetupError, UsageError


def test_an_option_is_text_unless_it_can_be_read_as_json() -> None:
    assert sandbox_named("docker", ["image=my-box", 'preload=["numpy"]', "host=unix:///x"]).name == "docker"
    with pytest.raises(UsageError, match="no isolation level 'vm'"):
        sandbox_named("docker", ["require=vm"], require="container")
    with pytest.raises(UsageError, match="no isolation level 7"):
        sandbox_named("docker", ["require=7"])


@pytest.mark.parametrize("text", ["image", "=box", "my image=box"])
def test_an_option_has_a_name_and_a_value(text: str) -> None:
    with pytest.raises(UsageError, match=r"should be NAME=VALUE, as in image=codeact-box"):
        sandbox_named("docker", [text])


def test_an_option_that_a_sandbox_does_not_have_is_refused() -> None:
    with pytest.raises(UsageError, match="unexpected keyword argument 'image'"):
        sandbox_named("subprocess", ["image=x"])


async def _engine(name: str, *options: str) -> str:
    """What is said of the engine that is not there."""
    with pytest.raises(SetupError) as refusal:
        async with sandbox_named(name, options).open():
            pass
    return str(refusal.value)


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_the_engine_is_the_one_that_its_own_tools_would_take(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", "unix:///no/docker.sock")
    for name in ("docker", "podman"):
        assert "the container engine at 'unix:///no/docker.sock' does not answer" in await _engine(name)
    monkeypatch.setenv("CONTAINER_HOST", "unix:///no/podman.sock")
    assert "'unix:///no/podman.sock'" in await _engine("podman")
    assert "'unix:///no/docker.sock'" in await _engine("docker")
    assert "'unix:///other.sock'" in await _engine("podman", "host=unix:///other.sock")
