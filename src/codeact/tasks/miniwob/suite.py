"""The suite: every page of the package, some episodes of each."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path

from codeact.errors import MissingExtraError, UsageError
from codeact.tasks.base import Profile, Rules, Suite, Task
from codeact.tasks.miniwob.world import open_desk, rewarded

PROMPT = """\
You work on a web page, 160 pixels wide and 210 high, with tools that click, drag, type and press keys on it. `page()`
shows what is there; every other tool shows the page after it. Do what the task says, then say that it is done. The page
judges for itself, so nothing has to be answered. The task:"""

RULES = Rules(turns=20, action_time=120.0)


def tasks(*, pages: str | Sequence[str] | None = None, episodes: int = 4, seed: int = 0) -> Sequence[Task]:
    """So many episodes of each page, which differ by their seed; None takes all pages.

    Raises:
        MissingExtraError: the package, which brings the pages, is not installed.
        UsageError: no such page, or less than one episode.
    """
    folder = _folder()
    known = sorted(path.stem for path in folder.glob("*.html"))
    names = known if pages is None else [pages] if isinstance(pages, str) else list(pages)
    if unknown := [name for name in names if name not in known]:
        raise UsageError(f"miniwob has no page {unknown[0]!r}; there are: {', '.join(known)}")
    if episodes < 1:
        raise UsageError(f"miniwob needs 1 or more episodes of each page, not {episodes!r}")
    return [
        Task(
            id=f"{name}/{seed}.{number}",
            domain=name,
            prompt=PROMPT,
            open=partial(open_desk, folder / f"{name}.html", f"{seed}.{number}"),
            judge=rewarded,
            rules=RULES,
        )
        for name in names
        for number in range(episodes)
    ]


def _folder() -> Path:
    spec = find_spec("miniwob")  # found, not imported
    if spec is None or spec.origin is None:
        raise MissingExtraError("miniwob", "the suite 'miniwob'")
    return Path(spec.origin).parent / "html/miniwob"


SUITE = Suite(
    name="miniwob",
    summary="small tasks on web pages in a real browser (extra 'miniwob', and Chromium)",
    readme=Path(__file__).with_name("README.md"),
    profiles=(Profile(name="dom", summary="the page as a list of elements, to act on by number", tasks=tasks),),
)
