"""Kernel interfaces: new namespaces and mounts, and calls that have a history of holes."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack

_attack = partial(Attack, family="kernel", promise="seccomp")

KERNEL = (
    _attack(
        name="new-user-namespace", tries="become root in a new user namespace", code="syscall('unshare', 0x10000000)"
    ),
    _attack(name="new-mount-namespace", tries="make a mount namespace", code="syscall('unshare', 0x20000)"),
    _attack(
        name="new-network-namespace",
        tries="make a network namespace, with its many drivers",
        code="syscall('unshare', 0x40000000)",
    ),
    _attack(
        name="clone-into-namespace",
        tries="start a process in a new user namespace",
        code="if syscall('clone', 0x10000000 | 17, 0, 0, 0, 0) == 0: os._exit(0)",
    ),
    _attack(
        name="clone3-into-namespace",
        tries="the same by clone3, whose flags no filter can see",
        code="if syscall('clone3', (ctypes.c_uint64 * 8)(0x10000000, 0, 0, 0, 17, 0, 0, 0), 64) == 0: os._exit(0)",
    ),
    _attack(
        name="namespace-in-program",
        tries="make a namespace from another program",
        code="succeed(['unshare', '--user', 'true'])",
        promise="privileges",
    ),
    _attack(
        name="namespace-in-thread",
        tries="make a namespace in a thread, which may have escaped the filter",
        code="""
        import threading
        met = []
        def attempt():
            try: syscall('unshare', 0x10000000)
            except OSError as error: met.append(error)
        thread = threading.Thread(target=attempt); thread.start(); thread.join()
        if met: raise met[0]
        """,
    ),
    _attack(
        name="enter-namespace",
        tries="enter the namespaces of the first process",
        code="first_that_works(lambda n: syscall('setns', os.open('/proc/1/ns/' + n, 0), 0), ['mnt', 'user', 'pid', 'net'])",
        promise="namespaces",
        else_by="landlock",
    ),
    _attack(
        name="enter-own-namespace-again",
        tries="enter its own user namespace again, to get its powers",
        code="syscall('setns', os.open('/proc/self/ns/user', 0), 0x10000000)",
    ),
    _attack(
        name="mount",
        tries="mount a file system",
        code="syscall('mount', b'none', os.getcwd().encode(), b'tmpfs', 0, 0)",
    ),
    _attack(
        name="remount-writable",
        tries="make the system's folders writable",
        code="syscall('mount', b'none', b'/usr', 0, 0x20 | 0x1000, 0)",
    ),
    _attack(name="unmount", tries="take a mount away, to see what is below", code="syscall('umount2', b'/proc', 2)"),
    _attack(name="change-root", tries="change the root of the mounts", code="syscall('pivot_root', b'.', b'.')"),
    _attack(
        name="chroot-and-walk-out",
        tries="walk out of the box by chroot, with a descriptor kept outside of it",
        code="""
        outside = os.open('/', os.O_RDONLY)
        os.makedirs('jail', exist_ok=True)
        syscall('chroot', b'jail')
        os.fchdir(outside)
        for _ in range(64): os.chdir('..')
        os.chroot('.')
        print(open(host.secret).read())
        """,
        promise="files",
    ),
    _attack(
        name="new-mount-calls",
        tries="mount by the newer calls (fsopen, open_tree, move_mount)",
        code="""
        calls = [('fsopen', b'tmpfs', 0), ('open_tree', -100, b'/', 1), ('move_mount', -1, b'', -100, b'/', 4)]
        first_that_works(lambda call: syscall(*call), calls)
        """,
    ),
    _attack(
        name="mount-attributes",
        tries="take the read-only mark off a mount",
        code="syscall('mount_setattr', -100, b'/usr', 0x8000, (ctypes.c_uint64 * 4)(0, 1, 0, 0), 32)",
    ),
    _attack(
        name="list-mounts",
        tries="read about mounts by statmount",
        code="syscall('statmount', (ctypes.c_uint64 * 4)(24, 1, 2, 0), bytearray(512), 512, 0)".replace(
            "bytearray(512)", "ctypes.create_string_buffer(512)"
        ),
    ),
    _attack(
        name="file-handles",
        tries="open a file by a handle instead of a path",
        code="""
        handle = ctypes.create_string_buffer(b'\\x80\\0\\0\\0', 136); mount = ctypes.create_string_buffer(4)
        syscall('name_to_handle_at', -100, b'/usr', handle, mount, 0)
        syscall('open_by_handle_at', -100, handle, 0)
        """,
    ),
    _attack(
        name="bpf",
        tries="make a bpf map",
        code="syscall('bpf', 0, (ctypes.c_uint32 * 18)(2, 4, 4, 1), 72)",
    ),
    _attack(
        name="io-uring",
        tries="make an io_uring, by which calls pass unfiltered",
        code="syscall('io_uring_setup', 4, ctypes.create_string_buffer(120))",
    ),
    _attack(name="userfaultfd", tries="handle page faults itself", code="syscall('userfaultfd', 1)"),
    _attack(
        name="perf-events",
        tries="measure the kernel by perf events",
        code="syscall('perf_event_open', (ctypes.c_uint64 * 16)(1 | 128 << 32, 1), 0, -1, -1, 0)",
    ),
    _attack(
        name="keyrings",
        tries="use the kernel's keyrings",
        code="syscall('add_key', b'user', b'canary', b'x', 1, -3)",
    ),
    _attack(name="keyring-of-session", tries="join a keyring", code="syscall('keyctl', 1, 0)"),
    _attack(
        name="debug-child",
        tries="let itself be traced",
        code="syscall('ptrace', 0, 0, 0, 0)",
        safe=True,
    ),
    _attack(
        name="read-foreign-memory",
        tries="read the memory of the first process of its session",
        code="""
        buffer = ctypes.create_string_buffer(8)
        part = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
        syscall('process_vm_readv', os.getppid(), part, 1, part, 1, 0)
        """,
    ),
    _attack(
        name="write-foreign-memory",
        tries="write into the memory of a process of the host",
        code="""
        buffer = ctypes.create_string_buffer(8)
        part = (ctypes.c_size_t * 2)(ctypes.addressof(buffer), 8)
        syscall('process_vm_writev', host.process, part, 1, part, 1, 0)
        """,
    ),
    _attack(
        name="compare-processes",
        tries="learn about the kernel's pointers by kcmp",
        code="syscall('kcmp', os.getpid(), os.getpid(), 0, 1, 1)",
    ),
    _attack(
        name="x32-calls",
        tries="use the second table of calls (x32), which filters forget",
        code="if platform.machine() != 'x86_64': raise NotImplementedError('x32')\n"
        "if libc.syscall(ctypes.c_long(0x40000000 | 39)) < 0: raise OSError(ctypes.get_errno(), 'x32')",
    ),
    _attack(
        name="32-bit-calls",
        tries="use the old table of calls (int 0x80), which filters forget",
        code="""
        import mmap
        if platform.machine() != 'x86_64': raise NotImplementedError('int 0x80')
        page = mmap.mmap(-1, 4096, prot=7)
        page.write(b'\\xb8\\x14\\0\\0\\0\\xcd\\x80\\xc3')
        answer = ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(page)))()
        if answer < 0: raise OSError(-answer, 'int 0x80')
        """,
    ),
    _attack(
        name="personality",
        tries="turn off the randomness of addresses",
        code="syscall('personality', 0x40000)",
    ),
    _attack(
        name="local-descriptor-table",
        tries="change its segment descriptors",
        code="syscall('modify_ldt', 1, (ctypes.c_uint32 * 4)(0, 0, 0, 0), 16)",
    ),
    _attack(name="input-output-ports", tries="use the machine's ports", code="syscall('iopl', 3)"),
    _attack(name="kernel-modules", tries="load a kernel module", code="syscall('init_module', b'', 0, b'')"),
    _attack(
        name="kernel-log",
        tries="read the kernel's log",
        code="syscall('syslog', 3, ctypes.create_string_buffer(99), 99)",
    ),
    _attack(name="new-kernel", tries="load another kernel", code="syscall('kexec_load', 0, 0, 0, 0)"),
    _attack(name="swap", tries="switch on swap space", code="syscall('swapon', b'nothing', 0)"),
    _attack(name="accounting", tries="have the kernel write a log of processes", code="syscall('acct', b'nothing')"),
    _attack(name="quota", tries="read or change disk quotas", code="syscall('quotactl', 0x80000100, 0, 0, 0)"),
    _attack(name="restart-machine", tries="restart the machine", code="syscall('reboot', 0xfee1dead, 672274793, 0, 0)"),
    _attack(
        name="set-clock",
        tries="set the machine's clock",
        code="time_ = (ctypes.c_int64 * 2)(0, 0); syscall('settimeofday', time_, 0)",
    ),
    _attack(
        name="adjust-clock", tries="adjust the machine's clock", code="syscall('adjtimex', (ctypes.c_uint64 * 26)(2))"
    ),
    _attack(name="set-host-name", tries="rename the machine", code="syscall('sethostname', b'canary', 6)"),
    _attack(name="watch-file-systems", tries="watch every file of the machine", code="syscall('fanotify_init', 0, 0)"),
    _attack(
        name="watch-files", tries="use up the file watches of its user", code="syscall('inotify_init1', 0)", safe=True
    ),
    _attack(
        name="requests-of-all",
        tries="take requests of asynchronous input and output, which the whole machine has in common",
        code="syscall('io_setup', 8, (ctypes.c_uint64 * 1)(0))",
        safe=True,
    ),
    _attack(
        name="pages-others-read",
        tries="learn which parts of a file others have read lately (cachestat)",
        code="syscall('cachestat', os.open(sys.executable, 0), (ctypes.c_uint64 * 2)(0, 0), (ctypes.c_uint64 * 5)(), 0)",
        safe=True,
    ),
    _attack(
        name="calls-of-the-future",
        tries="use calls that are newer than the box",
        code="""
        for number in range(472, 600):
            if libc.syscall(number, 0, 0, 0) >= 0 or ctypes.get_errno() != 38: break
        else: raise OSError(38, 'no such call')
        """,
    ),
    _attack(
        name="hidden-memory",
        tries="take memory that can't be accounted for",
        code="syscall('memfd_secret', 0)",
        safe=True,
    ),
    _attack(
        name="gift-pages",
        tries="give pages to a pipe by vmsplice",
        code="r, w = os.pipe(); syscall('vmsplice', w, (ctypes.c_size_t * 2)(id(r), 8), 1, 0)",
        safe=True,
    ),
    _attack(
        name="move-pages",
        tries="decide where the kernel keeps memory",
        code="first_that_works(lambda c: syscall(*c), [('mbind', 0, 0, 0, 0, 0, 0), ('move_pages', 0, 0, 0, 0, 0, 0)])",
    ),
    _attack(
        name="type-into-terminal",
        tries="type into a terminal as if it were the user (TIOCSTI)",
        code="""
        import fcntl
        leader, follower = os.openpty()
        fcntl.ioctl(follower, 0x5412, b'x')
        """,
        safe=True,
    ),
    _attack(
        name="hypervisor-socket",
        tries="talk to the hypervisor (AF_VSOCK)",
        code="family_socket(40, socket.SOCK_STREAM)",
    ),
    _attack(
        name="crypto-socket",
        tries="use the kernel's cryptography (AF_ALG)",
        code="family_socket(38, socket.SOCK_SEQPACKET)",
    ),
    _attack(
        name="odd-sockets",
        tries="use rare families of sockets (Bluetooth, CAN, TIPC, RDS, XDP, SMC)",
        code="first_that_works(lambda f: family_socket(f, socket.SOCK_SEQPACKET), [31, 29, 30, 21, 44, 43, 36, 16 + 26])",
    ),
    _attack(
        name="key-socket",
        tries="configure IPsec (AF_KEY)",
        code="family_socket(15, socket.SOCK_RAW, 2)",
    ),
    _attack(
        name="own-filter",
        tries="loosen the filter by another one on top",
        code="""
        code = (ctypes.c_uint16 * 4)(6, 0, 0, 0x7fff)
        program = (ctypes.c_size_t * 2)(1, ctypes.addressof(code))
        libc.prctl(22, 2, program, 0, 0)
        syscall('unshare', 0x10000000)
        """,
    ),
)
