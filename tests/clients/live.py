"""A live `cloudlet up` on free ports, for the vendors' clients."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

#: What a test's own environment must not leak into a client or the server.
SCRUBBED = ("AWS_", "CLOUDLET_", "COUCHBASE_", "PYTHON")


def clean_environment() -> dict[str, str]:
    """The process's environment without settings for AWS, cloudlet or Couchbase."""
    return {k: v for k, v in os.environ.items() if not k.startswith(SCRUBBED)}


@dataclass
class Live:
    """A running server; `describe` is what `cloudlet up --json` printed."""

    data: Path
    arguments: list[str] = field(default_factory=list)
    describe: dict[str, Any] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    def start(self, **environment: str) -> Live:
        """Start it and wait until it is ready."""
        command = [sys.executable, "-m", "cloudlet", "up", "--port", "0", "--json"]
        command += ["--data", str(self.data), *self.arguments]
        self.data.parent.mkdir(parents=True, exist_ok=True)
        with (self.data.parent / f"{self.data.name}.log").open("ab") as log:
            self.process = subprocess.Popen(
                command,
                stdout=subprocess.PIPE,
                stderr=log,
                env={**clean_environment(), **environment},
                cwd=self.data.parent,
            )
        self.describe = json.loads(self._first_line(30))
        return self

    def _first_line(self, timeout_s: float) -> bytes:
        assert self.process is not None
        assert self.process.stdout is not None
        deadline = time.monotonic() + timeout_s
        line = b""
        while not line.endswith(b"\n"):
            ready, _, _ = select.select([self.process.stdout], [], [], deadline - time.monotonic())
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b""
            if not chunk:
                raise AssertionError(f"the server did not come up:\n{self.log()}")
            line += chunk
        return line

    @property
    def endpoint(self) -> str:
        return str(self.describe["endpoint"])

    @property
    def port(self) -> int:
        return int(self.endpoint.rpartition(":")[2])

    @property
    def couchbase(self) -> dict[str, str]:
        return dict(self.describe["couchbase"])

    def log(self) -> str:
        """What the server has written to standard error."""
        return (self.data.parent / f"{self.data.name}.log").read_text()

    def stop(self) -> int:
        """End it as Ctrl-C does; its exit status."""
        assert self.process is not None
        self.process.send_signal(signal.SIGINT)
        try:
            return self.process.wait(20)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it as a power cut does."""
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            if self.process.stdout is not None:
                self.process.stdout.close()
            self.process = None

    def environment(self) -> dict[str, str]:
        """The environment of a client program that speaks to this server."""
        return {
            **clean_environment(),
            "AWS_ENDPOINT_URL": self.endpoint,
            "AWS_ACCESS_KEY_ID": str(self.describe["access_key_id"]),
            "AWS_SECRET_ACCESS_KEY": str(self.describe["secret_access_key"]),
            "AWS_DEFAULT_REGION": str(self.describe["region"]),
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
        }

    def client(self, service: str, **changes: Any) -> Any:
        """A boto3 client as root, or with other keys."""
        import boto3
        from botocore.config import Config

        arguments: dict[str, Any] = {
            "endpoint_url": self.endpoint,
            "region_name": self.describe["region"],
            "aws_access_key_id": self.describe["access_key_id"],
            "aws_secret_access_key": self.describe["secret_access_key"],
            "config": Config(retries={"total_max_attempts": 1}, s3={"addressing_style": "path"}),
        }
        return boto3.client(service, **{**arguments, **changes})
