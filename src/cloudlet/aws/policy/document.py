"""Policy documents: checked as AWS checks them and compiled to statements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, Literal

import msgspec

from cloudlet.aws.policy.conditions import BadCondition, Condition, compile_conditions
from cloudlet.aws.policy.patterns import Lookup, Patterns, Token, tokens
from cloudlet.aws.policy.principals import BadPrincipal, Grip, Principals
from cloudlet.aws.principal import Principal

#: What a policy is attached to decides which elements it may have.
Kind = Literal["identity", "resource", "trust"]

_VERSIONS = ("2012-10-17", "2008-10-17")
_DOCUMENT_KEYS = frozenset({"Version", "Id", "Statement"})
_STATEMENT_KEYS = frozenset(
    {"Sid", "Effect", "Principal", "NotPrincipal", "Action", "NotAction", "Resource",
     "NotResource", "Condition"}
)  # fmt: skip
_PARTITIONS = frozenset({"aws", "aws-cn", "aws-us-gov", "aws-iso", "aws-iso-b", "*"})
_SYNTAX = "Syntax errors in policy."

#: Statements by action that a policy remembers; actions are the services' own, so it never fills.
_REMEMBERED = 1024


class MalformedPolicy(ValueError):
    """The document is no valid policy; the message is AWS's."""


@dataclass(frozen=True, slots=True)
class Statement:
    """One statement; `sid` is what it was called, `index` its place in the document."""

    allows: bool
    sid: str
    index: int
    actions: Patterns | None
    not_actions: Patterns | None
    resources: Patterns | None
    not_resources: Patterns | None
    principals: Principals | None
    not_principals: Principals | None
    conditions: tuple[Condition, ...]

    def covers(self, action: str) -> bool:
        """Whether it speaks about `action`, in lower case."""
        if self.actions is not None:
            return self.actions.match(action, _no_value)
        assert self.not_actions is not None
        return not self.not_actions.match(action, _no_value)

    def applies(self, resource: str, lookup: Lookup) -> bool:
        """Whether its Resource and Condition elements fit the request."""
        if self.resources is not None:
            if not self.resources.match(resource, lookup):
                return False
        elif self.not_resources is not None and self.not_resources.match(resource, lookup):
            return False
        return all(condition.holds(lookup) for condition in self.conditions)

    def grip(self, principal: Principal) -> Grip:
        """How directly it names `principal`; a statement of an identity policy names its bearer."""
        if self.principals is not None:
            return self.principals.grip(principal)
        if self.not_principals is not None:
            return Grip.NONE if self.not_principals.spares(principal) else Grip.DIRECT
        return Grip.DIRECT


def _no_value(key: str) -> None:  # noqa: ARG001
    return None


@dataclass(frozen=True, eq=False, slots=True)
class Policy:
    """A compiled policy. `document` is what it was compiled from.

    `owner` is the account of the resource that a resource policy speaks for ("" where the
    resource's ARN says it); `called` is how a denial by it is worded.
    """

    statements: tuple[Statement, ...]
    document: Mapping[str, Any]
    kind: Kind = "identity"
    owner: str = ""
    _by_action: dict[str, tuple[Statement, ...]] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(
        cls, document: str | Mapping[str, Any], *, resource_based: bool = False, owner: str = ""
    ) -> Policy:
        """Compile `document`; raises `MalformedPolicy` with AWS's message."""
        kind: Kind = "resource" if resource_based else "identity"
        if isinstance(document, str):
            return _parse_text(document, kind, owner)
        return _compile(document, kind, owner)

    @classmethod
    def parse_trust(cls, document: str | Mapping[str, Any], owner: str = "") -> Policy:
        """Compile a role's trust policy; raises `MalformedPolicy` with AWS's message."""
        if isinstance(document, str):
            return _parse_text(document, "trust", owner)
        return _compile(document, "trust", owner)

    @classmethod
    def none(cls, owner: str) -> Policy:
        """The policy of a resource of `owner` that has no policy: it grants nothing."""
        return _no_policy(owner)

    @property
    def called(self) -> str:
        """How AWS calls this kind of policy in a denial."""
        return _CALLED[self.kind]

    def about(self, action: str) -> tuple[Statement, ...]:
        """The statements that cover `action`, in lower case."""
        found = self._by_action.get(action)
        if found is None:
            found = tuple(statement for statement in self.statements if statement.covers(action))
            if len(self._by_action) < _REMEMBERED:
                self._by_action[action] = found
        return found


