"""Resources: memory by every road, processes, descriptors, files, output and time. Watched from the host."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack, Beside, Run, Seen

_attack = partial(Attack, family="resources", promise="resources")
_of_host = partial(_attack, promise="host", safe=True)
_NOTED = 20 << 20  # characters that the records of one action may keep


def too_much_output(seen: Seen) -> str:
    """Whether the host kept more than it should."""
    for result in seen.results:
        displays = sum(len(part) for display in result.displays for part in display.data.values())
        texts = len(result.stdout) + len(result.stderr) + len(result.late)
        value = len(result.value or "") + len(result.error.message if result.error else "")
        if texts > 2 * seen.output_limit + 1000 or displays > seen.output_limit or value > 2 * seen.output_limit:
            return f"the host kept {texts:,} characters, {displays:,} of displays and {value:,} of a value or error"
        if (noted := len(repr(result.tool_calls))) > _NOTED:
            return f"the record of tool calls has {noted:,} characters"
    return ""


RESOURCES = (
    _attack(name="memory-at-once", tries="take 8 GB at once", code="bytearray(8 << 30)", safe=True),
    _attack(
        name="memory-bit-by-bit",
        tries="take memory bit by bit until there is no more",
        code="taken = []\nwhile len(taken) < 2000: taken.append(bytearray(16 << 20))",
        safe=True,
    ),
    _attack(
        name="memory-of-big-array",
        tries="take memory by a NumPy array",
        code="import numpy as np; np.ones((40_000, 40_000))",
        packages=frozenset({"numpy"}),
        refusals=frozenset({"_ArrayMemoryError"}),
        safe=True,
    ),
    _attack(
        name="memory-by-private-map",
        tries="take memory by private maps",
        code="import mmap; mmap.mmap(-1, 8 << 30, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)",
        safe=True,
    ),
    _attack(
        name="memory-by-decompression",
        tries="unpack a small file into gigabytes",
        code="import zlib; bomb = zlib.compress(bytes(200 << 20), 1) ; taken = [zlib.decompress(bomb) for _ in range(20)]",
        safe=True,
    ),
    _attack(
        name="memory-by-shared-map",
        tries="take more memory than allowed by shared maps, which no process is charged for",
        code="""
        import mmap
        taken = [mmap.mmap(-1, 50 << 20) for _ in range(14)]
        for map_ in taken: map_.write(bytes(50 << 20))
        """,
        promise="total memory",
    ),
    _attack(
        name="memory-by-memory-files",
        tries="the same by files in memory (memfd)",
        code="""
        taken = [os.memfd_create('taken') for _ in range(14)]
        for file in taken: os.write(file, bytes(50 << 20))
        """,
        promise="total memory",
    ),
    _attack(
        name="memory-by-system-v",
        tries="the same by System V shared memory, which outlives processes",
        code="""
        libc.shmat.restype = ctypes.c_void_p
        for _ in range(14):
            number = libc.shmget(0, 50 << 20, 0o1600)
            if number < 0: raise OSError(ctypes.get_errno(), 'shmget')
            ctypes.memset(libc.shmat(number, None, 0), 1, 50 << 20)
        """,
        promise="total memory",
    ),
    _attack(
        name="memory-by-children",
        tries="the same by several processes that each stay within the limit",
        code="""
        import time
        children = []
        for _ in range(4):
            if (child := os.fork()) == 0:
                taken = bytearray(b'x') * (200 << 20); time.sleep(1.5); os._exit(0)
            children.append(child)
        if any(os.WIFSIGNALED(os.waitpid(child, 0)[1]) for child in children): raise MemoryError('a child was killed')
        """,
        promise="total memory",
    ),
    _attack(
        name="memory-in-pipes",
        tries="use up the pages of pipes that all processes of its user share",
        code="""
        import fcntl
        pipes = []
        for _ in range(120):
            r, w = os.pipe(); pipes.append((r, w)); os.set_blocking(w, False)
            try: fcntl.fcntl(w, 1031, 1 << 20)
            except OSError: pass
            try: os.write(w, bytes(1 << 20))
            except OSError: pass
        """,
        then=(
            Beside(
                "import fcntl; r, w = os.pipe(); n = fcntl.fcntl(w, 1031, 1 << 18); os.close(r); os.close(w); n",
                "262144",
            ),
        ),
        alone=True,
        promise="own user",
        done="contained",
        time_limit=5,
    ),
    _attack(
        name="lock-memory",
        promise="privileges",
        tries="keep memory from being paged out",
        code="if libc.mlockall(3): raise OSError(ctypes.get_errno(), 'mlockall')",
        safe=True,
    ),
    _attack(
        name="processes",
        promise="namespaces",  # the kernel counts them per user namespace
        tries="start 2,000 processes",
        code="""
        import time
        for _ in range(2000):
            if os.fork() == 0: time.sleep(20); os._exit(0)
        """,
    ),
    _attack(
        name="dead-processes",
        promise="namespaces",  # the kernel counts them per user namespace
        tries="leave 2,000 dead processes unburied",
        code="for _ in range(2000):\n    if os.fork() == 0: os._exit(0)",
    ),
    _attack(
        name="fork-bomb",
        promise="namespaces",  # the kernel counts them per user namespace
        tries="multiply without end",
        code="""
        import time
        while True:
            try: os.fork()
            except OSError: time.sleep(0.01)
        """,
        time_limit=0.3,
    ),
    _attack(
        name="threads",
        promise="namespaces",  # the kernel counts them per user namespace
        tries="start 10,000 threads",
        code="""
        import threading
        stop = threading.Event()
        threading.stack_size(64 * 1024)
        try:
            for _ in range(10_000): threading.Thread(target=stop.wait, daemon=True).start()
        except RuntimeError as error:
            raise BlockingIOError(11, str(error)) from None
        finally:
            stop.set(); threading.stack_size(0)
        """,
    ),
    _attack(
        name="descriptors",
        tries="open files without end",
        code="files = []\nwhile len(files) < 100_000: files.append(os.open('/dev/null', 0))",
        safe=True,
    ),
    _attack(
        name="descriptors-in-flight",
        tries="hide descriptors in sockets, where no process is charged for them",
        code="""
        import array
        ends = []
        while len(ends) < 20_000:
            a, b = socket.socketpair(); ends.append(b)
            a.sendmsg([b'x'], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array('i', [0] * 100))]); a.close()
        """,
        alone=True,
        safe=True,
    ),
    _attack(
        name="disk",
        tries="fill the disk",
        code="for n in range(200): open(f'fill-{n}', 'wb').write(bytes(1 << 20))",
        promise="namespaces",  # files in memory, of a mount of its own
    ),
    _attack(
        name="disk-by-other-folders",
        tries="fill /tmp and /dev/shm",
        code="for n in range(200): open(f\"{('/tmp', '/dev/shm')[n % 2]}/{host.mark}-{n}\", 'wb').write(bytes(1 << 20))",
        promise="namespaces",  # files in memory, of a mount of its own
    ),
    _attack(
        name="disk-by-one-file",
        tries="make one very large file",
        code="file = open('big', 'wb')\nfor _ in range(500): file.write(bytes(1 << 20))",
        safe=True,
    ),
    _attack(
        name="disk-by-holes",
        tries="make a sparse file of a terabyte",
        code="open('sparse', 'wb').truncate(1 << 40)",
        safe=True,
    ),
    _attack(
        name="number-of-files",
        tries="make more files than there may be",
        code="""
        os.mkdir('many'); os.chdir('many')
        try:
            for n in range(400_000): os.close(os.open(str(n), os.O_CREAT | os.O_WRONLY))
        finally:
            os.chdir('..')
        """,
        promise="namespaces",  # files in memory, of a mount of its own
        time_limit=30,
    ),
    _attack(
        name="core-dump",
        tries="leave a large core dump",
        code="os.abort()",
        safe=True,
    ),
    _of_host(
        name="output-flood",
        tries="print 200 MB",
        code="for _ in range(200): os.write(1, b'x' * (1 << 20))",
        done="contained",
        harm=too_much_output,
    ),
    _of_host(
        name="output-flood-by-program",
        tries="let a program print without end",
        code="os.system('yes >&2')",
        harm=too_much_output,
        time_limit=0.3,
    ),
    _of_host(
        name="late-output-flood",
        tries="print without end between actions",
        code="import threading; threading.Thread(target=lambda: [os.write(1, b'x' * 4096) for _ in range(10**5)], daemon=True).start()",
        then=(Run("1"), Run("2")),
        done="contained",
        harm=too_much_output,
    ),
    _of_host(
        name="display-flood",
        tries="show 1,000 large displays",
        code="from IPython.display import display, HTML\nfor _ in range(1000): display(HTML('x' * 10_000))",
        done="contained",
        harm=too_much_output,
    ),
    _of_host(
        name="huge-value",
        tries="give a value of 60 million characters",
        code="'x' * 60_000_000",
        done="contained",
        harm=too_much_output,
    ),
    _of_host(
        name="huge-error",
        tries="raise an error with a message of 60 million characters",
        code="raise OSError(5, 'x' * 60_000_000)",
        harm=too_much_output,
    ),
    _of_host(
        name="tool-flood",
        tries="call a tool 100,000 times and ignore the refusals",
        code="""
        for _ in range(100_000):
            try: echo(1)
            except Exception: pass
        """,
        harm=too_much_output,
        time_limit=30,
    ),
    _of_host(
        name="tool-record-flood",
        tries="fill the record with the arguments of its calls",
        code="for _ in range(90): echo('x' * 100_000)",
        done="contained",
        harm=too_much_output,
        time_limit=30,
    ),
    _of_host(name="endless-loop", tries="loop without end", code="while True: pass", time_limit=0.3),
    _of_host(name="endless-sleep", tries="sleep for a year", code="import time; time.sleep(10**7)", time_limit=0.3),
    _of_host(
        name="endless-loop-in-c",
        tries="loop without end where no signal is looked at",
        code="sum(range(10**12))",
        time_limit=0.3,
    ),
    _of_host(
        name="endless-loop-that-ignores",
        tries="ignore every signal and every exception",
        code="""
        import signal
        for number in (2, 15): signal.signal(number, signal.SIG_IGN)
        while True:
            try:
                while True: pass
            except BaseException: pass
        """,
        time_limit=0.3,
    ),
    _of_host(
        name="endless-expression",
        tries="match a regular expression that takes for ever",
        code="import re; re.match('(a+)+$', 'a' * 60 + 'b')",
        time_limit=0.3,
    ),
    _of_host(
        name="endless-await",
        tries="wait for ever and refuse to be cancelled",
        code="""
        import asyncio
        async def stubborn():
            while True:
                try: await asyncio.sleep(1000)
                except BaseException: pass
        await stubborn()
        """,
        time_limit=0.3,
    ),
    _of_host(
        name="huge-number", tries="compute with a number of a billion digits", code="x = 7 ** (10 ** 9)", time_limit=0.3
    ),
    _of_host(
        name="deep-recursion",
        tries="recurse until the stack ends",
        code="sys.setrecursionlimit(10**9)\ndef f(n): return [f(n + 1)]\nf(0)",
        time_limit=0.5,
    ),
    _of_host(
        name="deep-value",
        tries="show a list that is a million lists deep",
        code="deep = []\nfor _ in range(1_000_000): deep = [deep]\ndeep",
    ),
    _of_host(
        name="time-behind-tools",
        tries="run on beyond the time limit while a thread keeps tools busy, for whose time the clock stands still",
        code="""
        import threading, time
        threading.Thread(target=lambda: [slow(0.5) for _ in range(3)], daemon=True).start()
        time.sleep(60)
        """,
        time_limit=1,
    ),
)
