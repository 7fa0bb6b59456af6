from __future__ import annotations

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest
from tests.needs import LEVEL, run_as

from cloudlet.compute import network
from cloudlet.compute.errors import SandboxFailed
from cloudlet.compute.names import name_servers

ROOT = Path(__file__).parents[2]
ORDINARY = 64_999  # not nobody: whose processes are counted, of all tests at work
_REFUSED = network.refusal()
needs_pasta = pytest.mark.skipif(bool(_REFUSED), reason=f"no network of functions' own: {_REFUSED}")


def besiege(identity: str, **wanted: Any) -> dict[str, Any]:
    """Run the siege; as nobody where asked for and possible."""
    wanted |= {name: user for name, user in run_as(identity, ORDINARY).items() if name == "user"}
    done = subprocess.run(
        [sys.executable, "-B", "-m", "tests.compute.siege", json.dumps(wanted)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=ROOT, capture_output=True, timeout=60, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr.decode()
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def through(found: dict[str, Any]) -> dict[str, str]:
    return {way: how for way, how in found["tried"].items() if not how.startswith("refused: ")}


@needs_pasta
@pytest.mark.parametrize("runtime", ["python3.11", "nodejs20.x", "java17"])
@pytest.mark.parametrize("identity", ["root", "ordinary user"])
def test_a_function_reaches_the_platforms_ports_and_no_other_of_the_hosts(
    identity: str, runtime: str
) -> None:
    needed = {"nodejs20.x": "node", "java17": "javac"}.get(runtime)
    if needed is not None and shutil.which(needed) is None:
        pytest.skip(f"no {needed}")
    found = besiege(identity, runtime=runtime)
    assert found["network"] == ""
    assert through(found) == {}
    assert found["hits"] == []
    assert set(found["opened"].values()) == {"greetings"}
    assert "eth0" in found["interfaces"]
    assert found["pastas"] == [0, 1, 0]


@needs_pasta
def test_without_a_way_out_the_platform_is_reached_and_names_resolve_by_the_hosts_loopback() -> (
    None
):
    if shutil.which("ip") is None:
        pytest.skip("no ip command")
    found = besiege("root", offline=True)
    assert found["network"] == ""
    assert through(found) == {}
    assert found["hits"] == []
    assert set(found["opened"].values()) == {"greetings"}
    assert found["name"] == "192.0.2.99"


def test_on_the_hosts_network_a_function_reaches_its_loopback_and_the_level_says_so() -> None:
    found = besiege("root" if os.geteuid() == 0 else "ordinary user", network="host")
    reason = "switched off" if LEVEL.namespaces else "no user namespaces"
    assert found["network"] == f"{reason}: functions reach the host's loopback"
    assert {"tcp 127.0.0.1", "udp ::1"} <= {way.strip() for way in through(found)}
    assert "tcp ::1" in found["hits"]
    assert found["pastas"] == [0, 0, 0]


CONNECT = """
import socket
def handler(event, context):
    with socket.create_connection(("127.0.0.1", event), 2) as s:
        return s.recv(20).decode()
"""


def greeter() -> tuple[socket.socket, int]:
    listener = socket.create_server(("127.0.0.1", 0))
    listener.setblocking(False)

    async def greet() -> None:
        loop = asyncio.get_running_loop()
        while True:
            client, _ = await loop.sock_accept(listener)
            with client:
                await loop.sock_sendall(client, b"greetings")

    task = asyncio.get_running_loop().create_task(greet())
    listener_port: int = listener.getsockname()[1]
    _TASKS.add(task)
    return listener, listener_port


_TASKS: set[asyncio.Task[None]] = set()


async def until(condition: Any) -> None:
    async with asyncio.timeout(10):
        while not condition():  # noqa: ASYNC110 - another process does it
            await asyncio.sleep(0.01)


@needs_pasta
async def test_a_pasta_that_dies_is_replaced_under_the_environments(
    make_bench: Any, caplog: pytest.LogCaptureFixture
) -> None:
    bench = await make_bench()
    listener, port = greeter()
    with listener:
        await bench.compute.start([port])
        spec = bench.function(CONNECT)
        assert await bench.call(spec, port) == "greetings"
        own = bench.compute._machine.network
        first = own._pasta
        assert first is not None
        first.process.kill()
        await until(lambda: "connected again" in caplog.text)
        assert await bench.call(spec, port) == "greetings"
        assert len(bench.compute.snapshot()) == 1
        assert "pasta ended, functions have no network" in caplog.text


def connected(bench: Any) -> bool:
    return bench.compute._machine.network._pasta is not None


@needs_pasta
async def test_it_goes_with_the_last_zygote_and_comes_again(make_bench: Any) -> None:
    bench = await make_bench(idle_s=0.1)
    spec = bench.function("def handler(event, context): return event")
    assert not connected(bench)
    assert await bench.call(spec, 1) == 1
    assert connected(bench)
    await until(lambda: not connected(bench))
    assert await bench.call(spec, 2) == 2


@needs_pasta
async def test_a_forwarded_port_leads_from_the_hosts_loopback_to_the_environment(
    make_bench: Any,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    bench = await make_bench(reserve=0)
    spec = bench.function(
        "import socket\n"
        "def handler(event, context):\n"
        "    with socket.create_server(('127.0.0.1', event)) as listener:\n"
        "        client, _ = listener.accept()\n"
        "        with client:\n"
        "            client.sendall(b'from inside')\n"
        "            return client.recv(20).decode()\n",
        variables={network.DEBUG_PORT: str(port)},
    )
    call = asyncio.ensure_future(bench.call(spec, port))
    async with asyncio.timeout(10):
        while True:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                break
            except ConnectionRefusedError:
                await asyncio.sleep(0.02)
    assert await reader.read(20) == b"from inside"
    writer.write(b"from outside")
    assert await call == "from outside"
    writer.close()
    await bench.compute.retire(spec.key)
    await until(lambda: not bench.compute._machine.network._forwards)


@pytest.mark.parametrize("port", ["", "80", "65536", "123456", "five", "-1"])
async def test_what_is_no_unprivileged_port_is_not_forwarded(port: str) -> None:
    own = network.Network("auto")
    own.forward(port, 0)
    assert not own._forwards


@pytest.fixture
def no_pasta(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cloudlet.compute.network.shutil.which", lambda _: None)
    monkeypatch.setattr(network, "refusal", network.refusal.__wrapped__)


@pytest.mark.usefixtures("no_pasta")
async def test_without_pasta_functions_share_the_hosts_network_and_the_level_says_what_to_install(
    make_bench: Any,
) -> None:
    bench = await make_bench()
    assert await bench.call(bench.function("def handler(event, context): return event"), 1) == 1
    level = bench.compute.level()
    reason = "pasta is not installed (package passt)"
    if not LEVEL.namespaces:
        reason = "no user namespaces"
    assert level.lacks("own network") == f"{reason}: functions reach the host's loopback"
    assert "own network" in level.summary.partition("; without ")[2]


@pytest.mark.usefixtures("no_pasta")
async def test_where_isolation_is_demanded_functions_do_not_run_without_it(make_bench: Any) -> None:
    bench = await make_bench(network="isolated")
    with pytest.raises(SandboxFailed, match="no network of functions' own"):
        await bench.call(bench.function("def handler(event, context): return event"), 1)
    assert bench.compute.level().lacks("own network").endswith(": functions do not run")


@needs_pasta
async def test_namespaces_that_cannot_be_made_are_no_network(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench = await make_bench()
    assert bench.compute.level().has("own network")
    monkeypatch.setattr(network, "_SCRIPT", Path("/no/such/script"))
    assert await bench.call(bench.function("def handler(event, context): return event"), 1) == 1
    assert "functions reach the host's loopback" in bench.compute.level().lacks("own network")


@needs_pasta
@pytest.mark.parametrize("wanted", ["auto", "isolated"])
async def test_a_pasta_that_fails_at_the_start_is_no_network(
    make_bench: Any, monkeypatch: pytest.MonkeyPatch, wanted: str
) -> None:
    bench = await make_bench(network=wanted)
    assert bench.compute.level().has("own network")
    monkeypatch.setattr(network, "_options", lambda ports: ["--no-such-option"])
    spec = bench.function("def handler(event, context): return event")
    if wanted == "auto":
        assert await bench.call(spec, 1) == 1
    else:
        with pytest.raises(SandboxFailed, match="no network of functions' own"):
            await bench.call(spec, 1)
    meaning = "functions do not run" if wanted == "isolated" else "reach the host's loopback"
    assert meaning in bench.compute.level().lacks("own network")


KILLED = """
import asyncio, sys
from pathlib import Path
from tests.compute.conftest import Bench
from tests.compute.siege import pastas
async def main():
    bench = Bench(Path(sys.argv[1]), reserve=0)
    await bench.compute.start()
    await bench.call(bench.function("def handler(event, context): return event"), 1)
    print(*pastas(), flush=True)
    await asyncio.sleep(60)
asyncio.run(main())
"""


@needs_pasta
def test_it_ends_with_a_killed_server(tmp_path: Path) -> None:
    server = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path)],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)}, stdout=subprocess.PIPE, cwd=ROOT,
    )  # fmt: skip
    assert server.stdout is not None
    try:
        own = [int(word) for word in server.stdout.readline().split()]
        assert len(own) == 1
    finally:
        server.send_signal(signal.SIGKILL)
        server.wait()
        server.stdout.close()
    deadline = time.monotonic() + 5
    while Path(f"/proc/{own[0]}").exists() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not Path(f"/proc/{own[0]}").exists()


def test_name_servers_on_the_hosts_loopback_are_reached_by_a_stand_in() -> None:
    given = "# made\nnameserver 127.0.0.53\nnameserver ::1\nnameserver 10.0.0.1\nsearch example\n"
    assert name_servers(given) == (
        "# made\nnameserver 169.254.2.3\nnameserver 10.0.0.1\nsearch example\n"
    )
    assert name_servers("") == ""
