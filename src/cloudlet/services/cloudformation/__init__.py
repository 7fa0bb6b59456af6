"""AWS CloudFormation: stacks and change sets over the other services' operations."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from cloudlet.aws.service import Service
    from cloudlet.services.cloudformation.state import CloudFormation
    from cloudlet.services.parts import Parts


def build(parts: Parts) -> Service[CloudFormation]:
    """The service on `parts`."""
    # Imported here because the SAM worker imports this package and needs none of it.
    from cloudlet.aws.service import Service, operations_of
    from cloudlet.services.cloudformation.api import (
        changesets,
        describing,
        exports,
        settings,
        stacks,
        templates,
    )
    from cloudlet.services.cloudformation.engine.engine import Engine
    from cloudlet.services.cloudformation.resources import TYPES
    from cloudlet.services.cloudformation.sam import SamTransform
    from cloudlet.services.cloudformation.state import CloudFormation
    from cloudlet.services.cloudformation.store import Store

    store = Store(parts.records)
    state = CloudFormation(store, Engine(parts.cloud, store, TYPES), SamTransform())
    return Service(
        name="cloudformation",
        state=state,
        operations=operations_of(changesets, describing, exports, settings, stacks, templates),
        start=state.start,
        stop=state.stop,
        reset=state.reset,
    )
