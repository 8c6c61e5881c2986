"""Packages that a sandbox is built with: installed on the host once, shown read-only in every box.

No code of theirs runs on the host. Only wheels are taken, which pip unpacks, and the process that does so refuses to
start another one, which is what building a source package or fetching a repository would take.

The folder is named after the interpreter and what the requirements were resolved to, so that sandboxes share it. What
they were resolved to is remembered: the same words give the same packages, without the network, until the cache is
deleted.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Generator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

import anyio
import platformdirs
from anyio.streams.text import TextReceiveStream

from codeact.errors import SetupError, UsageError
from codeact.sandbox import scratch

Progress = Callable[[str], object]  # given a line of what pip is doing; must not block

# A name, extras, versions and a marker. An address or a path might be source code, which is not to run on the host.
_REQUIREMENT = re.compile(r"[A-Za-z0-9][\w.-]*\s*(\[[\w\s.,-]*\])?\s*([<>=!~][^@/\\;]*)?(;[^@/\\]*)?")
_WHEELS_ONLY = """
import runpy, sys
starting = {"subprocess.Popen", "os.system", "os.exec", "os.fork", "os.forkpty", "os.posix_spawn", "os.spawn"}
def refuse(event, arguments):
    if event in starting:
        what = repr(arguments[0] if arguments else event)
        raise PermissionError(f"only wheels are taken, and this would have to be built or fetched by {what}")
sys.addaudithook(refuse)
sys.argv[0] = "pip"
runpy.run_module("pip", run_name="__main__", alter_sys=True)
"""
_IDENTITY = "import sys, sysconfig; print(sys.version, sys.executable, sysconfig.get_platform(), sys.abiflags)"
_OPTIONS = ("--only-binary", ":all:", "--ignore-installed", "--no-input", "--disable-pip-version-check")
_REASON = 1_500  # characters of pip's own words in an error


def check(requirements: Sequence[str]) -> tuple[str, ...]:
    """The requirements as they are to be, in order and without doubles.

    Raises:
        UsageError: one that is not a name with or without versions.
    """
    if isinstance(requirements, str):
        raise UsageError(f"packages=… takes a list of packages, such as ['six', 'rich==14.*'], not {requirements!r}")
    for text in requirements:
        if not _REQUIREMENT.fullmatch(text.strip()):
            raise UsageError(
                f"{text!r} is not a package that can be installed; give its name, and versions if need be: 'rich==14.*'"
            )
    return tuple(sorted({text.strip() for text in requirements}))


async def install(
    requirements: Sequence[str], python: str, *, cache: Path | None = None, progress: Progress = lambda line: None
) -> Path:
    """The folder that holds these packages and what they need, made if need be. Indexes are as pip has them configured.

    Raises:
        SetupError: pip could not install them; says why.
    """
    root = cache or platformdirs.user_cache_path("codeact") / "packages"
    identity = await _identity(python)
    memory = root / f"{_digest(identity, *requirements)}.json"
    with contextlib.suppress(OSError, ValueError, KeyError):
        if (folder := root / str(_read(memory)["folder"])).is_dir():
            return folder
    resolved = await _resolve(requirements, python, progress)
    name = _digest(identity, *(f"{each}=={version}" for each, version in resolved.items()))
    try:
        await _fill(root / name, requirements, resolved, python, progress)
        _write(memory, json.dumps({"folder": name, "requirements": requirements, "resolved": resolved}, indent=1))
    except OSError as error:
        raise SetupError(
            f"packages cannot be kept in {str(root)!r}: {error.strerror}; set XDG_CACHE_HOME to a folder that can be "
            "written to and has room, or make room"
        ) from None
    return root / name


async def _identity(python: str) -> str:
    command = [python, "-I", "-c", _IDENTITY]
    try:
        return (await anyio.run_process(command, stdin=subprocess.DEVNULL)).stdout.decode().strip()
    except (OSError, subprocess.CalledProcessError) as error:
        raise SetupError(f"the interpreter {python!r} cannot be started: {error}") from None


async def _resolve(requirements: Sequence[str], python: str, progress: Progress) -> Mapping[str, str]:
    """Name to version of all that is needed."""
    with contextlib.ExitStack() as stack:
        with scratch.explained():
            folder = stack.enter_context(tempfile.TemporaryDirectory(prefix="codeact-"))
        report = Path(folder, "report.json")
        await _pip(python, ["--dry-run", "--report", str(report), *requirements], requirements, progress)
        found = _read(report)
    parts = [cast("dict[str, str]", item["metadata"]) for item in found["install"]]
    return {part["name"]: part["version"] for part in sorted(parts, key=lambda part: part["name"])}


async def _fill(
    folder: Path, requirements: Sequence[str], resolved: Mapping[str, str], python: str, progress: Progress
) -> None:
    with _made_whole(folder) as partial:
        if partial:
            pinned = [f"{name}=={version}" for name, version in resolved.items()]
            await _pip(python, ["--no-deps", "--target", str(partial), *pinned], requirements, progress)


@contextlib.contextmanager
def _made_whole(folder: Path) -> Generator[Path | None]:
    """A folder to fill that becomes `folder`, whole or not at all; None when that is there already."""
    if folder.is_dir():
        yield None
        return
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix=f"{folder.name}.", dir=folder.parent))
    try:
        yield partial
        partial.chmod(0o755)  # the server of a root host runs as somebody else
        with contextlib.suppress(OSError):  # another process was faster
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _read(path: Path) -> Any:
    return json.loads(path.read_text())


async def _pip(python: str, arguments: Sequence[str], requirements: Sequence[str], progress: Progress) -> None:
    command = [python, "-P", "-c", _WHEELS_ONLY, "install", *_OPTIONS, *arguments]
    said: list[str] = []
    async with await anyio.open_process(command, stdin=subprocess.DEVNULL, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        rest = ""
        async for text in TextReceiveStream(process.stdout, errors="replace"):
            *lines, rest = (rest + text).split("\n")
            for line in filter(None, map(str.strip, lines)):
                said.append(line)
                progress(line)
        await process.wait()
    if process.returncode:
        faults = [line for line in said if line.startswith("ERROR:")] or said
        raise SetupError(
            f"the packages {', '.join(requirements)} cannot be installed: {' '.join(faults)[-_REASON:]} "
            "(only wheels are taken, from the index that `pip config list` shows)"
        )


def _write(path: Path, text: str) -> None:
    partial = path.with_suffix(".part")
    partial.write_text(text)
    partial.rename(path)


def _digest(*parts: str) -> str:
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()[:32]
