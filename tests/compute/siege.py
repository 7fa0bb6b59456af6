"""A host with services on its loopback, and a function that tries every way to them.

Run as a script, alone in its process; its argument is a JSON object: `user` to leave root before
anything is started, `offline` for a network without any interface but lo, with a name server on
127.0.0.53 and a cloud's metadata service, `network` as the setting is called, `runtime`. Prints
what the function reached, as it says and as the services saw it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
from pathlib import Path
from typing import Any

from tests.compute.conftest import Bench

from cloudlet.compute.environment import EnvironmentSpec
from cloudlet.compute.inside import kernel

METADATA = "169.254.169.254"  # where clouds hand out a machine's credentials
PYTHON = r"""
import concurrent.futures, os, socket, struct

TO_DEVICE, UNICAST_IF, PKTINFO, PKTINFO6 = 25, 50, 8, 50

def attempt(work):
    try:
        return work()
    except Exception as error:
        return "refused: %r" % error

def tcp(family, host, port, device=""):
    with socket.socket(family) as s:
        s.settimeout(0.5)
        if device:
            s.setsockopt(socket.SOL_SOCKET, TO_DEVICE, device.encode() + b"\0")
        s.connect((host, port))
        return s.recv(20).decode()

def udp(family, host, port, device="", index=0, option=None):
    with socket.socket(family, socket.SOCK_DGRAM) as s:
        s.settimeout(0.2)
        if device:
            s.setsockopt(socket.SOL_SOCKET, TO_DEVICE, device.encode() + b"\0")
        if option:
            s.setsockopt(*option)
        extra = []
        if index and family == socket.AF_INET:
            extra = [(socket.IPPROTO_IP, PKTINFO, struct.pack("=I8x", index))]
        elif index:
            extra = [(socket.IPPROTO_IPV6, PKTINFO6, struct.pack("=16xI", index))]
        s.sendmsg([b"?"], extra, 0, (host, port))
        return s.recv(20).decode()

def abstract(name):
    with socket.socket(socket.AF_UNIX) as s:
        s.connect("\0" + name)
        return "connected"

def write(path, text):
    with open(path, "w") as file:
        file.write(text)
    return "written"

def ways(port, gateways):
    v4, v6 = socket.AF_INET, socket.AF_INET6
    for index, name in [(0, ""), *socket.if_nameindex()]:
        for host in ("127.0.0.1", "127.0.0.2", "0.0.0.0", "127.255.255.254", *gateways):
            yield ("tcp", host, name), tcp, (v4, host, port, name)
            yield ("udp", host, name), udp, (v4, host, port, name)
            if index:
                chosen = (socket.IPPROTO_IP, UNICAST_IF, struct.pack("!I", index))
                yield ("pktinfo", host, name), udp, (v4, host, port, "", index)
                yield ("unicast_if", host, name), udp, (v4, host, port, "", 0, chosen)
        for host in ("::1", "::", "::ffff:127.0.0.1"):
            yield ("tcp", host, name), tcp, (v6, host, port, name)
            yield ("udp", host, name), udp, (v6, host, port, name)
            if index:
                yield ("pktinfo", host, name), udp, (v6, host, port, "", index)

def handler(event, context):
    names = [name for _, name in socket.if_nameindex()]
    found = {}
    with concurrent.futures.ThreadPoolExecutor(16) as several:
        for key, how, where in ways(event["port"], event["gateways"]):
            found["%s %s %s" % key] = several.submit(attempt, lambda h=how, w=where: h(*w))
    found = {key: future.result() for key, future in found.items()}
    found["abstract"] = attempt(lambda: abstract(event["abstract"]))
    for setting in ("ipv4/ip_forward", "ipv4/conf/all/route_localnet", "ipv6/conf/all/forwarding"):
        found[setting] = attempt(lambda: write("/proc/sys/net/" + setting, "1"))
    found["raw"] = attempt(lambda: socket.socket(socket.AF_INET, socket.SOCK_RAW, 6) and "raw")
    found["packet"] = attempt(lambda: socket.socket(17, socket.SOCK_RAW) and "packet")
    open_ports = {}
    for host in ("127.0.0.1", "localhost"):
        for opened in event["opened"]:
            open_ports["%s %d" % (host, opened)] = attempt(
                lambda: socket.create_connection((host, opened), 2).recv(20).decode())
    name = attempt(lambda: socket.gethostbyname("books.example")) if event["names"] else ""
    return {"tried": found, "opened": open_ports, "interfaces": names, "name": name}
