"""Hosts that forbid something: each is produced here, and gets the level and the words that the docs promise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from codeact.sandbox import isolation
from codeact.sandbox.remedies import Host, remedy, this_host

from .conftest import no_filter

OPEN = """
import anyio, sys
from codeact.errors import IsolationError
from codeact.sandbox.local import LocalSandbox
async def main():
    for require in sys.argv[1:]:
        try:
            async with LocalSandbox(preload=(), require=require).open() as session:
                missing = [layer.name for layer in session.isolation.missing]
                print(session.info.isolation, (await session.run("6 * 7")).value, *missing)
        except IsolationError as error:
            print(error)
anyio.run(main)
"""
NO_NAMESPACES = """
import errno
from seccompy import CmpOp, Filter
filter = Filter()
for name in ("unshare", "setns", "mount"):
    filter.errno(name, errno.EPERM)
filter.errno("clone3", errno.ENOSYS)
for flag in (0x00020000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000):
    filter.errno("clone", errno.EPERM, args=[(0, CmpOp.MASKED_EQ, flag, flag)])
filter.load()
"""


def lines(*command: str) -> list[str]:
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def inside(before: str, *requires: str) -> list[str]:
    """In a user namespace of its own, in which its user is root, after some lines of shell."""
    if not (unshare := shutil.which("unshare")):
        pytest.skip("there is no `unshare`, which makes the situation")
    outer = [unshare, "--user", "--map-root-user", "--mount", "--pid", "--fork", "--mount-proc"]
    if (tried := subprocess.run([*outer, "true"], capture_output=True, text=True, check=False)).returncode:
        pytest.skip(f"this host forbids user namespaces: {tried.stderr.strip()}")
    return lines(*outer, "sh", "-ec", f'{before}\nexec "$@"', "-", sys.executable, "-c", OPEN, *requires)


needs_filter = pytest.mark.skipif(bool(no_filter()), reason=no_filter() or "-")


@needs_filter
def test_a_container_with_dockers_profile_has_the_filter_when_it_is_enough() -> None:
    refused, opened = lines(sys.executable, "-c", NO_NAMESPACES + OPEN, "namespace", "filter")
    assert "level 'namespace' (namespaces: [Errno 1]" in refused
    assert "--security-opt seccomp=unconfined" in refused
    assert "require='filter'" in refused
    assert opened.removesuffix(" total memory") == "filter 42 namespaces"  # with control groups or without


def test_root_of_a_user_namespace_that_has_no_other_user() -> None:
    """As in a rootless container without subordinate ids."""
    (opened,) = inside("", "filter")
    assert opened.startswith("namespace 42")


@needs_filter
def test_a_host_that_allows_no_more_user_namespaces() -> None:
    refused, opened = inside("echo 0 > /proc/sys/user/max_user_namespaces", "namespace", "filter")
    assert "sysctl -w user.max_user_namespaces=15000" in refused
    assert opened.removesuffix(" total memory") == "filter 42 namespaces"  # with control groups or without


def test_a_container_that_covers_parts_of_proc() -> None:
    """As in Podman's default container: namespaces are allowed, a new /proc is not."""
    (opened,) = inside("mount --bind /dev/null /proc/keys", "namespace")
    assert opened.removesuffix(" total memory") == "namespace 42 own /proc"


def test_an_interpreter_in_somebodys_home() -> None:
    """Its folder would have to be shown, and with it all of the home."""
    home = Path("/home/somebody")
    before = f"mount -t tmpfs none /home\n'{sys.executable}' -m venv --without-pip {home}"
    script = OPEN.replace("preload=()", f"preload=(), python='{home}/bin/python'")
    if not (unshare := shutil.which("unshare")) or os.getuid() != 0:
        pytest.skip("it takes `unshare` and root to make a home")
    command = [unshare, "--mount", "sh", "-ec", f'{before}\nexec "$@"', "-", sys.executable, "-c", script]
    (refused,) = lines(*command, "filter")
    assert f"files: '{home}' holds the interpreter but is too wide to be shown in a box" in refused
    assert "use a virtual environment in a folder of its own" in refused


def test_remedies_are_those_of_the_host(tmp_path: Path) -> None:
    for path, text in {
        "proc/sys/user/max_user_namespaces": "15000\n",
        "proc/sys/kernel/unprivileged_userns_clone": "0\n",
        "proc/sys/kernel/apparmor_restrict_unprivileged_userns": "1\n",
        "sys/kernel/security/lsm": "lockdown,capability,apparmor\n",
    }.items():
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text(text)
    host = this_host(tmp_path)
    assert not host.is_container
    advice = remedy("namespaces", host)
    assert "sysctl -w kernel.unprivileged_userns_clone=1" in advice
    assert f"profile codeact {os.path.realpath(sys.executable)} flags=(unconfined)" in advice
    assert "max_user_namespaces" not in advice
    assert remedy("landlock", host).startswith("boot with `lsm=landlock,lockdown,")
    bare = Host(is_container=True, settings={}, python="python")
    assert "--security-opt" in remedy("namespaces", bare)
    assert "Linux 6.12" in remedy("landlock", bare)


def test_every_layer_that_may_be_missing_has_a_remedy() -> None:
    for name in ("namespaces", "own /proc", "files", "network", "privileges", "landlock", "seccomp", "total memory"):
        assert isolation.layer(name, False).remedy, name
