"""A server with secrets and a hostile function; prints what the function could do, as JSON.

Run by test_isolation.py as a process of its own, so that it can be an ordinary user's.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from cloudlet.compute.environment import EnvironmentSpec, Invocation
from cloudlet.compute.pool import Compute

ATTACK = r"""
import ctypes, json, os, re, socket, subprocess
libc = ctypes.CDLL(None, use_errno=True)
SECRET = re.compile(rb"CLOUDLET-SECRET-[0-9a-f]{32}")

def attempt(work):
    try:
        result = work()
    except BaseException as error:
        return "refused: %s" % (getattr(error, "strerror", None) or type(error).__name__)
    return "done: %r" % (result,)

def call(number, *args):
    if libc.syscall(number, *args) < 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))

def read(path, size=4096):
    with open(path, "rb") as file:
        return file.read(size)

def write(path):
    with open(path, "a") as file:
        file.write("x")

def own(path):
    write(path)
    os.unlink(path)

def connect(address):
    socket.socket(socket.AF_UNIX).connect(address)

def secrets_in_memory(pid):
    found = 0
    with open("/proc/%s/maps" % pid) as maps, open("/proc/%s/mem" % pid, "rb", 0) as memory:
        for line in maps:
            span, rights = line.split()[:2]
            start, end = (int(part, 16) for part in span.split("-"))
            if "r" not in rights or end - start > 1 << 28 or line.rstrip().endswith("[vvar]"):
                continue
            try:
                memory.seek(start)
                found += len(SECRET.findall(memory.read(end - start)))
            except (OSError, OverflowError, ValueError):
                continue
    return found

def enter(path):
    call(308, os.open(path, os.O_RDONLY), 0)

def run(event):
    server = event["server"]
    mount = lambda: call(165, b"x", b"/tmp", b"tmpfs", 0, 0)
    pids = attempt(lambda: sorted(int(name) for name in os.listdir("/proc") if name.isdigit()))
    secrets = 0
    for pid in range(1, 65536) if not event["quick"] else [1, os.getpid(), os.getppid(), server]:
        for name in ("environ", "cmdline"):
            try:
                secrets += len(SECRET.findall(read("/proc/%d/%s" % (pid, name), 1 << 20)))
            except OSError:
                pass
    found = {
        "uid": os.getuid(),
        "pids": pids,
        "secrets in environments": secrets,
        "secrets in own memory": attempt(lambda: secrets_in_memory("self")),
        "shadow": attempt(lambda: read("/etc/shadow")),
        "server memory": attempt(lambda: secrets_in_memory(server)),
        "server environment": attempt(lambda: read("/proc/%d/environ" % server)),
        "parent memory": attempt(lambda: secrets_in_memory(os.getppid() or 999999)),
        "kill server": attempt(lambda: os.kill(server, 0)),
        "other code": attempt(lambda: read(event["other"])),
        "store": attempt(lambda: [n for n in os.listdir("/var/lib/store")] or read("/none")),
        "host tmp": attempt(lambda: read(event["host_file"])),
        "tmp": attempt(lambda: os.listdir("/tmp")),
        "home of root": attempt(lambda: os.listdir("/root")),
        "mount": attempt(mount),
        "umount": attempt(lambda: call(166, b"/tmp", 2)),
        "unshare": attempt(lambda: call(272, 0x10000000)),
        "clone": attempt(lambda: call(56, 0x10000000 | 17, 0, 0, 0, 0)),
        "clone3": attempt(lambda: call(435, 0, 0)),
        "chroot": attempt(lambda: os.chroot("/")),
        "setns": attempt(lambda: enter("/proc/1/ns/mnt")),
        "setuid": attempt(lambda: os.setuid(0)),
        "ptrace": attempt(lambda: call(101, 16, server, 0, 0)),
        "bpf": attempt(lambda: call(321, 0, 0, 0)),
        "keyring": attempt(lambda: call(250, 0, -3, 1)),
        "packet": attempt(lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW)),
        "vsock": attempt(lambda: socket.socket(40, socket.SOCK_STREAM)),
        "write usr": attempt(lambda: write("/usr/x")),
        "write code": attempt(lambda: write(os.environ["LAMBDA_TASK_ROOT"] + "/x")),
        "write etc": attempt(lambda: write("/etc/x")),
        "write root": attempt(lambda: write("/x")),
        "core pattern": attempt(lambda: write("/proc/sys/kernel/core_pattern")),
        "sysrq": attempt(lambda: write("/proc/sysrq-trigger")),
        "sys": attempt(lambda: os.listdir("/sys")[0]),
        "abstract socket": attempt(lambda: connect(event["abstract"])),
        "subprocess": attempt(lambda: subprocess.run(["/bin/echo", "hi"], stdout=-1).stdout),
        "own tmp": attempt(lambda: own(os.environ.get("TMPDIR", "/tmp") + "/mine")),
    }
    return found

