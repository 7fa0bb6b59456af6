"""Couchbase's SDKs for other languages, unmodified, each as a program that tells of its steps."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from couchbase.auth import PasswordAuthenticator
from couchbase.options import ClusterOptions
from tests.clients.builds import built
from tests.clients.documents import DocumentServer
from tests.clients.live import clean_environment

from couchbase.cluster import Cluster

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
    running = DocumentServer(data, "--bucket-names-authenticate", "--tls").start()
    yield running
    assert running.stop() == 0


def run(server: DocumentServer, command: list[str], folder: Path, *, secure: bool = False) -> None:
    """Run a client program; it must say that every step went well."""
    environment = {
        **clean_environment(),
        "CB_CONNECTION": server.secure_address if secure else server.address,
        "CB_USERNAME": "Administrator",
        "CB_PASSWORD": "password",
        "CB_KV_PORT": str(server.ports.kv),
        "CB_MANAGEMENT_PORT": str(server.ports.management),
        "CB_CERTIFICATE": str(server.certificate) if secure else "",
        "CB_KV_TLS_PORT": str(server.ports.kv_tls),
        "CB_MANAGEMENT_TLS_PORT": str(server.ports.management_tls),
    }
    done = subprocess.run(
        command,
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
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
    # The client of 2016 hangs in a handshake of TLS 1.3, which its Java did not have.
    tls = ["-Djdk.tls.client.protocols=TLSv1.2"] if name == "couchbase-java2" else []
    return ["java", *tls, "-cp", "target/classes:target/lib/*", "Main"], folder


def go() -> tuple[list[str], Path]:
    folder = built(HERE / "couchbase-go", ("go",), ("go", "build", "-o", "main", "."))
    return ["./main"], folder


def node(name: str = "couchbase-node") -> tuple[list[str], Path]:
    install = ("npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund")
    folder = built(HERE / name, ("node", "npm"), install)
    return ["node", "main.mjs"], folder


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
@pytest.mark.parametrize("program", [go, node, lambda: java("couchbase-java3")],
                         ids=["go", "node", "java"])  # fmt: skip
def test_every_step(
    server: DocumentServer, program: Callable[[], tuple[list[str], Path]], secure: bool
) -> None:
    run(server, *program(), secure=secure)


@pytest.mark.parametrize("secure", [False, True], ids=["plain", "tls"])
def test_java_of_2016_opens_a_bucket_without_credentials(
    server: DocumentServer, secure: bool
) -> None:
    run(server, *java("couchbase-java2"), secure=secure)


def test_ottoman_finds_changes_and_joins_its_models(server: DocumentServer) -> None:
    run(server, *node("couchbase-ottoman"))


def test_python_over_tls(server: DocumentServer) -> None:
    authenticator = PasswordAuthenticator(
        "Administrator", "password", cert_path=str(server.certificate)
    )
    with contextlib.closing(
        Cluster(server.secure_address, ClusterOptions(authenticator))
    ) as cluster:
        documents = cluster.bucket("default").default_collection()
        documents.upsert("python-tls", {"n": 7})
        rows = cluster.query("SELECT RAW d.n FROM `default` d USE KEYS 'python-tls'").rows()
        assert list(rows) == [7]
        assert [one.name for one in cluster.buckets().get_all_buckets()]
