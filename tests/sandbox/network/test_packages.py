"""Installing packages: by pip in a session, from the configured index only, and for a whole sandbox on the host."""

from __future__ import annotations

import os
import sys
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from codeact.errors import SetupError, UsageError
from codeact.sandbox import Limits, packages
from codeact.sandbox.local import LocalSandbox

from .conftest import Site, make_wheel, publish

pytestmark = pytest.mark.anyio


async def test_pip_in_a_session_installs_from_the_configured_index(server: LocalSandbox, index: Site) -> None:
    async with server.open(network="packages") as session:
        result = await session.run("!pip install codeact-user 2>&1\nimport codeact_user; codeact_user.ANSWER")
        assert (result.error, result.value) == (None, "42"), result.stdout
        assert {(each.host, each.port, each.allowed) for each in session.requests} == {("127.0.0.1", index.port, True)}
        result = await session.run("%pip install codeact-user\nimport subprocess, sys")
        assert "already satisfied: codeact-tiny" in result.stdout  # what is there is not fetched again
        await session.run("import os; os._exit(1)")
        assert (await session.run("import codeact_tiny; codeact_tiny.ANSWER")).value == "42"
        result = await session.run("!python -c 'import codeact_tiny; print(codeact_tiny.__file__)'")
        assert result.stdout == "/tmp/.packages/lib/python{}.{}/site-packages/codeact_tiny.py\n".format(
            *sys.version_info[:2]
        )


