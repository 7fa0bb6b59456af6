"""The decision: who may do what, after all policies that speak about a request.

After the IAM User Guide, "Policy evaluation logic" and "Policy evaluation for requests within a
single account", "Cross-account policy evaluation logic", "Permissions boundaries for IAM
entities"; the wording after "Troubleshoot access denied error messages".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import time

from cloudlet.aws.policy.document import Policy, Statement
from cloudlet.aws.policy.principals import Grip
from cloudlet.aws.principal import Principal

Values = str | Sequence[str]

#: What an account's root may always do to its own resources, so that no policy locks it out.
_ROOT_ALWAYS = frozenset({"s3:getbucketpolicy", "s3:putbucketpolicy", "s3:deletebucketpolicy"})


@dataclass(frozen=True, slots=True)
class Question:
    """May `principal` do `action` on `resource`, which belongs to `account`?

    `conditions` has the request's condition keys in lower case (`aws:sourcearn`); those of the
    principal and the clock are known without it.
    """

    principal: Principal
    action: str
    resource: str
    account: str
    conditions: Mapping[str, Values] = field(default_factory=dict)

    def value(self, key: str) -> Values | None:
        """The value of the condition key, in lower case, or None where the request has none."""
        found = self.conditions.get(key)
        if found is not None:
            return found
        return _known(self.principal, key)


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided, and what decided it.

    `policy` is the kind of policy ("identity-based policy") that denied or, in an implicit
    denial, did not allow; "" where it is allowed. `statements` are those that decided.
    """

    allowed: bool
    explicit: bool = False
    policy: str = ""
    statements: tuple[tuple[Policy, Statement], ...] = ()

    def because(self, action: str) -> str:
        """The end of AWS's access denied message."""
        if self.explicit:
            article = "an" if self.policy[0] in "aeiou" else "a"
            if self.policy == "role trust policy":
                article = "the"
            return f"with an explicit deny in {article} {self.policy}"
        return f"because no {self.policy} allows the {action} action"


_ALLOWED = Decision(allowed=True)


def evaluate(
    question: Question,
    *,
    identity: Sequence[Policy] = (),
    resource: Policy | None = None,
    boundary: Policy | None = None,
    session: Sequence[Policy] = (),
) -> Decision:
    """Decide as AWS does: an explicit deny wins; else each kind of policy in force must allow.

    Within the resource's account its own policy may be enough; from another account both sides
    must allow. Service principals and anonymous callers have the resource's policy only.
    """
    principal = question.principal
    action = question.action.lower()
    on_resource = () if resource is None else (resource,)
    called = resource.called if resource is not None else "resource-based policy"
    grip, granting, refusing = _heard(question, action, on_resource)
    if refusing and not (
        principal.kind == "root"
        and principal.account == question.account
        and action in _ROOT_ALWAYS
    ):
        return Decision(False, True, called, refusing)
    if principal.kind in ("service", "anonymous"):
        if granting:
            return Decision(True, statements=granting)
        return Decision(False, policy=called)

    sides: list[tuple[str, bool]] = []
    allowing: tuple[tuple[Policy, Statement], ...] = ()
    if principal.kind != "root":
        layers: tuple[tuple[str, Sequence[Policy], bool], ...] = (
            ("identity-based policy", identity, True),
            ("permissions boundary", () if boundary is None else (boundary,), boundary is not None),
            ("session policy", session, bool(session)),
        )
        for name, policies, in_force in layers:
            if not in_force:
                continue
            _, allows, denies = _heard(question, action, policies)
            if denies:
                return Decision(False, True, name, denies)
            sides.append((name, bool(allows)))
            allowing = allowing or allows
    return _weigh(question, grip, granting, allowing, sides, called)


def _weigh(
    question: Question,
    grip: Grip,
    granting: tuple[tuple[Policy, Statement], ...],
    allowing: tuple[tuple[Policy, Statement], ...],
    sides: Sequence[tuple[str, bool]],
    called: str,
) -> Decision:
    """The decision where nothing denies explicitly."""
    same_account = question.principal.account == question.account
    if same_account and grip is Grip.DIRECT:
        return Decision(True, statements=granting)
    for name, allows in sides:
        by_role = same_account and grip is Grip.ROLE and name == "identity-based policy"
        if not allows and not by_role:
            return Decision(False, policy=name)
    if not same_account and grip is Grip.NONE:
        return Decision(False, policy=called)
    if same_account and called == "role trust policy" and grip is Grip.NONE:
        return Decision(False, policy=called)
    statements = granting + allowing
    return Decision(True, statements=statements) if statements else _ALLOWED


def _heard(
    question: Question, action: str, policies: Sequence[Policy]
) -> tuple[Grip, tuple[tuple[Policy, Statement], ...], tuple[tuple[Policy, Statement], ...]]:
    """The strongest grip of an Allow, the statements that allow and those that deny."""
    best = Grip.NONE
    allows: list[tuple[Policy, Statement]] = []
    denies: list[tuple[Policy, Statement]] = []
    for policy in policies:
        for statement in policy.about(action):
            grip = statement.grip(question.principal)
            if grip is Grip.NONE or not statement.applies(question.resource, question.value):
                continue
            if statement.allows:
                best = max(best, grip)
                allows.append((policy, statement))
            else:
                denies.append((policy, statement))
    return best, tuple(allows), tuple(denies)


def _known(principal: Principal, key: str) -> Values | None:
    """The condition keys of the principal and of the clock."""
    known = _KEYS.get(key)
    if known is not None:
        return known(principal)
    if key.startswith("aws:principaltag/") and principal.tags:
        wanted = key[17:]
        return next((v for k, v in principal.tags.items() if k.lower() == wanted), None)
    return None


def _is_iam(principal: Principal) -> bool:
    return principal.kind in ("root", "user", "assumed-role")


def _type(principal: Principal) -> str | None:
    return {
        "root": "Account",
        "user": "User",
        "assumed-role": "AssumedRole",
        "anonymous": "Anonymous",
    }.get(principal.kind)


def _service_name(principal: Principal) -> str | None:
    return principal.name if principal.kind == "service" else None


_KEYS: dict[str, Callable[[Principal], Values | None]] = {
    "aws:principalarn": lambda p: (p.role_arn or p.arn) if _is_iam(p) else None,
    "aws:principalaccount": lambda p: p.account if _is_iam(p) else None,
    "aws:principaltype": _type,
    "aws:principalisawsservice": lambda p: "true" if p.kind == "service" else "false",
    "aws:principalservicename": _service_name,
    "aws:userid": lambda p: p.user_id if p.kind != "service" else None,
    "aws:username": lambda p: p.name if p.kind == "user" else None,
    "aws:currenttime": lambda _: datetime.now(UTC).isoformat(timespec="seconds"),
    "aws:epochtime": lambda _: str(int(time())),
    "aws:multifactorauthpresent": lambda p: "false" if p.kind == "assumed-role" else None,
    "aws:viaawsservice": lambda _: "false",
}
