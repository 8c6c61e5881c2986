"""What a policy means for one session: what its box is told, and what its proxy lets through."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from codeact.sandbox.network.indexes import Indexes, configured, indexes
from codeact.sandbox.network.policy import Allow, NetworkPolicy
from codeact.sandbox.network.rules import Rule

PORT = 3128  # on the session's own loopback

_SYSTEM_CERTIFICATES = "/etc/ssl/certs/ca-certificates.crt"  # below what every box shows
_CERTIFICATE_NAMES = ("SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "PIP_CERT")
_OWN = ("localhost", "127.0.0.1", "::1")
_QUIET_PIP = {
    "PIP_CONFIG_FILE": "/dev/null",  # the box is told what counts; a file of the host's may hold a password
    "PIP_DISABLE_PIP_VERSION_CHECK": "1",
    "PIP_KEYRING_PROVIDER": "disabled",
    "PIP_NO_CACHE_DIR": "1",  # it would count against the workspace
    "PIP_NO_INPUT": "1",
    "PIP_NO_WARN_SCRIPT_LOCATION": "1",
    "PIP_PROGRESS_BAR": "off",
    "PIP_TIMEOUT": "30",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    form: Literal["none", "proxied", "open"]  # of the session's network, as its box makes it
    environment: Mapping[str, str]
    policy: NetworkPolicy = "none"
    rules: Sequence[Rule] = ()
    credentials: Mapping[tuple[str, int], str] = field(default_factory=dict[tuple[str, int], str])


async def plan(policy: NetworkPolicy, python: str) -> Plan:
    """`python`: the interpreter whose pip says which index is configured.

    Raises:
        SetupError: it has no pip, or pip's configuration cannot be read.
        UsageError: the configured index has an address that cannot be read.
    """
    match policy:
        case Allow():
            environment = _proxied(policy.rules, _QUIET_PIP, _SYSTEM_CERTIFICATES)
            return Plan(form="proxied", environment=environment, policy=policy, rules=policy.rules)
        case "packages":
            return _for_packages(indexes(await configured(python)))
        case "open":
            return Plan(form="open", environment=_QUIET_PIP, policy=policy)
        case "none":
            return Plan(form="none", environment={**_QUIET_PIP, "PIP_NO_INDEX": "1"})


def _for_packages(found: Indexes) -> Plan:
    return Plan(
        form="proxied",
        environment=_proxied(found.rules, {**_QUIET_PIP, **found.environment}, found.certificates),
        policy="packages",
        rules=found.rules,
        credentials=found.credentials,
    )


def _proxied(rules: Sequence[Rule], others: Mapping[str, str], certificates: str) -> Mapping[str, str]:
    proxy = f"http://127.0.0.1:{PORT}"
    listed = {rule.host for rule in rules}
    direct = ",".join(host for host in _OWN if host not in listed)  # those listed are the host's, not the session's
    values = {"HTTP_PROXY": proxy, "HTTPS_PROXY": proxy, "ALL_PROXY": proxy, "NO_PROXY": direct}
    return {
        **others,
        **values,
        **{name.lower(): value for name, value in values.items()},
        **_trusted(certificates or _SYSTEM_CERTIFICATES),
    }


def _trusted(certificates: str) -> Mapping[str, str]:
    """What the host trusts, its own authorities included, where the box can see it."""
    path = Path(certificates)
    shown = any(path.is_relative_to(tree) for tree in ("/etc/ssl/certs", "/usr"))
    return dict.fromkeys(_CERTIFICATE_NAMES, certificates) if shown and path.is_file() else {}
