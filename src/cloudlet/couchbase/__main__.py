"""`python -m cloudlet.couchbase`: one document server, until SIGTERM or Ctrl-C."""

from __future__ import annotations

import argparse
import asyncio
import ctypes
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec
import uvloop

from cloudlet.couchbase.collector import Collector
from cloudlet.couchbase.options import DocumentServerOptions, Ports
from cloudlet.couchbase.server import DirectoryBusyError, Server
from cloudlet.couchbase.sockets import Sockets
from cloudlet.couchbase.tls import CertificateError

#: A password that is read from the first line of the standard input instead.
_FROM_STDIN: Final = "-"

#: How long a thread may hold the interpreter while another waits for it.
SWITCH_INTERVAL_S: Final = 0.0005

#: Blocks of memory from here on are the system's own.
LARGE_BLOCK_BYTES: Final = 1024 * 1024


def main() -> int:
    """Serve; exit code 0 after a clean stop, 1 where the server cannot start."""
    arguments = _arguments()
    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(levelname)s %(name)s: %(message)s"
    )
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    if arguments.die_with_parent:
        _die_with_parent(arguments.die_with_parent)
    if arguments.password == _FROM_STDIN:
        arguments.password = sys.stdin.readline().rstrip("\n")
    options = DocumentServerOptions(
        data=arguments.data,
        host=arguments.host,
        kv_port=arguments.kv_port,
        management_port=arguments.management_port,
        query_port=arguments.query_port,
        username=arguments.username,
        password=arguments.password,
        buckets=tuple(arguments.bucket or ("default",)),
        acknowledge=arguments.acknowledge,
        cache_mb=arguments.cache_mb,
        bucket_names_authenticate=arguments.bucket_names_authenticate,
        tls=arguments.tls,
        kv_tls_port=arguments.kv_tls_port,
        management_tls_port=arguments.management_tls_port,
        query_tls_port=arguments.query_tls_port,
        tls_certificate=arguments.tls_certificate,
        tls_key=arguments.tls_key,
    )
    return run(options, arguments.listen_fds, _as_json if arguments.json else _as_text)


def run(
    options: DocumentServerOptions,
    inherited: str | None,
    describe: Callable[[DocumentServerOptions, Ports], str],
) -> int:
    """Serve in this process until a signal; the exit status.

    When it serves, what `describe` makes of its ports is printed as one line.
    """
    _allow_connections()
    _give_back_memory()
    # The writer thread may keep the loop waiting for half a millisecond, not for five.
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    Collector().install()
    try:
        uvloop.run(_serve(options, inherited, describe))
    except (OSError, ValueError, DirectoryBusyError, CertificateError) as error:
        print(f"the document server cannot start: {error}", file=sys.stderr)  # noqa: T201
        return 1
    return 0


def _arguments() -> argparse.Namespace:
    defaults = DocumentServerOptions(data=Path())
    parser = argparse.ArgumentParser(prog="python -m cloudlet.couchbase")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--host", default=defaults.host)
    parser.add_argument("--kv-port", type=int, default=defaults.kv_port)
    parser.add_argument("--management-port", type=int, default=defaults.management_port)
    parser.add_argument("--query-port", type=int, default=defaults.query_port)
    parser.add_argument("--username", default=defaults.username)
    parser.add_argument(
        "--password", default=defaults.password, help="'-' reads it from the first line of stdin"
    )
    parser.add_argument("--bucket", action="append", help="a bucket to create; may be repeated")
    parser.add_argument(
        "--acknowledge", choices=("persisted", "memory"), default=defaults.acknowledge
    )
    parser.add_argument("--cache-mb", type=int, default=defaults.cache_mb)
    parser.add_argument("--bucket-names-authenticate", action="store_true")
    parser.add_argument("--tls", action="store_true", help="serve TLS too")
    parser.add_argument("--kv-tls-port", type=int, default=defaults.kv_tls_port)
    parser.add_argument("--management-tls-port", type=int, default=defaults.management_tls_port)
    parser.add_argument("--query-tls-port", type=int, default=defaults.query_tls_port)
    parser.add_argument("--tls-certificate", type=Path, help="PEM; else a self-signed one is made")
    parser.add_argument("--tls-key", type=Path, help="PEM")
    parser.add_argument("--json", action="store_true", help="print the ports as JSON when ready")
    parser.add_argument("--listen-fds", help="inherited sockets, those for TLS last")
    parser.add_argument("--die-with-parent", type=int, metavar="PID")
    return parser.parse_args()


def _as_json(options: DocumentServerOptions, ports: Ports) -> str:
    del options
    return msgspec.json.encode(ports).decode()


def _as_text(options: DocumentServerOptions, ports: Ports) -> str:
    return f"document server ready on {options.host}: {ports}"


async def _serve(
    options: DocumentServerOptions,
    inherited: str | None,
    describe: Callable[[DocumentServerOptions, Ports], str],
) -> None:
    if inherited:
        sockets = Sockets.inherit([int(number) for number in inherited.split(",")])
    else:
        sockets = Sockets.bind(options)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = Server(options, sockets)
    await server.start()
    print(describe(options, sockets.ports), flush=True)  # noqa: T201
    await stop.wait()
    await server.stop()


def _allow_connections() -> None:
    """Raise the soft limit of open files to the hard one: a connection is a file."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _give_back_memory() -> None:
    """Have large blocks go back to the system when they are freed, where the allocator is glibc's.

    It would keep them in its heap after the first, which a few documents of 20 MB then break up.
    """
    m_mmap_threshold = -3
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(m_mmap_threshold, LARGE_BLOCK_BYTES)


def _die_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM when the parent process ends; leave at once if it has."""
    set_pdeathsig = 1
    ctypes.CDLL(None, use_errno=True).prctl(set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        raise SystemExit(0)


if __name__ == "__main__":
    sys.exit(main())
