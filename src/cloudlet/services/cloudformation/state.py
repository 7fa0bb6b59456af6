"""What the handlers find in `ctx.service`."""

from __future__ import annotations

from dataclasses import dataclass

from cloudlet.services.cloudformation.engine.engine import Engine
from cloudlet.services.cloudformation.sam import SamTransform
from cloudlet.services.cloudformation.store import Store


@dataclass(slots=True)
class CloudFormation:
    """The service's state: its records, its engine, and the SAM transform."""

    store: Store
    engine: Engine
    sam: SamTransform

    async def start(self) -> None:
        """Go on with what was cut off."""
        await self.engine.start()

    async def stop(self) -> None:
        """End tasks and the worker process."""
        await self.engine.stop()
        await self.sam.stop()

    async def reset(self) -> None:
        """Let go of operations on stacks that are no more."""
        await self.engine.stop()
        await self.store.reset()
