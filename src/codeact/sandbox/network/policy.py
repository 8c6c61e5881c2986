"""The network policies: four words, and a list of hosts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from codeact.errors import UsageError
from codeact.sandbox.network.rules import Rule, parse_rule

Word = Literal["none", "packages", "open"]
_WORDS: tuple[Word, ...] = ("none", "packages", "open")
_ALLOW = "allow:"


@dataclass(frozen=True, slots=True)
class Allow:
    """Only these hosts, by name, through a proxy of the host's that records every request.

    `api.example.com` means its ports 80 and 443, `api.example.com:8443` that port, `*.example.com` every name below
    (not `example.com` itself). An address (`10.0.0.7:5432`, `[::1]:80`) must be listed as such. A listed name may lead
    to a private address, one that a wildcard covers may not; none may lead to a loopback, link-local or cloud metadata
    address unless that address is listed too (`localhost` counts as listing its own).

    Raises:
        UsageError: no hosts, or one that cannot be read.
    """

    hosts: tuple[str, ...]

    def __post_init__(self) -> None:
        if isinstance(self.hosts, str) or not self.hosts:
            raise UsageError(f"Allow(hosts=…) takes host names, such as ('api.example.com',), not {self.hosts!r}")
        object.__setattr__(self, "hosts", tuple(self.hosts))  # a list is welcome, but must not change later
        for host in self.hosts:
            parse_rule(host)

    @property
    def rules(self) -> tuple[Rule, ...]:
        return tuple(map(parse_rule, self.hosts))

    def __str__(self) -> str:
        return _ALLOW + ",".join(self.hosts)


NetworkPolicy = Word | Allow
"""`none`: nothing but the session's own loopback. `packages`: pip's configured index only. `open`: the host's network,
its loopback included. `Allow`: the hosts it lists."""


def network_policy(text: str | Allow) -> NetworkPolicy:
    """A policy from its text, as the command line and records have it: `allow:api.example.com,*.example.org`.

    Raises:
        UsageError: no such policy, or a host that cannot be read.
    """
    if isinstance(text, Allow) or text in _WORDS:
        return text
    if not text.startswith(_ALLOW):
        raise UsageError(f"there is no network policy {text!r}; there are none, packages, open and allow:HOST,…")
    return Allow(tuple(host.strip() for host in text.removeprefix(_ALLOW).split(",")))
