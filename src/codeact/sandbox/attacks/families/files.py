"""Files: the host's, other sessions', and odd ones that the host is asked to fetch or to write over."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack, Do, Get, Put, Run

_attack = partial(Attack, family="files", promise="files")
_of_host = partial(_attack, promise="host", needs=frozenset({"files"}), safe=True)

FILES = (
    _attack(
        name="read-host-file",
        tries="read a file of the host that every user may read",
        code="print(open(host.secret).read())",
        safe=True,
    ),
    _attack(
        name="read-by-dots",
        tries="read it by a path with many '..'",
        code="print(open('../' * 60 + host.secret).read())",
        safe=True,
    ),
    _attack(
        name="read-by-link",
        tries="read it through a symbolic link",
        code="os.symlink(host.secret, 'secret'); print(open('secret').read())",
        safe=True,
    ),
    _attack(
        name="read-by-hard-link",
        tries="take it by a hard link",
        code="os.link(host.secret, 'hard'); print(open('hard').read())",
        safe=True,
    ),
    _attack(
        name="read-by-root-of-process",
        tries="read it below /proc/PID/root or /proc/PID/cwd of any process",
        code="""
        places = [f'/proc/{pid}/{way}{host.secret}' for pid in processes() for way in ('root', 'cwd/../../..')]
        print(first_that_works(lambda path: print(open(path).read()), places))
        """,
        safe=True,
    ),
    _attack(
        name="read-by-inherited-descriptor",
        tries="walk out of a folder that some inherited descriptor still holds open",
        code="""
        def walk(number):
            folder = os.open('../' * 40 + host.secret.lstrip('/'), os.O_RDONLY, dir_fd=number)
            print(os.read(folder, 100))
        first_that_works(walk, range(256))
        """,
        safe=True,
    ),
    _attack(
        name="list-host-folder",
        tries="list a folder of the host",
        code="print(os.listdir(host.folder))",
        safe=True,
    ),
    _attack(
        name="write-host-folder",
        tries="make a file in a folder of the host that everybody may write to",
        code="open(host.folder + '/new.txt', 'w').write('here')",
        safe=True,
    ),
    _attack(
        name="overwrite-host-file",
        tries="overwrite a file of the host that everybody may write to",
        code="open(host.writable, 'r+').write('mine now')",
        safe=True,
    ),
    _attack(
        name="remove-host-file",
        tries="remove, rename or open up a file of the host",
        code="os.chmod(host.secret, 0o777); os.rename(host.writable, host.folder + '/moved.txt')",
        safe=True,
    ),
    _attack(
        name="environment-of-host-process",
        tries="read the environment of a process of the host",
        code="print(open(f'/proc/{host.process}/environ').read())",
        safe=True,
    ),
    _attack(
        name="arguments-of-host-processes",
        tries="read the arguments of every process it can see",
        code="""
        for pid in processes():
            print(open(f'/proc/{pid}/cmdline').read())
        os.stat(f'/proc/{host.process}')
        """,
        safe=True,
    ),
    _attack(
        name="memory-of-host-process",
        tries="open the memory, the maps and the descriptors of a process of the host",
        code="""
        open(f'/proc/{host.process}/mem', 'rb'); open(f'/proc/{host.process}/maps').read()
        os.listdir(f'/proc/{host.process}/fd')
        """,
        safe=True,
    ),
    _attack(
        name="read-neighbour-workspace",
        tries="read the workspace of another session",
        code="""
        ways = [host.neighbour] + [f'/proc/{pid}/{way}' for pid in processes() for way in ('cwd', 'root/box/work')]
        first_that_works(lambda folder: print(open(folder + '/mine.txt').read()), ways)
        """,
        safe=True,
    ),
    _attack(
        name="read-neighbour-temporary",
        tries="read what another session keeps in /tmp",
        code="print(open(host.neighbour_temporary).read())",
        safe=True,
    ),
    _attack(
        name="write-shared-folders",
        tries="leave a file in the host's /tmp or /dev/shm",
        code="for folder in ('/tmp', '/dev/shm'): open(f'{folder}/{host.mark}', 'w').write('here')",
        done="contained",
        within="mnt",
        safe=True,
    ),
    _attack(
        name="plant-program",
        tries="change a program that others run",
        code="open('/usr/bin/' + host.mark, 'w').write('#!/bin/sh')",
    ),
    _attack(
        name="plant-module",
        tries="change a module that other sessions import",
        code="open(os.__file__, 'a').write('# planted')",
    ),
    _attack(
        name="plant-start-up-file",
        tries="put a start-up file into the interpreter's packages",
        code="import sysconfig; open(sysconfig.get_path('purelib') + '/planted.pth', 'w').write('import os')",
    ),
    _attack(
        name="change-etc",
        tries="change /etc/passwd and /etc/hosts",
        code="first_that_works(lambda path: open(path, 'a').write('x'), ['/etc/passwd', '/etc/hosts', '/etc/new'])",
    ),
    _attack(
        name="change-box-root",
        tries="make files in the root folder, or remove one of its folders",
        code="first_that_works(lambda do: do(), [lambda: open('/x', 'w'), lambda: os.rmdir('/proc')])",
    ),
    _attack(
        name="kernel-settings",
        tries="change the kernel's settings below /proc/sys",
        code="""
        names = ['core_pattern', 'hostname', 'ns_last_pid', 'randomize_va_space', 'sysrq']
        first_that_works(lambda name: open('/proc/sys/kernel/' + name, 'r+').write('1'), names)
        """,
    ),
    _attack(
        name="sysrq",
        tries="press the machine's emergency key by /proc/sysrq-trigger",
        code="open('/proc/sysrq-trigger', 'w').write('h')",
    ),
    _attack(
        name="raw-devices",
        tries="open disks, memory and drivers below /dev",
        code="""
        names = ['mem', 'kmem', 'port', 'kmsg', 'sda', 'vda', 'kvm', 'fuse', 'vsock', 'net/tun', 'loop-control', 'snd/seq']
        first_that_works(lambda name: os.open('/dev/' + name, os.O_RDONLY), names)
        """,
    ),
    _attack(
        name="make-device",
        tries="make a device node of the machine's disk",
        code="import stat; os.mknod('disk', stat.S_IFBLK | 0o600, os.makedev(8, 0)); open('disk', 'rb').read(1)",
        promise="privileges",
    ),
    _attack(
        name="control-groups",
        tries="write into the machine's control groups",
        code="""
        import glob
        places = glob.glob('/sys/fs/cgroup/**/cgroup.procs', recursive=True)[:20]
        first_that_works(lambda path: open(path, 'w').write('0'), places)
        """,
    ),
    _attack(
        name="set-user-id-programs",
        tries="become root by a set-user-id program of the system",
        code="""
        import glob, stat
        found = [path for path in glob.glob('/usr/bin/*') if os.stat(path).st_mode & stat.S_ISUID]
        if not found: raise FileNotFoundError(2, 'no set-user-id programs')
        os.symlink('/usr/bin/su', 'su'); succeed(['./su', '-c', 'id -u', 'root'])
        """,
        promise="privileges",
    ),
    _of_host(
        name="fetch-link",
        tries="have the host fetch a symbolic link that leads to its own file",
        code="os.symlink(host.secret, 'link')",
        then=(Get("link"),),
    ),
    _of_host(
        name="fetch-through-linked-folder",
        tries="have the host fetch a file below a linked folder",
        code="os.symlink(host.folder, 'folder')",
        then=(Get("folder/secret.txt"),),
    ),
    _of_host(
        name="fetch-swapped",
        tries="swap a file for a link while the host fetches it",
        code="""
        import subprocess
        swap = f"while true; do ln -sf {host.secret} race; rm -f race; echo ok > race; done"
        racer = subprocess.Popen(['timeout', '5', 'sh', '-c', swap])
        """,
        then=(*(Get("race") for _ in range(20)),),
        done="contained",
    ),
    _of_host(
        name="fetch-pipe",
        tries="have the host fetch a named pipe, which never gives anything",
        code="os.mkfifo('pipe')",
        then=(Get("pipe"),),
    ),
    _of_host(
        name="fetch-socket",
        tries="have the host fetch a socket",
        code="socket.socket(socket.AF_UNIX).bind('sock')",
        then=(Get("sock"),),
    ),
    _of_host(
        name="fetch-growing",
        tries="have the host fetch a file that grows and shrinks meanwhile",
        code="""
        import subprocess
        open('grows', 'wb').write(bytes(20 << 20))
        change = "while true; do truncate -s 30M grows; truncate -s 0 grows; done"
        changer = subprocess.Popen(['timeout', '5', 'sh', '-c', change])
        """,
        then=(*(Get("grows") for _ in range(5)),),
        done="contained",
    ),
    _of_host(
        name="fetch-outside",
        tries="have the host fetch a path outside the workspace",
        code="1",
        then=(Get("../../../etc/passwd"),),
    ),
    _of_host(
        name="write-over-link",
        tries="have the host write through a link to its own file",
        code="os.symlink(host.writable, 'out.txt')",
        then=(Put("out.txt"),),
        done="contained",
    ),
    _of_host(
        name="write-through-linked-folder",
        tries="have the host write into its own folder by a link",
        code="os.symlink(host.folder, 'out')",
        then=(Put("out/new.txt"),),
    ),
    _of_host(
        name="write-over-pipe",
        tries="have the host write into a named pipe that nobody reads",
        code="os.mkfifo('pipe2')",
        then=(Put("pipe2"), Get("pipe2")),
        done="contained",
    ),
    _of_host(
        name="write-outside",
        tries="have the host write to names that lead out of the workspace",
        code="1",
        then=(Put("a/../../out.txt"),),
    ),
    _of_host(
        name="list-odd-files",
        tries="confuse the host's listing by pipes, sockets, links to themselves and names with line ends and escapes",
        code="""
        with contextlib.suppress(OSError): os.mkfifo('pipe')
        os.symlink('loop', 'loop'); os.symlink('/', 'everything')
        socket.socket(socket.AF_UNIX).bind('socket')
        for name in ('line\\nend', 'esc\\x1b]0;title\\x07', '\\udcff', '-rf', 'a' * 255): open(name, 'w').write('x')
        """,
        then=(Do("list"),),
        done="contained",
    ),
    _of_host(
        name="list-deep-folder",
        tries="stop the host's listing by a very deep folder",
        code="""
        top = os.getcwd()
        for _ in range(1100): os.mkdir('d'); os.chdir('d')
        os.chdir(top)
        """,
        then=(Do("list"),),
        done="contained",
    ),
    _of_host(
        name="sparse-file",
        tries="make a file that says it holds a terabyte, and have the host fetch it",
        code="open('sparse', 'wb').truncate(1 << 40)",
        then=(Get("sparse"),),
        done="contained",
    ),
    _of_host(
        name="replace-workspace",
        tries="put a link in the place of the workspace itself",
        code="""
        work = os.getcwd()
        os.rename(work, work + '-old'); os.symlink(host.folder, work)
        """,
        then=(Put("new.txt"), Get("secret.txt")),
        done="contained",
    ),
    _of_host(
        name="start-up-files-at-home",
        tries="leave start-up files at home that the next interpreter would run",
        code="""
        for folder in ('.ipython/profile_default/startup', '.config/python'): os.makedirs(folder, exist_ok=True)
        for name in ('.ipython/profile_default/startup/0.py', 'sitecustomize.py', 'usercustomize.py', '.pythonrc.py'):
            open(name, 'w').write("raise SystemExit('planted')")
        """,
        then=(Do("reset"), Run("import json; assert json.dumps([1]) == '[1]'")),
        done="contained",
    ),
)
