"""What each backend declares, and that what it lacks is refused before anything is started."""

from __future__ import annotations

from dataclasses import fields
from typing import Any, get_args

import pytest

from codeact.errors import UnsupportedError, UsageError
from codeact.sandbox import SANDBOXES, Allow, Limits, Sandbox, offers, sandbox
from codeact.sandbox.base import Capability, MiB, NetworkPolicy, Offer
from codeact.sandbox.isolation import LEVELS
from codeact.sandbox.local import LocalSandbox
from codeact.sandbox.plain import SubprocessSandbox

pytestmark = pytest.mark.anyio

ASKED = Limits(
    memory=512 * MiB,
    total_memory=1024 * MiB,
    cpu_time=9.5,
    processes=9,
    open_files=99,
    workspace=9 * MiB,
    inodes=999,
    output=9 * MiB,
    tool_calls=9,
)  # nothing as it is by default
POLICIES: dict[str, NetworkPolicy] = {"packages": "packages", "open": "open", "allow": Allow(("example.org",))}
NOWHERE: dict[str, dict[str, Any]] = {  # whoever starts something there fails in another way than is expected here
    "local": {"require": "filter", "forms": ["filter"], "python": "/no/python"},
    "subprocess": {"python": "/no/python"},
    "docker": {"host": "unix:///no/socket"},
    "podman": {"host": "unix:///no/socket"},
}


def place(name: str) -> Sandbox:
    return sandbox(name, **NOWHERE.get(name, {}))


@pytest.mark.parametrize("name", SANDBOXES)
def test_every_backend_says_what_it_offers(name: str) -> None:
    offer = place(name).offer
    assert offer.isolation in LEVELS
    assert offer.networks <= {"none", *POLICIES}
    assert {"files"} <= offer.capabilities <= set(get_args(Capability))
    assert {"output", "tool_calls"} <= offer.limits <= offers.LIMITS
    offers.check(place(name), limits=offers.within(offer, ASKED))


@pytest.mark.parametrize("name", SANDBOXES)
async def test_what_a_backend_lacks_is_refused_before_anything_starts(name: str) -> None:
    where = place(name)
    for policy in POLICIES.keys() - where.offer.networks:
        with pytest.raises(UnsupportedError, match=f"cannot keep network='{policy}"):
            async with where.open(network=POLICIES[policy]):
                pass
    if lacking := sorted(offers.LIMITS - where.offer.limits):
        with pytest.raises(UnsupportedError) as refusal:
            async with where.open(limits=ASKED):
                pass
        named = [name for name in sorted(offers.LIMITS) if f"the limit {name}=" in str(refusal.value)]
        assert named == lacking


def test_all_that_is_missing_is_named_with_what_there_is() -> None:
    with pytest.raises(UnsupportedError) as refusal:
        offers.check(SubprocessSandbox(), limits=Limits(inodes=99), network=POLICIES["allow"], needs=["fork", "files"])
    assert str(refusal.value) == (
        "the sandbox 'subprocess', at its level 'process', cannot keep the limit inodes=99 (it keeps: cpu_time, "
        "memory, open_files, output, tool_calls, total_memory, workspace); nor keep network='allow:example.org' (it "
        "has: open); nor do 'fork' (it can: checkpoint, files, interrupt). Leave that out, or take the sandbox 'local'"
    )
    with pytest.raises(UsageError, match="no network policy 'closed'"):
        offers.check(SubprocessSandbox(), network="closed")  # pyright: ignore[reportArgumentType]


def test_what_is_as_by_default_is_not_asked_for() -> None:
    offers.check(SubprocessSandbox(), limits=Limits(), network="none")
    assert "none" not in SubprocessSandbox().offer.networks
    assert all(getattr(ASKED, field.name) != field.default for field in fields(Limits))


def test_the_limits_that_are_kept_stay_as_they_are() -> None:
    offer = Offer(isolation="process", networks=frozenset(), limits=frozenset(["output", "memory"]))
    assert offers.within(offer, ASKED) == Limits(output=ASKED.output, memory=ASKED.memory)


async def test_the_local_offer_is_that_of_the_form_that_holds(filter_server: LocalSandbox) -> None:
    assert LocalSandbox().offer.capabilities > filter_server.offer.capabilities
    with pytest.raises(UnsupportedError, match=r"'filter', cannot keep the limit inodes=99 .* or take a host that"):
        async with filter_server.open(limits=Limits(inodes=99)):
            pass
    async with filter_server.open() as session:
        assert session.capabilities <= filter_server.offer.capabilities
