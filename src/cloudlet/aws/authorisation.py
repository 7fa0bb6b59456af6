"""From an operation and its context to a decision; what is not allowed is AWS's AccessDenied."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cloudlet.aws.errors import AccessDenied
from cloudlet.aws.policy import Decision, Policy, Question, evaluate
from cloudlet.aws.policy.evaluation import Values
from cloudlet.aws.principal import Principal

if TYPE_CHECKING:
    from cloudlet.aws.cloud import Cloud
    from cloudlet.aws.context import Context
    from cloudlet.aws.service import Operation


def check_operation(cloud: Cloud, context: Context[Any], declared: Operation, request: Any) -> None:
    """Raise `AccessDenied` unless the principal may perform the operation with this request."""
    if declared.unsigned or declared.action == "":
        return
    if context.principal.kind == "root" and declared.resource is None and declared.policy is None:
        return  # in its own account, on "*"
    if declared.action is None:
        prefix = cloud.services[context.service_name].prefix
        action: str | Sequence[str] = f"{prefix}:{context.operation}"
    elif isinstance(declared.action, str):
        action = declared.action
    else:
        action = declared.action(context, request)
    resource = "*" if declared.resource is None else declared.resource(context, request)
    policy = None if declared.policy is None else declared.policy(context, request)
    conditions = None if declared.conditions is None else declared.conditions(context, request)
    for one in (action,) if isinstance(action, str) else action:
        check(cloud, context, one, resource, policy=policy, conditions=conditions)


def check(
    cloud: Cloud,
    context: Context[Any],
    action: str,
    resource: str | Sequence[str],
    *,
    policy: Policy | None = None,
    conditions: Mapping[str, Values] | None = None,
) -> None:
    """Raise `AccessDenied` unless the principal may do `action` on every `resource`.

    The resource's account is its policy's `owner`, else that of its ARN, else the request's.
    """
    for arn in (resource,) if isinstance(resource, str) else resource:
        decision = decide(cloud, context, action, arn, policy=policy, conditions=conditions)
        if not decision.allowed:
            raise AccessDenied(message(context.principal, action, arn, decision))


def decide(
    cloud: Cloud,
    context: Context[Any],
    action: str,
    resource: str,
    *,
    policy: Policy | None = None,
    conditions: Mapping[str, Values] | None = None,
) -> Decision:
    """What `check` decides, for those who need the answer and not the error."""
    principal = context.principal
    account = owner(resource, policy, context.account)
    if principal.kind == "root" and policy is None and account == principal.account:
        return _ROOT
    identities = cloud.identities
    return evaluate(
        Question(principal, action, resource, account, RequestKeys(context, account, conditions)),
        identity=identities.policies(principal),
        resource=policy,
        boundary=identities.boundary(principal),
        session=principal.session_policies,
    )


_ROOT = Decision(allowed=True)


def owner(resource: str, policy: Policy | None, otherwise: str) -> str:
    """The account that `resource` belongs to."""
    if policy is not None and policy.owner:
        return policy.owner
    parts = resource.split(":", 5)
    if len(parts) == 6 and len(parts[4]) == 12:
        return parts[4]
    return otherwise


def message(principal: Principal, action: str, resource: str, decision: Decision) -> str:
    """AWS's message; S3 sets the resource in quotes and tells anonymous callers nothing."""
    if principal.kind == "anonymous":
        return "Access Denied"
    shown = f'"{resource}"' if action.startswith(("s3:", "s3-")) else resource
    return (
        f"User: {principal.arn} is not authorized to perform: {action} on resource: {shown}"
        f" {decision.because(action)}"
    )


class RequestKeys(Mapping[str, Values]):
    """A request's condition keys in lower case: the service's own, then the context's."""

    __slots__ = ("_account", "_context", "_given", "_lowered")

    def __init__(
        self, context: Context[Any], account: str, given: Mapping[str, Values] | None
    ) -> None:
        self._context = context
        self._account = account
        self._given = given
        self._lowered: dict[str, Values] | None = None

    def __getitem__(self, key: str) -> Values:
        if self._given:
            if self._lowered is None:
                self._lowered = {name.lower(): value for name, value in self._given.items()}
            if key in self._lowered:
                return self._lowered[key]
        if key == "aws:resourceaccount":
            return self._account
        return _CONTEXT_KEYS[key](self._context)

    def __iter__(self) -> Iterator[str]:
        given = (name.lower() for name in self._given or ())
        yield from dict.fromkeys([*given, *_CONTEXT_KEYS, "aws:resourceaccount"])

    def __len__(self) -> int:
        return sum(1 for _ in self)


def _is_secure(context: Context[Any]) -> bool:
    """Whether nobody can listen in: by TLS, or because the request never left this machine.

    Policies that refuse everything else, as those of SAM's and CDK's own buckets do, would lock
    out every client of a cloud on the desk.
    """
    source = context.source_ip
    return context.secure or source == "::1" or source.startswith("127.")


_CONTEXT_KEYS: dict[str, Callable[[Context[Any]], Values]] = {
    "aws:sourceip": lambda context: context.source_ip,
    "aws:useragent": lambda context: context.user_agent,
    "aws:securetransport": lambda context: "true" if _is_secure(context) else "false",
    "aws:requestedregion": lambda context: context.region,
}
