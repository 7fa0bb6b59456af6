"""What a template's expressions may refer to, and the values of pseudo parameters."""

# ruff: noqa: D102, ARG002 - the methods are References's

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cloudlet.services.cloudformation.errors import template_error

#: Stands for a value that is known only when the change set has been executed; AWS's own wording.
PENDING = "{{changeSet:KNOWN_AFTER_APPLY}}"


class _NoValue:
    """`AWS::NoValue`: removes the property or list item that it stands in."""

    def __repr__(self) -> str:
        return "AWS::NoValue"


NO_VALUE = _NoValue()


class References(Protocol):
    """The resources that Ref and Fn::GetAtt look into."""

    def ref(self, logical_id: str) -> Any:
        """What Ref gives; `PENDING` where it is not known yet."""

    def attribute(self, logical_id: str, name: str) -> Any:
        """What Fn::GetAtt gives; `PENDING` where it is not known yet."""


class Nothing:
    """References where no resource can be referred to: conditions, rules, transforms."""

    def ref(self, logical_id: str) -> Any:
        raise KeyError(logical_id)

    def attribute(self, logical_id: str, name: str) -> Any:
        raise KeyError(logical_id)


class Budget:
    """The characters that a template's Subs and Joins may still produce: a bound on memory."""

    def __init__(self, left: int = 64 << 20) -> None:
        self.left = left

    def spend(self, characters: int) -> None:
        """Count what was produced; raises `ValidationError` when there is nothing left."""
        self.left -= characters
        if self.left < 0:
            raise template_error("the values of the template are too large")


@dataclass(slots=True)
class Scope:
    """Everything an expression sees. `parameters` hold template and pseudo parameters."""

    parameters: Mapping[str, Any]
    mappings: Mapping[str, Any] = field(default_factory=dict)
    conditions: Mapping[str, bool] = field(default_factory=dict)
    exports: Callable[[str], str | None] = lambda _: None
    references: References = field(default_factory=Nothing)
    extended: bool = False  # AWS::LanguageExtensions is declared
    budget: Budget = field(default_factory=Budget)
    imports: set[str] = field(default_factory=set)  # names of the exports that were looked up


def pseudo_parameters(
    account: str, region: str, stack_name: str, stack_id: str, notification_arns: list[str]
) -> dict[str, Any]:
    """The pseudo parameters of a stack. URLSuffix is AWS's own: templates stay portable."""
    china = region.startswith("cn-")
    return {
        "AWS::AccountId": account,
        "AWS::Region": region,
        "AWS::StackName": stack_name,
        "AWS::StackId": stack_id,
        "AWS::NotificationARNs": notification_arns,
        "AWS::NoValue": NO_VALUE,
        "AWS::Partition": "aws-cn" if china else "aws",
        "AWS::URLSuffix": "amazonaws.com.cn" if china else "amazonaws.com",
    }
