"""A second session beside the one under attack: it must keep answering, with its own state, files and processes."""

from __future__ import annotations

from codeact.errors import SandboxError
from codeact.sandbox.base import Session

_SETTLE = """
import os, socket, subprocess, tempfile
mine, checks = {secret!r}, 0
for _path in ('mine.txt', os.path.join(tempfile.gettempdir(), '{mark}-neighbour')):
    with open(_path, 'w') as _file:
        _file.write(mine)
child = subprocess.Popen(['sleep', '3600'])
servers, port = {{}}, 9
try:
    servers['service'] = socket.create_server(('127.0.0.1', 0))
    port = servers['service'].getsockname()[1]
    servers['abstract'] = socket.socket(socket.AF_UNIX)
    servers['abstract'].bind('\\0{mark}-neighbour')
    servers['abstract'].listen()
except OSError:
    pass  # a level without sockets: then there is nothing to be reached
def reached():
    found = []
    for name, server in servers.items():
        server.setblocking(False)
        try:
            server.accept()
            found.append(name)
        except BlockingIOError:
            pass
    return found
print(port, child.pid, os.getpid(), tempfile.gettempdir())
"""
_CHECK = "checks += 1; checks, open('mine.txt').read() == mine, sorted(os.listdir('.')), child.poll(), reached()"
_PATIENCE = 20.0  # seconds for the neighbour to answer


class Neighbour:
    def __init__(self, session: Session, *, secret: str, mark: str) -> None:
        self.session = session
        self._secret = secret
        self._mark = mark
        self._checks = 0
        self.places: dict[str, str | int] = {}

    async def settle(self) -> None:
        """Make all that an attack may reach for.

        Raises:
            SandboxError: the session cannot do what every session must.
        """
        result = await self.session.run(_SETTLE.format(secret=self._secret, mark=self._mark), time_limit=_PATIENCE)
        if result.error is not None:
            raise SandboxError(f"the neighbour of the attacks could not settle: {result.error.message}")
        port, child, pid, temporary = result.stdout.split(maxsplit=3)
        self.places = {
            "neighbour": self.session.info.workspace,
            "neighbour_temporary": f"{temporary.strip()}/{self._mark}-neighbour",
            "neighbour_port": int(port),
            "neighbour_child": int(child),
            "neighbour_process": int(pid),
            "neighbour_abstract": f"\0{self._mark}-neighbour",
        }

    async def harm(self) -> str:
        """What has happened to it, or ""."""
        self._checks += 1
        try:
            result = await self.session.run(_CHECK, time_limit=_PATIENCE)
        except SandboxError as error:
            return f"the neighbour is gone: {error}"
        if result.value == f"({self._checks}, True, ['mine.txt'], None, [])":
            return ""
        words = result.value or (result.error.message if result.error else "nothing")
        return f"the neighbour says {words[:200]}"
