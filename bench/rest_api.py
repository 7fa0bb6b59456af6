"""Warm invocations: a REST API to a Python function and back, beside the Invoke API, the same
handler behind a bare uvicorn (the limit), and other local clouds.
"""

from __future__ import annotations

import contextlib
import tempfile
from pathlib import Path
from typing import Any

from bench import load, peers
from bench.application import ECHO, deploy, get
from tests.clients.live import Live

from cloudlet import compiled

SECONDS = 5.6
CONNECTIONS = (1, 8, 64)
#: Rounds: each measures every contestant in turn; the median round counts.
ROUNDS = 7
OWN = "REST API -> function"
Contestant = tuple[str, int, bytes]


def invoke_request(live: Live) -> bytes:
    """A signed Invoke request, ready to be sent again and again."""
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    path = "/2015-03-31/functions/bench/invocations"
    request: Any = AWSRequest(method="POST", url=f"{live.endpoint}{path}", data=b"{}")
    request.headers["Host"] = live.endpoint.partition("://")[2]
    keys = Credentials(live.describe["access_key_id"], live.describe["secret_access_key"])
    SigV4Auth(keys, "lambda", "us-east-1").add_auth(request)
    headers = "".join(f"{name}: {value}\r\n" for name, value in request.headers.items())
    return f"POST {path} HTTP/1.1\r\n{headers}Content-Length: 2\r\n\r\n{{}}".encode()


def an_event(live: Live) -> bytes:
    """The event that a function gets for the benchmark's request."""
    import urllib3

    api = deploy(live.client, ECHO, "echo")
    host = f"{api}.execute-api.localhost:{live.port}"
    headers = {"Host": host, "User-Agent": "bench"}
    return urllib3.request("GET", f"{live.endpoint}/prod/", headers=headers).data


def rest_api(live: Live) -> Contestant:
    """A function behind a REST API of a server."""
    api = deploy(live.client)
    request = get(f"{api}.execute-api.localhost", live.port, "/prod/")
    return OWN, live.port, request


def contestants(stack: contextlib.ExitStack, folder: Path) -> list[Contestant]:
    """Everything that can be had here, started and warm."""
    live = Live(folder / "data").start()
    stack.callback(live.stop)
    found: list[Contestant] = [rest_api(live), ("Invoke API", live.port, invoke_request(live))]
    if compiled.is_installed():
        other = Live(folder / "interpreted").start(**{compiled.SWITCH: "1"})
        stack.callback(other.stop)
        found.append(("the same, interpreted", *rest_api(other)[1:]))
    bare = peers.bare_uvicorn(folder, an_event(live))
    found.append(("handler in uvicorn", *stack.enter_context(bare)))
    for name, peer in (
        ("serverless-offline", peers.serverless_offline),
        ("ministack", peers.ministack),
    ):
        try:
            found.append((name, *stack.enter_context(peer(folder / name))))
        except peers.Unavailable as reason:
            print(f"{name}: skipped, {reason}")
    return found


def measure(found: list[Contestant], connections: int) -> dict[str, load.Figures]:
    """The median round of each contestant."""
    rounds: dict[str, list[load.Figures]] = {name: [] for name, _, _ in found}
    for _ in range(ROUNDS):
        for name, port, request in found:
            with contextlib.suppress(AssertionError, ConnectionError):
                load.run("127.0.0.1", port, request, connections=connections, seconds=0.5)
                rounds[name].append(
                    load.run(
                        "127.0.0.1", port, request,
                        connections=connections, seconds=SECONDS / ROUNDS,
                    )
                )  # fmt: skip
    return {
        name: sorted(done, key=lambda figures: figures.per_second)[len(done) // 2]
        for name, done in rounds.items()
        if done
    }


def compare(title: str, rates: dict[str, float]) -> None:
    """Print how many times as fast as the others ours is."""
    ratios = ", ".join(
        f"{rates[OWN] / rate:.2f} x {name}" for name, rate in rates.items() if name != OWN
    )
    print(f"{title:<22}REST API is {ratios}; {load.pressure()}, {ROUNDS} rounds\n", flush=True)


def main() -> None:
    """Deploy, measure, compare, stop."""
    best: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="cloudlet-bench-") as name, contextlib.ExitStack() as s:
        found = contestants(s, Path(name))
        for connections in CONNECTIONS:
            medians = measure(found, connections)
            for contestant, _, _ in found:
                figures = medians.get(contestant, "failed")
                print(f"{contestant:<22}{figures}")
            rates = {name: figures.per_second for name, figures in medians.items()}
            compare("", rates)
            best = {name: max(rate, best.get(name, 0.0)) for name, rate in rates.items()}
        compare("each at its best", best)


if __name__ == "__main__":
    main()
