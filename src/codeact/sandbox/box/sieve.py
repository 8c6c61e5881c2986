"""Makes a seccomp program out of what is to be answered to each system call: a binary search by number.

The kernel compiles the program, and runs it once for every number, whenever one is loaded, which is at the start of
every session; so it pays to have few instructions and few steps (as a chain of comparisons the list of `syscalls` would
have three times as many).

Covers: the numbers of one architecture; whoever calls by another one's table is killed. Numbers that have no rule,
those of future kernels and of x32 among them, get the one answer for all the rest.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from seccompy import bpf

ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_KILL_PROCESS = 0x80000000
_NUMBER, _ARCHITECTURE, _ARGUMENTS = 0, 4, 16  # bytes into what the kernel shows of a call
_LOW = 0xFFFFFFFF


def fails(number: int) -> int:
    """The answer that fails with this error; with 0 it says that it was done, and is not."""
    return _ERRNO | number


@dataclass(frozen=True, slots=True)
class If:
    """An answer for when an argument, as far as `mask` shows it, is `value`. Sees the low half of an argument: numbers
    of processes, socket families and requests of ioctl are no longer.
    """

    argument: int
    value: int
    answer: int
    mask: int = _LOW


@dataclass(frozen=True, slots=True)
class Rule:
    """What is answered to a call: the first of `ifs` that is so, else `answer`."""

    answer: int
    ifs: tuple[If, ...] = ()


def program(architecture: int, rules: Mapping[int, Rule], rest: Rule) -> bytes:
    """Ready to load. `architecture`: as the kernel's audit numbers it."""
    code = _Code()
    code.add(bpf.Load(_ARCHITECTURE))
    code.add(bpf.Jump(bpf.BPF_JEQ, architecture, None, "foreign"))
    code.add(bpf.Load(_NUMBER))
    code.search(spans := _spans(rules, rest))
    code.answers(dict.fromkeys(rule for _, rule in spans))
    code.label("foreign")
    code.add(bpf.Ret(_KILL_PROCESS))
    return bpf.assemble(code.steps, code.labels)


def _spans(rules: Mapping[int, Rule], rest: Rule) -> list[tuple[int, Rule]]:
    """First number and rule of each run of numbers with the same rule, from 0 on."""
    bounds = sorted({0, *rules, *(number + 1 for number in rules)})
    spans = list[tuple[int, Rule]]()
    for first in bounds:
        rule = rules.get(first, rest)
        if not spans or spans[-1][1] != rule:
            spans.append((first, rule))
    return spans


class _Code:
    def __init__(self) -> None:
        self.steps: list[bpf.Insn] = []
        self.labels: dict[str, int] = {}

    def add(self, step: bpf.Insn) -> None:
        self.steps.append(step)

    def label(self, name: str) -> None:
        self.labels[name] = len(self.steps)

    def search(self, spans: Sequence[tuple[int, Rule]]) -> None:
        """For a number that lies in one of these spans, of which there are two at least."""
        middle = len(spans) // 2
        below, above = spans[:middle], spans[middle:]
        border = above[0][0]
        self.add(bpf.Jump(bpf.BPF_JGEQ, border, _place(above), _place(below) if len(below) == 1 else None))
        for part in (below, above):
            if len(part) > 1:
                self.label(_place(part))
                self.search(part)

    def answers(self, rules: Iterable[Rule]) -> None:
        """To these, after all searching, so that each is there once."""
        for rule in rules:
            self.label(_name(rule))
            for n, test in enumerate(rule.ifs):
                self._test(test, f"{_name(rule)}, {n} is not so")
            self.add(bpf.Ret(rule.answer))

    def _test(self, test: If, otherwise: str) -> None:
        self.add(bpf.Load(_ARGUMENTS + 8 * test.argument))
        if test.mask != _LOW:
            self.add(bpf.And(test.mask))
        self.add(bpf.Jump(bpf.BPF_JEQ, test.value, None, otherwise))
        self.add(bpf.Ret(test.answer))
        self.label(otherwise)


def _place(spans: Sequence[tuple[int, Rule]]) -> str:
    """The label of where it goes on with these spans."""
    return _name(spans[0][1]) if len(spans) == 1 else f"{spans[0][0]} to {spans[-1][0]}"


def _name(rule: Rule) -> str:
    return repr(rule)
