"""botocore and the codec understand each other: every operation of every service, both ways."""

from __future__ import annotations

import asyncio
from io import BytesIO
from typing import Any
from urllib.parse import quote

import pytest
from botocore.awsrequest import HeadersDict, prepare_request_dict
from botocore.parsers import ResponseParserFactory
from botocore.serialize import create_serializer
from tests.aws.codec.everything import SERVICES, complete, example, operations
from tests.aws.codec.everything import botocore as botocore_model
from tests.aws.standin import request_of, result_of

from cloudlet.aws.body import Body
from cloudlet.aws.codec import members, validation
from cloudlet.aws.codec.protocol import Located
from cloudlet.aws.codec.protocols import codec_of
from cloudlet.aws.shape import Shape


def plain(value: Any) -> Any:
    """A struct for comparison: without absent members, bodies read."""
    if isinstance(value, Body):
        return asyncio.run(value.read()) or None
    if isinstance(value, Shape):
        found = {name: plain(getattr(value, name)) for name in value.__struct_fields__}
        return {name: member for name, member in found.items() if member is not None} or None
    if isinstance(value, list):
        return [plain(item) for item in value]
    return {k: plain(v) for k, v in value.items()} if isinstance(value, dict) else value


@pytest.mark.parametrize("full", [True, False], ids=["full", "required"])
@pytest.mark.parametrize("service", SERVICES)
def test_what_botocore_serialises_is_parsed(
    service: str, full: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(validation, "check", lambda _model, _operation, request: request)
    model, theirs = complete(service), botocore_model(service)
    codec = codec_of(model)
    serialiser = create_serializer(theirs.metadata["protocol"], include_validation=False)
    for name in operations(service):
        operation = theirs.operation_model(name)
        shape = operation.input_shape
        given = example(shape, full=full) if shape is not None else {}
        if "Bucket" in given:
            given["Bucket"] = "some-bucket"
        if "RequestRoute" in given:
            given["RequestRoute"] = "a-host-label"
        wire = serialiser.serialize_to_request(given, operation)
        prepare_request_dict(wire, "http://localhost:4566")
        body = wire["body"]
        if isinstance(body, dict):
            body = "&".join(f"{quote(k)}={quote(str(v))}" for k, v in body.items())
        body = body.encode() if isinstance(body, str) else bytes(body)
        request = request_of(wire["method"], wire["url"], wire["headers"], body)
        located = codec.locate(request, body)
        assert located.operation.name == name
        parsed = codec.parse(located, request, Body.of(body) if located.streaming else body)
        assert plain(parsed) == plain(members.parse(model, name, given)), name


@pytest.mark.parametrize("full", [True, False], ids=["full", "required"])
@pytest.mark.parametrize("service", SERVICES)
def test_what_is_serialised_botocore_parses(service: str, full: bool) -> None:
    model, theirs = complete(service), botocore_model(service)
    codec = codec_of(model)
    parser = ResponseParserFactory().create_parser(theirs.metadata["protocol"])
    for name in operations(service):
        operation = theirs.operation_model(name)
        shape = operation.output_shape
        if shape is None:
            continue
        given = example(shape, full=full)
        response = codec.answer(
            Located(model.operations[name]), result_of(model, name, given), "request-1"
        )
        body: Any = response.body
        content = asyncio.run(body.read()) if isinstance(body, Body) else body
        if operation.has_streaming_output:
            content = BytesIO(content)
        parsed = parser.parse(
            {
                "status_code": response.status,
                "headers": HeadersDict(response.headers),
                "body": content,
            },
            shape,
        )
        assert parsed.pop("ResponseMetadata")["HTTPStatusCode"] == response.status
        if not full:  # botocore fills in a status and an empty payload
            parsed = {member: value for member, value in parsed.items() if member in given}
        assert_same(given, parsed, shape, name)


def assert_same(given: Any, parsed: Any, shape: Any, at: str) -> None:
    """botocore read what was given; it gives empty collections for absent ones."""
    kind = shape.type_name
    if kind == "structure" and not shape.is_document_type:
        assert not [name for name, value in parsed.items() if value and name not in given], at
        for name, value in given.items():
            assert_same(value, parsed.get(name), shape.members[name], f"{at}.{name}")
    elif kind == "list":
        assert len(given) == len(parsed), at
        for one, other in zip(given, parsed, strict=True):
            assert_same(one, other, shape.member, at)
    elif kind == "map":
        assert given.keys() == parsed.keys(), at
        for key in given:
            assert_same(given[key], parsed[key], shape.value, at)
    elif kind == "timestamp":
        assert parsed.timestamp() == given, at
    elif kind == "blob":
        assert (parsed.read() if hasattr(parsed, "read") else parsed) == given, at
    else:
        assert parsed == given, at
