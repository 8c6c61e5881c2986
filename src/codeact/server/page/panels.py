"""The panel at the right, as HTML: files, variables, branches, settings, and the ways out of here."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import quote

from codeact.sandbox.base import FileInfo, MiB, Variable
from codeact.server.names import writable
from codeact.server.nouns import Settings, Share
from codeact.server.page.draw import ENDS, button
from codeact.server.page.icons import icon
from codeact.server.page.markup import code_html, escaped, shown_text
from codeact.server.page.shown import RunShown, Shown
from codeact.server.pictures import data_url

TABS: Final = {
    "files": "Files",
    "variables": "Variables",
    "branches": "Branches",
    "settings": "Settings",
    "share": "Share",
}
EXPORTS: Final = {
    "notebook": "Jupyter notebook",
    "markdown": "Markdown",
    "trajectory": "Trajectory (JSON lines)",
    "messages": "Messages (JSON lines)",
}
MOST_LISTED: Final = 500
MOST_PREVIEW: Final = 100_000  # bytes of a file that are shown
_PICTURES: Final = {
    "png": "image/png",
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "gif": "image/gif",
    "webp": "image/webp",
    "svg": "image/svg+xml",
}
_LANGUAGES: Final = {"py": "python", "json": "json", "sql": "sql", "diff": "diff"}
MOST_PICTURE: Final = 2 * MiB


@dataclass(frozen=True, slots=True, kw_only=True)
class Offers:
    """What the service lets a chat choose from."""

    models: Sequence[str]
    tools: Sequence[str]
    networks: Sequence[str]
    turns: int
    tokens: int | None
    memory: int  # bytes


def tabs_html(chosen: str) -> str:
    def tab(name: str, label: str) -> str:
        state = 'aria-selected="true"' if name == chosen else 'aria-selected="false" tabindex="-1"'
        return (
            f'<button type="button" role="tab" id="tab-{name}" aria-controls="panel" {state} data-act="tab" '
            f'data-on="{name}" data-stop>{label}</button>'
        )

    close = button("close", "Close the panel", "panel", "no")
    tabs = "".join(tab(*pair) for pair in TABS.items())
    return f'<div role="tablist" aria-label="About this conversation">{tabs}</div>{close}'


def nothing(picture: str, title: str, hint: str) -> str:
    """In the place of what there is not yet."""
    return f'<div class="nothing">{icon(picture)}<p><strong>{title}</strong></p><p>{hint}</p></div>'


def before_html(tab: str) -> str:
    """Of a conversation in which nothing was said yet."""
    match tab:
        case "files":
            return files_html("", ())
        case "share":
            return nothing("share", "Nothing to share yet", "Once something was said, links and exports are here.")
        case _:
            return nothing("variable", "No variables yet", "What the code defines shows up here after each run.")


# --- files ----------------------------------------------------------------------------------------


def files_html(chat: str, files: Sequence[FileInfo]) -> str:
    if not files:
        return nothing(
            "file", "No files yet", "Drop some anywhere on the page to give them. What code writes shows up here too."
        )
    rows = "".join(_file(chat, file) for file in files[:MOST_LISTED])
    more = f'<p class="empty">… and {len(files) - MOST_LISTED:,} more</p>' if len(files) > MOST_LISTED else ""
    return f'<ul class="rows" data-arrows aria-label="Files">{rows}</ul>{more}'


def _file(chat: str, file: FileInfo) -> str:
    name = escaped(writable(file.path))
    if name != escaped(file.path):  # no address and no message to this service can say its name: a program must
        return f'<li class="row"><span>{icon("file")}{name}</span><span class="dim">{size(file.size)}</span></li>'
    address = escaped(address_of(chat, file.path))
    return (
        f'<li class="row"><button type="button" class="plain" data-act="preview" data-on="{name}" data-stop>'
        f'{icon("file")}<span>{name}</span></button><span class="dim">{size(file.size)}</span>'
        f'<a class="small" href="{address}" download aria-label="Download {name}" title="Download">'
        f"{icon('download')}</a>"
        f"{button('delete', 'Delete', 'remove', file.path)}</li>"
    )


def address_of(chat: str, path: str) -> str:
    """Where the API serves a file of the workspace."""
    return f"/sessions/{quote(chat, safe='')}/files/{quote(path)}"


def size(number: float) -> str:
    for unit in ("B", "kB", "MB"):
        if number < 1000:
            return f"{number:.0f} {unit}" if unit == "B" or number >= 10 else f"{number:.1f} {unit}"
        number /= 1000
    return f"{number:.1f} GB"


def preview_html(path: str, data: bytes) -> str:
    """A file as it can be looked at without any of it being run: a picture, or the beginning of its text."""
    kind = path.rpartition(".")[2].lower()
    back = f'<button type="button" class="plain" data-act="tab" data-on="files">{icon("left")}Files</button>'
    head = f'<p class="bar">{back}</p><h2>{escaped(path)}</h2><p class="dim">{size(len(data))}</p>'
    if kind in _PICTURES and len(data) <= MOST_PICTURE:
        return f'{head}<figure><img src="{data_url(data, _PICTURES[kind])}" alt="{escaped(path)}"></figure>'
    text = data[:MOST_PREVIEW].decode("utf-8", "replace")
    if "\0" in text:
        return f'{head}<p class="empty">Neither text nor a picture. It can be downloaded.</p>'
    more = '<p class="empty">The rest is in the file.</p>' if len(data) > MOST_PREVIEW else ""
    code = code_html(text, _LANGUAGES.get(kind, "text"))
    return f'{head}<pre class="code" tabindex="0"><code>{code}</code></pre>{more}'


# --- variables ------------------------------------------------------------------------------------


def variables_html(variables: Sequence[Variable]) -> str:
    again = f'<button type="button" class="plain" data-act="tab" data-on="variables">{icon("retry")}Look again</button>'
    reset = f'<button type="button" class="plain" data-act="reset">{icon("reset")}Restart Python</button>'
    bar = f'<p class="bar">{again}{reset}</p>'
    if not variables:
        return bar + before_html("variables")
    rows = "".join(map(_variable, variables[:MOST_LISTED]))
    head = '<tr><th scope="col">Name</th><th scope="col">Type</th><th scope="col">Value</th></tr>'
    return f'{bar}<table class="variables"><thead>{head}</thead><tbody>{rows}</tbody></table>'


def _variable(variable: Variable) -> str:
    shape = f'<span class="dim">{escaped(variable.shape)}</span>' if variable.shape else ""
    preview = escaped(shown_text(variable.preview))
    return (
        f'<tr><th scope="row"><code>{escaped(variable.name)}</code></th>'
        f"<td>{escaped(variable.type)} {shape}</td>"
        f'<td><code class="preview" title="{preview}">{preview}</code></td></tr>'
    )


# --- branches -------------------------------------------------------------------------------------


def branches_html(shown: Shown) -> str:
    """The tree of all runs; whatever is pressed becomes the place where the conversation goes on."""
    if not shown.runs:
        return nothing("branch", "No branches yet", "Edit, retry or undo a message, and each way it went stands here.")
    here = {run.id for run in shown.path}
    children: dict[str | None, list[RunShown]] = {}
    for run in shown.runs.values():
        children.setdefault(run.parent, []).append(run)
    start = "" if shown.head else ' aria-current="true"'
    top = (
        f'<button type="button" role="treeitem" aria-level="1" class="node here" data-act="show" data-on="-" '
        f"data-stop{start}>The beginning</button>"
    )
    tree = "".join(_branch(children, run, here, shown.head, 2) for run in children.get(None, ()))
    return f'<div role="tree" aria-label="Branches" class="tree">{top}<div role="group">{tree}</div></div>'


def _branch(
    children: Mapping[str | None, Sequence[RunShown]], run: RunShown, here: set[str], head: str | None, level: int
) -> str:
    """A run, those that follow it under it; where only one does, on the same level, since most of a talk is a line."""
    rows: list[str] = []
    while True:
        rows.append(_node(run, here, head, level))
        following = children.get(run.id, ())
        if len(following) != 1:
            break
        run = following[0]
    inner = "".join(_branch(children, next, here, head, level + 1) for next in following)
    return "".join(rows) + (f'<div role="group" class="fork">{inner}</div>' if inner else "")


def _node(run: RunShown, here: set[str], head: str | None, level: int) -> str:
    line = " ".join(run.text.split())
    current = ' aria-current="true"' if run.id == head else ""
    on = " here" if run.id in here else ""
    mark = f'<span class="dim">{escaped(ENDS[run.status].partition(":")[0])}</span>' if run.status in ENDS else ""
    return (
        f'<button type="button" role="treeitem" aria-level="{level}" class="node{on}" data-act="show" '
        f'data-on="{escaped(run.id)}" data-stop{current}><span>{escaped(line[:120])}</span>{mark}</button>'
    )


# --- settings -------------------------------------------------------------------------------------


def settings_html(settings: Settings, offers: Offers) -> str:
    model = settings.model or next(iter(offers.models), "")
    groups = {
        "Answers": [
            _select("model", "Model", offers.models, model),
            _select(
                "actions", "Acts by", {"code": "Python", "json": "JSON calls", "text": "Text calls"}, settings.actions
            ),
            _number("temperature", "Temperature", settings.temperature, 0, 2, step="0.1"),
        ],
        "What its code may": [
            _select("network", "Network", offers.networks, settings.network),
            _tools(settings, offers),
            f'<label class="check"><input type="checkbox" name="approve" value="yes"{" checked" * settings.approve}>'
            "Ask me before anything runs</label>",
        ],
        "Limits": [
            _number("turns", f"Turns of a run (at most {offers.turns})", settings.turns, 1, offers.turns),
            _number("tokens", f"Tokens of a run{_at_most(offers.tokens)}", settings.tokens, 1, offers.tokens),
            _number("memory", "Memory, in MiB", settings.memory and settings.memory // MiB, 128, offers.memory // MiB),
        ],
        "Instructions": [
            '<label>Added to the system prompt<textarea name="system" rows="5" maxlength="20000">'
            f"{escaped(settings.system)}</textarea></label>"
        ],
    }
    parts = "".join(f"<fieldset><legend>{name}</legend>{''.join(fields)}</fieldset>" for name, fields in groups.items())
    return f'<form class="settings" data-act="settings">{parts}<button class="primary">Save</button></form>'


def _at_most(most: int | None) -> str:
    return "" if most is None else f" (at most {most:,})"


def _select(name: str, label: str, options: Sequence[str] | Mapping[str, str], chosen: str) -> str:
    named = options if isinstance(options, Mapping) else {option: option for option in options}
    rows = "".join(
        f'<option value="{escaped(value)}"{" selected" * (value == chosen)}>{escaped(text)}</option>'
        for value, text in named.items()
    )
    return f'<label>{label}<select name="{name}">{rows}</select></label>'


def _tools(settings: Settings, offers: Offers) -> str:
    if not offers.tools:
        return ""
    rows = "".join(
        f'<label class="check"><input type="checkbox" name="tools" value="{escaped(name)}"'
        f"{' checked' * (name in settings.tools)}><code>{escaped(name)}</code></label>"
        for name in offers.tools
    )
    return f'<div role="group" aria-label="Tools"><p>Tools</p>{rows}</div>'


def _number(name: str, label: str, value: float | None, least: float, most: float | None, *, step: str = "1") -> str:
    above = "" if most is None else f' max="{most}"'
    now = "" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
    return (
        f'<label>{label}<input type="number" name="{name}" min="{least}"{above} step="{step}" value="{now}" '
        'placeholder="default"></label>'
    )


# --- ways out -------------------------------------------------------------------------------------


def share_html(chat: str, shares: Sequence[Share], base: str) -> str:
    """Links for readers, and files of the conversation. `base` is the service's own address."""
    rows = "".join(_share(share, base) for share in shares)
    exports = "".join(
        f'<li><a href="/sessions/{escaped(chat)}/export?form={form}" download>{icon("download")}{label}</a></li>'
        for form, label in EXPORTS.items()
    )
    return (
        "<h2>Read-only link</h2><p>Whoever has it can read this conversation up to now, and nothing that comes later."
        f'</p><ul class="rows">{rows}</ul><button type="button" class="primary" data-act="share">Make a link</button>'
        f'<h2>Export</h2><ul class="rows exports">{exports}</ul>'
        "<h2>A copy</h2><p>A conversation of its own, with this history, these variables and files.</p>"
        f'<button type="button" data-act="fork">{icon("branch")}Copy this conversation</button>'
    )


def _share(share: Share, base: str) -> str:
    address = escaped(f"{base}/s/{share.token}")
    return (
        f'<li class="row"><div class="copied"><input readonly value="{address}" aria-label="Link"></div>'
        f'<span class="head">{button("copy", "Copy the link", "copy", share.token)}</span>'
        f"{button('delete', 'Take the link back', 'unshare', share.token)}</li>"
    )
