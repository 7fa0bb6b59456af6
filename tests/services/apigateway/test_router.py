from __future__ import annotations

import pytest

from cloudlet.services.apigateway import openapi
from cloudlet.services.apigateway.model import RestApi
from cloudlet.services.apigateway.router import Router

MOCK = {"x-amazon-apigateway-integration": {"type": "mock"}}
PATHS = {
    "/": {"get": MOCK},
    "/books": {"get": MOCK, "post": MOCK},
    "/books/new": {"get": MOCK},
    "/books/{id}": {"get": MOCK, "x-amazon-apigateway-any-method": MOCK},
    "/books/{id}/pages/{page}": {"get": MOCK},
    "/files/{proxy+}": {"x-amazon-apigateway-any-method": MOCK},
    "/files/fixed": {"get": MOCK},
}


@pytest.fixture(scope="module")
def router() -> Router:
    resources = openapi.resources({"paths": PATHS}, "root")
    return Router(
        RestApi(id="a", name="a", created=0, root_resource_id="root", resources=resources)
    )


@pytest.mark.parametrize(
    ("verb", "path", "resource", "method", "parameters"),
    [
        ("GET", "", "/", "GET", {}),
        ("GET", "books", "/books", "GET", {}),
        ("GET", "books/", "/books", "GET", {}),
        ("GET", "books/new", "/books/new", "GET", {}),
        ("PUT", "books/new", "/books/{id}", "ANY", {"id": "new"}),
        ("GET", "books/7", "/books/{id}", "GET", {"id": "7"}),
        ("GET", "books/a%2Fb%20c", "/books/{id}", "GET", {"id": "a/b c"}),
        ("GET", "books/7/pages/3", "/books/{id}/pages/{page}", "GET", {"id": "7", "page": "3"}),
        ("GET", "files/fixed", "/files/fixed", "GET", {}),
        ("POST", "files/fixed", "/files/{proxy+}", "ANY", {"proxy": "fixed"}),
        ("GET", "files/a/b/c", "/files/{proxy+}", "ANY", {"proxy": "a/b/c"}),
    ],
)
def test_exact_before_parameter_before_greedy(
    router: Router, verb: str, path: str, resource: str, method: str, parameters: dict[str, str]
) -> None:
    match = router.match(verb, path)
    assert match is not None
    assert (match.resource.path, match.method.http_method) == (resource, method)
    assert match.parameters == parameters


@pytest.mark.parametrize(
    ("verb", "path"),
    [("DELETE", "books"), ("GET", "nowhere"), ("GET", "files"), ("GET", "books/7/pages")],
)
def test_no_method_there(router: Router, verb: str, path: str) -> None:
    assert router.match(verb, path) is None
