from __future__ import annotations

from typing import Any

import pytest

from cloudlet.services.apigateway import openapi
from cloudlet.services.apigateway.errors import BadRequest

FUNCTION = "arn:aws:lambda:us-east-1:000000000000:function:books"
URI = f"arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/{FUNCTION}/invocations"


def test_parents_are_made_and_linked() -> None:
    found = openapi.resources({"paths": {"/a/{b}/c": {"get": {}}}}, "root")
    by_path = {resource.path: resource for resource in found.values()}
    assert set(by_path) == {"/", "/a", "/a/{b}", "/a/{b}/c"}
    assert by_path["/a/{b}/c"].parent_id == by_path["/a/{b}"].id
    assert by_path["/a"].parent_id == "root"
    assert by_path["/a"].methods == {}


def test_the_proxy_integration_that_sam_writes() -> None:
    given = {"httpMethod": "POST", "type": "aws_proxy", "uri": URI}
    integration = openapi.read_integration(given, "GET /books")
    assert (integration.type, integration.http_method) == ("AWS_PROXY", "POST")
    assert openapi.function_arn(URI, "GET /books") == FUNCTION


def test_the_cors_mock_that_sam_writes() -> None:
    given = {
        "type": "mock",
        "requestTemplates": {"application/json": '{\n  "statusCode" : 200\n}\n'},
        "responses": {
            "default": {
                "statusCode": "200",
                "responseParameters": {"method.response.header.Access-Control-Allow-Origin": "'*'"},
                "responseTemplates": {"application/json": "{}\n"},
            }
        },
    }
    response = openapi.read_integration(given, "OPTIONS /books").responses["200"]
    assert response.selection_pattern is None
    assert response.response_templates == {"application/json": "{}\n"}


@pytest.mark.parametrize(
    ("integration", "message"),
    [
        (
            {"type": "http_proxy", "uri": "http://example.org"},
            "Invalid integration type http_proxy",
        ),
        ({"type": "aws_proxy", "uri": "arn:aws:apigateway:us-east-1:sqs:path/q"}, "invalid uri"),
        ({"type": "aws_proxy", "uri": URI, "timeoutInMillis": 30_000}, "between 50 ms and 29000"),
        (
            {"type": "mock", "requestTemplates": {"application/json": "#set($x = 1)"}},
            "Velocity",
        ),
    ],
)
def test_what_cannot_be_served_is_refused(integration: dict[str, Any], message: str) -> None:
    document = {"paths": {"/x": {"get": {"x-amazon-apigateway-integration": integration}}}}
    with pytest.raises(BadRequest, match=message):
        openapi.resources(document, "root")


@pytest.mark.parametrize("path", ["/a b", "/{open", "/{proxy+}/below", "relative"])
def test_bad_paths_are_refused(path: str) -> None:
    with pytest.raises(BadRequest):
        openapi.resources({"paths": {path: {"get": {}}}}, "root")


@pytest.mark.parametrize("document", [None, [], {}, {"swagger": "2.0", "paths": []}])
def test_other_documents_are_refused(document: Any) -> None:
    with pytest.raises(BadRequest):
        openapi.check_document(document)
