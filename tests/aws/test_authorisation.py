from __future__ import annotations

from typing import Any

import pytest

from cloudlet.aws import authorisation
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.policy import Policy
from cloudlet.aws.principal import ANONYMOUS, Credential, Principal, root
from cloudlet.aws.service import Operation, Service

ACCOUNT = "111122223333"
BOB = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/bob", "AIDA1", "bob")


class Bobs:
    """Identities of which only Bob has a policy."""

    def __init__(self, *statements: dict[str, Any]) -> None:
        self.policy = Policy.parse({"Version": "2012-10-17", "Statement": list(statements)})

    def credential(self, access_key_id: str, session_token: str = "") -> Credential | None:
        return None

    def used(self, access_key_id: str, service: str, region: str) -> None:
        return None

    def policies(self, principal: Principal) -> tuple[Policy, ...]:
        return (self.policy,) if principal is BOB else ()

    def boundary(self, principal: Principal) -> Policy | None:
        return None


def allow(action: Any, resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


async def handler(ctx: Any, req: Any) -> None:
    return None


def declared(**given: Any) -> Operation:
    fields = dict.fromkeys(("action", "resource", "policy", "conditions"), None)
    return Operation("GetThing", handler, **{**fields, "unsigned": False, **given})


def check(
    principal: Principal,
    operation: Operation,
    *statements: dict[str, Any],
    request: Any = None,
    **given: Any,
) -> None:
    cloud = Cloud(Bobs(*(statements or (allow("nothing:*"),))))
    cloud.register(Service(name="things", state=None, operations={}, prefix="thing"))
    context: Context[Any] = Context(
        service=None,
        cloud=cloud,
        service_name="things",
        operation="GetThing",
        account=ACCOUNT,
        region="eu-west-1",
        principal=principal,
        request_id="r",
        endpoint="http://127.0.0.1",
        **given,
    )
    authorisation.check_operation(cloud, context, operation, request)


def test_the_default_action_is_the_services_prefix_and_the_operation() -> None:
    check(BOB, declared(), allow("thing:GetThing"))
    with pytest.raises(AccessDenied) as caught:
        check(BOB, declared(), allow("things:GetThing"))
    assert caught.value.message == (
        f"User: {BOB.arn} is not authorized to perform: thing:GetThing on resource: * because no "
        "identity-based policy allows the thing:GetThing action"
    )


def test_every_resource_and_every_action_must_be_allowed() -> None:
    both = declared(resource=lambda ctx, req: ["arn:aws:thing:::a", "arn:aws:thing:::b"])
    check(BOB, both, allow("*", ["arn:aws:thing:::a", "arn:aws:thing:::b"]))
    with pytest.raises(AccessDenied, match="on resource: arn:aws:thing:::b because"):
        check(BOB, both, allow("*", "arn:aws:thing:::a"))
    two = declared(action=lambda ctx, req: ["thing:A", "thing:B"])
    check(BOB, two, allow(["thing:A", "thing:B"]))
    with pytest.raises(AccessDenied, match="thing:B"):
        check(BOB, two, allow("thing:A"))


def test_an_explicit_deny_says_so_and_s3_quotes_the_resource() -> None:
    get = declared(action="s3:GetObject", resource=lambda ctx, req: "arn:aws:s3:::b/k")
    denial = {"Effect": "Deny", "Action": "s3:*", "Resource": "*"}
    with pytest.raises(AccessDenied) as caught:
        check(BOB, get, denial)
    assert caught.value.message == (
        f"User: {BOB.arn} is not authorized to perform: s3:GetObject on resource: "
        '"arn:aws:s3:::b/k" with an explicit deny in an identity-based policy'
    )


def test_an_unsigned_operation_and_one_without_an_action_ask_nothing() -> None:
    check(ANONYMOUS, declared(unsigned=True))
    check(BOB, declared(action=""))


def test_strangers_need_a_resource_policy() -> None:
    statement = allow("thing:*", Principal="*")
    policy = Policy.parse(
        {"Version": "2012-10-17", "Statement": statement}, resource_based=True, owner=ACCOUNT
    )
    check(ANONYMOUS, declared(policy=lambda ctx, req: policy))
    with pytest.raises(AccessDenied, match=r"^Access Denied$"):
        check(ANONYMOUS, declared())


@pytest.mark.parametrize(
    ("resource", "owner", "allowed"),
    [
        (f"arn:aws:thing:r:{ACCOUNT}:x", "", True),
        ("arn:aws:thing:r:444455556666:x", "", False),
        ("arn:aws:s3:::bucket", "444455556666", False),
        ("arn:aws:s3:::bucket", ACCOUNT, True),
        ("*", "", True),
    ],
)
def test_the_root_is_bound_by_the_resources_account(
    resource: str, owner: str, allowed: bool
) -> None:
    policy = Policy.none(owner) if owner else None
    operation = declared(resource=lambda ctx, req: resource, policy=lambda ctx, req: policy)
    if allowed:
        check(root(ACCOUNT), operation)
    else:
        with pytest.raises(AccessDenied):
            check(root(ACCOUNT), operation)


@pytest.mark.parametrize(
    ("source_ip", "secure", "value"),
    [
        ("127.0.0.1", False, "true"),
        ("::1", False, "true"),
        ("10.1.2.3", False, "false"),
        ("10.1.2.3", True, "true"),
    ],
)
def test_a_request_that_never_left_the_machine_is_secure(
    source_ip: str, secure: bool, value: str
) -> None:
    statement = allow("*", Condition={"Bool": {"aws:SecureTransport": value}})
    check(BOB, declared(), statement, source_ip=source_ip, secure=secure)


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:SourceIp", "10.1.2.3"),
        ("aws:UserAgent", "agent"),
        ("aws:SecureTransport", "true"),
        ("aws:RequestedRegion", "eu-west-1"),
        ("thing:Size", "7"),
        ("aws:username", "bob"),
    ],
)
def test_condition_keys_come_from_context_service_and_principal(key: str, value: str) -> None:
    operation = declared(conditions=lambda ctx, req: {"thing:Size": "7"})
    context = {"source_ip": "10.1.2.3", "user_agent": "agent", "secure": True}
    statement = allow("*", Condition={"StringEquals": {key: value}})
    check(BOB, operation, statement, **context)
    statement = allow("*", Condition={"StringEquals": {key: f"{value}x"}})
    with pytest.raises(AccessDenied):
        check(BOB, operation, statement, **context)
