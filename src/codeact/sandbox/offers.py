"""What a backend offers, as it has declared it, against what a run asks for: compared before anything is started, so
that nobody learns of it half-way.

Asked for is what differs from the default. A backend that cannot keep a default (no network, say) declares that too:
its offer lacks it, its level and docs/backends.md say it, but nothing is refused that nobody has asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import fields, replace
from typing import Any

from codeact.errors import UnsupportedError
from codeact.sandbox.base import Allow, Capability, Limits, NetworkPolicy, Offer, Sandbox
from codeact.sandbox.network.policy import network_policy

LIMITS = frozenset(field.name for field in fields(Limits))
_DEFAULTS = Limits()


def check(
    sandbox: Sandbox,
    *,
    limits: Limits | None = None,
    network: NetworkPolicy = "none",
    needs: Iterable[Capability] = (),
    offer: Offer | None = None,
) -> None:
    """Whether a sandbox can do what a run asks of it; starts nothing. `offer`: another than it has declared, where the
    host has turned out to hold less.

    Raises:
        UnsupportedError: it cannot; names everything that is missing, and what there is.
        UsageError: there is no such network policy.
    """
    offer = offer or sandbox.offer
    policy = network_policy(network)
    if lacks := [*_limits(offer, limits or _DEFAULTS), *_network(offer, policy), *_needs(offer, needs)]:
        other = "a host that holds the level 'namespace'" if sandbox.name == "local" else "the sandbox 'local'"
        raise UnsupportedError(
            f"the sandbox {sandbox.name!r}, at its level {offer.isolation!r}, cannot {'; nor '.join(lacks)}. "
            f"Leave that out, or take {other}"
        )


def within(offer: Offer, limits: Limits) -> Limits:
    """These limits as far as they are kept, for who can do without the others."""
    return replace(limits, **{name: _value(_DEFAULTS, name) for name in _asked(limits) if name not in offer.limits})


def _limits(offer: Offer, limits: Limits) -> Iterator[str]:
    for name in _asked(limits):
        if name not in offer.limits:
            yield f"keep the limit {name}={_value(limits, name)} (it keeps: {_listed(offer.limits)})"


def _network(offer: Offer, network: NetworkPolicy) -> Iterator[str]:
    kind = "allow" if isinstance(network, Allow) else network
    if kind not in offer.networks and kind != "none":
        yield f"keep network={str(network)!r} (it has: {_listed(offer.networks)})"


def _needs(offer: Offer, needs: Iterable[Capability]) -> Iterator[str]:
    for capability in needs:
        if capability not in offer.capabilities:
            yield f"do {capability!r} (it can: {_listed(offer.capabilities)})"


def _asked(limits: Limits) -> list[str]:
    return [field.name for field in fields(Limits) if _value(limits, field.name) != _value(_DEFAULTS, field.name)]


def _value(limits: Limits, name: str) -> Any:
    return getattr(limits, name)


def _listed(names: Iterable[str]) -> str:
    return ", ".join(sorted(names)) or "none"
