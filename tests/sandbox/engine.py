"""A container engine for tests: Podman's API service with a store of its own, and an image of this machine's Python,
since no registry is at hand. Nothing of it stays.
"""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

IMAGE = "codeact-box"
_SCRIPT = Path(__file__).parents[2] / "scripts" / "own_image.py"
_INSTALL = "scripts/install_podman.sh installs them on Debian"


def why_not() -> str:
    """Why there can be no engine here; empty when there can."""
    if os.geteuid() != 0:
        return "Podman is tried as root only here; run the tests as root for this"
    missing = [program for program in ("podman", "runc", "conmon") if not shutil.which(program)]
    return f"there is no {', '.join(missing)} ({_INSTALL})" if missing else ""


@contextlib.contextmanager
def podman(folder: Path) -> Iterator[str]:
    """The address of an engine that has the image, while the context lasts."""
    command = ["podman", "--root", f"{folder}/store", "--runroot", f"{folder}/run", "--runtime", "runc"]
    command += ["--cgroup-manager", "cgroupfs"]
    environment = {**os.environ, "CONTAINERS_CONF": str(_configuration(folder))}
    _make_image(command, environment)
    socket = folder / "podman.sock"
    log = (folder / "service.log").open("wb")
    service = subprocess.Popen(
        [*command, "system", "service", "--time", "0", f"unix://{socket}"],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        env=environment,
        cwd=folder,  # conmon leaves a file where it stands when a container runs out of memory
        start_new_session=True,
    )
    try:
        _wait_for(socket, service)
        yield f"unix://{socket}"
    finally:
        service.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            service.wait(10)
        service.kill()
        service.wait()
        log.close()
        subprocess.run(["umount", "-l", f"{folder}/store/overlay"], capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _configuration(folder: Path) -> Path:
    """Podman's own defaults for the limits of a container are higher than some machines allow."""
    most = {"nofile": resource.RLIMIT_NOFILE, "nproc": resource.RLIMIT_NPROC}
    ulimits = ", ".join(f'"{name}={(hard := resource.getrlimit(kind)[1])}:{hard}"' for name, kind in most.items())
    path = folder / "containers.conf"
    path.write_text(f"[containers]\ndefault_ulimits = [{ulimits}]\n")
    return path


def _make_image(command: list[str], environment: dict[str, str]) -> None:
    with subprocess.Popen([sys.executable, str(_SCRIPT)], stdout=subprocess.PIPE) as writer:
        made = subprocess.run(
            [*command, "import", "--quiet", "-", IMAGE],
            stdin=writer.stdout,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
    assert made.returncode == 0, made.stderr


def _wait_for(socket: Path, service: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 30
    while not socket.is_socket():
        assert service.poll() is None, "the service has ended"
        assert time.monotonic() < deadline, "the service does not answer"
        time.sleep(0.02)
