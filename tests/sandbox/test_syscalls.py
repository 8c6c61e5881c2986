"""The list of system calls: what the compiled program answers to every number, on both architectures."""

from __future__ import annotations

import errno
import struct
import subprocess
import sys
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st
from seccompy.syscalls import AARCH64_SYSCALLS, AUDIT_ARCH_AARCH64, AUDIT_ARCH_X86_64, X86_64_SYSCALLS

from codeact.sandbox.box import sieve, syscalls
from codeact.sandbox.box.sieve import ALLOW, If, Rule, fails

TABLES = {"x86_64": (AUDIT_ARCH_X86_64, X86_64_SYSCALLS), "aarch64": (AUDIT_ARCH_AARCH64, AARCH64_SYSCALLS)}
KILLED, EPERM, ENOSYS = 0x80000000, fails(errno.EPERM), fails(errno.ENOSYS)
MOST = 4096  # instructions that the kernel takes
FORMS: list[Mapping[str, bool]] = [
    {},
    {"sockets": False, "own_ipc": False},
    {"sockets": False, "own_ipc": False, "own_user": False},
]


def answer(program: bytes, number: int, *arguments: int, architecture: int = AUDIT_ARCH_X86_64) -> int:
    """Run a program as the kernel does."""
    data = struct.pack("<IIQ6Q", number, architecture, 0, *arguments, *[0] * (6 - len(arguments)))
    place, value = 0, 0
    while True:
        code, if_so, if_not, k = struct.unpack_from("<HBBI", program, 8 * place)
        place += 1
        match code:
            case 0x20:
                (value,) = struct.unpack_from("<I", data, k)
            case 0x54:
                value &= k
            case 0x05:
                place += k
            case 0x15:
                place += if_so if value == k else if_not
            case 0x35:
                place += if_so if value >= k else if_not
            case 0x06:
                return k
            case _:
                raise AssertionError(f"{code:#x} is no instruction of ours")


@pytest.mark.parametrize("form", FORMS, ids=str)
@pytest.mark.parametrize("machine", TABLES)
def test_every_number_is_answered(machine: str, form: Mapping[str, bool]) -> None:
    architecture, calls = TABLES[machine]
    program = syscalls.program(**form, machine=machine)
    assert len(program) // 8 < min(MOST, 256)  # so few that no jump is too far for one instruction
    names = {number: name for name, number in calls.items()}
    closed = 0
    for number in range(700):
        found = answer(program, number, architecture=architecture)
        assert found in {ALLOW, EPERM, ENOSYS, fails(errno.EAFNOSUPPORT), *([fails(0)] if form else [])}
        if number not in names:
            assert found == ENOSYS, number
        closed += found != ALLOW
    assert closed > 350


@pytest.mark.parametrize("machine", TABLES)
def test_calls_of_future_kernels_and_of_x32_are_unknown(machine: str) -> None:
    architecture, calls = TABLES[machine]
    program = syscalls.program(machine=machine)
    for number in (max(calls.values()) + 1, 999, 0x40000000 | 39, 0x3FFFFFFF, 0x7FFFFFFF, 0xFFFFFFFF):
        assert answer(program, number, architecture=architecture) == ENOSYS


@pytest.mark.parametrize("machine", TABLES)
def test_whoever_uses_the_table_of_another_machine_is_killed(machine: str) -> None:
    architecture, _ = TABLES[machine]
    program = syscalls.program(machine=machine)
    for other in (
        0x40000003,
        0x40000028,
        AUDIT_ARCH_X86_64 ^ AUDIT_ARCH_AARCH64 ^ architecture,
    ):  # i386, arm, the other
        assert answer(program, 20, architecture=other) == KILLED


def on_x86(name: str, *arguments: int, **form: bool) -> int:
    return answer(syscalls.program(**form, machine="x86_64"), X86_64_SYSCALLS[name], *arguments)


@pytest.mark.parametrize(
    "name", ["read", "openat", "execve", "futex", "wait4", "chroot", "memfd_create", "epoll_wait", "rseq", "shmget"]
)
def test_what_programs_need_is_allowed(name: str) -> None:
    assert on_x86(name) == ALLOW


@pytest.mark.parametrize("name", ["unshare", "mount", "bpf", "ptrace", "keyctl", "io_uring_setup", "inotify_init1"])
def test_what_is_refused_says_so(name: str) -> None:
    assert on_x86(name) == EPERM


@pytest.mark.parametrize("name", ["clone3", "io_setup", "get_mempolicy", "cachestat", "listns", "lsm_get_self_attr"])
def test_what_is_not_on_the_list_does_not_exist(name: str) -> None:
    assert on_x86(name) == ENOSYS


