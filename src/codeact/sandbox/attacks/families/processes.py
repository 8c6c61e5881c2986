"""Processes: those of the host, of other sessions and of the machinery, and those that try to stay behind."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack, Do, Run

# Where there is no pid namespace, Landlock keeps signals in the session, and closes /proc; seccomp is a layer of it too.
_attack = partial(Attack, family="processes", promise="namespaces", else_by="landlock")

PROCESSES = (
    _attack(
        name="see-host-process",
        tries="see a process of the host",
        code="os.stat(f'/proc/{host.process}'); print(open(f'/proc/{host.process}/status').read())",
        safe=True,
    ),
    _attack(
        name="probe-host-process",
        tries="ask by signal 0 whether a process of the host exists",
        code="os.kill(host.process, 0)",
        safe=True,
    ),
    _attack(
        name="kill-host-process",
        tries="kill a process of the host",
        code="os.kill(host.process, 9); await_state(host.process, 'Z')",
        safe=True,
    ),
    _attack(
        name="stop-host-process",
        tries="stop a process of the host",
        code="os.kill(host.process, 19); await_state(host.process, 'T')",
        safe=True,
    ),
    _attack(
        name="kill-by-pidfd",
        tries="signal a process of the host by a descriptor of it",
        code="syscall('pidfd_send_signal', syscall('pidfd_open', host.process, 0), 9, 0, 0); await_state(host.process, 'Z')",
        safe=True,
    ),
    _attack(
        name="trace-host-process",
        tries="attach to a process of the host as a debugger",
        code="syscall('ptrace', 16, host.process, 0, 0)",
        safe=True,
    ),
    _attack(
        name="slow-host-process",
        tries="change the priority of a process of the host",
        code="os.setpriority(os.PRIO_PROCESS, host.process, 19)",
        safe=True,
    ),
    _attack(
        name="limit-host-process",
        tries="change the limits of a process of the host",
        code="import resource; resource.prlimit(host.process, resource.RLIMIT_NOFILE, (3, 3))",
        safe=True,
    ),
    _attack(
        name="pin-host-process",
        tries="bind a process of the host to one processor",
        code="os.sched_setaffinity(host.process, {0})",
        safe=True,
    ),
    _attack(
        name="kill-neighbour",
        tries="kill the interpreter of another session and its child",
        code="""
        mine = os.readlink('/proc/self/ns/pid') == os.readlink(f'/proc/{host.neighbour_process}/ns/pid')
        if host.neighbour_process in (os.getpid(), os.getppid()) or not mine:
            raise ProcessLookupError(3, 'the number is one of its own processes')
        if 'sleep' not in open(f'/proc/{host.neighbour_child}/comm').read():
            raise ProcessLookupError(3, 'the number is of another process')
        os.kill(host.neighbour_child, 9); await_state(host.neighbour_child, 'Z')
        """,
        safe=True,
    ),
    _attack(
        name="kill-everything",
        tries="kill every process it may signal",
        code="os.kill(-1, 9)",
        done="contained",
        within="pid",
        else_by="",  # where it is Landlock alone that holds it, the milder ones are proof enough
    ),
    _attack(
        name="kill-own-group",
        tries="kill the process group that it finds itself in",
        code="os.killpg(0, 9)",
        done="contained",
        within="pid",
        safe=True,
    ),
    _attack(
        name="kill-parent",
        tries="kill the first process of its session",
        code="os.kill(os.getppid(), 9)",
        done="contained",
        within="pid",
        safe=True,
    ),
    _attack(name="stop-parent", tries="stop the first process of its session", code="os.kill(os.getppid(), 19)"),
    _attack(
        name="trace-parent",
        tries="attach as a debugger to the first process of its session",
        code="syscall('ptrace', 16, os.getppid(), 0, 0)",
    ),
    _attack(
        name="memory-of-parent",
        tries="open the memory of the first process of its session",
        code="open(f'/proc/{os.getppid()}/mem', 'rb+')",
    ),
    _attack(
        name="descriptors-of-parent",
        tries="open the descriptors of the first process of its session",
        code="print([os.readlink(f'/proc/{os.getppid()}/fd/{name}') for name in os.listdir(f'/proc/{os.getppid()}/fd')])",
    ),
    _attack(
        name="steal-descriptor",
        tries="copy a descriptor out of the first process of its session",
        code="first_that_works(lambda n: syscall('pidfd_getfd', syscall('pidfd_open', os.getppid(), 0), n, 0), range(9))",
    ),
    _attack(
        name="limit-parent",
        tries="take away the descriptors of the first process of its session",
        code="import resource; resource.prlimit(os.getppid(), resource.RLIMIT_NOFILE, (3, 3))",
        safe=True,
    ),
    _attack(
        name="slow-parent",
        tries="make the first process of its session idle",
        code="os.sched_setscheduler(os.getppid(), os.SCHED_IDLE, os.sched_param(0))",
    ),
    _attack(
        name="slow-everyone",
        tries="lower the priority of all processes of its user",
        code="os.setpriority(os.PRIO_USER, 0, 19)",
    ),
    _attack(
        name="daemon",
        tries="leave a daemon behind that no signal ends",
        code="""
        script = 'import os,signal,time\\nfor n in range(1, 32):\\n    try: signal.signal(n, 1)\\n    except OSError: pass\\n'
        script += 'os.setsid()\\nos.fork() and os._exit(0)\\ntime.sleep(60)'
        subprocess.run([sys.executable, '-S', '-c', script, host.mark])
        """,
        done="contained",
        within="pid",
        safe=True,
    ),
    _attack(
        name="daemon-through-restart",
        tries="keep a daemon through a restart of the interpreter",
        code="""
        subprocess.Popen(['setsid', sys.executable, '-S', '-c', 'import time; time.sleep(60)', host.mark])
        """,
        then=(
            Do("reset"),
            Run(
                "import os\nlines = []\nfor pid in filter(str.isdigit, os.listdir('/proc')):\n"
                "    try: lines.append(open(f'/proc/{pid}/cmdline').read())\n    except OSError: pass\n"
                "assert not any('time.sleep(60)' in line for line in lines), lines"
            ),
        ),
        done="contained",
        within="pid",
        safe=True,
    ),
    _attack(
        name="fork-as-sibling",
        tries="make a process that is its sibling and not its child",
        code="if syscall('clone', 0x8000 | 17, 0, 0, 0, 0) == 0: os._exit(0)",
        done="contained",
        within="pid",
        safe=True,
    ),
    _attack(
        name="fork-falls-through",
        tries="let a forked copy of the interpreter take part in the session",
        code="os.fork(); os.fork()",
        then=(Run("6 * 7"),),
        done="contained",
        safe=True,
        promise="host",
    ),
    _attack(
        name="hold-channel-after-death",
        tries="die while a child keeps its connection to the host open",
        code="""
        if os.fork() == 0:
            import time; time.sleep(30); os._exit(0)
        os._exit(3)
        """,
        safe=True,
        promise="host",
    ),
    _attack(
        name="stop-itself",
        tries="stop itself, so that it can't react to anything",
        code="os.kill(os.getpid(), 19)",
        safe=True,
        promise="host",
        time_limit=0.3,
    ),
    _attack(
        name="become-root",
        tries="take another user's id",
        code="""
        others = [number for number in (0, 1, 1000) if number != os.getuid()]
        ways = [lambda: os.setuid(others[0]), lambda: os.setgid(others[0]), lambda: os.setgroups(others)]
        first_that_works(lambda do: do(), ways)
        """,
        promise="privileges",
        safe=True,
    ),
    _attack(
        name="regain-powers",
        tries="give itself capabilities back",
        code="""
        header = (ctypes.c_uint32 * 2)(0x20080522, 0)
        if libc.capset(header, (ctypes.c_uint32 * 6)(*[0xffffffff] * 6)): raise PermissionError(1, 'capset')
        """,
        promise="privileges",
        safe=True,
    ),
    _attack(
        name="spare-itself",
        tries="have others ended before it when memory runs out",
        code="open('/proc/self/oom_score_adj', 'w').write('-1000')",
        promise="privileges",
        safe=True,
    ),
    _attack(
        name="raise-limits",
        tries="raise its own limits",
        code="syscall('prlimit64', 0, 7, (ctypes.c_uint64 * 2)(1 << 20, 1 << 20), 0)",
        promise="privileges",
        safe=True,
    ),
    _attack(
        name="raise-priority",
        tries="take priority over everything else",
        code="first_that_works(lambda do: do(), [lambda: os.nice(-10), lambda: os.sched_setscheduler(0, 1, os.sched_param(5))])",
        promise="privileges",
        safe=True,
    ),
)
