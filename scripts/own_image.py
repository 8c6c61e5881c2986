"""Writes a container image of this machine's own Python as a tar, for `podman import` or `docker import`: a stand-in
for the Containerfile where no registry can be reached, as in our tests.

    python scripts/own_image.py | podman import - codeact-box

It holds this interpreter, the packages that a box uses as far as they are installed here, a shell and a few programs,
and the shared libraries that those are linked with. Nothing else of the machine: no home, no /etc.
"""

from __future__ import annotations

import importlib.metadata
import io
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from collections.abc import Iterable, Iterator
from pathlib import Path

PACKAGES = ("ipython", "landlockpy", "seccompy", "pip", "numpy", "pandas", "matplotlib")
SHELLS = ("bash", "sh")
PROGRAMS = (*SHELLS, "ls", "cat", "sleep", "echo", "env", "true", "false", "rm", "mkdir", "id", "head", "tr", "yes")
LEFT_OUT = re.compile(r"/(test|tests|idlelib|tkinter|turtledemo|ensurepip|lib2to3|site-packages|config-\d.*)(/|$)|\.a$")
LEFT_OUT_OF_PACKAGES = re.compile(r"/tests(/|$)")
ETC = {
    "etc/passwd": "root:x:0:0:root:/:/bin/sh\nuser:x:1000:1000:user:/box/work:/bin/sh\n",
    "etc/group": "root:x:0:\nuser:x:1000:\n",
}


def main() -> None:
    with tarfile.open(fileobj=sys.stdout.buffer, mode="w|", format=tarfile.GNU_FORMAT) as tar:
        image = Image(tar)
        for folder in ("proc", "sys", "dev", "etc", "usr/local/bin"):
            image.folder(folder, 0o755)
        for folder in ("box", "tmp"):
            image.folder(folder, 0o1777)
        for name, text in ETC.items():
            image.text(name, text)
        image.add_python()
        image.add_programs(PROGRAMS)


class Image:
    def __init__(self, tar: tarfile.TarFile) -> None:
        self._tar = tar
        self._names = set[str]()

    def folder(self, name: str, mode: int) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.mode = tarfile.DIRTYPE, mode
        self._tar.addfile(info)

    def text(self, name: str, text: str) -> None:
        info = tarfile.TarInfo(name)
        info.size, info.mode = len(text), 0o644
        self._tar.addfile(info, io.BytesIO(text.encode()))

    def link(self, name: str, goal: str) -> None:
        info = tarfile.TarInfo(name)
        info.type, info.linkname = tarfile.SYMTYPE, goal
        self._tar.addfile(info)

    def add(self, source: Path, name: str | None = None) -> None:
        """A file under its own path, or another; once. Links are followed: what they lead to is what is wanted."""
        name = (name or str(source)).lstrip("/")
        if name in self._names or not source.is_file():
            return
        self._names.add(name)
        info = tarfile.TarInfo(name)
        info.size, info.mode = source.stat().st_size, 0o755 if os.access(source, os.X_OK) else 0o644
        info.mtime = source.stat().st_mtime  # or the compiled files beside it would count as stale
        with source.open("rb") as file:
            self._tar.addfile(info, file)

    def add_python(self) -> None:
        program = Path(sys.executable).resolve()
        standard = Path(sysconfig.get_path("stdlib", vars={"installed_base": sys.base_prefix}))
        files = list(below(standard, LEFT_OUT))
        for source in files:
            self.add(source)
        self.add(program)
        self.link("usr/local/bin/python3", str(program))
        target = standard / "site-packages"
        found = list(packages(PACKAGES))
        for source, name in found:
            self.add(source, str(target / name))
        linked = [program, *(file for file in [*files, *(source for source, _ in found)] if ".so" in file.name)]
        self.add_libraries(linked)

    def add_programs(self, names: Iterable[str]) -> None:
        found = [Path(path) for name in names if (path := shutil.which(name))]
        for program in found:
            self.add(program, f"/bin/{program.name}")
        self.add_libraries(found)

    def add_libraries(self, programs: Iterable[Path]) -> None:
        for library in sorted(libraries(programs)):
            self.add(library)


def below(folder: Path, left_out: re.Pattern[str]) -> Iterator[Path]:
    for place, folders, names in os.walk(folder):
        inner = f"/{Path(place).relative_to(folder)}" if place != str(folder) else ""
        folders[:] = [name for name in folders if not left_out.search(f"{inner}/{name}")]
        yield from (Path(place, name) for name in names if not left_out.search(f"{inner}/{name}"))


def packages(names: Iterable[str]) -> Iterator[tuple[Path, str]]:
    """The files of distributions and of all they need, with their names below site-packages."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if name in seen:
            continue
        seen.add(name)
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue
        waiting += [re.split(r"[\s;<>=!~\[(]", need, maxsplit=1)[0] for need in requirements(distribution)]
        for file in distribution.files or ():
            if ".." not in file.parts and not LEFT_OUT_OF_PACKAGES.search(f"/{file}"):
                yield Path(str(file.locate())), str(file)


def requirements(distribution: importlib.metadata.Distribution) -> list[str]:
    return [need for need in distribution.requires or () if "extra ==" not in need]


def libraries(programs: Iterable[Path]) -> set[Path]:
    listed = subprocess.run(["ldd", *map(str, programs)], capture_output=True, text=True, check=False).stdout
    found = re.findall(r"(?:=> |^\t)(/\S+) \(", listed, flags=re.MULTILINE)
    return {Path(path) for path in found if ".." not in path}  # the others lie beside the package that wants them


if __name__ == "__main__":
    main()
