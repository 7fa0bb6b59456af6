"""Couchbase's SDKs for other languages, unmodified, each as a program that tells of its steps."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.clients.builds import built
from tests.clients.documents import DocumentServer
from tests.clients.live import clean_environment

pytestmark = [
    pytest.mark.clients,
    pytest.mark.xdist_group("couchbase"),
    # The first run on a machine builds the programs.
    pytest.mark.timeout(900),
]

HERE = Path(__file__).parent


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentServer]:
    data = tmp_path_factory.mktemp("documents")
    running = DocumentServer(data, "--bucket-names-authenticate").start()
    yield running
    assert running.stop() == 0


def run(server: DocumentServer, command: list[str], folder: Path, address: str = "") -> None:
    """Run a client program; it must say that every step went well."""
    environment = {
        **clean_environment(),
        "CB_CONNECTION": address or server.address,
        "CB_USERNAME": "Administrator",
        "CB_PASSWORD": "password",
        "CB_KV_PORT": str(server.ports.kv),
        "CB_MANAGEMENT_PORT": str(server.ports.management),
    }
    done = subprocess.run(
        command, cwd=folder, env=environment, capture_output=True, text=True, timeout=60
    )
    steps = [line for line in done.stdout.splitlines() if line.startswith(("ok ", "fail ", "done"))]
    failures = [line for line in steps if line.startswith("fail ")]
    assert not failures, "\n".join(failures)
    assert steps[-1:] == ["done"], f"{done.returncode}: {done.stdout}\n{done.stderr}"


def java(name: str) -> tuple[list[str], Path]:
    folder = built(
        HERE / name,
        ("java", "javac", "mvn"),
        ("mvn", "-q", "-B", "compile", "dependency:copy-dependencies",
         "-DoutputDirectory=target/lib"),
    )  # fmt: skip
    return ["java", "-cp", "target/classes:target/lib/*", "Main"], folder


def go() -> tuple[list[str], Path]:
    folder = built(HERE / "couchbase-go", ("go",), ("go", "build", "-o", "main", "."))
    return ["./main"], folder


def node() -> tuple[list[str], Path]:
    install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    folder = built(HERE / "couchbase-node", ("node", "npm"), install)
    return ["node", "main.mjs"], folder


def test_go(server: DocumentServer) -> None:
    run(server, *go())


def test_node(server: DocumentServer) -> None:
    run(server, *node())


def test_java(server: DocumentServer) -> None:
    run(server, *java("couchbase-java3"))


def test_java_of_2016_opens_a_bucket_without_credentials(server: DocumentServer) -> None:
    run(server, *java("couchbase-java2"))
