"""Kernels forked from a process that has everything imported: real ones, ready in a fraction of the time.

    server ─starts, signals─► stand-in ─socket─► keeper ─fork─► kernel
                                                   ▲
                                     nursery ──fork┘

To a Jupyter server the stand-in is the kernel: a specification names it. It passes interrupts on and ends with the
kernel; the keeper ends the kernel when the stand-in is gone.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

STACK = (
    *("ipykernel.kernelapp", "ipykernel.debugger", "IPython.core.completerlib", "IPython.extensions.storemagic"),
    *("tornado.platform.asyncio", "psutil", "sqlite3", "numpy", "pandas", "matplotlib.pyplot"),
)


@contextlib.contextmanager
def nursery(folder: Path, name: str) -> Iterator[None]:
    """A kernel specification called `name` in the server's data folder `folder`, and the process behind it."""
    address = folder / "nursery"
    specification = folder / "kernels" / name / "kernel.json"
    specification.parent.mkdir(parents=True)
    argv = [sys.executable, "-I", "-S", __file__, str(address), "{connection_file}"]
    specification.write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}))
    command = [sys.executable, __file__, str(address)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdin
        assert process.stdout
        assert process.stdout.readline() == b"ready\n"
        yield
        process.stdin.close()


def bring_up(address: str) -> None:
    """Fork a keeper for each connection, until standard input ends."""
    for module in STACK:
        importlib.import_module(module)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(address)
        listener.listen(64)
        print("ready", flush=True)
        while 0 not in select.select([0, listener], [], [])[0]:
            stand_in, _ = listener.accept()
            with stand_in:
                if os.fork() == 0:
                    listener.close()
                    keep(stand_in)


def keep(stand_in: socket.socket) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    data, output, _, _ = socket.recv_fds(stand_in, 1 << 16, 2)
    asked = json.loads(data)
    if (pid := os.fork()) == 0:
        stand_in.close()
        be_kernel(asked, output)
    ended = os.pidfd_open(pid)
    while ended not in (ready := select.select([stand_in, ended], [], [])[0]):
        os.killpg(pid, signal.SIGINT if stand_in in ready and stand_in.recv(1) else signal.SIGKILL)
    with contextlib.suppress(OSError):
        stand_in.send(str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
    os._exit(0)


def be_kernel(asked: dict[str, Any], output: list[int]) -> None:
    os.setsid()  # before anybody can signal its group
    for number, fd in enumerate([os.open(os.devnull, os.O_RDONLY), *output]):
        os.dup2(fd, number)
    os.chdir(asked["folder"])
    sys.modules["numpy"].random.seed()  # else every kernel would draw the same numbers
    sys.argv = ["ipykernel_launcher", "-f", asked["file"]]
    sys.modules["ipykernel.kernelapp"].launch_new_instance()
    os._exit(0)


def stand_in(address: str, connection_file: str) -> None:
    with socket.socket(socket.AF_UNIX) as keeper:
        keeper.connect(address)
        signal.signal(signal.SIGINT, lambda *_: keeper.send(b"i"))
        asked = {"file": connection_file, "folder": os.getcwd()}
        socket.send_fds(keeper, [json.dumps(asked).encode()], [1, 2])
        status = int(keeper.recv(16) or b"-9")
    os._exit(status if status >= 0 else 128 - status)


if __name__ == "__main__":
    stand_in(*sys.argv[1:]) if sys.argv[2:] else bring_up(sys.argv[1])
