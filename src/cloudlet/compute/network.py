"""The network of functions: one of their own by `pasta`, shared by all zygotes; else the host's."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import shutil
import socket
import subprocess
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from time import perf_counter
from typing import Any, Literal, NamedTuple

from cloudlet.compute.errors import ComputeError, ComputeStopped, SandboxFailed
from cloudlet.compute.jail import SANDBOX_ID
from cloudlet.compute.names import STAND_IN
from cloudlet.compute.runtimes import own_executable

_logger = logging.getLogger(__name__)
_SCRIPT = Path(__file__).parent / "inside" / "network.py"
_FORWARD = Path(__file__).parent / "inside" / "forward.py"
#: "isolated" refuses to run functions that would share the host's network, "host" has them share
#: it, "auto" isolates where that is possible.
Choice = Literal["auto", "isolated", "host"]
#: A function's variable: the port on which it waits for a debugger on the host.
DEBUG_PORT = "CLOUDLET_DEBUG_PORT"
MISSING = "pasta is not installed (package passt)"
SWITCHED_OFF = "switched off"
_TUN = "/dev/net/tun"
_START_S = 30.0
_RESTARTS, _SETTLED_S, _PAUSE_S = 5, 10.0, 0.1

# As seen by functions: one interface and a gateway that answers nothing. The link-local block is
# that of no network a host may be in.
_INTERFACE, _ADDRESS, _GATEWAY, _PREFIX = "eth0", "169.254.2.2", "169.254.2.1", "24"
# What never leaves through the interface: the host's loopback, and the credentials that clouds
# hand to whoever asks from a machine of theirs.
_KEPT = ("127.0.0.0/8", "::1/128", "169.254.169.254/32", "169.254.170.2/32", "fd00:ec2::254/128")


class Spaces(NamedTuple):
    """Descriptors of the namespaces that a zygote enters: their owner and the network."""

    user: int
    net: int


def _options(ports: Iterable[int]) -> list[str]:
    """How pasta is called, but for the namespaces."""
    opened = ",".join(map(str, sorted(set(ports))))
    return [
        "--foreground", "--quiet", "--config-net", "--no-map-gw", "--no-netns-quit",
        "--no-dhcp", "--no-dhcpv6", "--no-ra",
        "-I", _INTERFACE, "-a", _ADDRESS, "-n", _PREFIX, "-g", _GATEWAY, "-M", "02:00:00:00:00:01",
        "--dns-forward", STAND_IN,
        "-t", "none", "-u", "none", "-U", "none", "-T", opened or "none",
    ]  # fmt: skip


class _Pasta:
    """A process of pasta, from its namespaces' making to its end."""

    def __init__(self, ports: Iterable[int], spaces: Spaces | None = None) -> None:
        pasta = shutil.which("pasta")
        if pasta is None:
            raise SandboxFailed(MISSING)
        self.born = perf_counter()
        self.control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            self.process = subprocess.Popen(
                [own_executable(), "-I", "-S", "-B", os.fspath(_SCRIPT), str(theirs.fileno())],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                env={},
                cwd="/",
                pass_fds=(theirs.fileno(),),
            )
        assert self.process.stderr is not None
        os.set_blocking(self.process.stderr.fileno(), False)
        self.pidfd = -1
        config = {
            "uid": SANDBOX_ID, "gid": SANDBOX_ID, "pasta": pasta, "options": _options(ports),
            "without_route": ["-i", "lo"], "interface": _INTERFACE, "kept": _KEPT,
        }  # fmt: skip
        socket.send_fds(self.control, [json.dumps(config).encode()], spaces or [])

    def receive(self) -> tuple[dict[str, Any], Spaces | None]:
        """Its next message; raises SandboxFailed with what it last complained of."""
        message, fds, _, _ = socket.recv_fds(self.control, 65536, 2)
        body = json.loads(message) if message else {}
        if not body or "failed" in body:
            raise SandboxFailed(f"pasta: {body.get('failed') or self.complaint()}")
        for fd in fds:
            os.set_inheritable(fd, False)
        return body, Spaces(*fds) if fds else None

    def complaint(self) -> str:
        """The last that it had to say; empties its pipe."""
        assert self.process.stderr is not None
        said = (self.process.stderr.read() or b"").decode("utf-8", "replace").splitlines()
        told = [line for line in said if line and "to syslog" not in line]
        return told[-1] if told else "it ended without a word"

    def listen(self, on_message: Callable[[_Pasta], None], on_end: Callable[[], None]) -> None:
        """Have its messages and its end told on the event loop."""
        loop = asyncio.get_running_loop()
        assert self.process.stderr is not None
        self.pidfd = os.pidfd_open(self.process.pid)
        loop.add_reader(self.control.fileno(), on_message, self)
        loop.add_reader(self.pidfd, on_end)

    def settle(self) -> None:
        """It is ready: no more messages, and its warnings are read lest it wait for a reader."""
        loop = asyncio.get_running_loop()
        assert self.process.stderr is not None
        loop.remove_reader(self.control.fileno())
        loop.add_reader(self.process.stderr.fileno(), self._warned)

    def _warned(self) -> None:
        assert self.process.stderr is not None
        said = os.read(self.process.stderr.fileno(), 65536)
        if said:
            _logger.debug("pasta: %s", said.decode("utf-8", "replace").rstrip())
        else:
            asyncio.get_running_loop().remove_reader(self.process.stderr.fileno())

    def ignore(self) -> None:
        """Tell nothing any more."""
        loop = asyncio.get_running_loop()
        assert self.process.stderr is not None
        for fd in (self.control.fileno(), self.process.stderr.fileno(), self.pidfd):
            if fd >= 0:
                loop.remove_reader(fd)

    def close(self) -> None:
        """End it; returns when it is gone."""
        self.control.close()
        self.process.kill()
        self.process.wait()
        assert self.process.stderr is not None
        self.process.stderr.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1


