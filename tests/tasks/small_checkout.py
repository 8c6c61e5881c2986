"""A checkout of our own making, laid out and shaped like the original repository: three domains, eight tasks."""

from __future__ import annotations

import json
from pathlib import Path

BASE = """
import ast
from collections import namedtuple
from enum import Enum

from tqdm import tqdm  # not installed here; a progress bar

from .repl import PythonREPL

ToolType = namedtuple("ToolType", ["name", "description", "function", "fn_signature"])
task_iterators = []


class ActionMode(Enum):
    TEXT_AS_ACTION = "text_as_action"
    JSON_AS_ACTION = "json_as_action"
    CODE_AS_ACTION = "code_as_action"


class Task:
    def __init__(self, name, tools, instruction, expected_output, is_single_tool_task=True):
        self.name, self.instruction, self.expected_output = name, instruction, expected_output
        self.tools = tools() if callable(tools) else tools
        print("Expected Output:", expected_output)

    def get_prompt(self, action_mode):
        return f"[{action_mode.value}] {', '.join(self.tools)}: {self.instruction}"

    def check_answer(self, answer):
        if answer == "loop":
            while True:
                pass
        return str(answer) == str(self.expected_output)


def register_task_iterator(tasks, length):
    task_iterators.append((tasks, length))
"""

SUMS = """
import os
import time
from ..base import Task, ToolType, register_task_iterator


def add(a, b):
    if not isinstance(a, (int, float)):
        raise ValueError(f"{a} is no number")
    return a + b


def calculator(expression):
    return eval(expression)


def hang(how):
    while True:
        try:
            time.sleep(60)
        except TimeoutError:
            if how == "politely":
                raise


def leave():
    os._exit(3)


TOOLS = {
    "add": ToolType("add", "Adds two numbers.", add, "add(a: int) -> int"),
    "calculator": ToolType("calculator", "Evaluates.", calculator, "calculator(expression: str) -> float"),
    "hang": ToolType("hang", "Takes for ever.", hang, "hang(how: str) -> str"),
    "leave": ToolType("leave", "Ends.", leave, "leave() -> None"),
    "max": ToolType("max", "The largest.", max, "max(*args: float) -> float"),
}
TASKS = [
    Task("sums/two", TOOLS, "What is 1 + 1?", 2, False),
    Task("sums/four", TOOLS, "What is 2 + 2?", 4, False),
    Task("sums/pair", TOOLS, "Which pair?", ("A", 3), False),
]
register_task_iterator(TASKS, len(TASKS))
print("**** 3 tasks registered ****")
"""

SHOP = """
from ...base import Task, ToolType, register_task_iterator


class Cart:
    def __init__(self):
        self.things = []

    def put(self, thing):
        self.things.append(thing)
        return ", ".join(self.things)


def tools():
    cart = Cart()
    return {"put": ToolType("put", "Puts a thing into the cart.", cart.put, "put(thing: str) -> str")}


def tasks():
    yield Task("shop/pen", tools, "Put a pen into the cart. What is in it?", "pen", False)
    yield Task("shop/ink", tools, "Put ink into the cart. What is in it?", "ink", False)


register_task_iterator(tasks(), 2)
"""

WEB = """
import json
import json
from pathlib import Path

from ...base import Task, ToolType, register_task_iterator

PAGES = dict(map(json.loads, Path(__file__).with_name("pages.jsonl").read_text().splitlines()))


def tools():
    at = ["/", 0]

    def view():
        lines = PAGES[at[0]].split("\\n")
        return "\\n".join([f"[Viewing page {at[1] + 1} of {-(-len(lines) // 3)}]", *lines[3 * at[1]:][:3]])

    def click_url(url):
        at[:] = [url, 0]
        return view()

    def scroll_down():
        at[1] += 1
        return view()

    return {name: ToolType(name, "", tool, f"{name}{given} -> str") for name, tool, given in [
        ("view", view, "()"), ("click_url", click_url, "(url: str)"), ("scroll_down", scroll_down, "()")
    ]}


register_task_iterator([
    Task("web_browsing/email_of_allison_hill", tools, "Her email?", "a@b.net", False),
    Task("web_browsing/department_of_allison_hill", tools, "Her department?", "Engineering", False),
    Task("web_browsing/people_in_sales", tools, "How many in Sales?", 3, False),
], 3)
"""

# Three lines of each are in view; links are written as the original's pages have them.
PAGES = {
    "/": "Hello\nThere is\n- a team [Clickable '/team']",
    "/team": "Teams:\n- one [Clickable '/team/engineering']\n- two [Clickable '/team/sales']",
    "/team/engineering": "One:\n- /team/engineering/allison_hill [Clickable '/team/engineering/allison_hill']",
    "/team/engineering/allison_hill": "Allison Hill of Engineering Department\nExpertise: A/B\nEmail: a@b.net",
    "/team/sales": "Two:\n" + "".join(f"- /team/sales/{name} [Clickable '/team/sales/{name}']\n" for name in "abc"),
}


def make(root: Path, *, sums: str = SUMS) -> Path:
    """Lay it out below `root`, as `git clone` does; gives `root`."""
    folder = root / "scripts/eval/m3tooleval/tasks"
    files = {
        "__init__.py": "from .base import Task\nfrom .impl import sums, shop, web\n",
        "base.py": BASE,
        "repl.py": "class PythonREPL: ...\n",
        "impl/sums.py": sums,
        "impl/shop/__init__.py": SHOP,
        "impl/web/__init__.py": WEB,
        "impl/web/pages.jsonl": "".join(f"{json.dumps(page)}\n" for page in PAGES.items()),
    }
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return root
