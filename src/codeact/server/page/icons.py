"""The page's pictures: strokes on a 24 by 24 grid, drawn for it, in the colour of the text around them."""

from __future__ import annotations

from typing import Final

from codeact.server.pictures import data_url

MARK: Final = (  # ours, also in the browser's tab: a prompt in a box
    '<svg viewBox="0 0 32 32" width="32" height="32" class="mark" '
    'aria-hidden="true"><rect width="32" height="32" rx="8" fill="#2f6f5e"/><path d="M9 10.5l5.5 5.5L9 21.5M17.5 22H24"'
    ' fill="none" stroke="#fff" stroke-width="2.6" stroke-linecap="round" stroke-linejoin="round"/></svg>'
)
PICTURE: Final = MARK.replace("<svg", '<svg xmlns="http://www.w3.org/2000/svg"')  # as a file of its own
ICON: Final = data_url(PICTURE.encode(), "image/svg+xml")

_STROKES = {
    "new": "M12 5v14M5 12h14",
    "search": "M11 4a7 7 0 1 0 0 14 7 7 0 0 0 0-14zM16 16l4.5 4.5",
    "send": "M12 19V5M6 11l6-6 6 6",
    "stop": "M7 7h10v10H7z",
    "edit": "M4 20l1-4L16 5l3 3L8 19zM14 7l3 3",
    "retry": "M19 12a7 7 0 1 1-2-5M19 4v4h-4",
    "undo": "M9 6L4 11l5 5M4 11h10a5 5 0 0 1 0 10h-3",
    "branch": "M7 4v10a4 4 0 0 0 4 4h6M7 10a4 4 0 0 0 4-4h6M14 15l3 3-3 3",
    "copy": "M9 9h11v11H9zM5 15H4V4h11v1",
    "file": "M6 3h8l5 5v13H6zM14 3v5h5",
    "clip": "M19 11l-7.5 7.5a4.2 4.2 0 0 1-6-6L13 5a2.8 2.8 0 0 1 4 4l-7.5 7.5a1.4 1.4 0 0 1-2-2L14 8",
    "left": "M14 6l-6 6 6 6",
    "right": "M10 6l6 6-6 6",
    "info": "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 11v5M12 7.5v.5",
    "hand": "M12 3l9 16H3zM12 10v4M12 16.5v.5",
    "menu": "M4 7h16M4 12h16M4 17h16",
    "panel": "M4 5h16v14H4zM14 5v14",
    "share": "M12 15V4M8 8l4-4 4 4M5 13v6h14v-6",
    "download": "M12 4v11M8 11l4 4 4-4M5 19h14",
    "delete": "M5 7h14M10 7V4h4v3M7 7l1 13h8l1-13",
    "close": "M6 6l12 12M18 6L6 18",
    "dark": "M20 14a8 8 0 0 1-10-10 8 8 0 1 0 10 10z",
    "view": "M3 12s3-6 9-6 9 6 9 6-3 6-9 6-9-6-9-6zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z",
    "variable": "M9 4c-3 0-3 2-3 4s0 4-2 4c2 0 2 2 2 4s0 4 3 4M15 4c3 0 3 2 3 4s0 4 2 4c-2 0-2 2-2 4s0 4-3 4",
    "settings": "M4 7h9M17 7h3M15 5v4M4 17h3M11 17h9M9 15v4",
    "leave": "M14 4H5v16h9M10 12h10M17 9l3 3-3 3",
    "down": "M12 5v14M6 13l6 6 6-6",
    "reset": "M12 4v8M7 7a7 7 0 1 0 10 0",
}


def icon(name: str) -> str:
    """One of them as SVG, hidden from those who hear the page: what it means stands beside it."""
    return (
        '<svg class="icon" viewBox="0 0 24 24" fill="none" stroke="currentColor" stroke-width="1.7" '
        f'stroke-linecap="round" stroke-linejoin="round" aria-hidden="true"><path d="{_STROKES[name]}"/></svg>'
    )
