"""What a process has mapped, and how to have it in fewer parts.

A fork copies a process's list of mappings one by one, some 1.5 µs each on the machines measured, the end of the copy
takes the list apart, and each copy keeps its own. A loaded library is five of them: its head, code, constants, what the
loader has filled in, data. With the rights of code for the first three and those of data for the others it is two,
because the kernel joins neighbours that differ in nothing.
"""

from __future__ import annotations

import contextlib
import mmap
from collections.abc import Iterator
from dataclasses import dataclass

from . import linux
from .proc import MOUNTED, Proc

_CODE, _DATA = mmap.PROT_READ | mmap.PROT_EXEC, mmap.PROT_READ | mmap.PROT_WRITE


@dataclass(frozen=True, slots=True)
class Mapping:
    start: int
    end: int
    rights: str  # as in "rw-p"
    offset: int
    file: tuple[str, str]  # device and inode; the inode "0" for memory that is of no file
    name: str

    @property
    def of_file(self) -> bool:
        return self.file[1] != "0"

    def goes_on_in(self, other: Mapping) -> bool:
        """Whether the next byte in memory is the next of the file."""
        return (other.start, other.offset, other.file) == (self.end, self.offset + self.end - self.start, self.file)


def mappings(proc: Proc = MOUNTED) -> Iterator[Mapping]:
    """Of this process, as they lie in memory."""
    for line in proc.read("self/maps").splitlines():
        span, rights, offset, device, inode, *name = line.split(None, 5)
        start, end = (int(word, 16) for word in span.split("-"))
        yield Mapping(start, end, rights, int(offset, 16), (device, inode), "".join(name))


def join(proc: Proc = MOUNTED) -> None:
    """Give the parts of each library that are only read the rights of the neighbour they can be one with.

    A little of what makes a program hard to attack is lost by it: this is for processes whose code is all trusted, or
    not at all.
    """
    found = list(mappings(proc))
    for before, part, after in zip([None, *found], found, [*found[1:], None], strict=False):
        if part.rights == "r--p" and (rights := _rights_for(before, part, after)):
            with contextlib.suppress(OSError):  # a policy of this machine's; then it stays a part of its own
                linux.protect(part.start, part.end - part.start, rights)


def _rights_for(before: Mapping | None, part: Mapping, after: Mapping | None) -> int:
    """What the loader has filled in lies before the data, the head and the constants beside the code. 0 for neither."""
    follows = after is not None and part.goes_on_in(after)
    if after is not None and follows and after.rights == "rw-p":
        return _DATA
    if after is not None and follows and after.rights == "r-xp":
        return _CODE
    if before is not None and before.goes_on_in(part) and before.rights == "r-xp":
        return _CODE
    return 0


def use_huge_pages(proc: Proc = MOUNTED) -> None:
    """Make what this process has of its own cheaper to fork where it cannot be shared as `image` does."""
    for mapping in mappings(proc):
        if mapping.rights == "rw-p" and not mapping.of_file:
            linux.collapse(mapping.start, mapping.end)
