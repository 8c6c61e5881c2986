"""What the code of an attack finds around it in the box: this file's text is sent before it.

Needs nothing but the standard library. Everything here belongs to the attacker; no verdict rests on it.
"""

import contextlib
import ctypes
import gc
import os
import platform
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

_NUMBERS = {  # of the calls that the C library has no function for, or checks before it calls
    "x86_64": {
        "clone": 56, "ptrace": 101, "syslog": 103, "personality": 135, "modify_ldt": 154, "pivot_root": 155,
        "adjtimex": 159, "chroot": 161, "acct": 163, "settimeofday": 164, "mount": 165, "umount2": 166, "swapon": 167,
        "reboot": 169, "sethostname": 170, "iopl": 172, "ioperm": 173, "init_module": 175, "quotactl": 179,
        "lookup_dcookie": 212, "remap_file_pages": 216, "clock_settime": 227, "mbind": 237, "kexec_load": 246,
        "add_key": 248, "request_key": 249, "keyctl": 250, "ioprio_set": 251, "inotify_init1": 294, "unshare": 272,
        "vmsplice": 278, "move_pages": 279, "perf_event_open": 298, "fanotify_init": 300, "prlimit64": 302,
        "name_to_handle_at": 303, "open_by_handle_at": 304, "setns": 308, "process_vm_readv": 310,
        "process_vm_writev": 311, "kcmp": 312, "finit_module": 313, "sched_setattr": 314, "bpf": 321,
        "userfaultfd": 323, "io_setup": 206,
    },
    "aarch64": {
        "clone": 220, "ptrace": 117, "syslog": 116, "personality": 92, "pivot_root": 41, "adjtimex": 171, "chroot": 51,
        "acct": 89, "settimeofday": 170, "mount": 40, "umount2": 39, "swapon": 224, "reboot": 142, "sethostname": 161,
        "init_module": 105, "quotactl": 60, "remap_file_pages": 234, "clock_settime": 112, "mbind": 235,
        "kexec_load": 104, "add_key": 217, "request_key": 218, "keyctl": 219, "ioprio_set": 30, "inotify_init1": 26,
        "unshare": 97, "vmsplice": 75, "move_pages": 239, "perf_event_open": 241, "fanotify_init": 262,
        "prlimit64": 261, "name_to_handle_at": 264, "open_by_handle_at": 265, "setns": 268, "process_vm_readv": 270,
        "process_vm_writev": 271, "kcmp": 272, "finit_module": 273, "sched_setattr": 274, "bpf": 280,
        "userfaultfd": 282, "io_setup": 0,
    },
}  # fmt: skip
_NEW = {  # the same on every machine
    "pidfd_send_signal": 424, "io_uring_setup": 425, "open_tree": 428, "move_mount": 429, "fsopen": 430,
    "pidfd_open": 434, "clone3": 435, "pidfd_getfd": 438, "process_madvise": 440, "mount_setattr": 442,
    "quotactl_fd": 443, "memfd_secret": 447, "process_mrelease": 448, "cachestat": 451, "statmount": 457,
}  # fmt: skip
libc = ctypes.CDLL(None, use_errno=True)


def number_of(name: str) -> int:
    """The number of a system call on this machine."""
    numbers = {**_NUMBERS.get(platform.machine(), {}), **_NEW}
    if name not in numbers:
        raise NotImplementedError(f"{name} on {platform.machine()}")
    return numbers[name]


def _has_filter() -> bool:
    return "Seccomp:\t2" in Path("/proc/self/status").read_text()


def syscall(name: str, *arguments: Any) -> int:
    """A system call by name; OSError when it is refused, with the word "filtered" when seccomp did it."""
    values: list[Any] = [
        a if isinstance(a, bytes | ctypes.Array | ctypes.Structure) else ctypes.c_long(a) for a in arguments
    ]
    result = libc.syscall(ctypes.c_long(number_of(name)), *values)
    if result < 0:
        refuse(name)
    return result


def refuse(name: str) -> None:
    """Raise what the last call met. A filter sees no memory, so it also refuses the call with nonsense in it."""
    code = ctypes.get_errno()
    libc.syscall(ctypes.c_long(number_of(name)), *[ctypes.c_long(-1)] * 6)
    filtered = ctypes.get_errno() == code and _has_filter()
    raise OSError(code, f"{name}: {os.strerror(code)}{', filtered' if filtered else ''}")


def family_socket(family: int, kind: int = socket.SOCK_RAW, protocol: int = 0) -> socket.socket:
    """A socket of a family; OSError when there is none."""
    try:
        return socket.socket(family, kind, protocol)
    except OSError as error:
        filtered = error.errno in (1, 97) and _has_filter()
        raise OSError(error.errno, f"{error.strerror}{', filtered' if filtered else ''}") from None


def first_that_works(attempt: Callable[[Any], object], choices: Iterable[Any]) -> Any:
    """The first choice with which the attempt works; the error of the last when none does."""
    last: OSError = FileNotFoundError(2, "nothing to try")
    for choice in choices:
        try:
            attempt(choice)
        except OSError as error:
            last = error
        else:
            return choice
    raise last


def succeed(command: Sequence[str]) -> str:
    """Run a program; PermissionError with its own words when it fails."""
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, check=False)
    if done.returncode:
        raise PermissionError(1, f"{command[0]} ended with {done.returncode}: {done.stderr.strip()[-200:]}")
    return done.stdout


def processes() -> list[int]:
    """The numbers of all processes that can be seen."""
    return sorted(int(path.name) for path in Path("/proc").iterdir() if path.name.isdigit())


def await_state(pid: int, states: str) -> None:
    """Until a process that was signalled is in one of these states: signals take their time."""
    deadline = time.monotonic() + 10
    with contextlib.suppress(OSError):
        while Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in states:
            if time.monotonic() > deadline:
                return
            time.sleep(0.005)


def channel() -> int:
    """The descriptor of the worker's own connection to the host."""
    return link().fileno()


def frame(kind: str, body: dict[str, Any], blobs: Sequence[bytes] = ()) -> bytes:
    """The bytes of a frame as the worker would send it."""
    frames: Any = sys.modules["codeact_box.frames"]
    return b"".join(bytes(part) for part in frames.encode(frames.Frame(kind, body, blobs)))


def send(data: bytes) -> None:
    """Bytes into the channel, as they are."""
    descriptor, rest = channel(), memoryview(data)
    while rest:
        with contextlib.suppress(BlockingIOError):
            rest = rest[os.write(descriptor, rest) :]


def link() -> Any:
    """The worker's own end of the channel, as an object."""
    for found in gc.get_objects():
        if type(found).__name__ == "Link" and hasattr(found, "in_action"):
            return found
    raise NotImplementedError("a channel of ours")