async def test_the_index_may_be_set_in_the_environment(
    server: LocalSandbox, index: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PIP_CONFIG_FILE")
    monkeypatch.setenv("PIP_INDEX_URL", f"{index.url}/simple")
    async with server.open(network="packages") as session:
        assert (
            await session.run("!pip install -q codeact-tiny==1.0\nimport codeact_tiny as t; t.ANSWER")
        ).value == "41"


async def test_a_password_is_the_proxys_and_not_the_boxs(
    server: LocalSandbox, index: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    index.password = "me:secret"
    monkeypatch.setenv("PIP_INDEX_URL", f"http://me:secret@127.0.0.1:{index.port}/simple")
    async with server.open(network="packages") as session:
        result = await session.run("!pip install -q codeact-tiny 2>&1\nimport codeact_tiny; codeact_tiny.ANSWER")
        assert (result.error, result.value) == (None, "42"), result.stdout
        shown = await session.run("!env; cat /proc/self/environ | tr '\\0' '\\n'; pip config list")
        assert "secret" not in shown.stdout
        assert index.url in shown.stdout


async def test_only_the_index_is_reached(server: LocalSandbox, index: Site) -> None:
    async with server.open(network="packages") as session:
        code = "import urllib.request; urllib.request.urlopen('https://example.com/')"
        error = (await session.run(code)).error
        assert error is not None
        assert "403 example.com:443 is not allowed by network='packages'" in error.message


async def test_what_is_installed_counts_against_the_workspace(
    server: LocalSandbox, index: Site, tmp_path: Path
) -> None:
    publish(index, make_wheel(tmp_path, "codeact_big", "1.0", f"DATA = {'x' * (12 << 20)!r}\n"))
    async with server.open(network="packages", limits=Limits(workspace=8 << 20)) as session:
        said = (await session.run("!pip install codeact-big 2>&1")).stdout
        assert "No space left" in said or "File too large" in said
        assert (await session.run("1")).value == "1"


@pytest.mark.parametrize(
    ("network", "remedy"),
    [("none", "packages=['beautifulsoup5']"), ("packages", "run: %pip install beautifulsoup5")],
)
async def test_a_package_that_is_not_there_is_an_error_with_the_remedy(
    server: LocalSandbox, index: Site, network: str, remedy: str
) -> None:
    async with server.open(network=network) as session:  # pyright: ignore[reportArgumentType]
        error = (await session.run("import beautifulsoup5")).error
        assert error is not None
        assert "not installed in this sandbox (installed: numpy" in error.message
        assert remedy in error.message
        assert remedy in error.traceback
        for code in ("import numpy.nonsense", "from numpy import nonsense", "raise ModuleNotFoundError('mine')"):
            error = (await session.run(code)).error
            assert error is not None
            assert "not installed in this sandbox" not in error.message


async def test_without_a_network_pip_says_so_at_once(server: LocalSandbox) -> None:
    async with server.open() as session:
        with anyio.fail_after(60):
            result = await session.run("!pip install codeact-tiny 2>&1")
    assert result.error is not None
    assert "no network" in result.error.message


async def test_a_sandbox_is_built_with_packages(index: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lines: list[str] = []
    box = LocalSandbox(preload=(), packages=["codeact-user", "codeact-tiny<3"], progress=lines.append)
    async with box.open() as session:
        result = await session.run("import codeact_user; print(codeact_user.ANSWER, codeact_user.__file__)")
        assert result.stdout.startswith(f"42 {tmp_path / 'cache'}/")
        assert (await session.run("!python -c 'import codeact_user; print(codeact_user.ANSWER)'")).stdout == "42\n"
        error = (await session.run("open(codeact_user.__file__, 'a')")).error
        assert error is not None
        assert error.name in ("OSError", "PermissionError")
        assert session.requests == []
    assert any("codeact-user" in line for line in lines)
    index.seen.clear()
    async with LocalSandbox(preload=(), packages=["codeact-tiny<3", "codeact-user"]).open() as session:
        assert (await session.run("import codeact_user; codeact_user.ANSWER")).value == "42"
    assert index.seen == []  # remembered


async def test_a_cache_that_cannot_be_written_is_the_owners_to_mend(index: Site, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    with pytest.raises(SetupError, match="cache': File exists; set XDG_CACHE_HOME to a folder"):
        await packages.install(["codeact-tiny"], sys.executable, cache=tmp_path / "cache")


async def test_folders_are_shared_by_what_was_resolved(index: Site, tmp_path: Path) -> None:
    async def folder(*requirements: str) -> Path:
        return await packages.install(requirements, sys.executable, cache=tmp_path / "cache")

    assert await folder("codeact-tiny") == (newest := await folder("codeact-tiny>1"))
    assert await folder("codeact-tiny==1.0") != newest
    assert len([path for path in (tmp_path / "cache").iterdir() if path.is_dir()]) == 2


async def test_a_package_that_does_not_exist_is_a_clear_error(index: Site, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match=r"no-such-package cannot be installed: ERROR: .*No matching distribution"):
        await packages.install(["no-such-package"], sys.executable, cache=tmp_path / "cache")
    assert list((tmp_path / "cache").glob("*")) == []


async def test_no_code_of_a_package_runs_on_the_host(index: Site, tmp_path: Path) -> None:
    """A wheel may name, as what it needs, the address of a source package; to look into that one pip would run it."""
    mark = tmp_path / "it ran"
    project = tmp_path / "evil"
    project.mkdir()
    (project / "setup.py").write_text(
        f"open({str(mark)!r}, 'w').write('x')\nimport setuptools; setuptools.setup(name='evil')\n"
    )
    publish(index, make_wheel(tmp_path, "codeact_trap", "1.0", "", (f"evil @ {project.as_uri()}",)))
    with pytest.raises(SetupError, match="would have to be built or fetched"):
        await packages.install(["codeact-trap"], sys.executable, cache=tmp_path / "cache")
    assert not mark.exists()


@pytest.mark.parametrize(
    "text", ["", "-r list.txt", "./here", "/there", "x @ https://e.org/x.tar.gz", "git+https://e.org/x"]
)
def test_what_is_not_a_package_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="is not a package that can be installed"):
        LocalSandbox(packages=[text])


@pytest.mark.parametrize(
    "texts", [["six"], ["rich==14.*", "six>=1,<2"], ["httpx[http2] ~= 0.28"], ["a; python_version<'4'"]]
)
def test_packages_as_pip_names_them(texts: Sequence[str]) -> None:
    assert packages.check(texts) == tuple(texts)


def test_one_text_is_not_a_list_of_packages() -> None:
    with pytest.raises(UsageError, match="takes a list"):
        LocalSandbox(packages="six")


def _pypi_answers() -> bool:
    try:
        with urllib.request.urlopen("https://pypi.org/simple/cowsay/", timeout=5) as page:
            return page.status == 200
    except (OSError, urllib.error.URLError):
        return False


async def test_the_real_index_where_it_can_be_reached(server: LocalSandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    if not await anyio.to_thread.run_sync(_pypi_answers):
        pytest.skip("pypi.org does not answer here")
    for name in [name for name in os.environ if name.startswith("PIP_") and name != "PIP_CERT"]:
        monkeypatch.delenv(name)
    async with server.open(network="packages") as session:
        result = await session.run("!pip install cowsay 2>&1\nimport cowsay; cowsay.__name__", time_limit=90)
        assert (result.error, result.value) == (None, "'cowsay'"), result.stdout
        assert all(each.allowed for each in session.requests)
