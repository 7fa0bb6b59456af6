"""Forwards a port of the host's loopback into functions' network, for a debugger.

Started as a script with a port, the identity that owns the network (taken when started by root),
and the numbers of three descriptors: the user and the network namespace, and a pidfd. Listens on
the host's 127.0.0.1 from when something in the network listens on the port there; ends with the
process behind the pidfd, or with the platform.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH100, PTH120, PTH123, UP031
from __future__ import annotations

import contextlib
import importlib
import os
import select
import socket
import sys
import threading
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
kernel: Any = importlib.import_module("kernel")

_LISTENING = "0A"
_LOOK_MS = 50


def listens(port: int) -> bool:
    """Whether something in this network listens on the port."""
    wanted = ":%04X" % port
    for name in ("tcp", "tcp6"):
        try:
            with open("/proc/self/net/" + name) as file:
                words = [line.split() for line in file]
        except OSError:
            continue
        if any(line[1].endswith(wanted) and line[3] == _LISTENING for line in words):
            return True
    return False


def copy(source: socket.socket, target: socket.socket) -> None:
    """One direction of a connection, to its end."""
    with contextlib.suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    with contextlib.suppress(OSError):
        target.shutdown(socket.SHUT_WR)


def relay(client: socket.socket, port: int) -> None:
    """A connection of the host's to the port here."""
    with client:
        try:
            inner = socket.create_connection(("127.0.0.1", port), 10)
        except OSError:
            return
        with inner:
            inner.settimeout(None)
            back = threading.Thread(target=copy, args=(inner, client), daemon=True)
            back.start()
            copy(client, inner)
            back.join()


def main() -> None:
    """See above."""
    port, owner, user, net, process = (int(word) for word in sys.argv[1:])
    kernel.die_with_parent()
    if os.geteuid() == 0:
        kernel.become(owner, owner)
        kernel.die_with_parent()
    listener = socket.socket()  # of the host's network, also after the next line
    kernel.setns(user, kernel.NEWUSER)
    kernel.setns(net, kernel.NEWNET)
    ends = select.poll()
    ends.register(process, select.POLLIN)
    while not listens(port):
        if ends.poll(_LOOK_MS):
            return
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind(("127.0.0.1", port))
    listener.listen(8)
    ends.register(listener, select.POLLIN)
    while True:
        if any(fd == process for fd, _ in ends.poll()):
            return
        client, _ = listener.accept()
        threading.Thread(target=relay, args=(client, port), daemon=True).start()


main()
