"""The sample deployed by hand with the AWS CLI, as its documentation tells people to."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from tests.clients.books import Books
from tests.clients.live import Live

from cloudlet.cli import build
from cloudlet.cli.demo import SAMPLE

pytestmark = [pytest.mark.clients, pytest.mark.timeout(240)]

AWS = Path(sys.executable).with_name("aws")
Cli = Callable[..., str]


@pytest.fixture
def aws(server: Live, tmp_path: Path) -> Cli:
    """Run the AWS CLI against the server; its standard output."""
    environment = {**server.environment(), "HOME": str(tmp_path)}

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [sys.executable, str(AWS), *arguments],
            env=environment,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"aws {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        return done.stdout

    return run


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """A copy of the sample whose functions are built, as `pip install -t` would."""
    shutil.copytree(SAMPLE, tmp_path / "books")
    built = build.build(tmp_path / "books" / "src", "python3.11")
    shutil.rmtree(tmp_path / "books" / "src")
    shutil.move(built, tmp_path / "books" / "src")
    return tmp_path / "books"


def test_the_samples_deployment_by_hand(server: Live, aws: Cli, sample: Path) -> None:
    aws("s3", "mb", "s3://by-hand-artifacts")
    aws("cloudformation", "package", "--template-file", str(sample / "template.yml"),
        "--s3-bucket", "by-hand-artifacts", "--output-template-file", "packaged.yml")  # fmt: skip
    couchbase = server.couchbase["connection_string"]
    aws("cloudformation", "deploy", "--template-file", "packaged.yml", "--stack-name", "by-hand",
        "--capabilities", "CAPABILITY_IAM", "--parameter-overrides",
        f"CouchbaseConnectionString={couchbase}", "CouchbaseBucket=default")  # fmt: skip
    described = json.loads(aws("cloudformation", "describe-stacks", "--stack-name", "by-hand"))
    stack = described["Stacks"][0]
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    outputs = {o["OutputKey"]: o["OutputValue"] for o in stack["Outputs"]}
    books = _use_the_site(server, aws, sample, outputs)
    key = books.create("By hand")
    assert key in {book["id"] for book in books.list()}
    _find_the_log(aws, key)
    _delete(server, aws, books)


def _use_the_site(server: Live, aws: Cli, sample: Path, outputs: dict[str, str]) -> Books:
    api_id = outputs["ApiUrl"].partition("://")[2].partition(".")[0]
    api = f"http://{api_id}.execute-api.localhost:{server.port}/prod"
    bucket = outputs["SiteBucket"]
    (sample / "site" / "config.js").write_text(f"window.BOOKS_API = {json.dumps(api)};\n")
    aws("s3", "sync", str(sample / "site"), f"s3://{bucket}")
    books = Books(api, f"http://{bucket}.s3-website.localhost:{server.port}", bucket)
    status, page = books.request("GET", f"{books.site}/")
    assert (status, b"<title>Books</title>" in page) == (200, True)
    # The plain-path forms, for clients that resolve no name below localhost.
    plain = f"{server.endpoint}/_aws/execute-api/{api_id}/prod/books"
    assert books.request("GET", plain)[0] == 200, server.log()
    return books


def _find_the_log(aws: Cli, key: str) -> None:
    groups = json.loads(aws("logs", "describe-log-groups", "--log-group-name-prefix",
                            "/aws/lambda/by-hand-CreateBook"))["logGroups"]  # fmt: skip
    found = json.loads(aws("logs", "filter-log-events", "--log-group-name",
                           groups[0]["logGroupName"], "--filter-pattern", f'"{key}"'))  # fmt: skip
    messages = [event["message"].strip() for event in found["events"]]
    assert messages == [f"created {key}: By hand"]


def _delete(server: Live, aws: Cli, books: Books) -> None:
    aws("s3", "rm", f"s3://{books.bucket}", "--recursive")
    aws("cloudformation", "delete-stack", "--stack-name", "by-hand")
    aws("cloudformation", "wait", "stack-delete-complete", "--stack-name", "by-hand")
    left: dict[str, Any] = {
        "functions": [
            f["FunctionName"] for f in server.client("lambda").list_functions()["Functions"]
        ],
        "apis": [a["name"] for a in server.client("apigateway").get_rest_apis()["items"]],
        "roles": [r["RoleName"] for r in server.client("iam").list_roles()["Roles"]],
        "buckets": [b["Name"] for b in server.client("s3").list_buckets()["Buckets"]],
    }
    assert {k: [n for n in v if n.startswith("by-hand") and n != "by-hand-artifacts"]
            for k, v in left.items()} == {k: [] for k in left}  # fmt: skip
    aws("s3", "rb", "s3://by-hand-artifacts", "--force")
