"""The seccomp filter of a worker: which system calls an agent's code may not make.

A deny list. Covers: new namespaces and mounts, tracing and memory of other processes, limits and priority of pid 1,
kernel interfaces with a history of holes (bpf, io_uring, userfaultfd, perf, keyrings, …), time and machine settings,
socket families other than local, internet and route, foreign and x32 system call tables. Does not cover: system calls
newer than the list, and what the permitted ones can do; that is for the namespaces, Landlock and the kernel's own
checks.
"""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterable
from functools import cache

from seccompy import CmpOp, Filter, syscall_nr

_REFUSED = [
    "unshare",
    "setns",
    "mount",
    "umount2",
    "pivot_root",
    "move_mount",
    "open_tree",
    "fsopen",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "statmount",
    "listmount",
    "open_tree_attr",
    "swapon",
    "swapoff",
    "quotactl",
    "quotactl_fd",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "process_madvise",
    "process_mrelease",
    "pidfd_getfd",
    "kcmp",
    "bpf",
    "perf_event_open",
    "userfaultfd",
    "io_uring_setup",
    "io_uring_enter",
    "io_uring_register",
    "add_key",
    "request_key",
    "keyctl",
    "fanotify_init",
    "fanotify_mark",
    "name_to_handle_at",
    "open_by_handle_at",
    "lookup_dcookie",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "reboot",
    "syslog",
    "acct",
    "vhangup",
    "ioperm",
    "iopl",
    "modify_ldt",
    "settimeofday",
    "clock_settime",
    "clock_adjtime",
    "adjtimex",
    "sethostname",
    "setdomainname",
    "personality",
    "nfsservctl",
    "uselib",
    "ustat",
    "sysfs",
    "_sysctl",
    "memfd_secret",
    "mbind",
    "migrate_pages",
    "move_pages",
    "set_mempolicy",
    "set_mempolicy_home_node",
    "map_shadow_stack",
    "remap_file_pages",
    "vmsplice",
    "mknod",
    "mknodat",
    "inotify_init",  # counted per user of the host, whom all sessions of a server share
    "inotify_init1",
]
_SHARED_OBJECTS = [  # of System V and POSIX: known by number or name to all who share the ipc namespace
    *("shmget", "shmat", "shmctl", "shmdt", "semget", "semop", "semctl", "semtimedop", "msgget", "msgsnd", "msgrcv"),
    *("msgctl", "mq_open", "mq_unlink"),
]
_OWNERS = [  # what Landlock leaves to the owner of a file, and Python's own copying needs not
    *("chown", "lchown", "fchown", "fchownat", "setxattr", "lsetxattr", "fsetxattr", "removexattr", "lremovexattr"),
    *("fremovexattr", "setxattrat", "removexattrat", "file_setattr"),
]
_MARKS = [  # the same, but every copying, unpacking and installing needs it: answered with success, and not done
    *("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "utimensat", "futimesat"),
]
_OF_A_PROCESS = ("prlimit64", "sched_setscheduler", "sched_setparam", "sched_setattr", "sched_setaffinity")
_OF_A_GROUP = {"setpriority": (1, 2), "ioprio_set": (2, 3)}  # with the numbers for a process group and for a user
_INIT = 1  # the session's own: it has the same uid, so the kernel would allow it
_NEW_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)
_THREAD = 0x00010000  # by which a worker without /proc asks whether it has one thread
_FAMILIES = (1, 2, 10, 16)  # local, IPv4, IPv6, route and its kin (what getifaddrs asks)
_FAKE_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into a terminal
_LOW = 0xFFFFFFFF


@cache  # built once, in the server, where it is shared by all
def program(*, sockets: bool = True, own_ipc: bool = True, own_user: bool = True) -> bytes:
    """The filter, ready to load.

    Without `sockets` no socket can be made at all, pairs excepted. Without `own_ipc` or `own_user` (a namespace of the
    one, a user id of its own) the session must leave alone what it would share with the host through them.

    Raises:
        OSError: the machine's system call table is not known.
    """
    filter_ = Filter()
    filter_.allow("unshare", args=[(0, CmpOp.EQ, _THREAD)])  # does nothing, and tells whether there are more threads
    for name in _known([*_REFUSED, *([] if own_ipc else _SHARED_OBJECTS), *([] if own_user else _OWNERS)]):
        filter_.errno(name, errno.EPERM)
    for name in _known([] if own_user else _MARKS):
        filter_.errno(name, 0)
    filter_.errno("clone3", errno.ENOSYS)  # its flags are in memory, out of sight; glibc falls back to clone
    for flag in _NEW_NAMESPACES:
        filter_.errno("clone", errno.EPERM, args=[(0, CmpOp.MASKED_EQ, flag, flag)])
    _guard_processes(filter_, only_itself=not own_ipc)
    for request in _FAKE_INPUT:
        filter_.errno("ioctl", errno.EPERM, args=[(1, CmpOp.MASKED_EQ, request, _LOW)])
    for family in _FAMILIES if sockets else ():
        filter_.allow("socket", args=[(0, CmpOp.MASKED_EQ, family, _LOW)])
    filter_.errno("socket", errno.EAFNOSUPPORT)
    return _refuse_x32() + filter_.program


def _guard_processes(filter_: Filter, *, only_itself: bool) -> None:
    """Limits and priorities: not of the session's init, whose uid is the same, nor of a group that may hold it. With
    `only_itself`, where all processes of the host are in reach, of no other at all.
    """
    for name in _known(_OF_A_PROCESS):
        if only_itself:
            filter_.allow(name, args=[(0, CmpOp.MASKED_EQ, 0, _LOW)])
            filter_.errno(name, errno.EPERM)
        filter_.errno(name, errno.EPERM, args=[(0, CmpOp.MASKED_EQ, _INIT, _LOW)])
    for name, groups in _OF_A_GROUP.items():
        for group in groups:
            filter_.errno(name, errno.EPERM, args=[(0, CmpOp.MASKED_EQ, group, _LOW)])
        if only_itself:
            filter_.allow(name, args=[(1, CmpOp.MASKED_EQ, 0, _LOW)])
            filter_.errno(name, errno.EPERM)
        filter_.errno(name, errno.EPERM, args=[(1, CmpOp.MASKED_EQ, _INIT, _LOW)])


def _known(names: Iterable[str]) -> Iterable[str]:
    """Those that exist on this machine; each architecture lacks some."""
    for name in names:
        try:
            syscall_nr(name)
        except ValueError:
            continue
        yield name


def _refuse_x32() -> bytes:
    """Instructions to put in front: x32 calls share the architecture's number, so that a plain deny list would miss
    them.
    """
    load, jump_if_at_least, answer = 0x20, 0x35, 0x06
    return b"".join(
        struct.pack("HBBI", *step)
        for step in ((load, 0, 0, 0), (jump_if_at_least, 0, 1, 0x40000000), (answer, 0, 0, 0x00050000 | errno.ENOSYS))
    )
