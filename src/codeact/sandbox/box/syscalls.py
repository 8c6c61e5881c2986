"""The seccomp filter of a worker: which system calls an agent's code may make.

An allow list: what Docker's default profile (moby's) lets programs without capabilities do, less what is of no use here
and has a history of holes, or is counted for the whole machine or all sessions of a user. So a call that is newer than
this list is closed. It answers ENOSYS, as does every unknown one: to that programs react by an older way. What they may
know but not do answers EPERM.

Covers: new namespaces and mounts, tracing and memory of other processes, limits and priority of pid 1, kernel
interfaces with a history of holes (bpf, io_uring, userfaultfd, perf, keyrings, …), time and machine settings, socket
families other than local, internet and route, foreign and x32 system call tables. Does not cover: what the permitted
calls can do; that is for the namespaces, Landlock and the kernel's own checks.
"""

from __future__ import annotations

import errno
import platform
from collections.abc import Iterable, Iterator, Mapping
from functools import cache

from seccompy.syscalls import AARCH64_SYSCALLS, AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64, X86_64_SYSCALLS

from . import sieve
from .sieve import ALLOW, If, Rule, fails

_FILES = """
    access chdir chroot close close_range copy_file_range creat dup dup2 dup3 faccessat faccessat2 fadvise64 fallocate
    fchdir fcntl fdatasync fgetxattr flistxattr flock fstat fstatfs fsync ftruncate getcwd getdents getdents64 getxattr
    getxattrat lgetxattr link linkat listxattr listxattrat llistxattr lseek lstat mkdir mkdirat newfstatat open openat
    openat2 pread64 preadv preadv2 pwrite64 pwritev pwritev2 read readahead readlink readlinkat readv rename renameat
    renameat2 rmdir sendfile splice stat statfs statx symlink symlinkat sync sync_file_range syncfs tee truncate umask
    unlink unlinkat write writev
"""
_MEMORY = """
    brk madvise membarrier memfd_create mincore mlock mlock2 mlockall mmap mprotect mremap mseal msync munlock
    munlockall munmap pkey_alloc pkey_free pkey_mprotect
"""
_PROCESSES = """
    arch_prctl capget capset execve execveat exit exit_group fork futex futex_requeue futex_wait futex_waitv futex_wake
    get_robust_list getcpu getegid geteuid getgid getgroups getpgid getpgrp getpid getppid getpriority getresgid
    getresuid getrlimit getrusage getsid gettid getuid ioprio_get kill landlock_add_rule landlock_create_ruleset
    landlock_restrict_self pause pidfd_open pidfd_send_signal prctl restart_syscall rseq rt_sigaction rt_sigpending
    rt_sigprocmask rt_sigqueueinfo rt_sigreturn rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo sched_get_priority_max
    sched_get_priority_min sched_getaffinity sched_getattr sched_getparam sched_getscheduler sched_rr_get_interval
    sched_yield seccomp set_robust_list set_tid_address setfsgid setfsuid setgid setgroups setpgid setregid setresgid
    setresuid setreuid setrlimit setsid setuid sigaltstack tgkill times tkill uname uretprobe vfork wait4 waitid
"""
_TIME = """
    alarm clock_getres clock_gettime clock_nanosleep getitimer gettimeofday nanosleep setitimer sysinfo time
    timer_create timer_delete timer_getoverrun timer_gettime timer_settime timerfd_create timerfd_gettime
    timerfd_settime
"""
_EXCHANGE = """
    accept accept4 bind connect epoll_create epoll_create1 epoll_ctl epoll_pwait epoll_pwait2 epoll_wait eventfd
    eventfd2 getpeername getrandom getsockname getsockopt listen pipe pipe2 poll ppoll pselect6 recvfrom recvmmsg
    recvmsg select sendmmsg sendmsg sendto setsockopt shutdown signalfd signalfd4 socketpair
"""
_SHARED_OBJECTS = """
    mq_getsetattr mq_notify mq_open mq_timedreceive mq_timedsend mq_unlink msgctl msgget msgrcv msgsnd semctl semget
    semop semtimedop shmat shmctl shmdt shmget
"""  # of System V and POSIX: known by number or name to all who share the ipc namespace
_OWNERS = """
    chown fchown fchownat fremovexattr fsetxattr lchown lremovexattr lsetxattr removexattr removexattrat setxattr
    setxattrat
"""  # what Landlock leaves to the owner of a file, and Python's own copying needs not
_MARKS = """
    chmod fchmod fchmodat fchmodat2 futimesat utime utimensat utimes
"""  # the same, but every copying, unpacking and installing needs it: answered with success, and not done
_REFUSED = """
    _sysctl acct add_key adjtimex bpf clock_adjtime clock_settime delete_module fanotify_init fanotify_mark file_setattr
    finit_module fsconfig fsmount fsopen fspick init_module inotify_init inotify_init1 io_uring_enter io_uring_register
    io_uring_setup ioperm iopl kcmp kexec_file_load kexec_load keyctl listmount lookup_dcookie map_shadow_stack mbind
    memfd_secret migrate_pages modify_ldt mount mount_setattr move_mount move_pages name_to_handle_at
    nfsservctl open_by_handle_at open_tree open_tree_attr perf_event_open personality pidfd_getfd pivot_root
    process_madvise process_mrelease process_vm_readv process_vm_writev ptrace quotactl quotactl_fd reboot
    remap_file_pages request_key set_mempolicy set_mempolicy_home_node setdomainname sethostname setns settimeofday
    statmount swapoff swapon sysfs syslog umount2 uselib userfaultfd ustat vhangup vmsplice
"""  # inotify is counted per user of the host, whom all sessions of a server share
_OF_A_PROCESS = "prlimit64 sched_setaffinity sched_setattr sched_setparam sched_setscheduler"
_OF_A_GROUP = {"setpriority": (1, 2), "ioprio_set": (2, 3)}  # with the numbers for a process group and for a user
_INIT = 1  # the session's own: it has the same uid, so the kernel would allow it
_NEW_NAMESPACES = 0x7E020000  # all of the flags
_THREAD = 0x00010000  # by which a worker without /proc asks whether it has one thread
_FIFO, _KIND = 0o010000, 0o170000  # of a file's mode
_FAMILIES = (1, 2, 10, 16)  # local, IPv4, IPv6, route and its kin (what getifaddrs asks)
_FAKE_INPUT = (0x5412, 0x541C)  # TIOCSTI, TIOCLINUX: typing into a terminal
_EPERM = fails(errno.EPERM)
_UNKNOWN = Rule(fails(errno.ENOSYS))  # `clone3` is one: its flags are out of sight; the C library falls back to clone
_ARCHITECTURES: Mapping[str, tuple[int, Mapping[str, int]]] = {
    "x86_64": (AUDIT_ARCH_X86_64, X86_64_SYSCALLS),
    "aarch64": (AUDIT_ARCH_AARCH64, AARCH64_SYSCALLS),
}


