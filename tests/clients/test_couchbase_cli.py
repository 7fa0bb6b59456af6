"""`cloudlet couchbase` and its commands, and a second cloudlet as the remote cluster."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.clients.documents import DocumentServer
from tests.clients.live import clean_environment

pytestmark = [pytest.mark.clients, pytest.mark.xdist_group("couchbase")]


def cloudlet(*arguments: str, cwd: Path, fails: bool = False, **environment: str) -> str:
    done = subprocess.run(
        [sys.executable, "-m", "cloudlet", *arguments],
        cwd=cwd,
        env={**clean_environment(), "XDG_DATA_HOME": str(cwd / "home"), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert bool(done.returncode) is fails, done.stdout + done.stderr
    return done.stderr if fails else done.stdout


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DocumentServer]:
    running = DocumentServer(tmp_path_factory.mktemp("documents")).start()
    yield running
    assert running.stop() == 0


def test_it_serves_alone_and_says_where(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cloudlet", "couchbase", "--port", "0", "--json", "--tls"]
    command += ["--data", str(tmp_path / "data"), "--bucket", "mine"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment()) as process:
        assert process.stdout is not None
        described: dict[str, Any] = json.loads(process.stdout.readline())
        assert described["buckets"] == ["mine"]
        addresses = ["--cluster", described["connection_string"], "--into", "mine"]
        (tmp_path / "one.json").write_text('{"n":1}\n')
        said = cloudlet("couchbase", "import", "one.json", *addresses, cwd=tmp_path)
        assert "1 documents" in said
        addresses[1] = described["secure_connection_string"]
        assert "1 documents" in cloudlet(
            "couchbase", "import", "one.json", *addresses, cwd=tmp_path
        )
        process.terminate()
        assert process.wait(10) == 0


@pytest.mark.parametrize("form", ["lines", "list"])
def test_documents_go_in_and_come_out(server: DocumentServer, tmp_path: Path, form: str) -> None:
    documents = [{"id": n, "kind": {"of": "café"}, "text": "x" * (n % 50)} for n in range(3000)]
    text = "\n".join(map(json.dumps, documents)) if form == "lines" else json.dumps(documents)
    (tmp_path / "in.json").write_text(text)
    cluster = ["--cluster", server.address, "--format", form]
    cloudlet("couchbase", "import", "in.json", *cluster, "--into", "books",
             "--key", f"{form}::%kind.of%-%id%", cwd=tmp_path)  # fmt: skip
    cloudlet("couchbase", "export", "out.json", *cluster, "--from", "books",
             "--include-key", "_key", cwd=tmp_path)  # fmt: skip
    written = (tmp_path / "out.json").read_text()
    found = [json.loads(line) for line in written.splitlines()] if form == "lines" else json.loads(
        written
    )  # fmt: skip
    mine = {one.pop("_key"): one for one in found if one["_key"].startswith(form)}
    assert mine == {f"{form}::café-{one['id']}": one for one in documents}


def test_the_sample_is_loaded_and_can_be_queried(server: DocumentServer, tmp_path: Path) -> None:
    arguments = ["couchbase", "sample", "travel", "--cluster", server.address]
    assert "10620 documents" in cloudlet(*arguments, cwd=tmp_path)
    connected = server.connect()
    inventory = connected.bucket("travel").scope("inventory")
    hotel = inventory.collection("hotel").get("hotel_0").content_as[dict]
    assert hotel["type"] == "hotel"
    rows = inventory.query("SELECT a.faa FROM airport a USE KEYS 'airport_0'").rows()
    assert len(list(rows)) == 1
    connected.close()


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["import", "none.json"], "There is no file"),
        (["import", "bad.json"], "line 2"),
        (["import", "good.json", "--key", "%no%"], "no field no"),
        (["import", "good.json", "--into", "nothing"], "no bucket nothing"),
        (["import", "good.json", "--into", "books.a.b"], "no collection"),
        (["import", "good.json", "--password", "wrong"], "refuses the user"),
        (["import", "good.json", "--format", "csv"], "no format"),
        (["export", "out.json", "--from", "a.b"], "is not a bucket"),
        (["sample", "zoo"], "no sample"),
    ],
)
def test_what_goes_wrong_is_said(
    server: DocumentServer, tmp_path: Path, arguments: list[str], text: str
) -> None:
    (tmp_path / "bad.json").write_text('{"a":1}\n{"b":\n')
    (tmp_path / "good.json").write_text('{"a":1}\n')
    said = cloudlet("couchbase", *arguments, "--cluster", server.address, cwd=tmp_path, fails=True)
    assert text in said


def test_the_demo_runs_on_a_remote_cluster(server: DocumentServer, tmp_path: Path) -> None:
    remote = ["couchbase", "--remote", server.address]
    cloudlet(*remote, "--username", "Administrator", "--password", "password", cwd=tmp_path)
    walked = cloudlet("demo", "--check", cwd=tmp_path)
    assert "Every step holds" in walked
    assert server.address in walked
    connected = server.connect()
    documents = connected.query("SELECT RAW b.title FROM books b WHERE b.title IS NOT MISSING")
    assert "Kindred" in list(documents.rows())
    connected.close()
