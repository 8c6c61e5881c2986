"""The kernel calls that Python 3.11 has no name for, by ctypes: Linux on x86-64 and arm64.

Each function is one call and raises OSError with the kernel's own reason; what to do about it is for the caller.
"""

from __future__ import annotations

import contextlib
import ctypes
import fcntl
import os
import platform
import signal
import socket
import struct
import time
from collections.abc import Collection

from .proc import Proc

# clone and unshare
NEWNS, NEWUTS, NEWIPC = 0x00020000, 0x04000000, 0x08000000
NEWUSER, NEWPID, NEWNET = 0x10000000, 0x20000000, 0x40000000
PARENT = 0x00008000  # a sibling instead of a child
THREAD = 0x00010000
_CHILD_SETTID, _CHILD_CLEARTID = 0x01000000, 0x00200000

# mount
MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_BIND, MS_REC, MS_PRIVATE = 0x2, 0x4, 0x8, 0x1000, 0x4000, 0x40000
MS_UNBINDABLE = 0x20000
_MS_RDONLY, _MS_REMOUNT = 0x1, 0x20
_MNT_DETACH = 2
_ATTR_RDONLY, _ATTR_NOSUID, _ATTR_NODEV = 0x1, 0x2, 0x4
_AT_RECURSIVE, _AT_FDCWD = 0x8000, -100

_HUGE, _MADV_COLLAPSE = 1 << 21, 25
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_CAPBSET_DROP = 1, 4, 24
_PR_SET_CHILD_SUBREAPER, _PR_SET_NO_NEW_PRIVS, _PR_GET_TID_ADDRESS, _PR_CAP_AMBIENT = 36, 38, 40, 47
CAP_DAC_OVERRIDE, CAP_FOWNER, CAP_SETPCAP = 1, 3, 8
CAP_SYS_CHROOT, CAP_SYS_PTRACE, CAP_SYS_ADMIN = 18, 19, 21
_CAPABILITY_VERSION_3 = 0x20080522
_SIOCSIFFLAGS, _IFF_UP, _IFF_RUNNING = 0x8914, 0x1, 0x40

_TIMER = struct.Struct("qqqq")  # seconds and nanoseconds, of the interval and of the first time
_LONGEST = 1e8  # seconds, three years

_NUMBERS = {"x86_64": (56, 155, 442), "aarch64": (220, 41, 442)}  # clone, pivot_root, mount_setattr
_libc = ctypes.CDLL(None, use_errno=True)
_libc_with_gil = ctypes.PyDLL(None, use_errno=True)


def _numbers() -> tuple[int, int, int]:
    try:
        return _NUMBERS[platform.machine()]
    except KeyError:
        raise OSError(f"no system call numbers are known for {platform.machine()!r}") from None


def _check(result: int, what: str) -> int:
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{what}: {os.strerror(code)}")
    return result


def unshare(flags: int) -> None:
    _check(_libc.unshare(ctypes.c_int(flags)), "unshare")


def is_alone() -> bool:
    """Whether this process has one thread, asked without /proc: to part from others would be an error, and does nothing
    where there are none.
    """
    return _libc.unshare(ctypes.c_int(THREAD)) == 0


def fork_into(flags: int) -> int:
    """`os.fork()` with new namespaces: the child is in all of them, and pid 1 of a new pid namespace.

    `unshare` and `fork` would do the same with one more copy of this process, which is most of what a session costs.
    """
    return _clone(flags)


def fork_sibling() -> int:
    """`os.fork()`, but the child belongs to this process's own parent: nobody here has to wait for it, and it stays
    when this process ends.

    The C library keeps the thread's number in memory; it asked the kernel to know where, and there the child's goes.
    """
    address = ctypes.c_void_p()
    known = _libc.prctl(ctypes.c_int(_PR_GET_TID_ADDRESS), ctypes.byref(address), *[ctypes.c_ulong(0)] * 3) == 0
    if not known or not address.value:  # a kernel without it; almost nothing looks at the number
        return _clone(PARENT)
    return _clone(PARENT | _CHILD_SETTID | _CHILD_CLEARTID, address.value)


def _clone(flags: int, tid_address: int = 0) -> int:
    number = _numbers()[0]
    child_tid = (0, tid_address) if platform.machine() == "aarch64" else (tid_address, 0)  # the order differs
    ctypes.pythonapi.PyOS_BeforeFork()
    arguments = [ctypes.c_long(value) for value in (number, flags | signal.SIGCHLD, 0, 0, *child_tid)]
    pid: int = _libc_with_gil.syscall(*arguments)
    if pid == 0:
        ctypes.pythonapi.PyOS_AfterFork_Child()
        return 0
    code = ctypes.get_errno()
    ctypes.pythonapi.PyOS_AfterFork_Parent()
    if pid < 0:
        raise OSError(code, f"clone: {os.strerror(code)}")
    return pid


def act_forked() -> None:
    """Do once what libraries do in every copy: matplotlib throws its fonts away, say. Only with one thread."""
    ctypes.pythonapi.PyOS_BeforeFork()
    ctypes.pythonapi.PyOS_AfterFork_Child()


def map_ids(uid: int, gid: int, outside: tuple[int, int], proc: Proc) -> None:
    """Give this process, which has just entered a user namespace, its ids of before (`outside`) under new numbers."""
    proc.write("self/setgroups", "deny")
    proc.write("self/uid_map", f"{uid} {outside[0]} 1")
    proc.write("self/gid_map", f"{gid} {outside[1]} 1")


