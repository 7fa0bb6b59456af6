"""The one handler that every contestant runs, and how it is deployed on an AWS endpoint."""

from __future__ import annotations

import io
import json
import time
import zipfile
from typing import Any

#: What AWS gives one whole virtual processor for ("Configure Lambda function memory"), as the bare
#: handler has one.
MEMORY_MB = 1769
HANDLER = """
def handler(event, context):
    return {"statusCode": 200, "headers": {"Content-Type": "application/json"}, "body": "{}"}
"""
#: The limit: the same handler, called by a bare ASGI application with an event of the same size.
BARE = """
import json
from app import handler

EVENT = open("event.json", "rb").read()

async def app(scope, receive, send):
    if scope["type"] != "http":
        return
    while (await receive()).get("more_body"):
        pass
    answer = json.loads(json.dumps(handler(json.loads(EVENT), None)))
    body = answer["body"].encode()
    headers = [(k.lower().encode(), v.encode()) for k, v in answer["headers"].items()]
    headers.append((b"content-length", b"%d" % len(body)))
    await send({"type": "http.response.start", "status": answer["statusCode"], "headers": headers})
    await send({"type": "http.response.body", "body": body})
"""
ECHO = """
import json
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps(event)}
"""
#: What lets a function write its log, as every SAM function may.
BASIC_EXECUTION = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"


def deploy(client: Any, source: str = HANDLER, name: str = "bench") -> str:
    """A function behind a REST API, by clients that `client` gives; the API's id."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Principal": {"Service": "lambda.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }],
    }  # fmt: skip
    role = client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(trust))
    client("iam").attach_role_policy(RoleName=name, PolicyArn=BASIC_EXECUTION)
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as target:
        target.writestr("app.py", source)
    functions = client("lambda")
    arn = functions.create_function(
        FunctionName=name, Runtime="python3.11", Handler="app.handler",
        Role=role["Role"]["Arn"], Code={"ZipFile": archive.getvalue()}, MemorySize=MEMORY_MB,
    )["FunctionArn"]  # fmt: skip
    functions.add_permission(
        FunctionName=name, StatementId="api", Action="lambda:InvokeFunction",
        Principal="apigateway.amazonaws.com",
    )  # fmt: skip
    return _rest_api(client("apigateway"), arn, name)


def _rest_api(gateway: Any, arn: str, name: str) -> str:
    uri = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{arn}/invocations"
    api: str = gateway.create_rest_api(name=name)["id"]
    root = gateway.get_resources(restApiId=api)["items"][0]["id"]
    where = {"restApiId": api, "resourceId": root, "httpMethod": "GET"}
    gateway.put_method(**where, authorizationType="NONE")
    gateway.put_integration(**where, type="AWS_PROXY", integrationHttpMethod="POST", uri=uri)
    gateway.create_deployment(restApiId=api, stageName="prod")
    time.sleep(0.2)
    return api


def get(host: str, port: int, path: str) -> bytes:
    """A GET request as it goes over the wire."""
    return f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nUser-Agent: bench\r\n\r\n".encode()
