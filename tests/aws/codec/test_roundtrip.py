"""botocore and the codec understand each other: every operation of every service, both ways."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import quote

import botocore.parsers
import botocore.serialize
import pytest
from botocore.awsrequest import prepare_request_dict
from tests.aws.codec.everything import SERVICES, botocore as botocore_model, complete, example
from tests.aws.standin import request_of, result_of

from cloudlet.aws.body import Body
from cloudlet.aws.codec import members, validation
from cloudlet.aws.codec.protocols import codec_of


def operations(service: str, *, outputs: bool) -> list[str]:
    model = botocore_model(service)
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        if operation.has_event_stream_output or operation.has_event_stream_input:
            continue
        if outputs and operation.output_shape is None:
            continue
        found.append(name)
    return found


def read(value: Any) -> Any:
    """Bodies as bytes, so that requests can be compared."""
    if isinstance(value, Body):
        return asyncio.run(value.read())
    return value


def plain(struct: Any) -> Any:
    return {name: read(getattr(struct, name)) for name in struct.__struct_fields__}


@pytest.mark.parametrize("full", [True, False], ids=["full", "required"])
@pytest.mark.parametrize("service", SERVICES)
def test_what_botocore_serialises_is_parsed(service: str, full: bool, monkeypatch: Any) -> None:
    monkeypatch.setattr(members.validation, "check", lambda _m, _o, request: request)
    model, theirs = complete(service), botocore_model(service)
    codec = codec_of(model)
    serialiser = botocore.serialize.create_serializer(
        theirs.metadata["protocol"], include_validation=False
    )
    for name in operations(service, outputs=False):
        operation = theirs.operation_model(name)
        shape = operation.input_shape
        if service == "s3" and operation.deprecated:
            continue
        given = example(shape, full=full) if shape is not None else {}
        if service == "s3":
            given.pop("Bucket", None)
            if shape is not None and "Bucket" in shape.members:
                given["Bucket"] = "some-bucket"
        wire = serialiser.serialize_to_request(given, operation)
        prepare_request_dict(wire, "http://localhost:4566")
        body = wire["body"]
        if isinstance(body, dict):
            body = "&".join(f"{quote(k)}={quote(str(v))}" for k, v in body.items())
        body = body.encode() if isinstance(body, str) else bytes(body)
        request = request_of(wire["method"], wire["url"], wire["headers"], body)
        located = codec.locate(request, body)
        assert located.operation.name == name
        if shape is None:
            continue
        parsed = codec.parse(located, request, Body.of(body) if located.streaming else body)
        expected = members.parse(model, name, given)
        assert plain(parsed) == plain(expected), name


@pytest.mark.parametrize("full", [True, False], ids=["full", "required"])
@pytest.mark.parametrize("service", SERVICES)
def test_what_is_serialised_botocore_parses(service: str, full: bool) -> None:
    model, theirs = complete(service), botocore_model(service)
    codec = codec_of(model)
    parser = botocore.parsers.ResponseParserFactory().create_parser(theirs.metadata["protocol"])
    for name in operations(service, outputs=True):
        operation = theirs.operation_model(name)
        if operation.http.get("method") == "HEAD" and service != "s3":
            continue
        given = example(operation.output_shape, full=full)
        located_operation = model.operations[name]
        result = result_of(model, name, given)
        from cloudlet.aws.codec.protocol import Located

        response = codec.answer(Located(located_operation), result, "request-1")
        body = response.body
        assert not hasattr(body, "__anext__")
        content = asyncio.run(body.read()) if isinstance(body, Body) else body
        streamed = operation.has_streaming_output
        parsed = (
            parser.parse(
                {
                    "status_code": response.status,
                    "headers": {k.lower(): v for k, v in response.headers},
                    "body": content,
                },
                operation.output_shape,
            )
            if not streamed
            else None
        )
        if parsed is None:
            continue
        parsed.pop("ResponseMetadata")
        assert same(given, parsed, operation.output_shape), (name, given, parsed, content)


def same(given: Any, parsed: Any, shape: Any) -> bool:
    """Whether botocore read what was given; it gives empty collections for absent ones."""
    kind = shape.type_name
    if kind == "structure":
        if getattr(shape, "is_document_type", False):
            return True
        return all(
            name in parsed and same(value, parsed[name], shape.members[name])
            for name, value in given.items()
            if value is not None
        ) and all(name in given or not value for name, value in parsed.items())
    if kind == "list":
        return len(given) == len(parsed) and all(
            same(g, p, shape.member) for g, p in zip(given, parsed, strict=True)
        )
    if kind == "map":
        return given.keys() == parsed.keys() and all(
            same(given[k], parsed[k], shape.value) for k in given
        )
    if kind == "timestamp":
        return parsed.timestamp() == given
    if kind == "blob":
        return (parsed if isinstance(parsed, bytes) else parsed.encode()) == given
    return bool(given == parsed)
