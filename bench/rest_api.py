"""REST API to a Python function and back, beside the Invoke API and a bare uvicorn."""

from __future__ import annotations

import asyncio
import io
import json
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path
from typing import Any

from bench import load
from tests.clients.live import Live

SECONDS = 4.0
HANDLER = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}"}
"""
BARE = """
async def app(scope, receive, send):
    if scope["type"] == "http":
        await send({"type": "http.response.start", "status": 200,
                    "headers": [(b"content-type", b"application/json"), (b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"{}"})
"""


def deploy(live: Live) -> str:
    """A function behind a REST API; the API's id."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    }  # fmt: skip
    role = live.client("iam").create_role(
        RoleName="bench", AssumeRolePolicyDocument=json.dumps(trust)
    )["Role"]["Arn"]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("app.py", HANDLER)
    functions = live.client("lambda")
    arn = functions.create_function(
        FunctionName="bench", Runtime="python3.11", Handler="app.handler", Role=role,
        Code={"ZipFile": archive.getvalue()}, MemorySize=256,
    )["FunctionArn"]  # fmt: skip
    functions.add_permission(
        FunctionName="bench", StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )  # fmt: skip
    gateway = live.client("apigateway")
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    proxy = {"type": "aws_proxy", "httpMethod": "POST", "uri": uri}
    body = {
        "swagger": "2.0",
        "info": {"title": "bench", "version": "1"},
        "paths": {"/": {"get": {"x-amazon-apigateway-integration": proxy}}},
    }
    api: str = gateway.import_rest_api(body=json.dumps(body).encode())["id"]
    gateway.create_deployment(restApiId=api, stageName="prod")
    return api


def bare_uvicorn(folder: Path) -> tuple[subprocess.Popen[bytes], int]:
    """The limit: an ASGI application that does nothing, in a process of its own."""
    (folder / "bare.py").write_text(BARE)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "uvicorn", "bare:app", "--port", str(port), "--no-access-log",
               "--log-level", "warning"]  # fmt: skip
    process = subprocess.Popen(command, cwd=folder)
    for _ in range(100):
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                break
        time.sleep(0.05)
    return process, port


async def measure(live: Live, api: str, bare_port: int) -> None:
    """Print the rates, each kind at each number of connections in turn."""
    host = f"{api}.execute-api.localhost"
    through_api = f"GET /prod/ HTTP/1.1\r\nHost: {host}:{live.port}\r\n\r\n".encode()
    plain = f"GET / HTTP/1.1\r\nHost: 127.0.0.1:{bare_port}\r\n\r\n".encode()
    signed = invoke_request(live)
    for connections in (1, 8, 64):
        for name, port, request in (
            ("REST API -> function", live.port, through_api),
            ("Invoke API", live.port, signed),
            ("bare uvicorn", bare_port, plain),
        ):
            await load.run("127.0.0.1", port, request, connections=connections, seconds=1.0)
            figures = await load.run(
                "127.0.0.1", port, request, connections=connections, seconds=SECONDS
            )
            print(f"{name:<22}{figures}  {load.pressure()}")


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


def main() -> None:
    """Deploy, measure, stop."""
    with tempfile.TemporaryDirectory(prefix="cloudlet-bench-") as folder:
        live = Live(Path(folder) / "data").start()
        bare, port = bare_uvicorn(Path(folder))
        try:
            asyncio.run(measure(live, deploy(live), port))
        finally:
            bare.terminate()
            bare.wait()
            live.stop()


if __name__ == "__main__":
    main()