def mount(source: str, target: str, kind: str = "", flags: int = 0, data: str = "") -> None:
    arguments = [text.encode() or None for text in (source, target, kind)]
    _check(_libc.mount(*arguments, ctypes.c_ulong(flags), data.encode() or None), f"mount {kind or source} on {target}")


def unmount(target: str) -> None:
    _check(_libc.umount2(target.encode(), _MNT_DETACH), f"unmount {target}")


def pivot_root(new: str, old: str) -> None:
    number = ctypes.c_long(_numbers()[1])
    _check(_libc.syscall(number, new.encode(), old.encode()), f"pivot_root to {new}")


def make_read_only(target: str, *, recursive: bool = True) -> None:
    """A mount, and all mounts below it if `recursive`: read-only, no set-user-id programs, no devices."""
    block = struct.pack("QQQQ", _ATTR_RDONLY | _ATTR_NOSUID | _ATTR_NODEV, 0, 0, 0)
    depth = ctypes.c_uint(_AT_RECURSIVE if recursive else 0)
    arguments = (ctypes.c_int(_AT_FDCWD), target.encode(), depth, block, ctypes.c_size_t(len(block)))
    try:
        _check(_libc.syscall(ctypes.c_long(_numbers()[2]), *arguments), f"mount_setattr {target}")
    except OSError:  # before Linux 5.12: the top of the tree only, which is all there is for most trees
        mount("", target, flags=_MS_REMOUNT | MS_BIND | _MS_RDONLY | MS_NOSUID | MS_NODEV)


def die_with_parent(number: signal.Signals = signal.SIGKILL) -> None:
    """Get a signal when the thread that made this process ends. Lost when the uid changes, so call it after that."""
    _prctl(_PR_SET_PDEATHSIG, number)


def become(uid: int) -> None:
    """Take this uid, and the gid of the same number, for good."""
    os.setgroups([])
    os.setresgid(uid, uid, uid)
    os.setresuid(uid, uid, uid)


def set_dumpable(dumpable: bool) -> None:
    """Whether processes of the same uid may trace this one and open its /proc files."""
    _prctl(_PR_SET_DUMPABLE, int(dumpable))


def become_subreaper() -> None:
    """Orphaned grandchildren become children of this process, so that it can find and end them."""
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)


def set_no_new_privileges() -> None:
    _prctl(_PR_SET_NO_NEW_PRIVS, 1)


def drop_capabilities(keep: Collection[int] = ()) -> None:
    """All of them but `keep`, for good: bounding, ambient, effective, permitted and inheritable."""
    for number in range(64):
        try:
            if number not in keep:
                _prctl(_PR_CAPBSET_DROP, number)
        except OSError:  # EINVAL: past the last one; EPERM: none are held, so none can be dropped
            break
    with contextlib.suppress(OSError):  # before Linux 4.3 there is no ambient set
        _prctl(_PR_CAP_AMBIENT, 4)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    mask = sum(1 << number for number in keep)
    low, high = mask & 0xFFFFFFFF, mask >> 32
    _check(_libc.capset(header, struct.pack("6I", low, low, 0, high, high, 0)), "capset")


def raise_loopback() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        fcntl.ioctl(sock, _SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", _IFF_UP | _IFF_RUNNING))


def timer() -> int:
    """A descriptor that becomes readable when its time has come."""
    return _check(_libc.timerfd_create(time.CLOCK_MONOTONIC, os.O_NONBLOCK | os.O_CLOEXEC), "timerfd_create")


def set_timer(fd: int, seconds: float) -> None:
    """Once, in so many seconds from now; 0 is at once."""
    nanoseconds = max(1, int(min(seconds, _LONGEST) * 1e9))  # zero would switch it off
    block = _TIMER.pack(0, 0, *divmod(nanoseconds, 1_000_000_000))
    _check(_libc.timerfd_settime(fd, 0, block, None), "timerfd_settime")


def set_host_name(name: str) -> None:
    _check(_libc.sethostname(name.encode(), ctypes.c_size_t(len(name))), "sethostname")


def _prctl(option: int, value: int) -> None:
    zeros = [ctypes.c_ulong(0)] * 3
    _check(_libc.prctl(ctypes.c_int(option), ctypes.c_ulong(value), *zeros), f"prctl {option}")


def collapse(start: int, end: int) -> None:
    """Gather what memory there is between two addresses in pages of 2 MiB, as far as it lies close enough: a fork
    copies a table of pages, and one entry is copied faster than 512. Without effect before Linux 6.1.
    """
    for address in range(-(-start // _HUGE) * _HUGE, end // _HUGE * _HUGE, _HUGE):
        _libc.madvise(ctypes.c_void_p(address), ctypes.c_size_t(_HUGE), ctypes.c_int(_MADV_COLLAPSE))


def protect(address: int, length: int, rights: int) -> None:
    """What may be done with a part of this process's memory: `mmap.PROT_…`."""
    block = (ctypes.c_void_p(address), ctypes.c_size_t(length), ctypes.c_int(rights))
    _check(_libc.mprotect(*block), "mprotect")


def load_filter(program: bytes) -> None:
    """Put a seccomp program in force for this thread and all it starts, for good. Needs no_new_privs."""
    buffer = ctypes.create_string_buffer(program, len(program))
    block = struct.pack("HxxxxxxP", len(program) // 8, ctypes.addressof(buffer))
    _check(_libc.prctl(ctypes.c_int(22), ctypes.c_ulong(2), block, ctypes.c_ulong(0), ctypes.c_ulong(0)), "seccomp")
