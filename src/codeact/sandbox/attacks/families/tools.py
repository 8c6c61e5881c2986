"""Tools: calls that may not be made, and arguments that should not be believed."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack, Run, Wait

_attack = partial(Attack, family="tools", promise="host", safe=True)
_contained = partial(_attack, done="contained")
_CALL = "send(frame('call', {'call': 9, 'name': %r, 'args': [], 'kwargs': {}}))\nimport time; time.sleep(0.3)"

TOOLS = (
    _contained(name="unknown-tool", tries="call a tool that is not there", code=_CALL % "read_file"),
    _contained(
        name="tool-with-odd-name", tries="call attributes of the host's objects", code=_CALL % "__class__.__init__"
    ),
    _contained(
        name="tool-of-the-loop",
        tries="call tools by names that the host uses itself",
        code="\n".join(_CALL % name for name in ("call", "specs", "final_answer")),
    ),
    _attack(
        name="unknown-tool-by-runner",
        tries="call a tool that is not there by the runner's own functions",
        code="link().call('open', ('/etc/passwd',), {})",
        refusals=frozenset({"NameError", "ToolError"}),
    ),
    _contained(
        name="call-after-action",
        tries="call a tool when its action is over",
        code="""
        import threading, time
        met = []
        def later():
            time.sleep(0.3)
            try: met.append(echo(1))
            except Exception as error: met.append(error)
        threading.Thread(target=later, daemon=True).start()
        """,
        then=(Wait(0.6), Run("6 * 7")),
    ),
    _contained(
        name="raw-call-after-action",
        tries="send a call when its action is over, past the runner's check",
        code="""
        import threading, time
        call = frame('call', {'call': 1, 'name': 'echo', 'args': [1], 'kwargs': {}})
        threading.Thread(target=lambda: (time.sleep(0.2), send(call)), daemon=True).start()
        """,
        then=(Wait(0.5), Run("6 * 7")),
    ),
    _contained(
        name="call-from-fork",
        tries="call a tool from a forked process that denies it",
        code="""
        mine = os.getpid()
        if os.fork() == 0:
            os.getpid = lambda: mine
            try: echo('from a child')
            finally: os._exit(0)
        os.wait()
        """,
        then=(Run("6 * 7"),),
        time_limit=1,
    ),
    _attack(
        name="huge-argument",
        tries="send an argument of 40 million characters",
        code="echo('x' * 40_000_000)",
        refusals=frozenset({"ValueError"}),
    ),
    _contained(
        name="huge-data",
        tries="send 40 MB of data in one call",
        code="len(echo(bytes(40 << 20)))",
        refusals=frozenset({"ValueError"}),
        time_limit=30,
    ),
    _attack(
        name="array-larger-than-memory",
        tries="send an array that says it holds terabytes",
        code="import numpy as np; echo(np.broadcast_to(np.float64(1), (10**6, 10**6)))",
        packages=frozenset({"numpy"}),
        refusals=frozenset({"ValueError", "_ArrayMemoryError"}),
    ),
    _contained(
        name="forged-array",
        tries="forge an array whose shape is larger than its data",
        code="""
        array = {'$': 'array', 'dtype': '<f8', 'shape': [1 << 40, 1 << 20], 'b': 0}
        send(frame('call', {'call': 1, 'name': 'echo', 'args': [array], 'kwargs': {}}, [bytes(8)]))
        import time; time.sleep(1)
        """,
    ),
    _contained(
        name="forged-object-array",
        tries="forge an array of objects, which would be addresses in the host",
        code="""
        for dtype in ('O', 'V8', '|O8', 'S0', '(1000000,)f8', 'M8[x]', 'f8,O'):
            array = {'$': 'array', 'dtype': dtype, 'shape': [1], 'b': 0}
            send(frame('call', {'call': 1, 'name': 'echo', 'args': [array], 'kwargs': {}}, [b'A' * 8]))
        import time; time.sleep(1)
        """,
    ),
    _contained(
        name="forged-values",
        tries="forge values that do not exist, or refer to attachments that are not there",
        code="""
        for value in ({'$': 'pickle', 'b': 0}, {'$': 'bytes', 'b': 99}, {'$': 'bytes', 'b': -1}, {'$': 'set', 'items': 5},
                      {'$': []}, {'$': 'datetime', 'text': 'x' * 100}, {'$': 'table', 'columns': [['a'] * 3] * 3}):
            send(frame('call', {'call': 1, 'name': 'echo', 'args': [value], 'kwargs': {}}))
        import time; time.sleep(1)
        """,
    ),
    _attack(
        name="pickled-argument",
        tries="send an object that would run code when it is unpickled",
        code="class Bomb:\n    def __reduce__(self): return os.mkdir, (host.folder + '/unpickled',)\necho(Bomb())",
        refusals=frozenset({"TypeError"}),
    ),
    _attack(
        name="recursive-argument",
        tries="send a list that holds itself",
        code="loop = []; loop.append(loop); echo(loop)",
        refusals=frozenset({"ValueError", "TypeError", "RecursionError"}),
    ),
    _attack(
        name="deep-argument",
        tries="send a list that is 100,000 lists deep",
        code="deep = []\nfor _ in range(100_000): deep = [deep]\necho(deep)",
        refusals=frozenset({"ValueError", "TypeError", "RecursionError"}),
    ),
    _contained(
        name="lying-argument",
        tries="send values of classes that lie about their length and content",
        code="""
        class Text(str):
            def __len__(self): return 1 << 40
            def __str__(self): raise SystemExit('none')
        class Table(dict):
            def items(self): return [(object(), object())] * 3
        echo(Text('x')); echo(Table(a=1))
        """,
        refusals=frozenset({"TypeError", "SystemExit"}),
    ),
    _attack(
        name="wrong-types",
        tries="send arguments of types that the tool does not take",
        code="add('1', [2])",
        refusals=frozenset({"TypeError"}),
    ),
    _attack(
        name="wrong-names",
        tries="send arguments by names that the tool does not have",
        code="add(1, **{'__class__': 2, '\\ud800': 3})",
        refusals=frozenset({"TypeError", "UnicodeEncodeError"}),
    ),
    _contained(
        name="calls-of-same-number",
        tries="send many calls under the same number",
        code="""
        for _ in range(50): send(frame('call', {'call': 7, 'name': 'slow', 'args': [0.05], 'kwargs': {}}))
        import time; time.sleep(0.5)
        """,
        then=(Run("6 * 7"),),
    ),
    _contained(
        name="more-than-allowed",
        tries="call from 8 threads at once, in all ten times more than allowed",
        code="""
        import threading
        def many():
            for n in range(125):
                try: echo(n)
                except Exception: pass
        threads = [threading.Thread(target=many) for _ in range(8)]
        for thread in threads: thread.start()
        for thread in threads: thread.join()
        """,
        time_limit=30,
    ),
)
