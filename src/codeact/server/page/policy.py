"""Which content-security policy the pages live under, and how the toolkit's own page is brought to obey it.

NiceGUI's page holds inline scripts and styles, and its components may need `eval`: it sends JavaScript as text, and Vue
compiles templates in the browser. Both can be avoided. The scripts and styles of its *template* are given a nonce, and
that before any value is put in, so nothing that a value smuggles in can have one. And our pages use native elements and
components with a render function only: no templates, no JavaScript sent. What is left needs neither `unsafe-inline` nor
`unsafe-eval`: a script without the nonce does not run, wherever it comes from, this server included. Styles may come
from this server besides (`style-src 'self'`), since Quasar's are imported by the first one.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from typing import Any, cast

import jinja2
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

FOREVER = "private, max-age=31536000, immutable"  # for what has its version or its hash in its address
_NONCE = "codeact.nonce"
_IN_TEMPLATE = f"{{{{ request.scope['{_NONCE}'] }}}}"
_REWRITTEN = {
    "<script": f'<script nonce="{_IN_TEMPLATE}"',
    "<style": f'<style nonce="{_IN_TEMPLATE}"',
    '<link rel="modulepreload"': f'<link rel="modulepreload" nonce="{_IN_TEMPLATE}"',
    'style="display: none"': "hidden",  # an attribute cannot have a nonce
    "{{ body_html | safe }}": '{{ body_html.replace("<style></style>", "") | safe }}',
}


def live(nonce: str) -> str:
    """Of a page that NiceGUI keeps alive over its websocket."""
    return _policy(
        f"script-src 'nonce-{nonce}'", f"style-src 'self' 'nonce-{nonce}'", "font-src 'self'", "connect-src 'self'"
    )


def still(style: str) -> str:
    """Of a page without any script, whose one style is inline."""
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode("ascii")
    return _policy(f"style-src 'sha256-{digest}'")


def _policy(*allowed: str) -> str:
    always = ("img-src 'self' data:", "base-uri 'none'", "form-action 'self'", "frame-ancestors 'none'")
    return "; ".join(("default-src 'none'", *allowed, *always))


class Nonced(jinja2.BaseLoader):
    """Templates of another loader, with the nonce of the request in them."""

    def __init__(self, inner: jinja2.BaseLoader) -> None:
        self.inner = inner

    def get_source(
        self, environment: jinja2.Environment, template: str
    ) -> tuple[str, str | None, Callable[[], bool] | None]:
        """Raises `jinja2.TemplateNotFound` as the inner loader does."""
        source, path, fresh = self.inner.get_source(environment, template)
        for plain, rewritten in _REWRITTEN.items():
            source = source.replace(plain, rewritten)
        return source, path, fresh


def nonced(environment: Any) -> None:
    """Let an environment's templates carry nonces; doing so twice changes nothing."""
    loader = cast("jinja2.BaseLoader", environment.loader)
    if not isinstance(loader, Nonced):
        environment.loader = Nonced(loader)


def under_policy(app: ASGIApp) -> ASGIApp:
    """The application, each answer of which has a nonce of its own and the policy that names it."""

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        nonce = secrets.token_urlsafe(18)
        scope[_NONCE] = nonce

        async def with_policy(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(raw=list(message.get("headers", ())))
                headers["content-security-policy"] = live(nonce)
                if scope["path"].startswith("/_nicegui/") and message["status"] == 200:
                    headers["cache-control"] = FOREVER
                message = {**message, "headers": headers.raw}
            await send(message)

        await app(scope, receive, with_policy if scope["type"] == "http" else send)

    return answer
