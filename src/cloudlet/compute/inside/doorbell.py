"""What AWS_LAMBDA_RUNTIME_API names in environments that have no Runtime API: one port of the
zygote's for all of them. Who connects to it asks for the API; the platform is told, and starts the
version's environments with it from then on. It costs nothing while nobody does.
"""

# For any Python from 3.8 on.
# ruff: noqa: UP031
from __future__ import annotations

import contextlib
import json
import socket
import time
from typing import Any

peers: Any = None

_HELD, _HELD_EACH = 64, 4  # connections that wait for the platform's word
_ANSWERED = 16
_A_SECOND = 10  # looks for who it is, which take milliseconds each
_LATE = json.dumps(
    {
        "errorMessage": "Extension registration closed already",
        "errorType": "Extension.RegistrationClosed",
    }
).encode()


class Doorbell:
    """Listens for the environments of one zygote."""

    def __init__(self) -> None:
        self.listener = socket.socket()
        self.listener.bind(("127.0.0.1", 0))
        self.listener.listen(_HELD)
        self.listener.setblocking(False)
        self.own = self.listener.getsockname()
        self.held: list[tuple[int, socket.socket]] = []
        self.answered: list[socket.socket] = []  # closing them now would take the answer back
        self.second, self.looks = 0, 0

    @property
    def address(self) -> str:
        """As the variable has it."""
        return "%s:%d" % self.own

    def answer(self, children: dict[int, int]) -> int:
        """Take a connection: the number of the environment it comes from, 0 for none of ours."""
        try:
            sock, peer = self.listener.accept()
        except OSError:
            return 0
        second = int(time.monotonic())
        if second != self.second:
            self.second, self.looks = second, 0
        self.looks += 1
        number = 0
        if self.looks <= _A_SECOND and len(self.held) < _HELD:
            number = self._number(peer, children)
        if not number or sum(whose == number for whose, _ in self.held) >= _HELD_EACH:
            sock.close()
            return 0
        self.held.append((number, sock))
        return number

    def _number(self, peer: tuple[str, int], children: dict[int, int]) -> int:
        inode = peers.inode(peer, self.own)
        if inode:
            for pid, number in children.items():
                if any(peers.holds(one, inode) for one in (pid, *peers.descendants(pid))):
                    return number
        return 0

    def refuse(self, number: int) -> None:
        """It is too late for this environment."""
        head = (
            b"HTTP/1.1 403 Forbidden\r\nContent-Type: application/json\r\nConnection: close\r\n"
            b"Content-Length: %d\r\n\r\n" % len(_LATE)
        )
        for whose, sock in self.held:
            if whose == number:
                with contextlib.suppress(OSError):  # it is gone
                    sock.setblocking(False)
                    sock.send(head + _LATE)
                    sock.shutdown(socket.SHUT_WR)
                self.answered.append(sock)
        self.held = [held for held in self.held if held[0] != number]
        while len(self.answered) > _ANSWERED:
            self.answered.pop(0).close()

    def forget(self, number: int) -> None:
        """The environment is gone."""
        for whose, sock in self.held:
            if whose == number:
                sock.close()
        self.held = [held for held in self.held if held[0] != number]
