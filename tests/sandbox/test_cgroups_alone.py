"""Control groups of version 2 where they count memory, which is not beside version 1: on a Linux of its own, that of
User Mode Linux (Debian's package `user-mode-linux`), which runs as an ordinary program.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import codeact

KERNEL = shutil.which("linux.uml")
PACKAGE = Path(codeact.__file__).parents[1]
INIT = """\
#!{python} -B
import json, os, subprocess, sys
sys.path.insert(0, {package!r})
os.environ.update(PATH={path!r}, TMPDIR='/run')
for kind, place in (('proc', '/proc'), ('tmpfs', '/run'), ('devpts', '/dev/pts'), ('cgroup2', '/sys/fs/cgroup')):
    subprocess.run(['mount', '-t', kind, kind, place])
try:
    subprocess.run([sys.executable, '-B', '-c', {script!r}], env=dict(os.environ, PYTHONPATH={package!r}))
finally:
    __import__('ctypes').CDLL(None).reboot(0x4321fedc)
"""
SCRIPT = """\
import anyio, json, os
from pathlib import Path
from codeact.sandbox.base import Limits, MiB
from codeact.sandbox.local import LocalSandbox
own = Path('/sys/fs/cgroup/user/scope')  # as of a program that systemd has started; counts nothing itself
own.mkdir(parents=True)
(own / 'cgroup.procs').write_text(str(os.getpid()))
Path('/sys/fs/cgroup/cgroup.subtree_control').write_text('+memory +pids')
HOG = '''
import subprocess, sys
code = "b = bytearray(90 << 20); import time; time.sleep(1000)"
for _ in range(4):
    subprocess.Popen([sys.executable, '-S', '-c', code])
while True:
    try: print(-os.waitstatus_to_exitcode(os.wait()[1])); break
    except InterruptedError: pass
'''
async def main():
    limits = Limits(memory=200 * MiB, total_memory=200 * MiB, workspace=32 * MiB)
    async with LocalSandbox(preload=()) as sandbox, sandbox.open(limits=limits) as session:
        (layer,) = [layer.detail for layer in session.isolation.layers if layer.name == 'total memory']
        await session.run('import os; x = 5')
        killed = await session.run(HOG, time_limit=100)
        kept = (await session.run('x')).value
    left = [path.name for path in own.parent.iterdir() if path.is_dir()]
    print('FOUND', json.dumps([layer, killed.stdout, killed.stderr, kept, left]), flush=True)
anyio.run(main)
"""


@pytest.mark.skipif(not KERNEL, reason="there is no `linux.uml`; Debian has it in the package user-mode-linux")
@pytest.mark.timeout(500)
def test_total_memory_is_held_by_version_2_alone(tmp_path: Path) -> None:
    found = boot(tmp_path, SCRIPT)
    layer, killed, told, kept, left = found
    assert layer.endswith("by a control group (version 2)")
    assert killed == "9\n"
    assert "the memory of this session was used up" in told
    assert kept == "5"
    assert left == ["scope"]


def boot(folder: Path, script: str) -> list[Any]:
    """Run a script as root of a machine whose files are those of this one, read-only; what it has found."""
    init = folder / "init"
    init.write_text(INIT.format(python=sys.executable, package=str(PACKAGE), path=os.environ["PATH"], script=script))
    init.chmod(0o755)
    command = [
        str(KERNEL),
        "mem=1500M",
        "rootfstype=hostfs",
        "ro",
        f"init={init}",
        "con0=null,fd:1",
        "con=null",
        "quiet",
    ]
    environment = {**os.environ, "TMPDIR": str(folder)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=400, env=environment)
    lines = [line for line in done.stdout.splitlines() if line.startswith("FOUND ")]
    assert lines, done.stdout[-2000:]
    return json.loads(lines[0].removeprefix("FOUND "))
