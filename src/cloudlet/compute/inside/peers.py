"""Who is at the other end of a TCP connection over loopback: a process of this environment?

Environments share the machine's network, so any of them can connect to any port of it. The
socket at the other end has an inode number, which the kernel tells (sock_diag), and only a
process that holds a descriptor of it can have connected it.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH115, PTH123, PTH208, UP031
from __future__ import annotations

import os
import socket
import struct

_SOCK_DIAG = 4  # NETLINK_SOCK_DIAG
_BY_FAMILY = 20  # SOCK_DIAG_BY_FAMILY


def inode(peer: tuple[str, int], own: tuple[str, int]) -> int:
    """The inode of the socket whose own address is `peer` and whose peer's is `own`; 0: none."""
    try:
        with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, _SOCK_DIAG) as ask:
            address = struct.pack("!HH", peer[1], own[1])
            address += socket.inet_aton(peer[0]) + bytes(12) + socket.inet_aton(own[0]) + bytes(12)
            address += struct.pack("=III", 0, 0xFFFFFFFF, 0xFFFFFFFF)
            body = struct.pack("=BBBBI", socket.AF_INET, socket.IPPROTO_TCP, 0, 0, 0xFFF) + address
            ask.send(struct.pack("=IHHII", 16 + len(body), _BY_FAMILY, 1, 1, 0) + body)
            answer = ask.recv(4096)
    except OSError:
        return _listed(peer, own)
    kind = struct.unpack_from("=H", answer, 4)[0]
    return (
        int(struct.unpack_from("=I", answer, 84)[0]) if kind == _BY_FAMILY else _listed(peer, own)
    )


def _listed(peer: tuple[str, int], own: tuple[str, int]) -> int:
    """The same from /proc, which takes milliseconds; for kernels without tcp_diag."""
    wanted = [
        "%08X:%04X" % (struct.unpack("=I", socket.inet_aton(host))[0], port)
        for host, port in (peer, own)
    ]
    for name in ("tcp", "tcp6"):
        try:
            with open("/proc/self/net/" + name) as file:
                for line in file:
                    words = line.split()
                    if [words[1][-13:], words[2][-13:]] == wanted:
                        return int(words[9])
        except OSError:
            continue
    return 0


def holds(pid: int, number: int) -> bool:
    """Whether a process has a descriptor of the socket."""
    folder = "/proc/%d/fd" % pid
    target = "socket:[%d]" % number
    try:
        for name in os.listdir(folder):
            try:
                if os.readlink(folder + "/" + name) == target:
                    return True
            except OSError:
                continue
    except OSError:
        return False
    return False


def descendants(of: int = 0) -> list[int]:
    """The pids of all that this process, or `of`, started, directly or not; those adopt orphans."""
    found: list[int] = []
    top = of or os.getpid()
    pending = [top]
    while pending:
        pid = pending.pop()
        try:
            for thread in os.listdir("/proc/%d/task" % pid):
                with open("/proc/%d/task/%s/children" % (pid, thread)) as file:
                    pending += map(int, file.read().split())
        except OSError:
            continue
        if pid != top:
            found.append(pid)
    return found


def is_ours(peer: tuple[str, int], own: tuple[str, int]) -> bool:
    """Whether a process of this environment made the connection."""
    number = inode(peer, own)
    return number != 0 and any(holds(pid, number) for pid in descendants())


def listens(port: int) -> bool:
    """Whether a process of this environment listens on the port of 127.0.0.1."""
    number = inode(("127.0.0.1", port), ("127.0.0.1", 0))
    return number != 0 and any(holds(pid, number) for pid in descendants())
