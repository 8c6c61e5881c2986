"""Where a hosted model is reached, and the options that every hosted model takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from ipaddress import ip_address
from typing import Any, cast

import httpx2

from codeact.errors import SetupError, UsageError
from codeact.models.metering import Prices
from codeact.models.retries import RetryPolicy
from codeact.types import JSON


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointOptions:
    """What can be said about a hosted model beside its name; the keyword arguments of `open_model`."""

    api_key: str | None = field(default=None, repr=False)  # None: only for an endpoint on this machine
    base_url: str | None = field(default=None, repr=False)  # None: the vendor's own; may hold a password
    temperature: float | None = None  # None: the endpoint's default
    max_tokens: int | None = None  # of one completion, where the caller sets none; None: the endpoint's default
    images: bool = True  # False: the model reads none, so a note stands in for each
    timeout: float = 600.0  # seconds without a byte from the endpoint
    connect_timeout: float = 10.0  # seconds
    prices: Prices | None = None
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)  # sent with every request
    extra_body: Mapping[str, JSON] = field(default_factory=dict[str, Any])  # more of the request, in the vendor's words


@dataclass(frozen=True, slots=True, kw_only=True)
class Vendor:
    """Whose protocol it is, and what holds when nothing else is said."""

    provider: str
    base_url: str
    key_variable: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """A place that serves one model, checked and ready to be called."""

    model: str  # as the endpoint knows it
    url: str = field(repr=False)  # may hold a password
    api_key: str = field(repr=False)
    vendor: Vendor
    options: EndpointOptions

    @property
    def name(self) -> str:
        return f"{self.vendor.provider}:{self.model}"

    @property
    def shown_url(self) -> str:
        return shown(self.url)

    @property
    def is_vendors_own(self) -> bool:
        return httpx2.URL(self.url).host == httpx2.URL(self.vendor.base_url).host


def read_options(vendor: Vendor, options: Mapping[str, Any]) -> EndpointOptions:
    """Keyword arguments, made a value. `prices` may be a mapping, as it is in a config file.

    Raises:
        UsageError: an option that is not known, or a value that cannot be.
    """
    known = [option.name for option in fields(EndpointOptions)]
    for name in options:
        if name not in known:
            raise UsageError(f"{vendor.provider} models have no option {name!r}; they have {', '.join(known)}")
    prices = options.get("prices")
    if isinstance(prices, Mapping):
        options = {**options, "prices": _read_prices(cast("Mapping[str, Any]", prices))}
    read = EndpointOptions(**options)
    for name in ("timeout", "connect_timeout"):
        if not getattr(read, name) > 0:
            raise UsageError(f"{name} must be a positive number of seconds, not {getattr(read, name)!r}")
    return read


def endpoint(vendor: Vendor, model: str, options: EndpointOptions) -> Endpoint:
    """Put together and check what is needed to call a model.

    Raises:
        UsageError: no model name, or a base URL that is none.
        SetupError: the key is missing.
    """
    if not model:
        raise UsageError(f"{vendor.provider}: needs the name of a model after the colon")
    url = options.base_url or vendor.base_url
    if not url.startswith(("http://", "https://")) or not _host(url):
        # What is no URL cannot be taken apart, so where it may hold a password nothing of it is shown.
        what = "(not shown: it may hold a password)" if {"@", "?"} & set(url) else repr(url)
        raise UsageError(f"base_url {what} is not a URL; it should look like http://localhost:8000/v1")
    key = (options.api_key or "").strip()
    if not key and not is_loopback(url):
        raise SetupError(
            f"no API key for {vendor.provider}:{model}; set {vendor.key_variable} in the environment or give api_key= "
            "(any text will do for an endpoint that needs none)"
        )
    if not (key.isascii() and key.isprintable()):
        raise UsageError(f"the API key for {vendor.provider}:{model} has characters that no key has; copy it again")
    return Endpoint(model=model, url=url, api_key=key or "none", vendor=vendor, options=options)


def http_client(place: Endpoint) -> httpx2.AsyncClient:
    """The connections of one open model. Proxies of the environment are for other machines, not for this one.

    Redirects are not followed, because the headers of the options would go along to whatever host they lead to.
    """
    options = place.options
    return httpx2.AsyncClient(
        timeout=httpx2.Timeout(options.timeout, connect=options.connect_timeout),
        limits=httpx2.Limits(max_connections=1000, max_keepalive_connections=100),
        follow_redirects=False,
        trust_env=not is_loopback(place.url),
    )


def shown(url: str) -> str:
    """A URL as it may be shown: a user, password or query in it stays out."""
    return str(httpx2.URL(url).copy_with(username="", password="", query=None))


def is_loopback(url: str) -> bool:
    """Whether a URL leads to this machine."""
    host = _host(url)
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        address = ip_address(host)
        return address.is_loopback or address.is_unspecified
    except ValueError:
        return False


def _host(url: str) -> str:
    try:
        return httpx2.URL(url).host
    except httpx2.InvalidURL:
        return ""


def _read_prices(prices: Mapping[str, Any]) -> Prices:
    try:
        return Prices(**{name: float(price) for name, price in prices.items()})
    except (TypeError, ValueError) as error:
        raise UsageError(
            f"prices {dict(prices)!r} cannot be read ({error}); give USD per million tokens as input, output "
            "and, where they differ, cached and cache_write"
        ) from None