"""
NODE = r"""
const net = require('node:net');
const reach = (host, port) => new Promise((resolve) => {
  const socket = net.connect({ host, port, timeout: 500 });
  socket.on('data', (data) => { resolve(data.toString()); socket.destroy(); });
  socket.on('timeout', () => { resolve('refused: time'); socket.destroy(); });
  socket.on('error', (error) => resolve('refused: ' + error.code));
});
exports.handler = async (event) => {
  const tried = {}, opened = {};
  for (const host of ['127.0.0.1', '127.0.0.2', '::1', ...event.gateways])
    tried['tcp ' + host] = await reach(host, event.port);
  for (const port of event.opened) opened['127.0.0.1 ' + port] = await reach('127.0.0.1', port);
  return { tried, opened, interfaces: Object.keys(require('os').networkInterfaces()), name: '' };
};
"""


JAVA = r"""
import java.io.InputStream;
import java.net.*;
import java.util.*;

public class Reach {
    static String reach(String host, int port) {
        try (Socket socket = new Socket()) {
            socket.setSoTimeout(500);
            socket.connect(new InetSocketAddress(host, port), 500);
            byte[] found = new byte[20];
            return new String(found, 0, socket.getInputStream().read(found));
        } catch (Exception e) {
            return "refused: " + e;
        }
    }
    public Map<String, Object> handle(Map<String, Object> event) throws Exception {
        Map<String, String> tried = new TreeMap<>(), opened = new TreeMap<>();
        int port = ((Number) event.get("port")).intValue();
        for (String host : new String[] {"127.0.0.1", "127.0.0.2", "::1", "169.254.2.1"})
            tried.put("tcp " + host, reach(host, port));
        for (Object one : (List<?>) event.get("opened"))
            opened.put("127.0.0.1 " + one, reach("127.0.0.1", ((Number) one).intValue()));
        List<String> names = new ArrayList<>();
        for (NetworkInterface one : Collections.list(NetworkInterface.getNetworkInterfaces()))
            names.add(one.getName());
        Map<String, Object> all = new TreeMap<>();
        all.put("tried", tried); all.put("opened", opened);
        all.put("interfaces", names); all.put("name", "");
        return all;
    }
}
"""


class Host:
    """Services on loopback that note who got through."""

    def __init__(self) -> None:
        self.hits: list[str] = []
        self.abstract = f"cloudlet-siege-{os.getpid()}"
        self._open: list[socket.socket] = []

    def tcp(self, host: str, port: int = 0) -> int:
        """A service that greets; its port."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        listener = socket.create_server((host, port), family=family)
        self._open.append(listener)
        found: int = listener.getsockname()[1]
        self._serve(self._greet, listener, f"tcp {host}")
        return found

    def _greet(self, listener: socket.socket, name: str) -> None:
        client, _ = listener.accept()
        with client:
            self.hits.append(name)
            client.sendall(b"greetings")

    def udp(self, host: str, port: int) -> None:
        """The same by datagrams."""
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        bound = socket.socket(family, socket.SOCK_DGRAM)
        bound.bind((host, port))
        self._open.append(bound)
        self._serve(self._echo, bound, f"udp {host}")

    def _echo(self, bound: socket.socket, name: str) -> None:
        _, peer = bound.recvfrom(100)
        self.hits.append(name)
        bound.sendto(b"greetings", peer)

    def names(self) -> None:
        """A name server on 127.0.0.53 that knows every name as 192.0.2.99."""
        bound = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        bound.bind(("127.0.0.53", 53))
        self._open.append(bound)
        self._serve(self._resolve, bound, "")

    def _resolve(self, bound: socket.socket, _: str) -> None:
        question, peer = bound.recvfrom(512)
        name = question[12 : question.index(b"\0", 12) + 5]
        wanted = struct.unpack("!H", name[-4:-2])[0] == 1
        answer = question[:2] + struct.pack("!HHHHH", 0x8180, 1, int(wanted), 0, 0) + name
        if wanted:
            answer += struct.pack("!HHHIH", 0xC00C, 1, 1, 60, 4) + bytes((192, 0, 2, 99))
        bound.sendto(answer, peer)

    def unix(self) -> None:
        """An abstract socket."""
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(f"\0{self.abstract}")
        listener.listen()
        self._open.append(listener)

    @staticmethod
    def _serve(work: Any, bound: socket.socket, name: str) -> None:
        def loop() -> None:
            while True:
                work(bound, name)

        threading.Thread(target=loop, daemon=True).start()


