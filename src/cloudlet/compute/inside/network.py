"""Makes the network namespace that zygotes enter, and becomes the `pasta` that connects it.

Started as a script; its argument is the number of a SOCK_SEQPACKET socket to the platform, its
first message the configuration (see compute/network.py), with the descriptors of a user and a
network namespace where those shall be connected anew. Answers `{"made": true}` with the
descriptors of both, and `{"ready": true}` once `pasta` serves.

The identity that owns both, root's stand-in or the server's user, is not mapped to 0 in the user
namespace: the kernel's settings of the network would be its own to write.
"""

# Plain os calls and old forms: for any Python from 3.8 on, without the weight of pathlib.
# ruff: noqa: PTH100, PTH101, PTH116, PTH120, PTH123, S103, S606, UP031
from __future__ import annotations

import array
import importlib
import json
import os
import signal
import socket
import stat
import struct
import sys
from typing import Any

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
kernel: Any = importlib.import_module("kernel")

_TUN = "/dev/net/tun"


def offer_tun() -> None:
    """Show this process alone a tun device that identities without rights may open, as most
    distributions show everybody.
    """
    kernel.unshare(kernel.NEWNS)
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    try:
        if os.stat(_TUN).st_mode & 0o006 == 0o006:
            return
        flags = kernel.MS_NOSUID | kernel.MS_NOEXEC
        kernel.mount("tun", os.path.dirname(_TUN), "tmpfs", flags, "size=4k,mode=755")
        os.mknod(_TUN, stat.S_IFCHR | 0o666, os.makedev(10, 200))
        os.chmod(_TUN, 0o666)
    except OSError:  # pasta says then what it misses
        return


def make(spaces: list[int]) -> list[int]:
    """Enter these namespaces, or new ones; the descriptors of both."""
    if spaces:
        kernel.setns(spaces[0], kernel.NEWUSER)
        kernel.setns(spaces[1], kernel.NEWNET)
        return spaces
    uid, gid = os.getuid(), os.getgid()
    kernel.unshare(kernel.NEWUSER | kernel.NEWNET)
    for name, text in (
        ("setgroups", "deny"), ("uid_map", "993 %d 1" % uid), ("gid_map", "990 %d 1" % gid),
    ):  # fmt: skip
        with open("/proc/self/" + name, "w") as file:
            file.write(text)
    return [os.open("/proc/self/ns/" + name, os.O_RDONLY) for name in ("user", "net")]


def keep_local(interface: str, networks: list[str]) -> None:
    """Have packets to `networks` stay here also when a socket is bound to the interface.

    Older versions of pasta take a packet to 127.0.0.1 to the host's own; a socket gets one onto
    the interface by SO_BINDTODEVICE or IP_PKTINFO, for which the route over lo does not count.
    """
    index = socket.if_nametoindex(interface)
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as netlink:
        for network in networks:
            address, _, length = network.partition("/")
            family = socket.AF_INET6 if ":" in address else socket.AF_INET
            packed = socket.inet_pton(family, address)
            # struct rtmsg: to the local table (255), of this host (scope 254), type local (2).
            route = struct.pack("=8BI", family, int(length), 0, 0, 255, 3, 254, 2, 0)
            route += struct.pack("=HH", 4 + len(packed), 1) + packed  # RTA_DST
            route += struct.pack("=HHI", 8, 4, index)  # RTA_OIF
            flags = 0x1 | 0x4 | 0x400 | 0x800  # request, acknowledge, create, append
            netlink.send(struct.pack("=IHHII", 16 + len(route), 24, flags, 1, 0) + route)
            error = -struct.unpack_from("=i", netlink.recv(4096), 16)[0]
            if error and not (family == socket.AF_INET6 and no_ipv6()):
                raise OSError(error, "route of %s: %s" % (network, os.strerror(error)))


def no_ipv6() -> bool:
    """Whether nothing here speaks IPv6."""
    try:
        with open("/proc/self/net/if_inet6") as file:
            return not file.read()
    except OSError:
        return True


def prepare(control: socket.socket, config: dict[str, Any], spaces: list[int], told: int) -> None:
    """The child: makes the namespaces, hands them out, waits for pasta and completes its work."""
    kernel.die_with_parent()
    try:
        made = make(spaces)
        rights = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", made))]
        control.sendmsg([json.dumps({"made": True}).encode()], rights)
        os.write(config["parent"], b"1")
        os.close(config["parent"])
        os.read(told, 64)  # its pid; had it ended, we would too
        keep_local(config["interface"], config["kept"])
        control.send(json.dumps({"ready": True}).encode())
    except Exception as error:
        control.send(json.dumps({"failed": str(error)}).encode())
    os._exit(0)


def has_default_route() -> bool:
    """Whether the host has a way out by IPv4, from which pasta would take its template."""
    try:
        with open("/proc/self/net/route") as file:
            return any(line.split()[1] == "00000000" for line in file.readlines()[1:])
    except (OSError, IndexError):
        return False


def main() -> None:
    """See above; what is left in the end is pasta, in the place of this process."""
    control = socket.socket(fileno=int(sys.argv[1]))
    fds = array.array("i")
    message, ancillary, _, _ = control.recvmsg(65536, socket.CMSG_LEN(2 * fds.itemsize))
    for level, kind, data in ancillary:
        if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
            fds.frombytes(data[: len(data) - len(data) % fds.itemsize])
    config = json.loads(message)
    kernel.die_with_parent()
    if os.geteuid() == 0:
        offer_tun()
        kernel.become(config["uid"], config["gid"])
        kernel.die_with_parent()
    made_read, config["parent"] = os.pipe()
    told_read, told_write = os.pipe()
    child = os.fork()
    if child == 0:
        prepare(control, config, list(fds), told_read)
    os.close(config["parent"])
    if not os.read(made_read, 1):
        os._exit(1)
    template = [] if has_default_route() else config["without_route"]
    where = "/proc/%d/" % child
    named = ["--userns", where + "ns/user", "--netns", where + "ns/net"]
    named += ["-P", where + "fd/%d" % told_write]
    os.set_inheritable(control.fileno(), False)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # some versions refuse to start with it ignored
    os.execv(config["pasta"], [config["pasta"], *config["options"], *template, *named])


main()
