"""The listening sockets of a document server: bound here or inherited, and their ports."""

from __future__ import annotations

import contextlib
import socket

from cloudlet.couchbase.options import DocumentServerOptions, Ports


class Sockets:
    """The three listening sockets, bound before anything else so that their ports are known."""

    def __init__(self, kv: socket.socket, management: socket.socket, query: socket.socket) -> None:
        self.kv = kv
        self.management = management
        self.query = query

    @classmethod
    def bind(cls, options: DocumentServerOptions) -> Sockets:
        """Bind as the options say; `OSError` where a port is taken."""
        with contextlib.ExitStack() as bound:
            sockets = [
                bound.enter_context(_listen(options.host, port))
                for port in (options.kv_port, options.management_port, options.query_port)
            ]
            bound.pop_all()
        return cls(*sockets)

    @classmethod
    def inherit(cls, numbers: tuple[int, int, int]) -> Sockets:
        """The sockets of inherited file descriptors, in the order of the ports."""
        return cls(*(socket.socket(fileno=number) for number in numbers))

    @property
    def all(self) -> tuple[socket.socket, socket.socket, socket.socket]:
        """Key-value, management, query."""
        return self.kv, self.management, self.query

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
