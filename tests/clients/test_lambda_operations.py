"""Every operation of Lambda's model: done, or answered with an error document of AWS's form."""

from __future__ import annotations

import json
from typing import Any

import pytest
from botocore.exceptions import ClientError
from botocore.model import Shape
from tests.clients.functions import Functions, package, unique
from tests.clients.live import Live

pytestmark = pytest.mark.clients

#: What the model says of the durable executions, capacity providers and managed instances that
#: cloudlet does not have.
NOT_IMPLEMENTED = (
    "CapacityProvider",
    "DurableExecution",
    "FunctionScalingConfig",
)

#: Errors that AWS's operations answer with beside those that the model names for each.
UNDECLARED = {"NotImplemented", "ValidationException", "AccessDeniedException"}


class Minimal:
    """The least input that botocore lets through, about one function."""

    def __init__(self, function: str, role: str) -> None:
        account = role.split(":")[4]
        arn = f"arn:aws:lambda:us-east-1:{account}:function:{function}"
        layer = f"arn:aws:lambda:us-east-1:{account}:layer:{function}"
        statement = {
            "Sid": "put",
            "Effect": "Allow",
            "Principal": {"Service": "s3.amazonaws.com"},
            "Action": "lambda:InvokeFunction",
            "Resource": arn,
        }
        self.values: dict[str, Any] = {
            "FunctionName": function,
            "ResourceArn": arn,
            "Resource": arn,
            "Arn": f"{layer}:1",
            "LayerName": function,
            "Name": "live",
            "Qualifier": "live",
            "FunctionVersion": "$LATEST",
            "CodeSigningConfigArn": (
                f"arn:aws:lambda:us-east-1:{account}:code-signing-config:csc-{'0' * 17}"
            ),
            "Role": role,
            "Principal": "s3.amazonaws.com",
            "Action": "lambda:InvokeFunction",
            "StatementId": "s",
            "Policy": json.dumps({"Version": "2012-10-17", "Statement": statement}),
            "ReservedConcurrentExecutions": 1,
            "UUID": "00000000-0000-0000-0000-000000000000",
            "Content": {"ZipFile": package({"a.py": ""})},
            "Code": {"ZipFile": package({"app.py": "def handler(e, c): return 1"})},
            "SigningProfileVersionArns": [
                f"arn:aws:signer:us-east-1:{account}:/signing-profiles/p/v"
            ],
            "UpdateRuntimeOn": "Auto",
            "Tags": {"a": "b"},
            "TagKeys": ["a"],
            "InvokeArgs": b"{}",
            "CallbackId": "YQ==",
        }

    def of(self, shape: Shape, member: str = "") -> Any:
        """A value for the shape."""
        if member in self.values:
            return self.values[member]
        if shape.type_name == "structure":
            return {name: self.of(shape.members[name], name) for name in shape.required_members}
        if shape.type_name == "list":
            return [self.of(shape.member)] * shape.metadata.get("min", 0)
        if shape.type_name == "map":
            return {}
        if shape.type_name == "blob":
            return b""
        if shape.type_name in ("integer", "long", "float", "double"):
            return shape.metadata.get("min", 1)
        if shape.type_name == "boolean":
            return False
        if shape.type_name == "timestamp":
            return 0
        enum = getattr(shape, "enum", None)
        return enum[0] if enum else "a" * max(1, shape.metadata.get("min", 1))


def _answer(client: Any, operation: str, given: dict[str, Any]) -> tuple[int, dict[str, Any]]:
    """Status and error, or no error, of the operation."""
    name = next(py for py, aws in client.meta.method_to_api_mapping.items() if aws == operation)
    try:
        done = getattr(client, name)(**given)
    except ClientError as error:
        response: dict[str, Any] = error.response
        return response["ResponseMetadata"]["HTTPStatusCode"], response
    for value in done.values():
        if hasattr(value, "close"):
            value.close()
    return done["ResponseMetadata"]["HTTPStatusCode"], {}


def _check(client: Any, operation: str, given: dict[str, Any]) -> str:
    """The error's code, "" where it is done; fails on anything else than these."""
    status, response = _answer(client, operation, given)
    if not response:
        assert 200 <= status < 300, operation
        return ""
    code, message = response["Error"]["Code"], response["Error"]["Message"]
    assert status == 501 if code == "NotImplemented" else 400 <= status < 500, (operation, response)
    assert code
    assert not code.isdigit(), f"{operation}: the body names no error"
    assert message, operation
    declared = {
        shape.name for shape in client.meta.service_model.operation_model(operation).error_shapes
    }
    assert code in declared | UNDECLARED, (operation, response)
    headers = response["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-amzn-errortype"].startswith(code), operation
    assert headers["content-type"] == "application/json", operation
    return str(code)


@pytest.fixture
def functions(server: Live) -> Functions:
    return Functions(server)


def test_every_operation_on_what_is_not_there(functions: Functions) -> None:
    client = functions.client
    minimal = Minimal(unique("nobody"), functions.role())
    operations = client.meta.service_model.operation_names
    assert len(operations) >= 91
    found = {}
    for operation in operations:
        shape = client.meta.service_model.operation_model(operation).input_shape
        given = minimal.of(shape) if shape is not None else {}
        found[operation] = _check(client, operation, given)
    refused = {operation for operation, code in found.items() if code == "NotImplemented"}
    assert refused == {o for o in operations if any(part in o for part in NOT_IMPLEMENTED)}
    assert found["Invoke"] == found["GetPolicy"] == "ResourceNotFoundException"


def test_every_operation_on_a_function(functions: Functions) -> None:
    client = functions.client
    name = functions.create("def handler(event, context): return event", Publish=True)
    client.create_alias(FunctionName=name, Name="live", FunctionVersion="1")
    role = client.get_function_configuration(FunctionName=name)["Role"]
    minimal = Minimal(name, role)
    operations = client.meta.service_model.operation_names
    order = ("Publish", "Create", "Put", "Add", "Update", "Tag", "Get", "List", "Invoke")
    ordered = sorted(
        (o for o in operations if not o.startswith(("Delete", "Remove", "Untag"))),
        key=lambda o: next((i for i, verb in enumerate(order) if o.startswith(verb)), 99),
    )
    ordered += [o for o in operations if o not in ordered and o != "DeleteFunction"]
    found = {}
    for operation in [*ordered, "DeleteFunction"]:
        shape = client.meta.service_model.operation_model(operation).input_shape
        given = minimal.of(shape) if shape is not None else {}
        if operation.endswith("FunctionEventInvokeConfig") and operation[0] in "PU":
            given["MaximumRetryAttempts"] = 1
        found[operation] = _check(client, operation, given)
    done = {operation for operation, code in found.items() if not code}
    assert {"Invoke", "GetFunction", "PutResourcePolicy", "ListVersionsByFunction"} <= done
    assert len(done) >= 50
