"""Tricks of Python's own against the runner, which shares its process with the agent's code.

The runner can be broken by whoever shares its memory; what must hold is that the host goes on and that a fresh
interpreter comes.
"""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack, Do, Run

_attack = partial(Attack, family="interpreter", promise="host", done="contained", safe=True)
_NEXT = (Run("6 * 7"),)

INTERPRETER = (
    _attack(name="close-descriptors", tries="close every descriptor", code="os.closerange(0, 4096)", then=_NEXT),
    _attack(
        name="replace-descriptors",
        tries="put /dev/null over every descriptor",
        code="null = os.open('/dev/null', os.O_RDWR)\nfor n in range(256): os.dup2(null, n)",
        then=_NEXT,
        refusals=frozenset({"ValueError"}),
    ),
    _attack(
        name="replace-streams",
        tries="take the standard streams away",
        code="sys.stdout = sys.stderr = sys.stdin = sys.__stdout__ = None",
        then=(Run("print('still here')\n6 * 7"),),
    ),
    _attack(
        name="stream-that-lies",
        tries="put a stream in place that raises at every use",
        code="class Liar:\n    def __getattr__(self, name): raise SystemExit('no')\nsys.stdout = sys.stderr = Liar()",
        then=_NEXT,
    ),
    _attack(
        name="replace-builtins",
        tries="replace the functions that everything uses",
        code="import builtins\nfor name in ('len', 'isinstance', 'str', 'dict', 'open', 'print'): setattr(builtins, name, None)",
        then=_NEXT,
        refusals=frozenset({"TypeError", "SystemError"}),
    ),
    _attack(
        name="no-import",
        tries="make every import fail",
        code="import builtins; builtins.__import__ = None; sys.meta_path.clear(); sys.path_hooks.clear()",
        then=_NEXT,
        refusals=frozenset({"TypeError", "ImportError"}),
    ),
    _attack(
        name="clear-modules",
        tries="forget every module",
        code="sys.modules.clear()",
        then=_NEXT,
        refusals=frozenset({"KeyError", "ImportError", "AttributeError"}),
    ),
    _attack(
        name="break-shell",
        tries="take IPython's insides apart",
        code="shell = get_ipython(); shell.display_formatter = shell.displayhook = shell.run_cell = shell.user_ns = None",
        then=_NEXT,
        refusals=frozenset({"TraitError", "TypeError", "AttributeError"}),
    ),
    _attack(
        name="forge-by-shell",
        tries="have the runner report what never happened",
        code="type(get_ipython()).run_action = lambda *args: ({'text/plain': 'forged'}, None)",
        then=_NEXT,
    ),
    _attack(
        name="break-runner",
        tries="replace the functions of the runner's own modules",
        code="""
        for name, module in list(sys.modules.items()):
            if name.startswith('codeact_box.'):
                for key in list(vars(module)):
                    if callable(vars(module)[key]) and not key.startswith('__'): setattr(module, key, None)
        """,
        then=_NEXT,
        refusals=frozenset({"TypeError"}),
    ),
    _attack(
        name="ignore-signals",
        tries="ignore and block every signal",
        code="""
        import signal
        signal.pthread_sigmask(signal.SIG_BLOCK, range(1, 65))
        for number in (1, 2, 15, 17): signal.signal(number, signal.SIG_IGN)
        """,
        then=(Run("while True: pass", 0.3),),
    ),
    _attack(
        name="signal-storm",
        tries="raise exceptions anywhere, a thousand times a second",
        code="""
        import signal
        def strike(*args): raise SystemExit('struck')
        signal.signal(signal.SIGALRM, strike); signal.setitimer(signal.ITIMER_REAL, 0.05, 0.001)
        """,
        then=_NEXT,
        refusals=frozenset({"SystemExit"}),
    ),
    _attack(
        name="trace-hooks",
        tries="raise from trace and profile hooks in every function",
        code="""
        import threading
        def hook(*args): raise SystemExit('traced')
        threading.settrace(hook); threading.setprofile(hook); sys.settrace(hook); sys.setprofile(hook)
        """,
        then=_NEXT,
        refusals=frozenset({"SystemExit"}),
    ),
    _attack(
        name="audit-hook",
        tries="raise from an audit hook at everything, for good",
        code="""
        def hook(event, args):
            raise SystemExit('audited')
        sys.addaudithook(hook)
        """,
        then=_NEXT,
        refusals=frozenset({"SystemExit"}),
    ),
    _attack(
        name="collector-hooks",
        tries="raise and loop from the garbage collector",
        code="""
        import time
        class Trap:
            def __del__(self): time.sleep(0.2); raise SystemExit('collected')
        gc.callbacks.append(lambda *args: Trap()); gc.set_threshold(1)
        """,
        then=_NEXT,
        time_limit=0.3,
    ),
    _attack(
        name="exit-hooks",
        tries="loop for ever when the interpreter ends",
        code="import atexit, time; atexit.register(time.sleep, 1000); raise SystemExit(3)",
        then=(Do("reset"),),
    ),
    _attack(
        name="fork-hooks",
        tries="loop for ever when the interpreter is forked",
        code="import time; os.register_at_fork(before=lambda: time.sleep(1000))",
        then=(Do("checkpoint"),),
        needs=frozenset({"checkpoint"}),
    ),
    _attack(
        name="fork-hooks-that-raise",
        tries="leave the trusted path when the interpreter is forked",
        code="os.register_at_fork(after_in_child=lambda: os._exit(7), before=lambda: 1 / 0)",
        then=(Do("checkpoint"), *_NEXT),
        needs=frozenset({"checkpoint"}),
    ),
    _attack(
        name="low-recursion-limit",
        tries="leave the runner no room to call anything",
        code="sys.setrecursionlimit(max(60, len(__import__('inspect').stack()) + 5))",
        then=_NEXT,
        refusals=frozenset({"RecursionError"}),
    ),
    _attack(
        name="error-that-raises",
        tries="raise an error that raises when looked at",
        code="""
        class Odd(OSError):
            def __str__(self): raise SystemExit('no text')
            __repr__ = __str__
            @property
            def __traceback__(self): raise RuntimeError('none')
        raise Odd()
        """,
        then=_NEXT,
        refusals=frozenset({"Odd"}),
    ),
    _attack(
        name="error-without-end",
        tries="raise an error whose text never ends",
        code="class Long(OSError):\n    def __str__(self):\n        while True: pass\nraise Long()",
        then=_NEXT,
        time_limit=0.5,
    ),
    _attack(
        name="error-chain",
        tries="raise an error with a chain of causes that bites its tail",
        code="a, b = OSError(5, 'a'), OSError(5, 'b'); a.__cause__, b.__cause__ = b, a\nraise a",
        then=_NEXT,
    ),
    _attack(
        name="error-group",
        tries="raise 10,000 errors inside each other",
        code="error = OSError(5, 'core')\nfor n in range(10_000): error = ExceptionGroup(str(n), [error])\nraise error",
        then=_NEXT,
        refusals=frozenset({"ExceptionGroup"}),
    ),
    _attack(
        name="value-that-raises",
        tries="give a value that ends the interpreter when it is shown",
        code="class Odd:\n    def __repr__(self): os._exit(9)\nOdd()",
        then=_NEXT,
    ),
    _attack(
        name="value-without-end",
        tries="give a value whose text never ends",
        code="class Long:\n    def __repr__(self):\n        while True: pass\nLong()",
        then=_NEXT,
        time_limit=0.5,
    ),
    _attack(
        name="value-that-lies",
        tries="give a value whose rich forms are of wrong types",
        code="class Odd:\n    def _repr_mimebundle_(self, **kw): return {'text/plain': 7, 'image/png': [1], 5: object()}\nOdd()",
        then=_NEXT,
        refusals=frozenset({"TypeError", "ValueError", "AttributeError"}),
    ),
    _attack(
        name="class-that-lies",
        tries="confuse the list of variables by classes that raise when asked what they are",
        code="""
        class Odd:
            @property
            def __class__(self): raise SystemExit('none')
            def __len__(self): raise SystemExit('none')
            __repr__ = __hash__ = __len__
        odd = Odd()
        """,
        then=(Do("variables"),),
    ),
    _attack(
        name="shadow-modules",
        tries="put modules of its own in the way of ours",
        code="""
        names = ['json', 'os', 'codeact_box', 'IPython', 'numpy', 'ctypes', 'encodings', 'site', 'linux', 'worker', 'frames']
        for name in names: open(name + '.py', 'w').write("raise SystemExit('shadowed')")
        """,
        then=(Do("reset"), Run("!echo alive"), Run("import json; json.dumps(6 * 7)")),
    ),
    _attack(
        name="shadow-by-path",
        tries="put programs of its own in the way of the system's",
        code="""
        for name in ('sh', 'python', 'python3', 'ls'):
            open(name, 'w').write('#!/nonexistent'); os.chmod(name, 0o755)
        os.environ['PATH'] = os.getcwd()
        """,
        then=(Do("reset"), Run("import subprocess; assert subprocess.run(['sh', '-c', 'exit 3']).returncode == 3")),
    ),
    _attack(name="exit-at-once", tries="end the process", code="os._exit(0)", then=_NEXT),
    _attack(name="crash", tries="read where there is no memory", code="ctypes.string_at(1)", then=_NEXT),
    _attack(
        name="corrupt-memory",
        tries="overwrite objects of the interpreter",
        code="ctypes.memset(id(None), 255, 64); ctypes.memset(id(type), 0, 512)",
        then=_NEXT,
    ),
    _attack(
        name="hold-interpreter-lock",
        tries="keep the interpreter's lock for ever",
        code="ctypes.PyDLL(None).sleep(1000)",
        then=_NEXT,
        time_limit=0.3,
    ),
    _attack(
        name="close-event-loop",
        tries="break the event loop of later actions",
        code="import asyncio; loop = asyncio.get_event_loop(); loop.call_soon(loop.stop); asyncio.set_event_loop(None)",
        then=(Run("import asyncio; await asyncio.sleep(0)\n6 * 7"),),
        refusals=frozenset({"RuntimeError"}),
    ),
    _attack(
        name="read-own-memory",
        tries="search its own memory for secrets that the server may have left there",
        code="""
        import re
        wanted = re.compile(bytes(reversed(b'-yranac')) + b'[0-9a-f]{32}')
        memory = open('/proc/self/mem', 'rb', 0)
        for line in open('/proc/self/maps').read().splitlines():
            start, end = (int(part, 16) for part in line.split()[0].split('-'))
            if ' r' in line and 'v' not in line.split()[-1][:2] and end - start < 1 << 28:
                try:
                    memory.seek(start); print(wanted.findall(memory.read(end - start)))
                except (OSError, ValueError, OverflowError): pass
        """,
        promise="host",
        time_limit=30,
    ),
    _attack(
        name="read-own-environment",
        tries="read the environment that the server was started with",
        code="print(dict(os.environ), open('/proc/self/environ').read())",
        then=(Run("import os; print(open(f'/proc/{os.getppid()}/environ').read())"),),
        promise="host",
    ),
)
