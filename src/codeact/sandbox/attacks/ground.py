"""The ground of the suite on the host: canaries that an attack may reach for, and witnesses that see when it did.

Code in a box can say what it likes about itself. So what counts is seen from here: secrets that turn up in what a
session says, files that change, listeners that are reached, a process that is stopped or killed. All of it is the
suite's own; nothing real is put at risk.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any

from codeact.sandbox.attacks import procfs

_OWN = 4  # descriptors of the host that come and go: the sockets of standbys; two for each in another place
_PEAK = 1 << 30  # bytes by which an attack may make the host's memory grow while it runs
_CLOCK = 30.0  # seconds that the host's clock may have been moved
_SHARED = ("/tmp", "/dev/shm", "/var/tmp")  # noqa: S108 (where marks of an attack must not turn up)
_ANYWHERE = "0.0.0.0"  # noqa: S104 (a service that the machine's own network can reach)
_VARIABLE = "CODEACT_ATTACK_CANARY"
_WAIT = "import sys; sys.stdin.read()"


class Ground:
    """Canaries, and what became of them."""

    def __init__(self, folder: Path, stack: contextlib.ExitStack) -> None:
        self.mark = f"attack-{secrets.token_hex(8)}"  # in the name of whatever an attack leaves behind
        self.secrets = {
            name: f"canary-{secrets.token_hex(16)}"
            for name in ("file", "environment", "arguments", "host", "neighbour")
        }
        self._folder = folder
        self._stack = stack
        os.putenv(_VARIABLE, self.secrets["host"])  # what programs inherit from us, and boxes must not
        stack.callback(os.unsetenv, _VARIABLE)
        folder.chmod(0o777)
        self._secret, self._writable = folder / "secret.txt", folder / "writable.txt"
        self._secret.write_text(self.secrets["file"])
        self._writable.write_text("as it was")
        self._writable.chmod(0o666)
        self._sockets = {name: stack.enter_context(sock) for name, sock in _listeners(folder, self.mark).items()}
        self._files = self._state_of_files()
        self._hostname = socket.gethostname()
        self._clock = time.time() - time.monotonic()
        self._victim = self._start_victim()
        self._victims_state = procfs.settings(self._victim.pid)
        self._fds = 0
        self._resident = 0

    @property
    def places(self) -> Mapping[str, Any]:
        """What the code of an attack is told: where to reach for, never what is there."""
        return {
            "mark": self.mark,
            "folder": str(self._folder),
            "secret": str(self._secret),
            "writable": str(self._writable),
            "process": self._victim.pid,
            "port": self._sockets["service"].getsockname()[1],
            "port6": self._sockets["service6"].getsockname()[1] if "service6" in self._sockets else 9,
            "udp": self._sockets["datagrams"].getsockname()[1],
            "address": _own_address(),
            "abstract": f"\0{self.mark}",
            "path": str(self._folder / "service.sock"),
            "datagram_path": str(self._folder / "datagrams.sock"),
        }

    def begin(self) -> None:
        """Before an attack."""
        self._fds = procfs.count_descriptors()
        self._resident = procfs.reset_peak()

    def harm(self, said: Iterable[str]) -> str:
        """What an attack has reached, in words, or "". `said`: all that the session gave. Mends the ground for the
        next attack.
        """
        harms = (
            self._leaks(said),
            self._changed_files(),
            self._reached_services(),
            self._harmed_process(),
            self._marks(),
            self._harmed_host(),
        )
        return "; ".join(harm for harm in harms if harm)

    def marked_processes(self) -> list[int]:
        """Processes on the whole machine that carry the mark."""
        return procfs.with_argument(self.mark)

    def _leaks(self, said: Iterable[str]) -> str:
        text = "\n".join(said)
        return " and ".join(
            f"the session said the secret of the {name}" for name, s in self.secrets.items() if s in text
        )

    def _changed_files(self) -> str:
        if (now := self._state_of_files()) == self._files:
            return ""
        for path in self._folder.iterdir():
            if str(path) not in self._files:
                shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
        self._secret.write_text(self.secrets["file"])
        self._writable.write_text("as it was")
        self._secret.chmod(0o644)
        self._writable.chmod(0o666)
        changed = sorted(Path(path).name for path in now.keys() ^ self._files.keys()) or ["a file"]
        return f"{', '.join(changed)} of the host was changed"

    def _state_of_files(self) -> dict[str, tuple[int, str]]:
        state = dict[str, tuple[int, str]]()
        for path in self._folder.iterdir():
            info = path.lstat()
            text = path.read_text() if path in (self._secret, self._writable) else ""
            state[str(path)] = (info.st_mode, text)
        return state

    def _reached_services(self) -> str:
        reached = [name for name, sock in self._sockets.items() if _was_reached(sock)]
        return f"it reached the host's {', '.join(reached)}" if reached else ""

    def _harmed_process(self) -> str:
        status, now = self._victim.poll(), procfs.settings(self._victim.pid)
        if status is None and now == self._victims_state:
            return ""
        self._victim.kill()
        _close_input(self._victim)  # waiting for it is for later: it does not end before whoever traces it does
        self._victim = self._start_victim()
        self._victims_state = procfs.settings(self._victim.pid)
        return "a process of the host was " + ("ended" if status is not None else "stopped or changed")

    def _start_victim(self) -> subprocess.Popen[bytes]:
        victim = subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", _WAIT, self.secrets["arguments"]],
            stdin=subprocess.PIPE,  # it ends with this process, however that ends
            env={"SECRET": self.secrets["environment"]},
        )
        self._stack.callback(_end, victim)
        procfs.wait_for_program(victim.pid)
        return victim

    def _marks(self) -> str:
        found = [path for folder in _SHARED for path in Path(folder).glob(f"{self.mark}*")]
        for path in found:
            path.unlink()
        return f"{', '.join(map(str, found))} turned up on the host" if found else ""

    def _harmed_host(self) -> str:
        grown = procfs.peak() - self._resident
        if grown > _PEAK:
            return f"the host's own memory grew by {grown >> 20:,} MiB"
        if (fds := procfs.count_descriptors()) > self._fds + _OWN:
            return f"the host was given {fds - self._fds} descriptors"
        if socket.gethostname() != self._hostname:
            return "the host's name was changed"
        if abs(time.time() - time.monotonic() - self._clock) > _CLOCK:
            return "the host's clock was set"
        return ""


@contextlib.contextmanager
def ground() -> Generator[Ground]:
    """Canaries and witnesses, for as long as the context lasts."""
    with contextlib.ExitStack() as stack:
        folder = Path(tempfile.mkdtemp("", "codeact-ground-"))
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        yield Ground(folder, stack)


def _listeners(folder: Path, mark: str) -> dict[str, socket.socket]:
    sockets = {
        "service": socket.create_server((_ANYWHERE, 0), backlog=64),
        "abstract socket": socket.socket(socket.AF_UNIX),
        "socket by path": socket.socket(socket.AF_UNIX),
        "datagrams": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "datagrams by path": socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM),
    }
    with contextlib.suppress(OSError):  # a machine without IPv6
        sockets["service6"] = socket.create_server(("::1", 0), family=socket.AF_INET6)
    sockets["datagrams"].bind((_ANYWHERE, 0))
    sockets["abstract socket"].bind(f"\0{mark}")
    sockets["socket by path"].bind(str(folder / "service.sock"))
    sockets["datagrams by path"].bind(str(folder / "datagrams.sock"))
    for name in ("service.sock", "datagrams.sock"):
        (folder / name).chmod(0o777)
    for name in ("abstract socket", "socket by path"):
        sockets[name].listen()
    for sock in sockets.values():
        sock.setblocking(False)
    return sockets


def _was_reached(sock: socket.socket) -> bool:
    reached = False
    with contextlib.suppress(BlockingIOError):
        while True:
            if sock.type == socket.SOCK_DGRAM:
                sock.recv(1)
            else:
                sock.accept()[0].close()
            reached = True
    return reached


def _own_address() -> str:
    """An address of this machine in its network; the loopback's when it has none."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(("192.0.2.1", 9))  # nothing is sent
        return sock.getsockname()[0]
    return "127.0.0.1"


def _end(victim: subprocess.Popen[bytes]) -> None:
    victim.kill()
    _close_input(victim)
    victim.wait()


def _close_input(victim: subprocess.Popen[bytes]) -> None:
    if victim.stdin is not None:
        victim.stdin.close()