@cache
def refusal() -> str:
    """Why this machine connects no network of functions' own by pasta; "" where it does.

    Tried out, once a process, in some tens of milliseconds.
    """
    if shutil.which("pasta") is None:
        return MISSING
    if os.geteuid() != 0 and not os.access(_TUN, os.R_OK | os.W_OK):
        return f"{_TUN} is not open to this user (mode 0666)"
    pasta = _Pasta(())
    pasta.control.settimeout(_START_S)
    try:
        ready = False
        while not ready:
            body, spaces = pasta.receive()
            _close(spaces or ())
            ready = "ready" in body
    except (SandboxFailed, OSError) as error:
        return str(error)
    finally:
        pasta.close()
    return ""


class Network:
    """The network that zygotes enter, made with the first of them and gone with the last.

    Its methods belong to the event loop. A pasta that dies is replaced, in the same namespaces.
    """

    def __init__(self, wanted: Choice) -> None:
        self.ports: frozenset[int] = frozenset()  # of the host's loopback that functions reach
        self._wanted = wanted
        self._pasta: _Pasta | None = None
        self._spaces: asyncio.Future[Spaces] | None = None
        self._ready: asyncio.Future[None] | None = None
        self._deaths = 0
        self._restart: asyncio.TimerHandle | None = None
        self._forwards: set[asyncio.Task[None]] = set()
        self.refused = ""  # why not, where that is known

    def examine(self) -> str:
        """Why functions share the host's network here; "" where they have one of their own.

        Blocks while it is tried out: for a thread.
        """
        if self.refused:
            return self.refused
        reason = SWITCHED_OFF if self._wanted == "host" else refusal()
        return self.means(reason) if reason else ""

    def means(self, reason: str) -> str:
        """What follows from the reason why there is none."""
        if self._wanted == "isolated":
            return f"{reason}: functions do not run"
        return f"{reason}: functions reach the host's loopback"

    async def join(self) -> Spaces | None:
        """The namespaces for a zygote, as soon as they exist; None for the host's.

        Raises SandboxFailed where the host's is not wanted.
        """
        while not self.refused:
            if self._spaces is None:
                self._start(None)
            spaces = self._spaces
            if spaces is not None:
                with contextlib.suppress(SandboxFailed):
                    made = await asyncio.shield(spaces)
                    if spaces is self._spaces:  # else they were closed again meanwhile
                        return made
        if self._wanted == "isolated":
            raise SandboxFailed(f"no network of functions' own: {self.refused}")
        return None

    async def ready(self) -> bool:
        """Whether the namespaces are connected; waits for that."""
        if self._ready is None:
            return False
        try:
            await asyncio.wait_for(asyncio.shield(self._ready), _START_S)
        except SandboxFailed:
            return False
        except TimeoutError:
            self._give_up("pasta did not start in time")
            return False
        return True

    async def stop(self) -> None:
        """Let go of the network, whose namespaces end with the last process in them."""
        pasta, spaces = self._forget(ComputeStopped("the platform is stopping"))
        for task in list(self._forwards):
            task.cancel()
        if self._forwards:
            await asyncio.gather(*self._forwards, return_exceptions=True)
        if pasta is not None:
            await asyncio.to_thread(pasta.close)
        _close(spaces)

    def forward(self, port: str, pidfd: int) -> None:
        """Bring connections to the host's 127.0.0.1:`port` to the same port of functions' network,
        from when something listens there until the process behind `pidfd` ends.

        Does nothing for what is no unprivileged port's number.
        """
        number = int(port) if port.isdecimal() and len(port) <= 5 else 0
        if not 1024 <= number <= 65535 or self._spaces is None or not self._spaces.done():
            return
        if self._spaces.exception() is not None:
            return
        fds = [os.dup(fd) for fd in (*self._spaces.result(), pidfd)]
        task = asyncio.get_running_loop().create_task(_forward(number, fds))
        self._forwards.add(task)
        task.add_done_callback(self._forwards.discard)

    # --- the process --------------------------------------------------------------------------
    def _start(self, spaces: Spaces | None) -> None:
        """Start pasta in these namespaces, or in new ones."""
        if spaces is None:
            loop = asyncio.get_running_loop()
            self._spaces, self._ready = loop.create_future(), loop.create_future()
            for future in (self._spaces, self._ready):
                future.add_done_callback(_seen)
        try:
            pasta = self._pasta = _Pasta(self.ports, spaces)
        except (SandboxFailed, OSError) as error:
            self._lost(None, str(error))
            return
        pasta.listen(self._on_message, lambda: self._lost(pasta, pasta.complaint()))

    def _on_message(self, pasta: _Pasta) -> None:
        """What the making of the namespaces has to say."""
        assert self._spaces is not None
        assert self._ready is not None
        try:
            body, spaces = pasta.receive()
        except (SandboxFailed, OSError) as error:
            self._lost(pasta, str(error))
            return
        if spaces is not None and not self._spaces.done():
            self._spaces.set_result(spaces)
        elif spaces is not None:  # those it was given
            _close(spaces)
        if "ready" in body:
            pasta.settle()
            if not self._ready.done():
                self._ready.set_result(None)
            elif self._deaths:
                _logger.warning("the functions' network is connected again")

    def _lost(self, pasta: _Pasta | None, reason: str) -> None:
        """Its process ended, or did not come up: again in the same namespaces, if they served."""
        if pasta is not self._pasta or self._ready is None or self._spaces is None:
            return
        if not self._ready.done():
            self._give_up(reason)
            return
        if pasta is not None and perf_counter() - pasta.born > _SETTLED_S:
            self._deaths = 0
        self._deaths += 1
        _logger.warning("pasta ended, functions have no network: %s", reason)
        if pasta is not None:
            pasta.ignore()
            pasta.close()
        self._pasta = None
        if self._deaths <= _RESTARTS:
            pause_s = _PAUSE_S * 2**self._deaths
            loop = asyncio.get_running_loop()
            self._restart = loop.call_later(pause_s, self._start, self._spaces.result())
        else:
            _logger.error("pasta is not started again until the functions' processes have ended")

    def _give_up(self, reason: str) -> None:
        """It cannot be had: from now on zygotes share the host's network, if that may be."""
        self.refused = self.means(reason)
        _logger.warning("functions have no network of their own: %s", reason)
        pasta, made = self._forget(SandboxFailed(reason))
        if pasta is not None:
            pasta.close()
        _close(made)

    def _forget(self, reason: ComputeError) -> tuple[_Pasta | None, tuple[int, ...]]:
        """Be as before the first zygote; what is to be closed. Who waits learns the reason."""
        for future in (self._spaces, self._ready):
            if future is not None and not future.done():
                future.set_exception(reason)
        if self._restart is not None:
            self._restart.cancel()
        pasta, self._pasta = self._pasta, None
        if pasta is not None:
            pasta.ignore()
        spaces, self._spaces, self._ready, self._deaths = self._spaces, None, None, 0
        if spaces is None or not spaces.done() or spaces.exception() is not None:
            return pasta, ()
        return pasta, spaces.result()


def _seen(future: asyncio.Future[Any]) -> None:
    """Somebody knows of the failure, though nobody may wait for it."""
    if not future.cancelled():
        future.exception()


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        os.close(fd)


async def _forward(port: int, fds: list[int]) -> None:
    """Run the process that forwards a port; ends with it."""
    process = await asyncio.create_subprocess_exec(
        own_executable(), "-I", "-S", "-B", os.fspath(_FORWARD),
        str(port), str(SANDBOX_ID), *map(str, fds),
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.DEVNULL, env={}, cwd="/", pass_fds=fds,
    )  # fmt: skip
    _close(fds)
    try:
        await process.wait()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
