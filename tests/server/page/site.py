"""A service with the page, in a process of its own: NiceGUI is one per process. Prints a login link, and serves.

Its model does what the last message says: `!plot` and so on are programs, anything else is answered in words.
"""

from __future__ import annotations

import sys
from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager

import anyio

from codeact.models.base import Model
from codeact.models.scripted import ScriptedModel
from codeact.server.house import House
from codeact.server.http.neighbours import whole
from codeact.server.http.service import Service
from codeact.server.http.serving import Binding, Serving
from codeact.server.listening import listen, url_of
from codeact.server.settings import HouseSettings
from codeact.server.store import open_store
from codeact.types import Message

HOSTILE = "<script>window.hacked=1</script><img src=x onerror='window.hacked=1'>"
PROGRAMS = {
    "!plot": "import matplotlib.pyplot as plt\nplt.plot([1, 3, 2])\nplt.show()",
    "!table": "import pandas as pd\npd.DataFrame({'year': [2025, 2026], 'price': [10.5, 12.0]})",
    "!wait": "import time\nmark = 'before'\nprint('so far', flush=True)\ntime.sleep(300)\nmark = 'after'",
    "!two": "x = 2",
    "!double": "x *= 2\nprint('x is', x)",
    "!error": "def look(d):\n    return d['b']\n\nlook({'a': 1})",
    "!ask": "name = input('Who are you? ')\nprint('Hello', name)",
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


@asynccontextmanager
async def scripted() -> AsyncGenerator[Model]:
    yield ScriptedModel([reply] * 1000, name="scripted:page")


async def main() -> None:
    listening = listen("127.0.0.1", 0)
    async with (
        open_store("sqlite::memory:") as store,
        House.open(store, HouseSettings(models={"scripted:page": scripted})) as house,
    ):
        made = whole(house)
        service: Service = made.state.service

        def say() -> None:
            sys.stdout.write(f"{url_of(listening)}/login?code={service.credentials.invite('anne')}\n")
            sys.stdout.flush()

        await Serving(made, service, Binding(), drain=0.0).run(listening, say)


if __name__ == "__main__":
    anyio.run(main)
