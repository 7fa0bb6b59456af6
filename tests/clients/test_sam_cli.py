"""The sample built, deployed, used and deleted with the AWS SAM CLI, unmodified."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.books import Books
from tests.clients.live import Live

from cloudlet.cli.demo import SAMPLE

SAM = Path(__file__).resolve().parents[2] / ".venv-sam" / "bin" / "sam"

pytestmark = [
    pytest.mark.clients,
    pytest.mark.timeout(240),
    pytest.mark.skipif(not SAM.exists(), reason="no AWS SAM CLI: scripts/setup dev installs it"),
]

Done = subprocess.CompletedProcess[str]
Sam = Callable[..., Done]
STACK = "sam-books"
BUCKET = "sam-books-artifacts"


@pytest.fixture
def sam(server: Live, tmp_path: Path) -> Sam:
    """Run the SAM CLI in a copy of the sample; it keeps pip's cache and nothing else of ours."""
    shutil.copytree(SAMPLE, tmp_path / "books")
    caches = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
    environment = {
        **server.environment(),
        "HOME": str(tmp_path),
        # SAM builds with the Python of the functions' version, and its pip, that is first.
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "XDG_CACHE_HOME": caches,
        "SAM_CLI_TELEMETRY": "0",
    }

    def run(*arguments: str, fails: bool = False) -> Done:
        done = subprocess.run(
            [str(SAM), *arguments],
            env=environment,
            cwd=tmp_path / "books",
            capture_output=True,
            text=True,
            check=False,
        )
        told = f"sam {' '.join(arguments)}:\n{done.stdout}{done.stderr}"
        assert (done.returncode != 0) is fails, told
        return done

    return run


def test_the_samples_life_by_sam(server: Live, sam: Sam) -> None:
    assert "is a valid SAM Template" in sam("validate").stdout
    assert "Build Succeeded" in sam("build").stdout
    couchbase = server.couchbase["connection_string"]
    parameters = f"CouchbaseConnectionString={couchbase} CouchbaseBucket=default"
    deploy = ("deploy", "--stack-name", STACK, "--resolve-s3", "--no-confirm-changeset",
              "--capabilities", "CAPABILITY_IAM", "--parameter-overrides", parameters)  # fmt: skip
    deployed = sam(*deploy)
    assert f"Successfully created/updated stack - {STACK}" in deployed.stdout
    listed = json.loads(
        sam("list", "stack-outputs", "--stack-name", STACK, "--output", "json").stdout
    )
    outputs = {output["OutputKey"]: output["OutputValue"] for output in listed}
    _use(server, sam, outputs)
    _see_the_managed_bucket(server)
    sam("delete", "--stack-name", STACK, "--no-prompts", "--region", "us-east-1")
    names = [f["FunctionName"] for f in server.client("lambda").list_functions()["Functions"]]
    assert not [name for name in names if name.startswith(STACK)]


def _see_the_managed_bucket(server: Live) -> None:
    """SAM's own bucket, which `--resolve-s3` made, keeps versions of what was uploaded."""
    stack = server.client("cloudformation").describe_stacks(
        StackName="aws-sam-cli-managed-default"
    )["Stacks"][0]
    s3, bucket = server.client("s3"), stack["Outputs"][0]["OutputValue"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    uploaded = s3.list_object_versions(Bucket=bucket)["Versions"]
    assert all(len(one["VersionId"]) == 32 for one in uploaded)


def _use(server: Live, sam: Sam, outputs: dict[str, str]) -> None:
    """Create a book through `sam remote invoke`, see it in the API and in `sam logs`."""
    book = {"title": "By SAM", "author": "A. Uthor", "year": 2026}
    invoked = sam("remote", "invoke", "CreateBook", "--stack-name", STACK,
                  "--event", json.dumps({"body": json.dumps(book)}))  # fmt: skip
    answer = json.loads(invoked.stdout)
    assert answer["statusCode"] == 201
    key = json.loads(answer["body"])["id"]
    api_id = outputs["ApiUrl"].partition("://")[2].partition(".")[0]
    api = f"http://{api_id}.execute-api.localhost:{server.port}/prod"
    books = Books(api, outputs["SiteUrl"], outputs["SiteBucket"])
    assert key in {found["id"] for found in books.list()}
    assert f"created {key}: By SAM" in sam("logs", "--stack-name", STACK, "-n", "CreateBook").stdout


def test_an_invalid_template_is_refused_before_anything_is_made(
    server: Live, sam: Sam, tmp_path: Path
) -> None:
    bucket = f"{BUCKET}-refused"
    server.client("s3").create_bucket(Bucket=bucket)
    (tmp_path / "books" / "refused.yml").write_text(
        "Resources: {Queue: {Type: 'AWS::NoSuch::Thing'}}"
    )
    refused = sam("deploy", "--template", "refused.yml", "--stack-name", "sam-refused",
                  "--s3-bucket", bucket, "--no-confirm-changeset", fails=True)  # fmt: skip
    assert "AWS::NoSuch::Thing" in refused.stderr


def test_sam_makes_its_own_bucket(server: Live, sam: Sam, tmp_path: Path) -> None:
    (tmp_path / "books" / "own.yml").write_text("Resources: {Log: {Type: 'AWS::Logs::LogGroup'}}")
    deployed = sam("deploy", "--template", "own.yml", "--stack-name", "sam-own", "--resolve-s3",
                   "--no-confirm-changeset")  # fmt: skip
    assert "Successfully created/updated stack - sam-own" in deployed.stdout
    assert "aws-sam-cli-managed-default-samclisourcebucket" in deployed.stdout
