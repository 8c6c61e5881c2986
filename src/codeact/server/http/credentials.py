"""Who somebody is: tokens of programs, cookies of browsers, and the codes of login links.

All three are 256 random bits, so there is nothing to guess and no need of a slow hash. The store keeps a token and a
cookie as its sha256 only. A cookie begins with the time it was made at and ends with the sha256 of the token that it
was got with, and its own hash covers both; its prefix keeps the two apart, so that what leaks from a browser is no
token of a program.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from codeact.errors import UsageError
from codeact.server.store.base import Store

TOKEN: Final = "cat_"  # noqa: S105 -- the prefix by which secret scanners, and we, know a token
COOKIE: Final = "cac_"
LEAST: Final = 24  # characters of a token that somebody else has made
MOST: Final = 512  # characters of anything that is hashed and looked up
CODES: Final = 100  # login links that wait to be used
LATELY: Final = 10_000  # tokens and cookies that are remembered to have been right
CODE_LASTS: Final = 3600.0  # seconds


def new_token() -> str:
    return TOKEN + secrets.token_urlsafe(32)


def check_token(token: str | None) -> None:
    """Raises `UsageError` for one of the user's own that might be guessed."""
    if token is not None and len(token) < LEAST:
        raise UsageError(f"--token has {len(token)} characters; give {LEAST} or more, which nobody guesses")


def digest(text: str) -> bytes:
    """As which a token or cookie is kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).digest()


@dataclass(slots=True)
class Credentials:
    """Finds the user behind a token or a cookie. `given` are tokens that only this process knows: digest to user."""

    store: Store
    given: Mapping[bytes, str] = field(default_factory=dict[bytes, str])
    lasts: float = 30 * 86400.0  # seconds of a cookie
    now: Callable[[], float] = time.time
    codes: dict[bytes, tuple[str, float]] = field(default_factory=dict[bytes, tuple[str, float]])
    right: OrderedDict[bytes, None] = field(default_factory=OrderedDict[bytes, None])

    def proven(self, secret: str) -> bool:
        """Whether it was right when it was last looked up, or needs no looking up. It may be right no more."""
        asked = digest(secret[:MOST])
        return asked in self.right or asked in self.given

    async def owner_by_token(self, token: str) -> str | None:
        """Raises `StoreError`."""
        if not token or len(token) > MOST or token.startswith(COOKIE):
            return None
        return await self._owner_by(digest(token))

    async def owner_by_cookie(self, cookie: str) -> str | None:
        """Raises `StoreError`."""
        if not cookie.startswith(COOKIE) or len(cookie) > MOST or not self._fresh(cookie):
            return None
        owner = await self._looked_up(digest(cookie))
        if (token := _token_of(cookie)) and owner != await self._owner_by(token):  # it was taken back, this with it
            return None
        return owner

    async def _owner_by(self, token: bytes) -> str | None:
        found = [owner for known, owner in self.given.items() if hmac.compare_digest(known, token)]
        return found[0] if found else await self._looked_up(token)

    async def _looked_up(self, asked: bytes) -> str | None:
        owner = await self.store.owner_of(asked)
        self.right.pop(asked, None)
        if owner is not None:
            self._remember(asked)
        return owner

    def _remember(self, right: bytes) -> None:
        self.right[right] = None
        while len(self.right) > LATELY:
            self.right.popitem(last=False)

    def invite(self, owner: str) -> str:
        """A code for a login link: good once, and for an hour."""
        now = self.now()
        self.codes = {code: kept for code, kept in self.codes.items() if kept[1] > now}
        if len(self.codes) >= CODES:
            self.codes.pop(next(iter(self.codes)))
        code = secrets.token_urlsafe(32)
        self.codes[digest(code)] = (owner, now + CODE_LASTS)
        return code

    async def admit(self, code: str) -> tuple[str, str] | None:
        """The user whom a code lets in, and a cookie for the browser; None for a code that is wrong, used or old.

        Raises:
            StoreError: the cookie could not be kept.
        """
        if len(code) > MOST:
            return None
        asked, now = digest(code), self.now()
        found = [known for known in self.codes if hmac.compare_digest(known, asked)]
        if not found:
            return None
        owner, until = self.codes.pop(found[0])
        return (owner, await self.new_cookie(owner)) if now < until else None

    async def new_cookie(self, owner: str, token: str = "") -> str:
        """One that was got with a token is right for as long as that is. Raises `StoreError`."""
        of = f".{digest(token).hex()}" if token else ""
        cookie = f"{COOKIE}{int(self.now()):x}_{secrets.token_urlsafe(32)}{of}"
        until = datetime.fromtimestamp(self.now() + self.lasts, UTC)
        await self.store.add_token(owner, digest(cookie), until=until)
        self._remember(digest(cookie))
        return cookie

    async def forget(self, cookie: str) -> None:
        """Log out. Raises `StoreError`."""
        if cookie.startswith(COOKIE) and len(cookie) <= MOST:
            await self.store.delete_token(digest(cookie))

    async def forget_old(self) -> None:
        """Let the store forget the cookies whose time is over. Raises `StoreError`."""
        await self.store.forget_tokens(datetime.fromtimestamp(self.now(), UTC))

    def _fresh(self, cookie: str) -> bool:
        try:
            made = int(cookie.removeprefix(COOKIE).partition("_")[0][:16], 16)
        except ValueError:
            return False
        return made <= self.now() + 300 and self.now() - made < self.lasts  # a clock may be set back a little


def _token_of(cookie: str) -> bytes | None:
    """The digest of the token that a cookie was got with; None for one that came by a link."""
    try:
        return bytes.fromhex(cookie.partition(".")[2]) or None
    except ValueError:
        return None
