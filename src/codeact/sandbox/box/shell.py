"""IPython as a worker wants it: one process, no terminal, no history on disk, no colours; results, displays and errors
as data.

What works as in a notebook: the last expression's value, `_` and `Out`, top-level await, `!commands`, magics, `%%bash`,
rich display. What differs: `input()` is refused (nobody is there), `exit()` ends the action and not the interpreter,
tracebacks are not printed.
"""

from __future__ import annotations

import asyncio
import builtins
import contextlib
import getpass
import importlib
import linecache
import selectors
import subprocess
import sys
import warnings
from collections.abc import Callable, Coroutine, Generator, Mapping
from typing import Any

# IPython is only partly typed.
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false, reportUnknownVariableType=false
from IPython.core.compilerop import CachingCompiler
from IPython.core.displayhook import DisplayHook
from IPython.core.displaypub import DisplayPublisher
from IPython.core.inputtransformer2 import leading_empty_lines
from IPython.core.interactiveshell import InteractiveShell
from IPython.core.profiledir import ProfileDir
from IPython.utils.text import SList
from traitlets import Type
from traitlets.config import Config

from . import variables

_BACKEND = f"{__package__}.figures"

Bundle = Mapping[str, Any]
Show = Callable[[Bundle], None]

_NO_INPUT = "there is nobody at the keyboard, so {name}() cannot be answered; put the question into your answer instead"


class _Compiler(CachingCompiler):
    """Names each action's code so that tracebacks say which action a line is from."""

    def get_code_name(self, raw_code: str, transformed_code: str, number: int) -> str:
        return f"<action {number}>"


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

    show: Show
    flush: Callable[[], None]
    last_value: dict[str, Any] | None
    trouble: BaseException | None

    def run_action(self, code: str, number: int) -> tuple[dict[str, Any] | None, BaseException | None]:
        """Run one action; the value's MIME bundle, if there is one, and what ended it, if something did."""
        self.execution_count = number
        self.last_value = self.trouble = None
        result = self.run_cell(code, store_history=True)
        return self.last_value, self.trouble or result.error_before_exec or result.error_in_exec

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
        self.flush()
        self.user_ns["_exit_code"] = subprocess.call(self.var_expand(cmd, depth=1), shell=True)  # noqa: S602 (what `!` is)

    system_piped = system_raw = system

    def getoutput(self, cmd: str, split: bool = True, depth: int = 0) -> Any:
        done = subprocess.run(  # noqa: S602 (what `!` is)
            self.var_expand(cmd, depth=depth + 1),
            shell=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
        )
        text = done.stdout.decode("utf-8", "replace")
        return SList(text.splitlines()) if split else text

    def ask_exit(self) -> None:
        """`exit` without brackets; SystemExit ends the action like `sys.exit()` does."""
        raise SystemExit

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


class LoopRunner:
    """Runs the coroutine of a cell with top-level await. One event loop for all cells, so that tasks live on across
    actions.

    IPython's own runner leaves an interrupted cell in the loop, where the next action would carry it on.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None

    def __call__(self, coroutine: Coroutine[Any, Any, Any]) -> Any:
        if self._loop is None or self._loop.is_closed():
            self._loop = asyncio.new_event_loop()
            asyncio.set_event_loop(self._loop)
        task = self._loop.create_task(coroutine)
        try:
            return self._loop.run_until_complete(task)
        except BaseException:
            task.cancel()
            with contextlib.suppress(BaseException):
                self._loop.run_until_complete(task)
            raise

    @property
    def descriptors(self) -> list[int]:
        """Those of the loop's own."""
        if (loop := self._own_loop()) is None:
            return []
        return [loop._selector.fileno(), loop._ssock.fileno(), loop._csock.fileno()]

    def part(self) -> None:
        """After a fork: what the kernel holds for the loop is shared with the original, so make it anew."""
        if (loop := self._own_loop()) is None:
            return
        shared, loop._selector = loop._selector, selectors.DefaultSelector()
        for key in shared.get_map().values():
            if key.fd != loop._ssock.fileno():
                loop._selector.register(key.fileobj, key.events, key.data)
        shared.close()
        loop._ssock.close()
        loop._csock.close()
        loop._internal_fds -= 1
        loop._make_self_pipe()

    def _own_loop(self) -> Any:
        """The loop, if it is open and of Python's own making: `Any`, because only private names lead to what the kernel
        holds for it.
        """
        usable = isinstance(self._loop, asyncio.SelectorEventLoop) and not self._loop.is_closed()
        return self._loop if usable else None

    def close(self) -> None:
        """For the server: an event loop that is shared with forks would be shared between sessions."""
        if self._loop is not None:
            self._loop.close()
            asyncio.set_event_loop(None)
            self._loop = None


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


def warm() -> None:
    """Make the one shell of this process and put it through its paces, so that sessions forked from here find it fast
    and untouched.
    """
    config = Config()
    config.HistoryManager.enabled = False
    config.InteractiveShell.colors = "nocolor"
    config.InteractiveShell.autocall = 0
    shell = Shell.instance(config=config)
    shell.show, shell.flush = (lambda bundle: None), (lambda: None)
    shell.loop_runner = runner = LoopRunner()
    # Leading empty lines must stay, or line numbers in tracebacks would be off by as many.
    cleanup = shell.input_transformer_manager.cleanup_transforms
    cleanup[:] = [transform for transform in cleanup if transform is not leading_empty_lines]
    register: Any = shell.register_magic_function
    for name in ("bash", "sh"):
        register(_script(shell, name), "cell", name)
    builtins.input, getpass.getpass = _refuse("input"), _refuse("getpass")
    sys.breakpointhook = _refuse("breakpoint")
    warnings.filterwarnings("ignore", message="To exit: use")
    sys.path.insert(0, "")
    for number, code in enumerate(_PACES):
        shell.run_action(code, number)
        end_figures(shell)
    runner.close()
    shell.reset(new_session=False)
    linecache.clearcache()


_PACES = (
    "import json\n[1, 2.5, 'x', {'a': None}]",
    "def f():\n    return 1 / 0\nf()",
    "import asyncio\nawait asyncio.sleep(0)",
    "%time 1 + 1",
    "import sys\nif 'matplotlib.pyplot' in sys.modules:\n    sys.modules['matplotlib.pyplot'].plot([1, 2], label='x')",
    "import sys\nif 'pandas' in sys.modules:\n    display(sys.modules['pandas'].DataFrame({'a': [1.5], 'b': ['x']}))",
)


def _script(shell: Shell, program: str) -> Callable[[str, str], None]:
    """`%%bash`: IPython's own starts an event loop in a thread that stays."""

    def magic(line: str, cell: str) -> None:
        shell.flush()
        subprocess.run([program, *line.split()], input=cell.encode(), check=True)

    return magic


def _refuse(name: str) -> Callable[..., Any]:
    def refused(*args: Any, **kwargs: Any) -> Any:
        raise RuntimeError(_NO_INPUT.format(name=name))

    return refused
