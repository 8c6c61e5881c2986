"""What code in a box may reach: the policies, and the proxy through which it reaches it.

`policy` is all that a caller needs. Unless it is `open`, a session has nothing but a loopback of its own; under
`packages` and `Allow` its trusted first process makes a listening socket there and hands it to the host, which accepts
on it. So there is neither a process nor a route in the box that could be abused, and nothing here needs root.

    policy    the words and `Allow`                   rules      which host, port and address is let through
    plan      what a policy means for one session     indexes    pip's own configuration, read on the host
    egress    the listening socket, for one session   proxy      one connection: CONNECT, or plain http
    traffic   the record of every request             peers      HTTP/1.1 on a stream
"""

from codeact.sandbox.network.policy import Allow, NetworkPolicy, network_policy

__all__ = ["Allow", "NetworkPolicy", "network_policy"]