def enter(wanted: dict[str, Any]) -> None:
    """Become who and be where the test wants."""
    if os.geteuid() != 0 or not wanted.keys() & {"offline", "user"}:
        return
    kernel.unshare(kernel.NEWNS | (kernel.NEWNET if wanted.get("offline") else 0))
    kernel.mount("none", "/", flags=kernel.MS_REC | kernel.MS_PRIVATE)
    if wanted.get("offline"):
        for command in ("link set lo up", f"addr add {METADATA}/32 dev lo"):
            subprocess.run(["ip", *command.split()], check=True)
        with tempfile.NamedTemporaryFile("w") as file:
            file.write("nameserver 127.0.0.53\n")
            file.flush()
            Path(file.name).chmod(0o644)
            kernel.mount(file.name, "/etc/resolv.conf", flags=kernel.MS_BIND)
    if wanted.get("user"):
        kernel.mount("tun", "/dev/net", "tmpfs", 0, "mode=755")
        os.mknod("/dev/net/tun", stat.S_IFCHR | 0o666, os.makedev(10, 200))
        Path("/dev/net/tun").chmod(0o666)  # as distributions have it
        kernel.become(wanted["user"], wanted["user"])


def pastas() -> list[int]:
    """The processes of pasta below this one."""
    found, pending = [], [os.getpid()]
    while pending:
        for path in Path(f"/proc/{pending.pop()}/task").glob("*/children"):
            below = [int(word) for word in path.read_text().split()]
            pending += below
            found += [
                p for p in below if Path(f"/proc/{p}/comm").read_text()[:5] in ("pasta", "passt")
            ]
    return found


def function(bench: Bench, runtime: str) -> EnvironmentSpec:
    """The besieging function in this runtime's language."""
    values: dict[str, Any] = {"runtime": runtime, "timeout_s": 50.0, "memory_mb": 512}
    if not runtime.startswith("java"):
        return bench.function(NODE if runtime.startswith("nodejs") else PYTHON, **values)
    spec = bench.function(JAVA, file="Reach.java", handler="Reach::handle", **values)
    command = ["javac", "-nowarn", "--release", "8", os.fspath(spec.code / "Reach.java")]
    subprocess.run(command, check=True, capture_output=True)
    return spec


async def main(wanted: dict[str, Any]) -> dict[str, Any]:
    """The siege."""
    host = Host()
    port = host.tcp("127.0.0.1")
    host.tcp("::1", port)
    for address in ("127.0.0.1", "::1"):
        host.udp(address, port)
    host.unix()
    if wanted.get("offline"):
        host.names()
        host.tcp(METADATA, port)
    opened = [Host().tcp("127.0.0.1") for _ in range(2)]
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        bench = Bench(Path(folder), network=wanted.get("network", "auto"), reserve=0)
        await bench.compute.start(opened)
        before = pastas()
        outcome = await bench.invoke(
            function(bench, wanted.get("runtime", "python3.11")),
            {
                "port": port, "opened": opened, "abstract": host.abstract,
                "gateways": ["169.254.2.1", "169.254.2.3", METADATA],
                "names": bool(wanted.get("offline")),
            },
        )  # fmt: skip
        during = pastas()
        await bench.compute.stop()
        return {
            **json.loads(outcome.payload),
            "hits": sorted(set(host.hits)),
            "pastas": [len(before), len(during), len(pastas())],
            "network": bench.compute.level().lacks("own network"),
        }


if __name__ == "__main__":
    arguments = json.loads(sys.argv[1])
    enter(arguments)
    print(json.dumps(asyncio.run(main(arguments))))
