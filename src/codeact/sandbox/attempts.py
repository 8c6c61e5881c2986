"""What code in a box must not be able to do, tried from inside: a session is put to it, and what it met is reported."""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Mapping

from codeact.errors import SandboxError
from codeact.sandbox import scratch
from codeact.sandbox.base import Limits, MiB
from codeact.sandbox.isolation import Check
from codeact.sandbox.session import BoxSession

LIMITS = Limits(memory=512 * MiB, processes=32, workspace=64 * MiB)  # of a session that is put to it
_CTYPES = "import ctypes, os; libc = ctypes.CDLL(None, use_errno=True)\n"
_REFUSED = "if r < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))"

_SHARES = {
    "take more memory than allowed": "bytearray(1 << 30)",
    "start more processes than allowed": "import subprocess as s; p = [s.Popen(['sleep', '9']) for _ in range(64)]",
    "fill more disk than allowed": "for n in range(9):\n    open(f'big{n}', 'wb').write(bytes(16 << 20))",
}

# In one action, since each is a matter of microseconds. The result is of the box and claims as much as all of them: a
# session that has run nothing of an agent's has no reason to lie.
_ALL = """
def attempt(code):
    try:
        exec(code, {{}})
    except BaseException as error:
        return f"{{type(error).__name__}}: {{error}}"
import json
print(json.dumps({{name: attempt(code) for name, code in {attempts!r}.items()}}))
"""


async def reach(session: BoxSession) -> tuple[Check, ...]:
    """What is not its own: takes some milliseconds.

    Raises:
        SandboxError: the session gave no answer.
    """
    with scratch.file() as path, socket.create_server(("127.0.0.1", 0)) as listener:
        attempts = _reaches(path, listener.getsockname()[1])
        result = await session.run(_ALL.format(attempts=attempts), time_limit=20)
    if result.error is not None:
        raise SandboxError(f"the box could not be tried: {result.error.name}: {result.error.message}")
    met = json.loads(result.stdout)
    return tuple(Check(name, met[name] is not None, met[name] or "it worked") for name in attempts)


async def share(session: BoxSession) -> tuple[Check, ...]:
    """More than its share of the machine: takes about a second."""
    return tuple([await _share(session, name, code) for name, code in _SHARES.items()])


def _reaches(path: str, port: int) -> Mapping[str, str]:
    # In a pid namespace of its own the box may have a process of the same number.
    other = f"import os; pid = {os.getpid()}; assert pid not in (os.getpid(), os.getppid()), 'its own'\n"
    return {
        "read a file of the host": f"open({path!r}).read()",
        "write a file of the host": f"open({path!r}, 'r+')",
        "write outside the workspace": "open('/usr/codeact-probe', 'w')",
        "read the environment of the host": f"{other}open(f'/proc/{{pid}}/environ', 'rb').read()",
        "reach a service of the host": f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)",
        "signal a process of the host": f"{other}os.kill(pid, 0)",
        "trace the session's own init": "import os; open(f'/proc/{os.getppid()}/mem', 'rb')",
        "make a namespace": f"{_CTYPES}r = libc.unshare(0x10000000)\n{_REFUSED}",
        "mount": f"{_CTYPES}r = libc.mount(b'x', b'/box', b'tmpfs', 0, None)\n{_REFUSED}",
    }


async def _share(session: BoxSession, name: str, code: str) -> Check:
    error = (await session.run(code, time_limit=10)).error
    if error is None:
        return Check(name, held=False, detail="it worked", kind="share")
    return Check(name, held=error.kind != "timeout", detail=f"{error.name}: {error.message}", kind="share")