@cache  # built once, in the server, where it is shared by all
def program(*, sockets: bool = True, own_ipc: bool = True, own_user: bool = True, machine: str = "") -> bytes:
    """The filter, ready to load. `machine`: for which one, as `platform.machine` names it; empty for this one.

    Without `sockets` no socket can be made at all, pairs excepted. Without `own_ipc` or `own_user` (a namespace of the
    one, a user id of its own) the session must leave alone what it would share with the host through them.

    Raises:
        OSError: the machine's system call table is not known.
    """
    machine = machine or platform.machine()
    if machine not in _ARCHITECTURES:
        raise OSError(errno.ENOSYS, f"no system calls are known for {machine!r}; there are {', '.join(_ARCHITECTURES)}")
    number, calls = _ARCHITECTURES[machine]
    rules = _rules(sockets=sockets, own_ipc=own_ipc, own_user=own_user)
    return sieve.program(
        number, {calls[name]: rule for name, rule in rules if name in calls}, _UNKNOWN
    )  # each lacks some


def _rules(*, sockets: bool, own_ipc: bool, own_user: bool) -> Iterator[tuple[str, Rule]]:
    yield from _all(" ".join((_FILES, _MEMORY, _PROCESSES, _TIME, _EXCHANGE)), ALLOW)
    yield from _all(_SHARED_OBJECTS, ALLOW if own_ipc else _EPERM)
    yield from _all(_OWNERS, ALLOW if own_user else _EPERM)
    yield from _all(_MARKS, ALLOW if own_user else fails(0))
    yield from _all(_REFUSED, _EPERM)
    yield from _of_others(only_itself=not own_ipc)
    yield "clone", Rule(_EPERM, (If(0, 0, ALLOW, mask=_NEW_NAMESPACES),))
    yield "unshare", Rule(_EPERM, (If(0, _THREAD, ALLOW),))  # does nothing, and fails where there are more
    for name, mode in (("mknod", 1), ("mknodat", 2)):  # no devices
        yield name, Rule(_EPERM, (If(mode, _FIFO, ALLOW, mask=_KIND),))
    yield "ioctl", Rule(ALLOW, tuple(If(1, request, _EPERM) for request in _FAKE_INPUT))
    families = _FAMILIES if sockets else ()
    yield "socket", Rule(fails(errno.EAFNOSUPPORT), tuple(If(0, family, ALLOW) for family in families))


def _all(names: str, answer: int) -> Iterable[tuple[str, Rule]]:
    rule = Rule(answer)
    return ((name, rule) for name in names.split())


def _of_others(*, only_itself: bool) -> Iterator[tuple[str, Rule]]:
    """Limits and priorities: not of the session's init, whose uid is the same, nor of a group that may hold it. With
    `only_itself`, where all processes of the host are in reach, of no other at all.
    """
    for name in _OF_A_PROCESS.split():
        yield name, _of_whom(0, only_itself=only_itself)
    for name, groups in _OF_A_GROUP.items():
        whom = _of_whom(1, only_itself=only_itself)
        yield name, Rule(whom.answer, (*(If(0, group, _EPERM) for group in groups), *whom.ifs))


def _of_whom(argument: int, *, only_itself: bool) -> Rule:
    if only_itself:
        return Rule(_EPERM, (If(argument, 0, ALLOW),))
    return Rule(ALLOW, (If(argument, _INIT, _EPERM),))
