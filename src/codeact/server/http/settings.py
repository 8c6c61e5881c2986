"""What the HTTP side may be told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MiB: Final = 1024 * 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpSettings:
    """Every bound of the HTTP side. The defaults are good for people on one machine."""

    hosts: frozenset[str] = frozenset()  # names by which browsers may call this service, besides addresses and loopback
    cookie: str = "codeact"  # its name: browsers share cookies among the ports of a host
    secure: bool = False  # True where browsers come by TLS: cookies are kept to it
    public: tuple[str, ...] = ()  # further path prefixes that anybody may ask for, such as the page of a share
    body: int = MiB  # bytes of a request
    upload: int = 96 * MiB  # bytes of a request that gives files, which the house's quota bounds once more
    uploads: int = 8  # files that are given to rooms at a time, which takes memory; more wait
    patience: float = 30.0  # seconds for the next piece of a request to come
    unread: float = 30.0  # seconds for a piece of an event stream to be taken by who reads it
    slowest: int = 2048  # bytes per second of a request's body, in the long run
    rate: float = 50.0  # requests per second of one user, in the long run
    burst: int = 200  # requests of one user at once
    heartbeat: float = 15.0  # seconds of silence after which an event stream says that it lives
    again: float = 60.0  # seconds between two looks whether whoever has a stream or a socket open may still have it
    login: float = 30 * 86400.0  # seconds for which a browser stays logged in
