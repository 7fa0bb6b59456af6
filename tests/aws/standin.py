"""A cloud of stand-in services, for tests of what lies between HTTP and handlers."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

from tests.aws.codec.everything import complete

from cloudlet.aws.body import Body
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.codec import members
from cloudlet.aws.http import Headers, Request
from cloudlet.aws.model import ServiceModel
from cloudlet.aws.policy import Policy
from cloudlet.aws.principal import Credential, Principal, root
from cloudlet.aws.service import Operation, Service

ACCOUNT = "000000000000"
USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDAANN", "ann")


@dataclass
class Keys:
    """Identities from a dict; everybody may do everything."""

    keys: dict[str, Credential] = field(default_factory=dict)

    def add(self, key: str, secret: str, **more: Any) -> None:
        principal = more.pop("principal", root(ACCOUNT))
        self.keys[key] = Credential(key, secret, principal, **more)

    def credential(self, access_key_id: str, token: str = "") -> Credential | None:
        return self.keys.get(access_key_id)

    def used(self, access_key_id: str, service: str, region: str) -> None:
        return None

    def policies(self, principal: Principal) -> tuple[Policy, ...]:
        return ()

    def boundary(self, principal: Principal) -> Policy | None:
        return None


class StandIn(Cloud):
    """A cloud whose models have the structs of all operations."""

    def __init__(self, *services: str) -> None:
        keys = Keys()
        keys.add("test", "test")
        super().__init__(keys)
        self.keys = keys
        for name in services:
            self.register(Service(name, state=None, operations={}))

    def model(self, name: str) -> ServiceModel:
        return complete(name)

    def serve(
        self,
        service: str,
        operation: str,
        answer: Callable[[Any, Any], Awaitable[Any]],
        **more: Any,
    ) -> None:
        """Let `answer(context, request)` be the operation; a dict it returns becomes a result."""
        model = self.model(service)

        async def handler(context: Any, request: Any) -> Any:
            result = await answer(context, request)
            return result_of(model, operation, result) if isinstance(result, dict) else result

        given: dict[str, Any] = {"action": "", "resource": None, "policy": None, "conditions": None}
        given |= {"unsigned": False} | more
        self.services[service].operations[operation] = Operation(operation, handler, **given)


def result_of(model: ServiceModel, operation: str, values: dict[str, Any]) -> Any:
    """The result struct of an operation from values in boto3's form."""
    shape = model.operations[operation].output
    assert shape is not None
    complaints: list[str] = []
    made = members._readers(model).of(shape)(values, "", complaints)
    assert not complaints, complaints
    return made


def request_of(
    method: str, url: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Request:
    """A request as the front door makes it."""
    parts = urlsplit(url)
    items = [(name.lower(), str(value)) for name, value in (headers or {}).items()]
    if not any(name == "host" for name, _ in items):
        items.append(("host", parts.netloc))
    return Request(
        method=method,
        raw_path=parts.path or "/",
        raw_query=parts.query,
        headers=Headers(items),
        body=Body.of(body),
        host=parts.hostname or "",
        scheme=parts.scheme,
        source_ip="127.0.0.1",
        endpoint=f"{parts.scheme}://{parts.netloc}",
        query=parse_qsl(parts.query, keep_blank_values=True),
    )
