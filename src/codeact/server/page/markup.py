"""Text of people, models and code as HTML that can do nothing: no script, no style, no request to another host.

Whatever comes out of here is built from escaped text, from Pygments' spans, by markdown-it with HTML off, or by
ammonia (`nh3`), which parses as browsers do and builds anew what is allowed. The page's policy, which runs no script
without its nonce, is the second line and not the first.
"""

from __future__ import annotations

import html
import re
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, cast

import nh3
from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict
from pygments import highlight, lexers
from pygments.formatters.html import HtmlFormatter

from codeact.server.pictures import PICTURES, data_url
from codeact.types import JSON

MOST_HTML = 300_000  # characters of a table; a longer one is shown as its text
MOST_HIGHLIGHTED = 10_000  # characters of code; longer code is shown without colours
HIGHLIGHTED = frozenset({"diff", "json", "py", "python", "python3", "sql"})

_TABLE_TAGS = (
    "a abbr b blockquote br caption code col colgroup dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i ins kbd li "
    "mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var"
)
_TABLE_ATTRIBUTES = {
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
    "col": {"span"},
    "a": {"href"},
    "details": {"open"},
}
_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_LONG_GAP = re.compile(r"\s{100}")
_SAFE_LINK = re.compile(r"(?:https?|mailto):", re.IGNORECASE)

_lexer_named = cast("Any", lexers).get_lexer_by_name  # partly typed
_colours = cast("Any", HtmlFormatter)(nowrap=True, classprefix="h-")


def escaped(text: str) -> str:
    return html.escape(text, quote=True)


def shown_text(text: str) -> str:
    """Output for people: without escape sequences, and of a line that was written over only what is left of it."""
    text = _ANSI.sub("", text).replace("\r\n", "\n")
    return "\n".join(line.rstrip("\r").rpartition("\r")[2] for line in text.split("\n")) if "\r" in text else text


@lru_cache(maxsize=512)
def code_html(code: str, language: str = "python") -> str:
    """Code with its colours, as spans; the caller puts it into a `pre`.

    Most of Pygments' lexers take a time that is quadratic in a text made for it (20 s for 16 kB of Java), and all
    pages of the service wait for it. So only those are asked that were tried with such texts, for no more than they
    can bear, and Python's for no text with the long gaps that it is slow at.
    """
    language = language.lower()
    if language not in HIGHLIGHTED or len(code) > MOST_HIGHLIGHTED or _LONG_GAP.search(code):
        return escaped(code)
    return cast("str", highlight(code, _lexer_named(language, stripnl=False), _colours)).removesuffix("\n")


@lru_cache(maxsize=512)
def markdown_html(text: str) -> str:
    """Markdown without HTML. Pictures become links, so that showing a text asks no other host for anything."""
    return _markdown.render(text, {"coloured": 0})


def _renders(rule: str) -> Callable[[Callable[..., str]], Callable[..., str]]:
    def add(function: Callable[..., str]) -> Callable[..., str]:
        _markdown.add_render_rule(rule, function)
        return function

    return add


_markdown = MarkdownIt("commonmark", {"html": False, "linkify": False}).enable(["table", "strikethrough"])
_markdown.validateLink = lambda url: bool(_SAFE_LINK.match(url))  # type: ignore[method-assign]


@_renders("link_open")
def _link(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
    target = escaped(str(tokens[at].attrGet("href") or ""))
    return f'<a href="{target}" target="_blank" rel="noopener noreferrer nofollow">'


@_renders("image")
def _image(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
    target = escaped(str(tokens[at].attrGet("src") or ""))
    label = escaped(tokens[at].content or "picture")
    return f'<a class="picture" href="{target}" target="_blank" rel="noopener noreferrer nofollow">{label}</a>'


@_renders("fence")
def _fence(self: RendererHTML, tokens: Sequence[Token], at: int, options: OptionsDict, env: Any) -> str:
    language = tokens[at].info.strip().split(maxsplit=1)[0] if tokens[at].info.strip() else ""
    code = tokens[at].content
    env["coloured"] += len(code)  # of all the text: many short pieces take as long as a long one
    shown = code_html(code.rstrip("\n"), language) if env["coloured"] <= MOST_HIGHLIGHTED else escaped(code)
    return f'<pre class="code" tabindex="0"><code>{shown}</code></pre>\n'


def table_html(source: str) -> str:
    """HTML of the model's code, as far as it is text and tables."""
    return nh3.clean(
        source,
        tags=set(_TABLE_TAGS.split()),
        attributes={tag: set(names) for tag, names in _TABLE_ATTRIBUTES.items()},
        url_schemes={"http", "https", "mailto"},
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
    )


def display_html(bundle: Mapping[str, JSON], media: str, number: int) -> str:
    """The richest form of a display that can be shown without running anything. `media` is where bytes are served."""
    label = escaped(f"Figure {number}")
    for mime in (*PICTURES, "image/svg+xml"):
        if mime in bundle and (address := _address(bundle[mime], mime, media)):
            return (
                f'<figure><a href="{address}" target="_blank" rel="noopener"><img src="{address}" alt="{label}"></a>'
                f"</figure>"
                if not address.startswith("data:")
                else f'<figure><img src="{address}" alt="{label}"></figure>'
            )
    source = bundle.get("text/html")
    if isinstance(source, str) and len(source) <= MOST_HTML and (table := table_html(source)).strip():
        return f'<div class="table" tabindex="0" role="region" aria-label="Table {number}">{table}</div>'
    if isinstance(text := bundle.get("text/markdown"), str):
        return f'<div class="prose">{markdown_html(text)}</div>'
    plain = next((bundle[mime] for mime in ("text/latex", "text/plain") if isinstance(bundle.get(mime), str)), "")
    return f'<pre class="out" tabindex="0">{escaped(shown_text(str(plain)))}</pre>' if plain else ""


def _address(data: JSON, mime: str, media: str) -> str:
    """Of a picture: where the service serves it. A drawing that came as text goes into the page as an image, where no
    browser runs its scripts or loads what it refers to.
    """
    match data:
        case {"media": str(digest)} if mime in PICTURES and re.fullmatch(r"[0-9a-f]{64}", digest):
            return f"{media}/{digest}"
        case str() if mime == "image/svg+xml":
            return data_url(data.encode(errors="replace"), mime)
        case {"$bytes": str(encoded)} if re.fullmatch(r"[A-Za-z0-9+/=]*", encoded):
            return f"data:{mime};base64,{encoded}"
        case _:
            return ""
