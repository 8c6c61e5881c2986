"""Which host, port and address is let through: pure functions, so that every case can be tried.

A name is compared as text, never resolved to be compared. What an allowed name resolves to is checked as well, and the
connection goes to the address that was checked, so a name that changes in between (DNS rebinding) gains nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network
from typing import Literal

from codeact.errors import UsageError

Reach = Literal["public", "private", "loopback", "link-local or metadata"]
Address = IPv4Address | IPv6Address

_WEB = (80, 443)
_LABELS = re.compile(r"[a-z0-9_-]{1,63}(\.[a-z0-9_-]{1,63})*")
_METADATA = frozenset(  # of clouds; those below 169.254 are link-local anyway
    map(ip_address, ("fd00:ec2::254", "100.100.100.200", "192.0.0.192", "168.63.129.16"))
)
_NAT64 = ip_network("64:ff9b::/96")


@dataclass(frozen=True, slots=True)
class Rule:
    host: str  # lower case ASCII; of a wildcard, what comes after "*."
    ports: tuple[int, ...] = _WEB
    wildcard: bool = False
    configured: bool = False  # by the machine's owner, as pip's index is: it may be private, and on this machine

    def covers(self, host: str, port: int) -> bool:
        """`host` as `normal_host` gives it."""
        if port not in self.ports:
            return False
        return host.endswith(f".{self.host}") if self.wildcard else host == self.host


def parse_rule(text: str) -> Rule:
    """`host`, `host:port` or either with a leading `*.`.

    Raises:
        UsageError: it is none of these.
    """
    wildcard = text.startswith("*.")
    try:
        host, port = split_authority(text.removeprefix("*."), 0)
        if wildcard and (is_address(host) or "." not in host):
            raise ValueError("a wildcard needs a domain of at least two parts")
    except ValueError as error:
        raise UsageError(
            f"{text!r} is not a host that can be allowed ({error}); give api.example.com, api.example.com:8443, "
            "*.example.com or an address"
        ) from None
    return Rule(host, (port,) if port else _WEB, wildcard)


def split_authority(text: str, port: int) -> tuple[str, int]:
    """Host and port of `host:port`, `[::1]:80` or a bare host, for which the port is `port`.

    Raises:
        ValueError: it is none of these.
    """
    bracketed = re.fullmatch(r"\[([0-9a-fA-F:.]+)\](?::(\d{1,5}))?", text)
    found = bracketed or re.fullmatch(r"([^:\[\]]+)(?::(\d{1,5}))?", text)
    if found is None:
        raise ValueError("it is not HOST or HOST:PORT")
    number = int(found[2]) if found[2] else port
    if found[2] and not 0 < number < 1 << 16:
        raise ValueError(f"there is no port {found[2]}")
    return normal_host(found[1]), number


def normal_host(text: str) -> str:
    """Lower case, in ASCII, without the final dot; an address in its shortest form. Raises ValueError for others."""
    if is_address(text):
        return str(ip_address(text))
    host = text.rstrip(".").lower()
    if not host.isascii():
        host = host.encode("idna").decode("ascii")
    if len(host) > 253 or not _LABELS.fullmatch(host):
        raise ValueError("it is not a host name")
    return host


def is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def rule_for(rules: Sequence[Rule], host: str, port: int) -> Rule | None:
    """The rule that lets this through; one without a wildcard before one with."""
    covering = [rule for rule in rules if rule.covers(host, port)]
    return min(covering, key=lambda rule: (rule.wildcard, not rule.configured), default=None)


def may_lead_to(rules: Sequence[Rule], rule: Rule, address: str, port: int) -> bool:
    """Whether what `rule` lets through may be at this address."""
    listed = any(not other.wildcard and other.covers(str(ip_address(address)), port) for other in rules)
    match reach(address):
        case "public":
            return True
        case "private":
            return listed or not rule.wildcard
        case "loopback":
            return listed or rule.configured or rule.host == "localhost"
        case "link-local or metadata":
            return listed


def reach(address: str) -> Reach:
    """How far from this machine an address is."""
    found = _inner(ip_address(address))
    if found.is_loopback:
        return "loopback"
    if found.is_link_local or found.is_unspecified or found.is_multicast or found in _METADATA:
        return "link-local or metadata"
    return "public" if found.is_global else "private"


def _inner(address: Address) -> Address:
    """The IPv4 address that an IPv6 address stands for, where it does."""
    if isinstance(address, IPv4Address):
        return address
    if address in _NAT64:
        return IPv4Address(int(address) & 0xFFFFFFFF)
    return address.ipv4_mapped or address.sixtofour or address
