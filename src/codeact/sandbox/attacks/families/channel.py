"""The channel: what a worker may not say to the host, said all the same."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack, Run, Seen

_attack = partial(Attack, family="channel", promise="host", done="contained", safe=True)
_NEXT = (Run("6 * 7"),)


def _frames(name: str, tries: str, code: str) -> Attack:
    """An attack that sends frames and then waits to be dealt with."""
    wait = "\nimport time; time.sleep(1)"
    return _attack(name=name, tries=tries, code=code + wait, then=_NEXT)


def went_on(seen: Seen) -> str:
    """Whether a later action was answered by what an earlier one had forged."""
    late = [result.value for result in seen.results[1:]]
    return "an action was answered by a forged result" if "forged" in late else ""


CHANNEL = (
    _attack(
        name="forged-result",
        tries="give a result before the action has ended, and go on",
        code="send(frame('result', {'number': get_ipython().execution_count - 1, 'value': 'forged'}))",
        then=_NEXT,
        harm=went_on,
    ),
    _attack(
        name="double-result",
        tries="give two results for one action",
        code="n = get_ipython().execution_count - 1; send(frame('result', {'number': n, 'value': 'forged'}) * 2)",
        then=_NEXT,
        harm=went_on,
    ),
    _attack(
        name="result-of-other-action",
        tries="give the result of an action that has not begun",
        code="send(frame('result', {'number': get_ipython().execution_count + 5, 'value': 'forged'}))",
        then=_NEXT,
        harm=went_on,
    ),
    _attack(
        name="result-between-actions",
        tries="leave results behind for the action to come",
        code="""
        import threading, time
        forged = frame('result', {'number': get_ipython().execution_count, 'value': 'forged'})
        threading.Thread(target=lambda: (time.sleep(0.2), send(forged * 3)), daemon=True).start()
        """,
        then=(Run("import time; time.sleep(0.4)"), *_NEXT),
    ),
    _frames(
        "host-frames",
        "speak as the host or as the first process of the session",
        "for kind in ('reply', 'run', 'ready', 'spawned', 'ended', 'opened', 'layers', 'x' * 9999): send(frame(kind, {}))",
    ),
    _frames("absurd-length", "announce a frame of 4 GB", "send(b'\\xff' * 64)"),
    _attack(
        name="unfinished-frame",
        tries="announce a frame and never finish it",
        code="channel(); send(b'\\0\\0\\xff\\xff\\0\\0\\0\\0[')\nimport time; time.sleep(60)",
        then=_NEXT,
        time_limit=0.3,
    ),
    _frames("noise", "send noise", "send(os.urandom(1 << 16))"),
    _frames(
        "deep-json",
        "send JSON that is 100,000 lists deep",
        "import struct; text = b'[' * 100_000; send(struct.pack('>II', len(text), 0) + text)",
    ),
    _frames(
        "wide-json",
        "send JSON that takes many times its length when it is read",
        "import struct; text = b'[' + b'[],' * 1_000_000 + b'[]]'; send(struct.pack('>II', len(text), 0) + text)",
    ),
    _frames(
        "odd-numbers",
        "send numbers that are none, or of a million digits",
        """import struct
for number in (b'NaN', b'Infinity', b'-Infinity', b'1e999', b'9' * 1_000_000):
    text = b'["result", {"number": ' + number + b'}, []]'; send(struct.pack('>II', len(text), 0) + text)""",
    ),
    _frames(
        "surrogates",
        "send half characters and zero bytes",
        """import struct
text = b'["display", {"texts": {"text/plain": "\\\\ud800\\\\u0000"}, "binary": [], "name": "\\\\udfff"}, []]'
send(struct.pack('>II', len(text), 0) + text)""",
    ),
    _frames(
        "wrong-types",
        "send fields of wrong types",
        "send(frame('result', {'number': True, 'value': {}, 'error': [], 'answer': 'x'}))",
    ),
    _frames(
        "missing-fields",
        "send frames without their fields",
        "for kind in ('call', 'display', 'result', 'variables'): send(frame(kind, {}))",
    ),
    _frames(
        "lengths-that-lie",
        "attach less than announced",
        "import struct; t = b'[\"display\", {}, [-5, 7]]'; send(struct.pack('>II', len(t), 2) + t + b'xx')",
    ),
    _frames(
        "display-outside",
        "name a figure by a path outside the workspace",
        "send(frame('display', {'texts': {'text/plain': 'x'}, 'binary': [], 'name': '../../../etc/passwd'}))",
    ),
    _frames(
        "flood",
        "send 200,000 frames",
        "many = frame('variables', {'variables': []}) * 2000\nfor _ in range(100): send(many)",
    ),
    _attack(
        name="descriptors-to-host",
        tries="send descriptors to the host until it has none left",
        code="""
        import array
        sock = socket.socket(fileno=os.dup(channel()))
        for _ in range(50):
            rights = array.array('i', [0] * 200)
            sock.sendmsg([frame('variables', {'variables': []})], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, rights)])
        """,
        then=_NEXT,
    ),
    _attack(
        name="close-half",
        tries="close its side of the channel, but listen on",
        code="socket.socket(fileno=os.dup(channel())).shutdown(socket.SHUT_WR)\nimport time; time.sleep(2)",
        then=_NEXT,
    ),
    _attack(
        name="close-other-half",
        tries="close the channel towards itself, so that the host can't answer",
        code="socket.socket(fileno=os.dup(channel())).shutdown(socket.SHUT_RD)\necho(1)",
        then=_NEXT,
        refusals=frozenset({"RuntimeError"}),
        time_limit=1,
    ),
    _attack(
        name="never-listen",
        tries="ask for large answers and read none of them",
        code="""
        import time
        call = frame('call', {'call': 1, 'name': 'echo', 'args': ['x' * 1_000_000], 'kwargs': {}})
        for _ in range(30): send(call)
        time.sleep(60)
        """,
        then=_NEXT,
        time_limit=1,
    ),
    _attack(
        name="steal-commands",
        tries="read the host's commands in place of the runner",
        code="""
        import threading
        sock = socket.socket(fileno=os.dup(channel()))
        def steal():
            while sock.recv(1 << 16): pass
        threading.Thread(target=steal, daemon=True).start()
        """,
        then=(Run("1", 0.5), *_NEXT),
        refusals=frozenset({"RuntimeError"}),
    ),
    _attack(
        name="forged-answer-to-itself",
        tries="invent the answer of a tool",
        code="link()._wait = lambda take: type('Frame', (), {'body': {'value': 'forged'}, 'blobs': ()})(); echo(1)",
        then=_NEXT,
        refusals=frozenset({"AttributeError"}),
    ),
    _attack(
        name="replay-commands",
        tries="have the runner run a command again that the host never gave twice",
        code="link()._commands.append(sys.modules['codeact_box.frames'].Frame('run', {'code': '1', 'number': 1}))",
        then=_NEXT,
    ),
)
