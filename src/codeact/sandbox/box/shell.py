"""IPython as a worker wants it: one process, no terminal, no history on disk, no colours; results, displays and errors
as data.

What works as in a notebook: the last expression's value, `_` and `Out`, top-level await, `!commands`, magics, `%%bash`,
rich display. What differs: `input()` is refused (nobody is there), `exit()` ends the action and not the interpreter,
tracebacks are not printed.
"""

from __future__ import annotations

import builtins
import contextlib
import getpass
import importlib
import inspect
import linecache
import subprocess
import sys
import threading
import warnings
from collections.abc import Callable, Generator, Mapping
from typing import Any

# IPython is only partly typed.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
from IPython.core.autocall import ExitAutocall
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.formatters import DisplayFormatter
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from IPython.utils.text import SList
from traitlets import Instance, Type, default
from traitlets.config import Config

from . import cells, magics, tracebacks, variables
from .loops import LoopRunner

_BACKEND = f"{__package__}.figures"

Bundle = Mapping[str, Any]
Show = Callable[[Bundle], None]

_NO_INPUT = "there is nobody at the keyboard, so {name}() cannot be answered; put the question into your answer instead"


class _Compiler(CachingCompiler):
    """Names each action's code so that tracebacks say which action a line is from, and show it as it was written."""

    name = "<action 0>"
    inside = False  # a cell that a magic of this action runs: its lines stand in the action's own text already

    def cache(self, transformed_code: str, number: int = 0, raw_code: str | None = None) -> str:
        written = (raw_code or transformed_code).rstrip("\n").split("\n")
        compiled = transformed_code.rstrip("\n").split("\n")
        lines = written if len(written) == len(compiled) or written[0].startswith("%%") else compiled
        if not self.inside:
            linecache.cache[self.name] = (len(transformed_code), None, [f"{line}\n" for line in lines], self.name)
        return self.name


class _Exit(ExitAutocall):
    """`exit`, `exit()`, `quit(3)`: end the action like `sys.exit`."""

    def __call__(self, code: object = None) -> None:
        raise SystemExit(*(() if code is None else (code,)))


class _Formatter(DisplayFormatter):
    """Notes a rich form that could not be made on standard error, where the text stands in for it: no reason for the
    action to fail.
    """

    def format(self, obj: Any, *args: Any, **kwargs: Any) -> Any:
        shell: Any = self.parent
        before = shell.trouble
        bundle, metadata = super().format(obj, *args, **kwargs)
        if (trouble := shell.trouble) is not before and "text/plain" in bundle:
            shell.trouble = before
            problem = shell.describe(trouble).text_alone()
            sys.stderr.write(f"(a rich form of the {type(obj).__name__} could not be made: {problem})\n")
        return bundle, metadata


class _Publisher(DisplayPublisher):
    """`display(x)` and its kin: to whoever `shell.show` is."""

    shell: Shell

    def publish(self, data: Bundle, *args: Any, **kwargs: Any) -> None:
        self.shell.show(data)

    def clear_output(self, wait: bool = False) -> None:
        """Nothing: what was printed has been seen."""


class _LastValue(DisplayHook):
    """The last expression's value: kept on the shell, not printed."""

    shell: Shell

    def write_output_prompt(self) -> None:
        pass

    def write_format_data(self, format_dict: Bundle, md_dict: Bundle | None = None) -> None:
        self.shell.last_value = dict(format_dict)

    def finish_displayhook(self) -> None:
        self._is_active = False


