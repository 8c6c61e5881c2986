"""A service with the page, in a process of its own: NiceGUI is one per process. Prints a login link, and serves.

    python site.py RESULTS    # a folder of results files

Its model does what the last message says: `!plot` and so on are programs, anything else is answered in words. Another
writes half a program, and no more.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio

from codeact.events import Emit, ignore
from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel, play
from codeact.server.house import House
from codeact.server.http.neighbours import whole
from codeact.server.http.service import Service
from codeact.server.http.serving import Binding, Serving
from codeact.server.listening import listen, url_of
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store
from codeact.types import Completion, Message

HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
PROGRAMS = {
    "!plot": "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()",
    "!table": "import pandas as pd\npd.DataFrame({'year': [2025, 2026], 'price': [10.5, 12.0]})",
    "!wait": "import time\nmark = 'before'\nprint('so far', flush=True)\ntime.sleep(300)\nmark = 'after'",
    "!two": "x = 2",
    "!double": "x *= 2\nprint('x is', x)",
    "!error": "def look(d):\n    return d['b']\n\nlook({'a': 1})",
    "!ask": "name = input('Who are you? ')\nprint('Hello', name)",
    "!array": "import numpy as np\ngrid = np.arange(6).reshape(2, 3)",
    "!read": "print(open('given.txt').read())",
    "!hostile": (
        "from IPython.display import HTML, SVG, Markdown, display\n"
        f'print("""{HOSTILE}""")\n'
        f'display(HTML("""<table><tr><td>kept</td></tr></table>{HOSTILE}"""))\n'
        f'display(Markdown("""drawn {HOSTILE} [link](javascript:window.hacked=1)"""))\n'
        'display(SVG("""<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="window.hacked=1">'
        '<script>window.hacked=1</script><rect width="40" height="40"/></svg>"""))\n'
        f'raise ValueError("""{HOSTILE}""")'
    ),
}


def reply(messages: Sequence[Message]) -> str:
    asked = messages[-1].text.split("\n")[0]
    if asked in PROGRAMS:
        return f"I run *{asked[1:]}*.\n\n```python\n{PROGRAMS[asked]}\n```"
    return f"That is **all**. {HOSTILE}"


HALF = "I think *aloud*.\n\n```python\nimport math\nhalf = math."


@dataclass
class Hesitant:
    """Begins to write, and is never done."""

    name: str = "scripted:half"

    async def complete(self, messages: Sequence[Message], *, emit: Emit = ignore, **_: Any) -> Completion:
        await play(Completion(text=HALF), emit=emit)
        await anyio.sleep_forever()
        raise AssertionError("unreachable")


@asynccontextmanager
async def hesitant() -> AsyncGenerator[Model]:
    yield Hesitant()


def rate(country: str) -> float:
    """What a dollar costs there."""
    return {"Japan": 150.0}.get(country, 1.0)


@asynccontextmanager
async def scripted() -> AsyncGenerator[Model]:
    yield ScriptedModel([reply] * 1000, name="scripted:page")


async def main(results: Path) -> None:
    listening = listen("127.0.0.1", 0)
    models = {"scripted:page": scripted, "scripted:half": hesitant}
    settings = HouseSettings(models=models, tools={"rate": rate}, networks=("none", "open"))
    async with open_store("sqlite::memory:") as store, House.open(store, settings) as house:
        made = whole(house, results=[results])
        service: Service = made.state.service

        def say() -> None:
            sys.stdout.write(f"{url_of(listening)}/login?code={service.credentials.invite('anne')}\n")
            sys.stdout.flush()

        await Serving(made, service, Binding(), drain=0.0).run(listening, say)


if __name__ == "__main__":
    anyio.run(main, Path(sys.argv[1]))
