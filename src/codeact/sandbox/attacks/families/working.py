"""What must keep working: a box that holds everything because nothing runs in it would be worthless."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack, Do, Get, Put, Run
from codeact.sandbox.isolation import Level

_attack = partial(Attack, family="working", promise="host", done="works", safe=True, time_limit=60)
_DATA = frozenset({"numpy", "pandas"})
# There are no sockets, no /dev/shm, no terminals, and no marks on files by which a program could be started.
_NO_FILTER = frozenset[Level]({"filter"})

WORKING = (
    _attack(name="state", tries="keep variables between actions", code="x = 41", then=(Run("assert x + 1 == 42"),)),
    _attack(
        name="numpy",
        tries="compute with NumPy",
        code="import numpy as np; assert np.linalg.svd(np.ones((50, 50)))[1][0].round() == 50",
        packages=frozenset({"numpy"}),
    ),
    _attack(
        name="pandas",
        tries="read, group and write tables with pandas",
        code="""
        import pandas as pd
        pd.DataFrame({'a': [1, 1, 2], 'b': [1.0, 2.0, 3.0]}).to_csv('t.csv', index=False)
        assert pd.read_csv('t.csv').groupby('a').b.sum().tolist() == [3.0, 3.0]
        """,
        packages=_DATA,
    ),
    _attack(
        name="sklearn",
        tries="fit a model with scikit-learn",
        code="""
        from sklearn.linear_model import LinearRegression
        assert abs(LinearRegression().fit([[0], [1], [2]], [1, 3, 5]).coef_[0] - 2) < 1e-9
        """,
        packages=frozenset({"sklearn"}),
    ),
    _attack(
        name="matplotlib",
        tries="draw and save a figure",
        code="import matplotlib.pyplot as plt; plt.plot([1, 2]); plt.savefig('f.png'); assert os.path.getsize('f.png') > 999",
        packages=frozenset({"matplotlib"}),
    ),
    _attack(
        name="sqlite",
        tries="use a database file",
        code="""
        import sqlite3
        db = sqlite3.connect('d.db'); db.execute('create table t (a)'); db.execute('insert into t values (7)'); db.commit()
        assert sqlite3.connect('d.db').execute('select a from t').fetchall() == [(7,)]
        """,
    ),
    _attack(
        name="subprocess",
        tries="run programs and pipe between them",
        code="assert subprocess.run('printf abc | tr a-z A-Z', shell=True, stdout=-1, text=True).stdout == 'ABC'",
    ),
    _attack(
        name="shell-line",
        tries="use !commands",
        code="lines = !echo one; echo two\nassert lines == ['one', 'two'], lines",
    ),
    _attack(name="bash-cell", tries="use a %%bash cell", code="%%bash\nset -e\nx=3; test $((x * 2)) = 6"),
    _attack(
        name="threads",
        tries="use threads and a pool of them",
        code="""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool: assert sum(pool.map(lambda n: n * n, range(50))) == 40425
        """,
    ),
    _attack(
        name="threads-of-libraries",
        tries="let libraries of C compute in several threads",
        code="""
        import numpy as np, concurrent.futures
        matrix = np.random.default_rng(0).random((400, 400))
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            sums = list(pool.map(lambda _: round(float((matrix @ matrix).sum()), 3), range(8)))
        assert len(set(sums)) == 1
        """,
        packages=frozenset({"numpy"}),
    ),
    _attack(
        name="forest",
        tries="fit many trees in parallel with scikit-learn, and read them back",
        code="""
        import joblib, numpy as np
        from sklearn.ensemble import RandomForestClassifier
        x = np.arange(200).reshape(-1, 1); y = (x[:, 0] > 99).astype(int)
        model = RandomForestClassifier(20, random_state=0, n_jobs=2).fit(x, y)
        joblib.dump(model, 'forest'); assert joblib.load('forest').score(x, y) == 1
        """,
        packages=frozenset({"sklearn"}),
        lacking=_NO_FILTER,
    ),
    _attack(
        name="other-interpreter",
        tries="start another interpreter, and talk to it by pipes",
        code="""
        child = subprocess.Popen([sys.executable, '-c', 'print(int(input()) + 1)'], stdin=-1, stdout=-1, text=True)
        assert child.communicate('41')[0] == '42\\n'
        """,
    ),
    _attack(
        name="compiler",
        tries="compile a program of C that starts a thread, and run it",
        code="""
        import shutil
        if not shutil.which('gcc'): raise NotImplementedError('gcc')
        open('p.c', 'w').write('''
            #include <pthread.h>
            #include <stdio.h>
            static void *work(void *n) { *(int *)n *= 2; return n; }
            int main(void) {
                int n = 21; pthread_t thread;
                if (pthread_create(&thread, 0, work, &n) || pthread_join(thread, 0)) return 1;
                return printf("%d", n) != 2;
            }''')
        succeed(['gcc', '-O2', '-pthread', 'p.c', '-o', 'p']); assert succeed(['./p']) == '42'
        """,
        lacking=_NO_FILTER,
    ),
    _attack(
        name="git",
        tries="keep a history with git",
        code="""
        import shutil
        if not shutil.which('git'): raise NotImplementedError('git')
        os.mkdir('history'); os.chdir('history'); open('a', 'w').write('x')
        me = ['-c', 'user.name=x', '-c', 'user.email=x@example.com']
        for words in (['init', '-q'], ['add', 'a'], [*me, 'commit', '-qm', 'one'], ['gc', '-q']): succeed(['git', *words])
        assert succeed(['git', 'log', '--format=%s']) == 'one\\n'
        """,
    ),
    _attack(
        name="node",
        tries="run JavaScript with a timer, a file and a thread",
        code="""
        import shutil
        if not shutil.which('node'): raise NotImplementedError('node')
        script = '''
            const fs = require("fs"), {Worker} = require("worker_threads"); fs.writeFileSync("n.txt", "1");
            new Worker("require('worker_threads').parentPort.postMessage(41)", {eval: true})
                .on("message", n => setTimeout(() => console.log(n + Number(fs.readFileSync("n.txt"))), 1));'''
        assert succeed(['node', '-e', script]) == '42\\n'
        """,
    ),
    _attack(
        name="shell-tools",
        tries="use the tools of a shell: find, sort, tar, gzip, sed",
        code="""
        script = 'mkdir t && seq 99 > t/n && tar czf t.tgz t && rm -r t && tar xzf t.tgz --no-same-owner && cp -r t u'
        script += ' && mv u v && find v -name n | xargs cat | sort -rn | head -2 | sed s/^/=/'
        assert subprocess.run(['sh', '-ec', script], stdout=-1, text=True).stdout == '=99\\n=98\\n'
        """,
    ),
    _attack(
        name="calls-of-linux",
        tries="use what Python knows of Linux: pidfd, epoll, timers, memfd, splice, sendfile, locks, affinity",
        code="""
        import mmap, select, signal
        child = subprocess.Popen(['sleep', '0.01']); pidfd = os.pidfd_open(child.pid)
        with select.epoll() as epoll:
            epoll.register(pidfd, select.EPOLLIN); assert epoll.poll(20)
        child.wait(); signal.setitimer(signal.ITIMER_REAL, 100); signal.setitimer(signal.ITIMER_REAL, 0)
        memory = os.memfd_create('m'); os.write(memory, b'abc'); os.lseek(memory, 0, 0)
        r, w = os.pipe(); os.splice(memory, w, 3); assert os.read(r, 3) == b'abc'
        copy = os.open('copy', os.O_RDWR | os.O_CREAT); assert os.sendfile(copy, memory, 0, 3) == 3
        os.posix_fallocate(copy, 0, 4096); os.posix_fadvise(copy, 0, 0, os.POSIX_FADV_SEQUENTIAL); os.fsync(copy)
        os.lockf(copy, os.F_LOCK, 1); assert os.pread(copy, 3, 0) == b'abc'; os.sched_yield()
        assert os.sched_getaffinity(0); os.statvfs('.'); os.eventfd(0); os.nice(1); os.umask(os.umask(0o22))
        with mmap.mmap(-1, 1 << 20) as pages: pages.madvise(mmap.MADV_DONTNEED)
        """,
    ),
    _attack(
        name="multiprocessing",
        tries="use processes with a pool, a queue and a lock",
        code="""
        import multiprocessing as m
        context = m.get_context('fork')
        with context.Pool(2) as pool: assert pool.map(abs, [-1, -2, -3]) == [1, 2, 3]
        queue = context.Queue(); p = context.Process(target=queue.put, args=(7,)); p.start()
        assert queue.get(timeout=20) == 7; p.join()
        """,
        lacking=_NO_FILTER,
    ),
    _attack(
        name="shared-memory",
        tries="share memory between processes",
        code="""
        from multiprocessing import shared_memory
        block = shared_memory.SharedMemory(create=True, size=1 << 20); block.buf[0] = 7
        other = shared_memory.SharedMemory(name=block.name); assert other.buf[0] == 7
        other.close(); block.close(); block.unlink()
        """,
        lacking=_NO_FILTER,
    ),
    _attack(
        name="asyncio",
        tries="await at the top level, with subprocesses and tasks",
        code="""
        import asyncio
        assert await asyncio.gather(asyncio.sleep(0, 1), asyncio.sleep(0, 2)) == [1, 2]
        process = await asyncio.create_subprocess_exec('echo', 'hi', stdout=-1)
        assert (await process.communicate())[0] == b'hi\\n'
        """,
    ),
    _attack(
        name="loopback",
        tries="serve and fetch on its own loopback",
        code="""
        import http.server, threading, urllib.request
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), http.server.SimpleHTTPRequestHandler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        answer = urllib.request.urlopen(f'http://127.0.0.1:{server.server_port}/', timeout=20)
        assert answer.status == 200; server.shutdown()
        """,
        lacking=_NO_FILTER,
    ),
    _attack(
        name="unix-sockets",
        tries="use unix sockets of its own",
        code="""
        a, b = socket.socketpair(); a.send(b'x'); assert b.recv(1) == b'x'
        s = socket.socket(socket.AF_UNIX); s.bind('own.sock'); s.listen()
        c = socket.socket(socket.AF_UNIX); c.connect('own.sock')
        """,
        lacking=_NO_FILTER,
    ),
    _attack(
        name="temporary-files",
        tries="make temporary files and folders",
        code="""
        import tempfile
        with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile(dir=folder) as file: file.write(b'x')
        with tempfile.TemporaryFile() as file: file.write(b'x')
        """,
    ),
    _attack(
        name="signals-of-its-own",
        tries="use signals within its own processes",
        code="""
        import signal
        got = []; signal.signal(signal.SIGUSR1, lambda *args: got.append(1)); os.kill(os.getpid(), signal.SIGUSR1)
        child = subprocess.Popen(['sleep', '60']); child.terminate(); assert child.wait() == -15 and got == [1]
        """,
    ),
    _attack(
        name="pip",
        tries="ask pip for its version",
        code="succeed([sys.executable, '-m', 'pip', '--version'])",
    ),
    _attack(
        name="zip",
        tries="pack and unpack archives",
        code="""
        import shutil
        os.mkdir('in'); open('in/a.txt', 'w').write('x'); shutil.make_archive('packed', 'zip', 'in')
        shutil.unpack_archive('packed.zip', 'out'); assert open('out/a.txt').read() == 'x'
        """,
    ),
    _attack(
        name="unicode-names",
        tries="use file names in any script",
        code="name = 'ünï-код-数据-🙂.txt'; open(name, 'w').write('x'); assert name in os.listdir()",
    ),
    _attack(name="large-output", tries="print half a megabyte", code="print('x' * 500_000)"),
    _attack(
        name="large-data",
        tries="compute with 100 MB",
        code="import numpy as np; assert np.ones(12_500_000).sum() == 12_500_000",
        packages=frozenset({"numpy"}),
    ),
    _attack(
        name="links",
        tries="make and follow links of its own",
        code="open('a', 'w').write('x'); os.symlink('a', 'b'); os.link('a', 'c'); assert open('b').read() == 'x'",
    ),
    _attack(
        name="file-locks",
        tries="lock files",
        code="import fcntl; file = open('lock', 'w'); fcntl.flock(file, 2); fcntl.lockf(file, fcntl.LOCK_EX)",
    ),
    _attack(
        name="memory-maps",
        tries="map files into memory",
        code="import mmap; open('m', 'wb').write(bytes(9)); m = mmap.mmap(os.open('m', os.O_RDWR), 9); m[0] = 7; m.flush()",
    ),
    _attack(
        name="terminal",
        tries="start a program in a terminal of its own",
        code="""
        leader, follower = os.openpty()
        assert subprocess.run(['sh', '-c', 'test -t 0 && exit 3'], stdin=follower).returncode == 3
        """,
        lacking=_NO_FILTER,
    ),
    _attack(
        name="random-and-time",
        tries="use random numbers, clocks and time zones",
        code="import secrets, time, zoneinfo; secrets.token_bytes(8); time.monotonic(); time.strftime('%Z'); os.urandom(4)",
    ),
    _attack(
        name="compiled-code",
        tries="load a library of C and call back into Python",
        code="""
        order = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.POINTER(ctypes.c_int), ctypes.POINTER(ctypes.c_int))
        numbers = (ctypes.c_int * 3)(3, 1, 2); libc.qsort(numbers, 3, 4, order(lambda a, b: a[0] - b[0]))
        assert list(numbers) == [1, 2, 3]
        """,
    ),
    _attack(
        name="tools",
        tries="call tools, from 8 threads at once",
        code="""
        from concurrent.futures import ThreadPoolExecutor
        with ThreadPoolExecutor(8) as pool: assert list(pool.map(lambda n: add(n), range(64))) == list(range(1, 65))
        assert echo({'a': (1, b'x', None, 2.5, {3})}) == {'a': (1, b'x', None, 2.5, {3})}
        """,
    ),
    _attack(
        name="odd-values-to-tools",
        tries="send the odd values of honest code to a tool",
        code="""
        import math
        for value in (10**4000, float('inf'), -0.0, 'a\\0b', '', [], {}, b'', True): assert echo(value) == value
        assert math.isnan(echo(float('nan')))
        """,
    ),
    _attack(
        name="files-in-and-out",
        tries="take files from the host and give them back",
        code="1",
        then=(
            Put("in/a b.txt", b"abc"),
            Run("assert open('in/a b.txt').read() == 'abc'"),
            Get("in/a b.txt"),
            Do("list"),
        ),
        needs=frozenset({"files"}),
    ),
    _attack(name="variables", tries="list the variables", code="table = {'a': 1}", then=(Do("variables"),)),
    _attack(
        name="recover-from-memory-error",
        tries="go on after a MemoryError",
        code="try: bytearray(8 << 30)\nexcept MemoryError: ok = True\nassert ok",
    ),
)
