"""What CloudFormation persists: stacks, their resources and events, change sets."""

from __future__ import annotations

from typing import Any

import msgspec

from cloudlet.aws.principal import Kind, Principal


class Actor(msgspec.Struct, frozen=True):
    """Who an operation acts as: kept, so that it can be ended after a restart."""

    kind: Kind
    account: str
    arn: str
    user_id: str
    name: str = ""
    role_arn: str = ""
    #: Session policies are not kept; so such a session's operation is not resumed.
    restricted: bool = False

    @classmethod
    def of(cls, principal: Principal) -> Actor:
        """The record of `principal`."""
        return cls(
            principal.kind,
            principal.account,
            principal.arn,
            principal.user_id,
            principal.name,
            principal.role_arn,
            bool(principal.session_policies),
        )

    def principal(self) -> Principal:
        """The principal that this is a record of."""
        return Principal(
            kind=self.kind,
            account=self.account,
            arn=self.arn,
            user_id=self.user_id,
            name=self.name,
            role_arn=self.role_arn,
        )


class Template(msgspec.Struct, frozen=True):
    """A template with the values given for it: all that evaluating it needs."""

    body: str  # as submitted
    processed: dict[str, Any]  # after the transforms
    transforms: list[str]  # as declared
    parameters: dict[str, str]
    tags: dict[str, str]
    capabilities: list[str] = []
    notification_arns: list[str] = []
    description: str | None = None


class OutputValue(msgspec.Struct, frozen=True):
    """An output of a stack."""

    key: str
    value: str
    description: str | None = None
    export: str | None = None


class Operation(msgspec.Struct, frozen=True):
    """The operation that a stack is in, or was in last."""

    kind: str  # "create" | "update" | "delete" | "continue"
    actor: Actor
    token: str | None = None
    started: float = 0.0
    disable_rollback: bool = False
    on_failure: str = "ROLLBACK"
    retain: list[str] = []  # DeleteStack's RetainResources
    skip: list[str] = []  # ContinueUpdateRollback's ResourcesToSkip
    retain_except_on_create: bool = False
    policy: str | None = None  # UpdateStack's StackPolicyDuringUpdateBody
    timeout_s: float | None = None


class Stack(msgspec.Struct, frozen=True):
    """A stack. `template` is what its resources follow; `target` what an update is going to."""

    id: str  # its ARN
    name: str
    status: str
    created: float
    operation: Operation
    template: Template | None = None  # None: in review, nothing executed yet
    target: Template | None = None
    status_reason: str | None = None
    updated: float | None = None
    deleted: float | None = None
    outputs: list[OutputValue] = []
    imports: list[str] = []
    role_arn: str | None = None
    termination_protection: bool = False
    policy: str | None = None
    change_set: str | None = None  # the ARN of the one executed last
    timeout_minutes: int | None = None
    rollback_triggers: dict[str, Any] | None = None
    parent: str | None = None
    root: str | None = None


class Made(msgspec.Struct, frozen=True):
    """A physical resource: its id, what it was made from, and what Fn::GetAtt gives."""

    physical_id: str
    properties: dict[str, Any]
    attributes: dict[str, Any] = {}
    ref: str | None = None  # what Ref gives, where that is not the physical id


class Resource(msgspec.Struct, frozen=True):
    """A stack's resource. `before` is what it was when the update in progress began.

    `replaced`: `before` is another physical resource than `made`, to be deleted in the end.
    `fresh`: made in the operation in progress.
    """

    logical_id: str
    type: str
    status: str
    updated: float
    made: Made
    status_reason: str | None = None
    before: Made | None = None
    replaced: bool = False
    #: The properties of an update in place that began and did not end: any of them may hold.
    attempted: dict[str, Any] | None = None
    fresh: bool = False
    needs: list[str] = []
    deletion_policy: str = "Delete"
    update_replace_policy: str = "Delete"
    metadata: str | None = None


class Event(msgspec.Struct, frozen=True):
    """An entry of a stack's history."""

    id: str
    logical_id: str
    physical_id: str
    type: str
    at: float
    status: str
    reason: str | None = None
    properties: str | None = None
    token: str | None = None


class ChangeSet(msgspec.Struct, frozen=True):
    """A change set: the template that it would bring, and the changes it would make."""

    id: str  # its ARN
    name: str
    stack_id: str
    stack_name: str
    kind: str  # "CREATE" | "UPDATE"
    created: float
    status: str
    execution_status: str
    template: Template | None
    status_reason: str | None = None
    description: str | None = None
    changes: list[dict[str, Any]] = []
    role_arn: str | None = None
    rollback_triggers: dict[str, Any] | None = None
    on_stack_failure: str | None = None
    token: str | None = None