_CALLED: dict[Kind, str] = {
    "identity": "identity-based policy",
    "resource": "resource-based policy",
    "trust": "role trust policy",
}


@lru_cache(maxsize=1024)
def _no_policy(owner: str) -> Policy:
    return Policy(statements=(), document={}, kind="resource", owner=owner)


@lru_cache(maxsize=1024)
def _parse_text(text: str, kind: Kind, owner: str) -> Policy:
    try:
        document = msgspec.json.decode(text.strip())
    except (msgspec.DecodeError, RecursionError) as error:
        if kind == "resource":
            raise MalformedPolicy(
                "Policies must be valid JSON and the first byte must be '{'"
            ) from error
        raise MalformedPolicy(
            "This policy contains invalid Json" if kind == "trust" else _SYNTAX
        ) from error
    return _compile(document, kind, owner)


def _compile(document: Any, kind: Kind, owner: str) -> Policy:
    if not isinstance(document, Mapping):
        raise MalformedPolicy(_SYNTAX)
    version = document.get("Version", "2008-10-17")
    if version not in _VERSIONS:
        if kind == "resource":
            raise MalformedPolicy("The policy must contain a valid version string")
        raise MalformedPolicy(_SYNTAX)
    if not set(document) <= _DOCUMENT_KEYS:
        unknown = next(key for key in document if key not in _DOCUMENT_KEYS)
        raise MalformedPolicy(f"Unknown field {unknown}" if kind == "resource" else _SYNTAX)
    if kind == "identity" and "Version" not in document and _has_variables(document):
        raise MalformedPolicy("Policy document must be version 2012-10-17 or greater.")
    given = document.get("Statement")
    statements = [given] if isinstance(given, Mapping) else given
    if not isinstance(statements, list) or not statements:
        raise MalformedPolicy("Missing required field Statement" if kind == "resource" else _SYNTAX)
    reader = _Reader(kind, variables=version == "2012-10-17")
    compiled = tuple(reader.statement(raw, index) for index, raw in enumerate(statements))
    sids = [statement.sid for statement in compiled if statement.sid]
    if len(set(sids)) != len(sids):
        raise MalformedPolicy("Statement IDs (SID) in a single policy must be unique.")
    return Policy(statements=compiled, document=document, kind=kind, owner=owner)


def _has_variables(document: Mapping[str, Any]) -> bool:
    return "${" in msgspec.json.encode(document).decode()