# What an import can do: in a template, from the second environment on.
AT_IMPORT, PID = run(dict(json.loads(os.environ["EVENT"]), quick=True)), os.getpid()
"""
PROBE = """
import attack
def handler(event, context):
    if event is None:
        return {"pid": attack.PID, "found": attack.AT_IMPORT}
    return attack.run(event)
"""
OUTLIVE = """
import ctypes, os, time
def handler(event, context):
    for _ in range(10):
        if os.fork() == 0:
            os.setsid()
            if os.fork() == 0:
                ctypes.CDLL(None).prctl(15, event.encode())
                while True:
                    time.sleep(1)
            os._exit(0)
    print("forked")
    time.sleep(60)
"""
GREEDY = """
import time
def handler(event, context):
    held = bytearray(b"x") * (event << 20)
    time.sleep(1)
    return len(held)
"""


class Silent:
    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        pass


async def no_credentials() -> dict[str, str]:
    return {"AWS_SECRET_ACCESS_KEY": "its own"}


def alive(comm: str) -> int:
    count = 0
    for path in Path("/proc").glob("[0-9]*/comm"):
        try:
            count += path.read_text().strip() == comm
        except OSError:
            continue
    return count


async def learned(compute: Compute) -> str:
    """What became of the template."""
    while (s := compute.templates()) and s[0].status == "preparing":  # noqa: ASYNC110
        await asyncio.sleep(0.01)
    return s[0].reason or s[0].status if s else "none"


async def main() -> None:
    namespaces = sys.argv[1] == "namespaces"
    secret = os.environ["SECRET"]
    import socket

    listener = socket.socket(socket.AF_UNIX)
    listener.bind(f"\0cloudlet-redteam-{os.getpid()}")
    listener.listen()
    with tempfile.TemporaryDirectory() as folder, tempfile.NamedTemporaryFile() as host_file:
        host_file.write(secret.encode())
        host_file.flush()
        root = Path(folder)
        root.chmod(0o755)
        for name, source in (("fn", PROBE), ("other", secret), ("out", OUTLIVE), ("mem", GREEDY)):
            (root / "code" / name).mkdir(parents=True)
            (root / "code" / name / "app.py").write_text(source)
        for name, text in (
            ("attack/__init__.py", ATTACK),
            ("attack-1.dist-info/RECORD", "attack/__init__.py,,\nattack-1.dist-info/RECORD,,\n"),
        ):
            (root / "code" / "fn" / name).parent.mkdir()
            (root / "code" / "fn" / name).write_text(text)
        compute = Compute(
            data=root / "data", logs=Silent(), code_root=root / "code", namespaces=namespaces
        )
        await compute.start()

        async def call(name: str, event: Any, timeout_s: float) -> Any:
            spec = EnvironmentSpec(
                key=name, runtime="python3.11", handler="app.handler", code=root / "code" / name,
                layers=(), memory_mb=128, timeout_s=timeout_s, tmp_mb=512,
                variables={"EVENT": json.dumps(hostile)},
                credentials=no_credentials, log_group=name, function_name=name, version="1",
            )  # fmt: skip
            payload = json.dumps(event).encode()
            outcome = await compute.invoke(spec, Invocation("r", "arn", payload, None, ""))
            return json.loads(outcome.payload)

        hostile = {
            "server": os.getpid(), "other": str(root / "code" / "other" / "app.py"),
            "host_file": host_file.name, "quick": not namespaces,
            "abstract": f"\0cloudlet-redteam-{os.getpid()}",
        }  # fmt: skip
        try:
            found = {"level": compute.level().name, "probe": await call("fn", hostile, 20)}
            if namespaces:
                found["template"] = await learned(compute)
                busy = asyncio.ensure_future(call("fn", hostile, 20))
                await asyncio.sleep(0)
                found["import"] = await call("fn", None, 20)
                found["forked probe"] = await call("fn", hostile, 20)
                found["origins"] = [state.origin for state in compute.snapshot()]
                await busy
            comm = f"outlive{os.getpid() % 100000}"
            found["timed out"] = (await call("out", comm, 1.0))["errorType"]
            deadline = time.monotonic() + 3
            while alive(comm) and time.monotonic() < deadline:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            found["outlived"] = alive(comm)
            found["greedy"] = await call("mem", 512, 5)
            found["secret kept"] = secret in os.environ.values()
            print(json.dumps(found))
        finally:
            await compute.stop()


if __name__ == "__main__":
    asyncio.run(main())
