from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cloudlet.cli.couchbase import couchbase
from cloudlet.couchbase import __main__ as process
from cloudlet.couchbase.options import DocumentServerOptions


@pytest.mark.parametrize(
    ("host", "given", "expected"),
    [("127.0.0.1", [], "password"), ("0.0.0.0", [], None), ("0.0.0.0", ["--password", "s"], "s")],
)
def test_beyond_loopback_the_server_alone_has_a_password_of_its_own(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    host: str,
    given: list[str],
    expected: str | None,
) -> None:
    started: list[DocumentServerOptions] = []

    def run(options: DocumentServerOptions, *_: object) -> int:
        started.append(options)
        return 0

    monkeypatch.setattr(process, "run", run)
    monkeypatch.setenv("CLOUDLET_HOST", host)
    monkeypatch.chdir(tmp_path)
    data = tmp_path / "not" / "there"
    for _ in range(2):
        done = CliRunner().invoke(couchbase, ["--data", str(data), *given])
        assert done.exit_code == 0, done.output
    first, second = started
    assert (first.host, first) == (host, second)
    if expected is None:
        assert len(first.password) > 12
        assert first.password in (data / "credentials.json").read_text()
    else:
        assert first.password == expected
