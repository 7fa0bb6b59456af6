"""Finding the cloudlet that a command speaks to, and its clients."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudlet import config
from cloudlet.cli.problem import Problem

#: The file in the data directory that a running `cloudlet up` keeps.
RUN_FILE = "run.json"


@dataclass(frozen=True, slots=True)
class Connection:
    """Where a running cloudlet is and the credentials to use."""

    endpoint: str
    region: str
    access_key_id: str
    secret_access_key: str
    couchbase: dict[str, str]
    data: str = ""

    def exports(self) -> dict[str, str]:
        """The environment variables that make AWS and Couchbase clients speak to it."""
        found = {
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_REGION": self.region,
        }
        if self.couchbase:
            found["COUCHBASE_CONNECTION_STRING"] = self.couchbase["connection_string"]
            found["COUCHBASE_USERNAME"] = self.couchbase["username"]
            found["COUCHBASE_PASSWORD"] = self.couchbase["password"]
        return found

    def request(
        self, method: str, path: str, *, accept: str = "application/json"
    ) -> tuple[int, bytes]:
        """A signed request to one of cloudlet's own addresses: status and body of the answer.

        Raises `Problem` where nothing answers.
        """
        import urllib3
        from botocore.auth import SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.credentials import Credentials

        request = AWSRequest(method=method, url=f"{self.endpoint}{path}", data=b"")
        keys = Credentials(self.access_key_id, self.secret_access_key)
        SigV4Auth(keys, "lambda", self.region).add_auth(request)
        headers = {**dict(request.headers), "Accept": accept}
        try:
            answer = urllib3.request(method, request.url, headers=headers, body=b"", retries=False)
        except urllib3.exceptions.HTTPError as error:
            raise Problem(
                f"Nothing answers at {self.endpoint}.", "Is that cloudlet still running?"
            ) from error
        return answer.status, answer.data

    def client(self, service: str) -> Any:
        """A boto3 client for `service`; long calls are not cut and not repeated."""
        import boto3
        from botocore.config import Config

        return boto3.client(
            service,
            endpoint_url=self.endpoint,
            region_name=self.region,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=self.secret_access_key,
            config=Config(
                read_timeout=910, retries={"total_max_attempts": 2}, s3={"addressing_style": "path"}
            ),
        )


def write_run_file(path: Path, description: dict[str, Any]) -> None:
    """Note in `path` how to reach the cloudlet that runs (readable by its owner only)."""
    temporary = path.with_suffix(".new")
    temporary.write_text(json.dumps(description, indent=2))
    temporary.chmod(0o600)
    temporary.replace(path)


def find(data: Path | None = None) -> Connection:
    """The cloudlet to speak to: `AWS_ENDPOINT_URL` if set and no `data` given, else the one that
    runs on the data directory. Raises `Problem` if none does.
    """
    url = os.environ.get("AWS_ENDPOINT_URL")
    if url and data is None:
        return Connection(
            endpoint=url,
            region=os.environ.get("AWS_REGION")
            or os.environ.get("AWS_DEFAULT_REGION", "us-east-1"),
            access_key_id=os.environ.get("AWS_ACCESS_KEY_ID", "cloudlet"),
            secret_access_key=os.environ.get("AWS_SECRET_ACCESS_KEY", "cloudlet"),
            couchbase=_couchbase_from_environment(),
        )
    folder = data or config.load().data
    try:
        description = json.loads((folder / RUN_FILE).read_text())
        os.kill(description["pid"], 0)
    except (OSError, ValueError, KeyError):
        raise Problem(
            f"No cloudlet is running on {folder}.",
            "Start one with `cloudlet up`, or set AWS_ENDPOINT_URL to one elsewhere.",
        ) from None
    return Connection(
        endpoint=description["endpoint"],
        region=description["region"],
        access_key_id=description["access_key_id"],
        secret_access_key=description["secret_access_key"],
        couchbase=description.get("couchbase") or {},
        data=str(folder),
    )


def _couchbase_from_environment() -> dict[str, str]:
    names = ("connection_string", "username", "password")
    found = {name: os.environ.get(f"COUCHBASE_{name.upper()}", "") for name in names}
    return found if all(found.values()) else {}