NAMESPACES = [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]
HIGH = 0xDEAD << 32  # what the kernel ignores of an argument


def test_arguments_are_looked_at() -> None:
    assert on_x86("clone", 17) == on_x86("clone", 0x3D0F00) == ALLOW  # a process, a thread
    assert {on_x86("clone", flag | 17 | HIGH) for flag in NAMESPACES} == {EPERM}
    assert on_x86("ioctl", 0, 0x5401) == ALLOW
    assert on_x86("ioctl", 0, 0x5412 | HIGH) == on_x86("ioctl", 0, 0x541C) == EPERM
    assert on_x86("unshare", 0x10000) == ALLOW  # asks for the number of threads
    assert {on_x86("unshare", flag | 0x10000) for flag in NAMESPACES} == {EPERM}
    assert on_x86("mknod", 0, 0o010644) == on_x86("mknodat", 0, 0, 0o010644) == ALLOW  # a FIFO
    assert {on_x86("mknod", 0, kind | 0o644) for kind in (0, 0o020000, 0o060000, 0o100000, 0o140000)} == {EPERM}
    assert [family for family in range(64) if on_x86("socket", family) == ALLOW] == [1, 2, 10, 16]
    assert all(on_x86("socket", family, sockets=False) == fails(errno.EAFNOSUPPORT) for family in range(64))


def test_the_init_of_a_session_is_left_alone() -> None:
    assert on_x86("prlimit64", 1 | HIGH) == on_x86("sched_setscheduler", 1) == EPERM
    assert on_x86("prlimit64", 0) == on_x86("prlimit64", 77) == ALLOW
    assert on_x86("setpriority", 0, 1) == on_x86("setpriority", 1, 0) == on_x86("ioprio_set", 3, 0) == EPERM
    assert on_x86("setpriority", 0, 0) == on_x86("setpriority", 0, 77) == ALLOW


def test_where_the_host_is_in_reach_a_session_looks_after_itself_only() -> None:
    assert on_x86("prlimit64", 77, own_ipc=False) == on_x86("setpriority", 0, 77, own_ipc=False) == EPERM
    assert on_x86("prlimit64", 0, own_ipc=False) == on_x86("setpriority", 0, 0, own_ipc=False) == ALLOW
    assert on_x86("setpriority", 1, 0, own_ipc=False) == EPERM
    assert on_x86("shmget", own_ipc=False) == on_x86("mq_open", own_ipc=False) == EPERM
    assert on_x86("chmod", own_user=False) == on_x86("utimensat", own_user=False) == fails(0)
    assert on_x86("chown", own_user=False) == on_x86("setxattr", own_user=False) == EPERM


def test_a_machine_that_nobody_knows() -> None:
    with pytest.raises(OSError, match="'riscv64'; there are x86_64, aarch64"):
        syscalls.program(machine="riscv64")


ASK = """
import ctypes, sys
from codeact.sandbox.box import linux, syscalls
libc = ctypes.CDLL(None, use_errno=True)
linux.set_no_new_privileges()
linux.load_filter(syscalls.program())
met = []
for call in (lambda: libc.syscall(999), lambda: libc.syscall(435, 0, 0), lambda: libc.unshare(0x10000000)):
    call()
    met.append(ctypes.get_errno())
print(met)
"""


def test_the_kernel_takes_it_and_answers_the_same() -> None:
    """In a child, since a filter is for good: a call that is unknown, clone3, and one that is refused."""
    done = subprocess.run([sys.executable, "-c", ASK], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == repr([errno.ENOSYS, errno.ENOSYS, errno.EPERM])


numbers = st.integers(0, 600)
rules = st.builds(
    Rule,
    st.sampled_from([ALLOW, EPERM]),
    st.lists(st.builds(If, st.integers(0, 5), st.integers(0, 3), st.sampled_from([ALLOW, EPERM]))).map(tuple),
)


@given(table=st.dictionaries(numbers, rules, min_size=1), number=numbers, arguments=st.tuples(*[st.integers(0, 3)] * 6))
def test_a_search_answers_as_its_table(table: dict[int, Rule], number: int, arguments: tuple[int, ...]) -> None:
    rest = Rule(ENOSYS)
    rule = table.get(number, rest)
    wanted = next((test.answer for test in rule.ifs if arguments[test.argument] == test.value), rule.answer)
    assert answer(sieve.program(AUDIT_ARCH_X86_64, table, rest), number, *arguments) == wanted
