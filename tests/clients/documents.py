"""A document server alone, as a process of its own, for Couchbase's SDKs."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import msgspec
from couchbase.auth import PasswordAuthenticator
from couchbase.options import ClusterOptions, ClusterTimeoutOptions
from tests.clients.live import clean_environment

from cloudlet.couchbase.options import Ports
from couchbase.cluster import Cluster


class DocumentServer:
    """`python -m cloudlet.couchbase` in a directory of its own."""

    def __init__(self, data: Path, *arguments: str) -> None:
        self.data = data
        self.arguments = arguments

    def start(self) -> DocumentServer:
        command = [sys.executable, "-m", "cloudlet.couchbase", "--data", str(self.data), "--json"]
        command += ["--bucket", "default", "--bucket", "books", *self.arguments]
        for port in ("kv", "management", "query", "kv-tls", "management-tls", "query-tls"):
            command += [f"--{port}-port", "0"]
        self.process = subprocess.Popen(command, stdout=subprocess.PIPE, env=clean_environment())
        assert self.process.stdout is not None
        self.ports = msgspec.json.decode(self.process.stdout.readline(), type=Ports)
        return self

    def stop(self, number: int = signal.SIGTERM) -> int:
        os.kill(self.process.pid, number)
        assert self.process.stdout is not None
        self.process.stdout.close()
        return self.process.wait(10)

    @property
    def address(self) -> str:
        return f"couchbase://127.0.0.1:{self.ports.kv}"

    @property
    def secure_address(self) -> str:
        return f"couchbases://127.0.0.1:{self.ports.kv_tls}"

    @property
    def certificate(self) -> Path:
        return self.data / "tls" / "certificate.pem"

    def connect(self, user: str = "Administrator", password: str = "password") -> Cluster:
        timeouts = ClusterTimeoutOptions(
            kv_timeout=timedelta(seconds=5), management_timeout=timedelta(seconds=10)
        )
        authenticator = PasswordAuthenticator(user, password)
        return Cluster(self.address, ClusterOptions(authenticator, timeout_options=timeouts))
