"""Policy documents as IAM takes and gives them."""

from __future__ import annotations

from urllib.parse import quote

from cloudlet.aws.policy import MalformedPolicy, Policy
from cloudlet.services.iam.errors import LimitExceeded, MalformedPolicyDocument
from cloudlet.services.iam.model import Entity, Group, Role, User
from cloudlet.services.iam.store import KINDS, IamStore
from cloudlet.storage.records import GLOBAL

#: After the IAM User Guide, "IAM and AWS STS quotas": characters, white space not counted.
MANAGED_SIZE = 6144
TRUST_SIZE = 2048
INLINE_SIZE: dict[type[Entity], int] = {User: 2048, Group: 5120, Role: 10240}


def encoded(document: str) -> str:
    """The document URL-encoded after RFC 3986, as every answer of IAM has it."""
    return quote(document, safe="")


def size(document: str) -> int:
    """Its characters without white space, which is what the quotas count."""
    return sum(len(part) for part in document.split())


def check(document: str) -> Policy:
    """The compiled identity policy; raises `MalformedPolicyDocument`."""
    try:
        return Policy.parse(document)
    except MalformedPolicy as error:
        raise MalformedPolicyDocument(str(error)) from error


def check_managed(document: str) -> None:
    """Raise unless the document can be a managed policy's."""
    check(document)
    if size(document) > MANAGED_SIZE:
        raise LimitExceeded(f"Cannot exceed quota for PolicySize: {MANAGED_SIZE}")


def check_inline(entity: Entity, name: str, document: str) -> None:
    """Raise unless the document can be an inline policy of `entity`, the others counted in."""
    check(document)
    limit = INLINE_SIZE[type(entity)]
    others = sum(size(text) for other, text in entity.inline.items() if other != name)
    if others + size(document) > limit:
        kind = KINDS[type(entity)]
        raise LimitExceeded(
            f"Maximum policy size of {limit} bytes exceeded for {kind} {entity.name}"
        )


def check_trust(store: IamStore, account: str, document: str) -> None:
    """Raise unless the document can be a trust policy of a role of `account`.

    The users and roles of that account in it must exist. Those of others are taken as they are:
    they may be of accounts that are not here but in AWS.
    """
    try:
        policy = Policy.parse_trust(document)
    except MalformedPolicy as error:
        raise MalformedPolicyDocument(str(error)) from error
    if size(document) > TRUST_SIZE:
        raise LimitExceeded(f"Cannot exceed quota for ACLSizePerRole: {TRUST_SIZE}")
    for statement in policy.statements:
        named = statement.principals or statement.not_principals
        for arn in sorted(named.arns if named is not None else ()):
            if arn.split(":")[4] == account and not _exists(store, arn):
                raise MalformedPolicyDocument(f'Invalid principal in policy: "AWS":"{arn}"')


def _exists(store: IamStore, arn: str) -> bool:
    account, resource = arn.split(":", 5)[4:]
    kind, _, path = resource.partition("/")
    if kind == "user":
        return store.arn_of(User, account, path.rpartition("/")[2]) == arn and (
            store.users.get(account, GLOBAL, path.rpartition("/")[2]) is not None
        )
    if kind == "role":
        return store.role_by_arn(arn) is not None
    return store.roles.get(account, GLOBAL, path.partition("/")[0]) is not None
