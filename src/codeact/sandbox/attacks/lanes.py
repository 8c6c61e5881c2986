"""Runs attacks several at a time, each lane in a host process of its own: most of an attack is waiting."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence

import anyio
from anyio.abc import Process
from anyio.streams.buffered import BufferedByteReceiveStream

from codeact.errors import SandboxError
from codeact.sandbox.attacks.attack import Attack, Row
from codeact.sandbox.attacks.target import Target

_COMMAND = (sys.executable, "-m", "codeact.sandbox.attacks.lane")
_LONGEST = 1 << 20  # bytes of a row
_FIRST = ("interpreter", "resources")  # families in which attacks take long


async def run_in_lanes(
    target: Target, attacks: Sequence[Attack], *, lanes: int, tell: Callable[[Row], object] = lambda row: None
) -> list[Row]:
    """As `run_attacks`, with so many at the same time. Rows come in the order of `attacks`, and are told of as they
    are known.

    Raises:
        SandboxError: the sandbox does not work at all, or a lane was ended.
    """
    rows = dict[str, Row]()

    def keep(row: Row) -> None:
        rows[row.id] = row
        tell(row)

    work = _Work(attacks, lanes=min(lanes, len(attacks)))
    try:
        async with anyio.create_task_group() as tasks:
            for _ in range(work.lanes):
                tasks.start_soon(_lane, target, work, keep)
    except ExceptionGroup as group:  # one reason is enough
        raise group.exceptions[0] from None
    return [rows[attack.id] for attack in attacks]


class _Work:
    """What is left to do, for lanes to take from."""

    def __init__(self, attacks: Sequence[Attack], *, lanes: int) -> None:
        self.lanes = lanes
        self._alone = [attack for attack in attacks if attack.alone]
        together = [attack for attack in attacks if not attack.alone]
        self._together = sorted(together, key=lambda attack: attack.family not in _FIRST)

    def take(self) -> Iterator[Attack]:
        """The next ones of a lane; it asks for another when the one before is done."""
        while self._together:
            yield self._together.pop(0)
        self.lanes -= 1
        if self.lanes == 0:  # nothing else goes on any more
            yield from self._alone


async def _lane(target: Target, work: _Work, keep: Callable[[Row], object]) -> None:
    # In a session of its own, so that Ctrl-C is for this process, which then ends its lanes.
    async with await anyio.open_process(_COMMAND, stderr=None, start_new_session=True) as process:
        stdin, lines = _streams(process)
        await stdin.send(f"{target.as_json()}\n".encode())
        for attack in work.take():
            try:
                await stdin.send(f"{attack.id}\n".encode())
                line = await lines.receive_until(b"\n", _LONGEST)
            except (anyio.BrokenResourceError, anyio.ClosedResourceError, anyio.IncompleteRead):
                status = await process.wait()
                raise SandboxError(f"the process that tried {attack.id!r} ended with {status}") from None
            answer = json.loads(line)
            if "failed" in answer:
                raise SandboxError(answer["failed"])
            keep(Row(**answer))
        await stdin.aclose()
        await process.wait()  # it closes its sessions first


def _streams(process: Process) -> tuple[anyio.abc.ByteSendStream, BufferedByteReceiveStream]:
    assert process.stdin is not None and process.stdout is not None  # noqa: PT018 (both were asked for)
    return process.stdin, BufferedByteReceiveStream(process.stdout)
