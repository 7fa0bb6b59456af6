"""The Principal and NotPrincipal elements.

After the IAM User Guide, "AWS JSON policy elements: Principal" and "NotPrincipal".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from enum import IntEnum
from typing import Any

from cloudlet.aws.principal import Principal

_ACCOUNT = re.compile(r"\d{12}")
_ROOT = re.compile(r"arn:aws[\w-]*:iam::(\d{12}):root")
_IDENTITY = re.compile(
    r"arn:aws[\w-]*:(iam::(\d{12}|cloudfront):(user|role)/[^*?]+"
    r"|sts::\d{12}:(assumed-role|federated-user)/[^*?]+)"
)
_UNIQUE_ID = re.compile(r"A(?:IDA|ROA)[A-Z0-9]{12,}")
_KINDS = frozenset({"AWS", "Service", "Federated", "CanonicalUser"})


class BadPrincipal(ValueError):
    """A principal that no policy can name; holds what was given."""


class Grip(IntEnum):
    """How directly a resource policy's statement names the caller.

    A grant to the account only delegates: an identity policy must allow too. One to the role is
    limited by the role's boundary and the session's policies; one to the user, to the session or
    to everyone by neither.
    """

    NONE = 0
    ACCOUNT = 1
    ROLE = 2
    DIRECT = 3


def canonical_user(account: str) -> str:
    """The canonical user id of `account`: 64 hexadecimal digits, the same in every run."""
    return hashlib.sha256(f"canonical user {account}".encode()).hexdigest()


class Principals:
    """The principals that a statement names."""

    __slots__ = ("_accounts", "_arns", "_canonical", "_everyone", "_ids", "_services")

    def __init__(self, element: Any) -> None:
        """Raises `BadPrincipal`."""
        self._everyone = False
        self._accounts: set[str] = set()
        self._arns: set[str] = set()
        self._ids: set[str] = set()
        self._services: set[str] = set()
        self._canonical: set[str] = set()
        if element == "*":
            self._everyone = True
            return
        if not isinstance(element, Mapping) or not element:
            raise BadPrincipal(str(element))
        for kind, given in element.items():
            values = given if isinstance(given, list) else [given]
            if kind not in _KINDS or not values:
                raise BadPrincipal(f'"{kind}"')
            for value in values:
                if not isinstance(value, str) or not self._add(kind, value):
                    raise BadPrincipal(f'"{kind}":"{value}"')

    def _add(self, kind: str, value: str) -> bool:
        if kind == "Service":
            self._services.add(value)
            return bool(value) and "*" not in value
        if kind == "CanonicalUser":
            self._canonical.add(value)
            return True
        if kind == "Federated":
            return bool(value)  # there are no federated principals here: it names nobody
        root = _ROOT.fullmatch(value)
        if value == "*":
            self._everyone = True
        elif _ACCOUNT.fullmatch(value):
            self._accounts.add(value)
        elif root:
            self._accounts.add(root[1])
        elif _IDENTITY.fullmatch(value):
            self._arns.add(value)
        elif _UNIQUE_ID.fullmatch(value):
            self._ids.add(value)
        else:
            return False
        return True

    @property
    def arns(self) -> frozenset[str]:
        """The users, roles and sessions that are named by ARN."""
        return frozenset(self._arns)

    def grip(self, principal: Principal) -> Grip:
        """How directly `principal` is named."""
        if self._everyone:
            return Grip.DIRECT
        if principal.kind == "service":
            return Grip.DIRECT if principal.name in self._services else Grip.NONE
        if principal.kind == "anonymous":
            return Grip.NONE
        if principal.kind != "root" and principal.arn in self._arns:
            return Grip.DIRECT
        if principal.role_arn:
            if principal.role_arn in self._arns:
                return Grip.ROLE
            if principal.user_id.partition(":")[0] in self._ids:
                return Grip.ROLE
        elif principal.user_id in self._ids:
            return Grip.DIRECT
        if principal.account in self._accounts:
            return Grip.ACCOUNT
        if self._canonical and canonical_user(principal.account) in self._canonical:
            return Grip.ACCOUNT
        return Grip.NONE

    def spares(self, principal: Principal) -> bool:
        """Whether a NotPrincipal of these leaves `principal` out.

        Every level must be listed: the account and the user; the account, the role and the
        session.
        """
        if self._everyone:
            return True
        if principal.kind == "anonymous":
            return False
        if principal.kind == "service":
            return principal.name in self._services
        if principal.account not in self._accounts:
            return False
        if principal.kind == "root":
            return True
        if principal.role_arn and principal.role_arn not in self._arns:
            return False
        return principal.arn in self._arns