class _Reader:
    """Checks and compiles the statements of one document."""

    def __init__(self, kind: Kind, variables: bool) -> None:
        self.kind = kind
        self.variables = variables

    def statement(self, raw: Any, index: int) -> Statement:
        if not isinstance(raw, Mapping):
            raise MalformedPolicy(_SYNTAX)
        unknown = [key for key in raw if key not in _STATEMENT_KEYS]
        if unknown:
            raise MalformedPolicy(
                f"Unknown field {unknown[0]}" if self.kind == "resource" else _SYNTAX
            )
        effect = raw.get("Effect")
        if effect is None and self.kind == "resource":
            raise MalformedPolicy("Missing required field Effect")
        if effect not in ("Allow", "Deny"):
            raise MalformedPolicy(
                f"Invalid effect: {effect}" if self.kind == "resource" else _SYNTAX
            )
        sid = raw.get("Sid", "")
        if not isinstance(sid, str) or (
            self.kind != "resource" and not re.fullmatch(r"[A-Za-z0-9]*", sid)
        ):
            raise MalformedPolicy(
                "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the "
                "regular expression [0-9A-Za-z]*"
            )
        principals, not_principals = self._principals(raw)
        actions, not_actions = self._actions(raw)
        resources, not_resources = self._resources(raw)
        return Statement(
            allows=effect == "Allow",
            sid=sid,
            index=index,
            actions=actions,
            not_actions=not_actions,
            resources=resources,
            not_resources=not_resources,
            principals=principals,
            not_principals=not_principals,
            conditions=self._conditions(raw),
        )

    def _principals(self, raw: Mapping[str, Any]) -> tuple[Principals | None, Principals | None]:
        named = [key for key in ("Principal", "NotPrincipal") if key in raw]
        if self.kind == "identity":
            if named:
                raise MalformedPolicy("Policy document should not specify a principal.")
            return None, None
        if not named:
            raise MalformedPolicy(
                "AssumeRole policy must contain principals."
                if self.kind == "trust"
                else "Missing required field Principal"
            )
        if len(named) == 2:
            raise MalformedPolicy(_SYNTAX)
        try:
            principals = Principals(raw[named[0]])
        except BadPrincipal as error:
            text = str(error)
            detail = f": {text}" if self.kind == "trust" and text.startswith('"') else ""
            raise MalformedPolicy(f"Invalid principal in policy{detail}") from error
        return (principals, None) if named[0] == "Principal" else (None, principals)

    def _actions(self, raw: Mapping[str, Any]) -> tuple[Patterns | None, Patterns | None]:
        key, values = self._either(raw, "Action", "NotAction")
        if not values:
            raise MalformedPolicy(
                "Missing required field Action"
                if self.kind == "resource"
                else "Policy statement must contain actions."
            )
        for value in values:
            self._check_action(value)
        patterns = Patterns(
            [tokens(value.lower(), wildcards=True, variables=False) for value in values]
        )
        return (patterns, None) if key == "Action" else (None, patterns)

    def _check_action(self, value: str) -> None:
        if value == "*" and self.kind != "trust":
            return
        vendor, colon, name = value.partition(":")
        if self.kind == "resource":
            if not colon or not vendor or not name:
                raise MalformedPolicy("Policy has invalid action")
            return
        if not colon:
            raise MalformedPolicy(
                "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc."
            )
        if ":" in name:
            raise MalformedPolicy("Actions/Condition can contain only one colon.")
        if not re.fullmatch(r"[A-Za-z0-9-]+", vendor):
            raise MalformedPolicy(f"Vendor {vendor} is not valid")
        if self.kind == "trust" and vendor.lower() != "sts":
            raise MalformedPolicy("AssumeRole policy may only specify STS AssumeRole actions.")

    def _resources(self, raw: Mapping[str, Any]) -> tuple[Patterns | None, Patterns | None]:
        key, values = self._either(raw, "Resource", "NotResource")
        if self.kind == "trust":
            if key:
                raise MalformedPolicy(f"Has prohibited field {key}")
            return None, None
        if not values:
            raise MalformedPolicy(
                "Missing required field Resource"
                if self.kind == "resource"
                else "Policy statement must contain resources."
            )
        patterns: list[Sequence[Token]] = []
        for value in values:
            if self.kind == "identity":
                _check_resource(value)
            patterns.append(tokens(value, wildcards=True, variables=self.variables))
        compiled = Patterns(patterns, arns=True)
        return (compiled, None) if key == "Resource" else (None, compiled)

    def _conditions(self, raw: Mapping[str, Any]) -> tuple[Condition, ...]:
        block = raw.get("Condition", {})
        if not isinstance(block, Mapping):
            raise MalformedPolicy(_SYNTAX)
        try:
            return compile_conditions(block, self.variables)
        except BadCondition as error:
            text = str(error)
            if self.kind == "resource" and text.startswith("Invalid Condition type"):
                raise MalformedPolicy(text) from error
            if self.kind == "resource":
                raise MalformedPolicy("Policy has an invalid condition value") from error
            raise MalformedPolicy(_SYNTAX) from error

    def _either(self, raw: Mapping[str, Any], one: str, other: str) -> tuple[str, list[str]]:
        """The one of two elements that is there, with its values; both is an error."""
        if one in raw and other in raw:
            raise MalformedPolicy(_SYNTAX)
        key = one if one in raw else other if other in raw else ""
        if not key:
            return "", []
        given = raw[key]
        values = given if isinstance(given, list) else [given]
        if not all(isinstance(value, str) for value in values):
            raise MalformedPolicy(_SYNTAX)
        return key, values


def _check_resource(value: str) -> None:
    """Raise `MalformedPolicy` unless an identity policy may name the resource so."""
    if value == "*":
        return
    parts = value.split(":", 5)
    if parts[0] != "arn" and not value.startswith("${"):
        raise MalformedPolicy(f'Resource {value} must be in ARN format or "*".')
    if parts[0] == "arn" and len(parts) > 1 and parts[1] not in _PARTITIONS:
        raise MalformedPolicy(f'Partition "{parts[1]}" is not valid for resource "{value}".')
    if len(parts) < 6 and not value.endswith("*"):
        raise MalformedPolicy(f'Resource {value} must be in ARN format or "*".')
