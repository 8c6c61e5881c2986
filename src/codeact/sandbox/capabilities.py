"""What a backend offers, declared by it and checked before a run starts, so that nobody learns of it half-way."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from codeact.errors import UnsupportedError
from codeact.sandbox.base import Capability, Limits, NetworkPolicy

_ALL_LIMITS = frozenset(field.name for field in fields(Limits))


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """What every session of a backend can do; what a session found on its host is in its own `capabilities`."""

    isolation: str  # the level that it aims at; what held is in `BoxInfo.isolation`
    networks: frozenset[str]  # policies by name; `allow` for lists of hosts
    session: frozenset[Capability] = frozenset(["files", "interrupt"])
    limits: frozenset[str] = _ALL_LIMITS  # fields of `Limits` that are kept


def check(
    name: str,
    offer: Offer,
    *,
    network: NetworkPolicy = "none",
    session: Iterable[Capability] = (),
    limits: Iterable[str] = (),
) -> None:
    """Whether the backend `name` can do what a run wants.

    Raises:
        UnsupportedError: it cannot; names everything that is missing, and what there is.
    """
    lacks = [
        *_lack("network policy", [str(network)], offer.networks),
        *_lack("capability", session, offer.session),
        *_lack("limit", limits, offer.limits),
    ]
    if lacks:
        raise UnsupportedError(f"the sandbox {name!r} cannot do this: {'; '.join(lacks)}")


def _lack(what: str, wanted: Iterable[str], offered: Iterable[str]) -> list[str]:
    there = sorted(offered)
    return [f"the {what} {item!r} (it has: {', '.join(there) or 'none'})" for item in wanted if item not in there]
