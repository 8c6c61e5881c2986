"""From where a browser asks: what keeps other pages in the same browser out. Pure functions.

A page of another origin can make a browser send requests here, with its cookie where the site counts as the same:
`SameSite` knows no ports, so that is any other server on this machine. And a page can have its own name resolve to this
machine (DNS rebinding). Against the first helps what browsers say of a request's origin, against the second its `Host`.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Collection, Mapping
from urllib.parse import urlsplit

SAFE = frozenset({"GET", "HEAD", "OPTIONS"})


def host_name(host: str) -> str | None:
    """The name in a `Host` header, in lower case and without its port; None where it is none."""
    try:
        parts = urlsplit(f"//{host}")
        name, _ = parts.hostname, parts.port
    except ValueError:
        return None
    if not name or parts.username is not None or parts.path or parts.query or parts.fragment or "%" in name:
        return None
    return name.rstrip(".").lower()


def host_allowed(host: str, names: Collection[str]) -> bool:
    """Whether a `Host` is ours: a name that was listed, `localhost`, or an address, which nobody can rebind."""
    name = host_name(host)
    return name is not None and (name == "localhost" or name in names or is_address(name))


def is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return False
    return True


def same_origin(origin: str, host: str, *, tls: bool) -> bool:
    """Whether `Origin` is the page's of this very service. Behind a proxy that ends TLS we see http: so https is fine
    wherever the host is right, and http only where we were asked by it.
    """
    try:
        parts = urlsplit(origin)
        ours = urlsplit(f"//{host}")
        default = {"https": 443, "http": 80}.get(parts.scheme)
        right = (parts.hostname, parts.port or default) == (ours.hostname, ours.port or default)
    except ValueError:
        return False
    return right and default is not None and (parts.scheme == "https" or not tls)


def refusal(method: str, headers: Mapping[str, str], *, tls: bool, upgrade: bool = False) -> str | None:
    """Why a request that is authenticated by cookie is refused; None where it may pass.

    It may, where the browser says that it comes from our own page. A link on another page may lead here: the browser
    shows what it gets, and that page cannot read it. `upgrade`: it asks for a websocket, which no same-origin policy
    protects.
    """
    site, origin = headers.get("sec-fetch-site"), headers.get("origin")
    if origin is not None and not same_origin(origin, headers.get("host", ""), tls=tls):
        return f"the page that asks has another origin ({origin[:100]!r})"
    if site in ("same-origin", "none") and (site != "none" or (method in SAFE and not upgrade)):
        return None
    if site is not None:
        return None if _leads_here(method, headers) and not upgrade else f"the browser calls this request {site[:20]!r}"
    if origin is None and (upgrade or method not in SAFE):
        return "the browser does not say where this request is from; programs send a token in Authorization"
    return None


def _leads_here(method: str, headers: Mapping[str, str]) -> bool:
    """A link that somebody has followed: a whole page in a window of its own, never a frame, an image or a script."""
    return (
        method in ("GET", "HEAD")
        and headers.get("sec-fetch-mode") == "navigate"
        and headers.get("sec-fetch-dest") == "document"
        and "origin" not in headers
    )
