"""The Conditions block, and the assertions of Rules: boolean expressions over parameters."""

from __future__ import annotations

from typing import Any

from cloudlet.services.cloudformation.errors import (
    ValidationError,
    template_error,
    template_format_error,
)
from cloudlet.services.cloudformation.template.intrinsics import evaluate, text_of
from cloudlet.services.cloudformation.template.scope import Scope


def evaluate_conditions(conditions: dict[str, Any], scope: Scope) -> dict[str, bool]:
    """Every condition's value; a condition may refer to others, but not in a circle."""
    found: dict[str, bool] = {}
    for name in conditions:
        _condition(name, conditions, scope, found, ())
    return found


def _condition(
    name: Any,
    conditions: dict[str, Any],
    scope: Scope,
    found: dict[str, bool],
    under: tuple[str, ...],
) -> bool:
    if isinstance(name, str) and name in found:
        return found[name]
    if name in under:
        raise template_error(f"Found circular condition dependency between {', '.join(under)}")
    if not isinstance(name, str) or name not in conditions:
        raise template_format_error(
            f"Unresolved dependencies [{name}]. Cannot reference resources in the Conditions block "
            "of the template"
        )

    def named(other: Any) -> bool:
        return _condition(other, conditions, scope, found, (*under, name))

    found[name] = _Expression(scope, named).value(conditions[name])
    return found[name]


class _Expression:
    def __init__(self, scope: Scope, named: Any) -> None:
        self.scope = scope
        self.named = named

    def value(self, node: Any) -> bool:
        if isinstance(node, bool):
            return node
        if not isinstance(node, dict) or len(node) != 1:
            raise template_format_error("Every Conditions member must be a function.")
        ((name, argument),) = node.items()
        if name == "Condition":
            return bool(self.named(argument))
        if name == "Fn::Not":
            if not isinstance(argument, list) or len(argument) != 1:
                raise template_error("every Fn::Not object requires one boolean argument.")
            return not self.value(argument[0])
        if name in ("Fn::And", "Fn::Or"):
            if not isinstance(argument, list) or not 2 <= len(argument) <= 10:
                raise template_error(
                    f"every {name} object requires a list of at least 2 and at most 10 boolean "
                    "parameters."
                )
            values = [self.value(part) for part in argument]
            return all(values) if name == "Fn::And" else any(values)
        if name == "Fn::Equals":
            if not isinstance(argument, list) or len(argument) != 2:
                raise template_error(
                    "every Fn::Equals object requires a list of 2 string parameters."
                )
            left, right = (self.comparable(part) for part in argument)
            return bool(left == right)
        if name == "Fn::Contains":
            return self.contains(argument)
        raise template_format_error(f"Unsupported function {name} in the Conditions block.")

    def comparable(self, node: Any) -> Any:
        try:
            value = evaluate(node, self.scope)
        except ValidationError as error:
            if "Unresolved resource dependencies" in error.message:
                raise template_format_error(
                    error.message.partition(": ")[2]
                    .replace("resource dependencies", "dependencies")
                    .replace(
                        " in the Resources block",
                        ". Cannot reference resources in the Conditions block",
                    )
                ) from error
            raise
        return value if isinstance(value, dict | list) else text_of(value)

    def contains(self, argument: Any) -> bool:
        if not isinstance(argument, list) or len(argument) != 2:
            raise template_error("every Fn::Contains object requires a list and a string.")
        values, wanted = self.comparable(argument[0]), self.comparable(argument[1])
        return isinstance(values, list) and wanted in map(text_of, values)


def check_rules(rules: dict[str, Any], scope: Scope) -> None:
    """Raise `ValidationError` for the first rule that the parameters break."""

    def named(condition: Any) -> bool:
        if not isinstance(condition, str) or condition not in scope.conditions:
            raise template_format_error(f"Unresolved condition dependency {condition} in the Rules")
        return scope.conditions[condition]

    for name, rule in rules.items():
        if not isinstance(rule, dict) or not isinstance(rule.get("Assertions"), list):
            raise template_format_error(f"Rule {name} must have Assertions")
        expression = _Expression(scope, named)
        if "RuleCondition" in rule and not expression.value(rule["RuleCondition"]):
            continue
        for assertion in rule["Assertions"]:
            if not isinstance(assertion, dict) or "Assert" not in assertion:
                raise template_format_error(f"Every assertion of rule {name} must have an Assert")
            if not expression.value(assertion["Assert"]):
                reason = assertion.get("AssertDescription", f"assertion of rule {name}")
                raise template_error(f"Rule {name} failed: {reason}")
