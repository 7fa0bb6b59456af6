"""The listening sockets of a document server: bound here or inherited, and their ports."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Sequence

from cloudlet.couchbase.options import DocumentServerOptions, Ports


class Sockets:
    """The listening sockets, bound before anything else so that their ports are known.

    Key-value, management, query; then the same for TLS, where that is on.
    """

    def __init__(self, plain: Sequence[socket.socket], tls: Sequence[socket.socket] = ()) -> None:
        self.kv, self.management, self.query = plain
        self.tls = tuple(tls)

    @classmethod
    def bind(cls, options: DocumentServerOptions) -> Sockets:
        """Bind as the options say; `OSError` where a port is taken."""
        ports = [options.kv_port, options.management_port, options.query_port]
        if options.tls:
            ports += [options.kv_tls_port, options.management_tls_port, options.query_tls_port]
        with contextlib.ExitStack() as bound:
            sockets = [bound.enter_context(_listen(options.host, port)) for port in ports]
            bound.pop_all()
        return cls(sockets[:3], sockets[3:])

    @classmethod
    def inherit(cls, numbers: Sequence[int]) -> Sockets:
        """The sockets of inherited file descriptors, in the order of `all`."""
        sockets = [socket.socket(fileno=number) for number in numbers]
        return cls(sockets[:3], sockets[3:])

    @property
    def all(self) -> tuple[socket.socket, ...]:
        """Every socket: three, or six with TLS."""
        return self.kv, self.management, self.query, *self.tls

    @property
    def ports(self) -> Ports:
        """The ports that are bound."""
        return Ports(*(one.getsockname()[1] for one in self.all))

    def close(self) -> None:
        """Stop listening."""
        for one in self.all:
            one.close()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(1024)
        listener.setblocking(False)
    except OSError:
        listener.close()
        raise
    return listener
