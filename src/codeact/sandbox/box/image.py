"""Puts the memory of a process that will be forked often into a sealed file, which all its copies map privately.

A fork copies a process's table of own pages and the end of the copy takes it apart, some 0.5 µs a page on the machines
measured: with the data stack imported, that was most of what a session, a branch or a standby costs. Pages of a file
that nobody has written to are not in that table. A copy meets them when it reads them, and what it writes goes to pages
of its own, as before. The data of libraries, which the loader has written into, go the same way, together with what
lies beside them: so they are fewer mappings, too (see `mappings`).
"""

from __future__ import annotations

import ctypes
import fcntl
import mmap
import os
import platform
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from . import linux, mappings
from .mappings import Mapping
from .proc import MOUNTED, Proc

_PAGE = mmap.PAGESIZE
_LEAST = 16  # pages that are worth a mapping of their own; also the widest gap that is filled
_PRESENT = 1 << 63  # in an entry of /proc/self/pagemap
_OF_FILE = _PRESENT | 1 << 64  # instead of an entry: what nobody has touched is in the file
_READ_WRITE, _READ_EXECUTE = mmap.PROT_READ | mmap.PROT_WRITE, mmap.PROT_READ | mmap.PROT_EXEC
_FIXED = 0x10
_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE


@dataclass(frozen=True, slots=True)
class _Machine:
    """Numbers of two system calls, and a function in machine code, `long at_once(call *first, call *end)`: makes one
    call after the other with nothing in between, until one does not return what is expected of it; returns 0, or what
    that one gave. A call is eight longs: number, six arguments, expected result.
    """

    pwrite: int
    mmap: int
    at_once: str


_MACHINES = {
    "x86_64": _Machine(
        pwrite=18,
        mmap=9,
        at_once=(
            "53 4154"  # push rbx, r12
            "4889fb 4989f4"  # rbx = first, r12 = end
            "31c0 4c39e3 7427"  # next: if rbx == end return 0
            "488b03 488b7b08 488b7310 488b5318 4c8b5320 4c8b4328 4c8b4b30"  # rax, rdi, rsi, rdx, r10, r8, r9 = *rbx
            "0f05"  # syscall
            "483b4338 488d5b40 74d2"  # rbx++; if rax is the expected one, next
            "415c 5b c3"  # pop r12, rbx; return rax
        ),
    ),
    "aarch64": _Machine(
        pwrite=68,
        mmap=222,
        at_once=(
            "1f0001eb a0010054"  # next: if x0 == x1 return 0
            "e90300aa ea0301aa"  # x9 = x0, x10 = x1
            "280140a9 210941a9 231142a9 252d43a9"  # x8, x0, x1, x2, x3, x4, x5, x11 = *x9
            "010000d4"  # svc 0
            "1f000beb a1000054"  # if x0 is not x11, the expected one, return x0
            "20010191 e1030aaa f3ffff17"  # x0 = x9 + 1 call, x1 = x10; next
            "000080d2 c0035fd6"  # x0 = 0; return
        ),
    ),
}


def share(proc: Proc = MOUNTED) -> None:
    """Move what this process has in memory of its own. It must have one thread, and be past its imports.

    Raises:
        OSError: this kernel or machine does not do it. What has been moved by then is as good as what has not.
    """
    machine = _MACHINES.get(platform.machine())
    if machine is None:
        raise OSError(f"no machine code is known for {platform.machine()!r}")
    fd = os.memfd_create("shared", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    try:
        calls = list[int]()
        size = 0
        for start, length in list(_populated(proc)):
            calls += [machine.pwrite, fd, start, length, size, 0, 0, length]
            calls += [machine.mmap, start, length, _READ_WRITE, mmap.MAP_PRIVATE | _FIXED, fd, size, start]
            size += length
        os.ftruncate(fd, size)
        _make_at_once(calls, bytes.fromhex(machine.at_once))
        fcntl.fcntl(fd, fcntl.F_ADD_SEALS, _SEALS)
    finally:
        os.close(fd)


def _make_at_once(calls: Sequence[int], code: bytes) -> None:
    """No Python between copying a part of memory and replacing it by the copy: what it wrote there would be lost."""
    block = (ctypes.c_long * len(calls))(*calls)
    with mmap.mmap(-1, _PAGE, prot=_READ_WRITE) as page:
        page.write(code)
        held = ctypes.c_char.from_buffer(page)
        address = ctypes.addressof(held)
        try:
            linux.protect(address, _PAGE, _READ_EXECUTE)
            call = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p)(address)
            result = call(ctypes.addressof(block), ctypes.addressof(block) + ctypes.sizeof(block))
        finally:
            del held  # else the page could not be closed
    if result:
        raise OSError(max(0, -result), f"memory could not be shared: {os.strerror(max(0, -result))}")


def _populated(proc: Proc) -> Iterator[tuple[int, int]]:
    """Address and length of the parts of this process's own memory that hold something."""
    with proc.opened("self/pagemap") as pages:
        for block in _blocks(mappings.mappings(proc)):
            entries = list[int]()
            for part in block:
                count, first = (part.end - part.start) // _PAGE, part.start // _PAGE
                held = memoryview(os.pread(pages.fileno(), count * 8, first * 8)).cast("Q")
                entries += [_OF_FILE] * count if part.of_file else held
            for first, last in _runs(entries):
                yield block[0].start + first * _PAGE, (last - first + 1) * _PAGE


def _blocks(found: Iterable[Mapping]) -> Iterator[list[Mapping]]:
    """What may be written and lies together: a library's data and what it has besides, say. The stack is in use."""
    block = list[Mapping]()
    for mapping in found:
        if mapping.rights == "rw-p" and mapping.name != "[stack]":
            if block and block[-1].end != mapping.start:
                yield block
                block = []
            block.append(mapping)
    if block:
        yield block


def _runs(entries: Sequence[int]) -> Iterator[tuple[int, int]]:
    """First and last page of each run of present ones, small gaps included, that is worth it: long, or a mapping
    already.
    """
    runs, end = list[list[int]](), len(entries) - 1
    for number, entry in enumerate(entries):
        if entry & _PRESENT:
            if not runs or number - runs[-1][1] > _LEAST:
                runs.append([number, number])
            runs[-1][1] = number
    if runs:
        runs[0][0] *= runs[0][0] > _LEAST
        runs[-1][1] = end if end - runs[-1][1] <= _LEAST else runs[-1][1]
    for first, last in runs:
        if last - first >= _LEAST or (first, last) == (0, end) or max(entries[first : last + 1]) >= _OF_FILE:
            yield first, last