class Shell(InteractiveShell):
    displayhook_class = Type(_LastValue)
    display_pub_class = Type(_Publisher)
    compiler_class = Type(_Compiler)
    input_transformer_manager = Instance(cells.Transformers, ())

    show: Show
    flush: Callable[[], None]
    workspace = ""
    last_value: dict[str, Any] | None
    trouble: BaseException | None

    def serve(self, show: Show, flush: Callable[[], None], workspace: str) -> None:
        """Belong to a session from now on."""
        self.show, self.flush, self.workspace = show, flush, workspace
        self.user_ns["_dh"][:] = [workspace]  # where `%cd -` goes back to
        threading.excepthook = self._thread_failed

    def run_action(self, code: str, number: int) -> tuple[dict[str, Any] | None, BaseException | None]:
        """Run one action; the value's MIME bundle, if there is one, and what ended it, if something did."""
        self.execution_count = number
        self.last_value = self.trouble = None
        self._cells.name, self._cells.inside = f"<action {number}>", False
        past: Any = self.history_manager
        for history in (past.input_hist_parsed, past.input_hist_raw):
            history += [""] * (number - len(history))  # actions of an earlier interpreter: `In[n]` is action n
        if self.loop_runner is not None:
            self.loop_runner.offer()
        if (bare := code.lstrip("\n")).startswith("%%"):  # a cell magic is one in the first line only
            code = bare
        result = super().run_cell(code, store_history=True)
        return self.last_value, self.trouble or result.error_before_exec or result.error_in_exec

    def run_cell(self, raw_cell: str, *args: Any, **kwargs: Any) -> Any:
        """A cell inside the action. Where a cell magic runs its text, as `%%capture` does, the lines keep their
        numbers.
        """
        cells = self._cells
        name, inside = cells.name, cells.inside
        above = _line_of_magic(name)
        cells.inside = above > 0
        cells.name = name if cells.inside else f"{name[:-1]}, inner cell>"
        try:
            return super().run_cell("\n" * above + raw_cell, *args, **kwargs)
        finally:
            cells.name, cells.inside = name, inside

    def should_run_async(self, raw_cell: str, *, transformed_cell: str | None = None, **kwargs: Any) -> bool:
        return cells.may_await(transformed_cell or raw_cell) and super().should_run_async(
            raw_cell, transformed_cell=transformed_cell, **kwargs
        )

    @property
    def _cells(self) -> _Compiler:
        compiler: Any = self.compile
        return compiler

    def describe(self, error: BaseException) -> tracebacks.Problem:
        return tracebacks.describe(error, self._cells.name, self.workspace)

    def _thread_failed(self, failed: threading.ExceptHookArgs) -> None:
        """An error that ended a background thread: as an action's own would be told, in one piece."""
        if failed.exc_value is None or isinstance(failed.exc_value, SystemExit):
            return
        name = failed.thread.name if failed.thread else "that is gone"
        sys.stderr.write(f"Exception in thread {name}:\n{self.describe(failed.exc_value).traceback}\n")

    def give_missing(self, names: Mapping[str, Any]) -> None:
        """Put names into the agent's namespace that are not of its making and do not count as its variables, except
        those that it has taken for its own.
        """
        self.user_ns_hidden.update(names)
        for name, value in names.items():
            self.user_ns.setdefault(name, value)

    def variables(self) -> list[list[Any]]:
        """What the agent has made; see `variables.describe`."""
        return variables.describe(self.user_ns, self.user_ns_hidden)

    def text_of(self, value: Any) -> str:
        """A value as text, as it would be shown."""
        formatter: Any = self.display_formatter
        return str(formatter.format(value, include={"text/plain"})[0].get("text/plain", ""))

    def showtraceback(self, exc_tuple: Any = None, *args: Any, **kwargs: Any) -> None:
        """Keep the error instead of printing it. Magics and the parser report here too, some of them only here."""
        self.trouble = exc_tuple[1] if exc_tuple else sys.exc_info()[1]

    def showsyntaxerror(self, *args: Any, **kwargs: Any) -> None:
        self.trouble = sys.exc_info()[1]

    def system(self, cmd: str) -> None:
        """`!cmd`: straight into the output pipes, as it comes."""
        command = self.var_expand(cmd, depth=1)
        magics.refuse_to_fetch(command)
        self.flush()
        self.user_ns["_exit_code"] = subprocess.call(command, shell=True)  # noqa: S602 (what `!` is)

    system_piped = system_raw = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        command = self.var_expand(cmd, depth=depth + 1)
        magics.refuse_to_fetch(command)
        done = subprocess.run(  # noqa: S602 (what `!` is)
            command,
            shell=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        text = done.stdout.decode("utf-8", "replace")
        return SList(text.splitlines()) if split else text

    def init_display_formatter(self) -> None:
        self.display_formatter = formatter = _Formatter(parent=self)
        configurables: list[Any] = self.configurables
        configurables.append(formatter)

    @default("exiter")
    def _exiter_default(self) -> ExitAutocall:
        return _Exit(self)

    def ask_exit(self) -> None:
        raise SystemExit

    def ask_yes_no(self, prompt: str, default: str | None = None, interrupt: str | None = None) -> bool:
        """Yes: who wrote `%reset` has said what they want."""
        return True

    def set_next_input(self, s: str, replace: bool = False) -> None:
        """`%load` and `%recall`: there is no next input to put the text into, so it is shown."""
        print(s)  # noqa: T201

    def enable_gui(self, gui: str | None = None) -> None:
        """Nothing: there is no window system."""

    def enable_matplotlib(self, gui: str | None = None) -> tuple[str, str]:
        """Nothing to do for `%matplotlib inline`: figures are shown anyway."""
        return "inline", "inline"

    @contextlib.contextmanager
    def _tee(self, channel: str) -> Generator[None]:
        """IPython would keep a copy of all output for its history; 100 MB of prints would stay in memory."""
        yield

    def _format_exception_for_storage(self, exception: BaseException, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Also for the history, and it runs the exception's own code unguarded."""
        return {}


def _line_of_magic(name: str) -> int:
    """The line of the action called `name` whose cell magic is running; 0 where there is none."""
    frame = inspect.currentframe()
    while frame is not None:
        if frame.f_code.co_filename == name:
            return frame.f_lineno if linecache.getline(name, frame.f_lineno).startswith("%%") else 0
        frame = frame.f_back
    return 0


def end_figures(shell: Shell) -> None:
    """Show the figures that are still open at the end of an action."""
    if "matplotlib" not in sys.modules:
        return
    if _BACKEND in sys.modules:
        sys.modules[_BACKEND].GALLERY.end_action(shell.show)
    else:
        _use_figures(shell)


def _use_figures(shell: Shell) -> None:
    """Show what the default backend holds, and make ours the backend from now on."""
    module: Any = importlib.import_module(_BACKEND)
    module.GALLERY.end_action(shell.show)
    sys.modules["matplotlib"].use(f"module://{_BACKEND}")
    formatters: Any = shell.display_formatter
    formatters.formatters["image/png"].for_type_by_name("matplotlib.figure", "Figure", module.GALLERY.render)


def move(folder: str) -> None:
    """Keep IPython's own files below `folder`, where the server's are out of reach."""
    shell = Shell.instance()
    shell.ipython_dir = folder
    shell.profile_dir = ProfileDir(location=f"{folder}/profile")
    shell.db = None  # made when somebody asks for it


def make() -> Shell:
    """The one shell of this process."""
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.autocall = 0
    shell = Shell.instance(config=config)
    shell.show, shell.flush = (lambda bundle: None), (lambda: None)
    shell.loop_runner = LoopRunner()
    magics.register(shell)
    builtins.input, getpass.getpass = _refuse("input"), _refuse("getpass")
    sys.argv = [""]  # as in a session at a terminal; those of this process are none of the agent's
    sys.breakpointhook = _refuse("breakpoint")
    warnings.filterwarnings("ignore", message="To exit: use")
    sys.path.insert(0, "")
    return shell


def warm() -> None:
    """Make the shell and put it through its paces, so that sessions forked from here find it fast and untouched."""
    shell = make()
    for number, code in enumerate(_PACES):
        shell.run_action(code, number)
        end_figures(shell)
    runner: LoopRunner = shell.loop_runner
    runner.close()
    shell.reset(new_session=True)
    linecache.clearcache()


_PACES = (
    "import json\n[1, 2.5, 'x', {'a': None}]",
    "def f():\n    return 1 / 0\nf()",
    "import asyncio\nawait asyncio.sleep(0)",
    "%time 1 + 1",
    "import sys\nif 'matplotlib.pyplot' in sys.modules:\n    sys.modules['matplotlib.pyplot'].plot([1, 2], label='x')",
    "import sys\nif 'pandas' in sys.modules:\n    display(sys.modules['pandas'].DataFrame({'a': [1.5], 'b': ['x']}))",
)


def _refuse(name: str) -> Callable[..., Any]:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(_NO_INPUT.format(name=name))

    return refused
