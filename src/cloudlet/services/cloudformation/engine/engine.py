"""The engine's tasks: one a stack in operation, resumed or rolled back after a restart.

A stack's status says which phase it is in, and each phase can be begun again from the records:
forward phases (CREATE_IN_PROGRESS, UPDATE_IN_PROGRESS) that were cut off by the server's end are
rolled back, all others are resumed. So nothing that was half made is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping

from cloudlet.aws.cloud import Cloud
from cloudlet.services.cloudformation.engine import operations
from cloudlet.services.cloudformation.engine.journal import Journal
from cloudlet.services.cloudformation.engine.work import Worker
from cloudlet.services.cloudformation.model import Stack, Template
from cloudlet.services.cloudformation.resources.kind import ResourceType
from cloudlet.services.cloudformation.store import KEPT_S, Shelf, Store, uuid_of
from cloudlet.services.cloudformation.template.prepared import Place, Prepared, prepare

log = logging.getLogger(__name__)

#: How long an answer waits for the operation that it began. Clients poll at once and then every
#: half minute, so that an operation of a second would else seem to take thirty.
PATIENCE_S = 2.0
INTERRUPTED = "cloudlet was stopped during the operation. "


class Engine:
    """Runs the operations of all stacks."""

    def __init__(self, cloud: Cloud, store: Store, types: Mapping[str, ResourceType]) -> None:
        self.cloud = cloud
        self.store = store
        self.types = types
        self._running: dict[str, tuple[asyncio.Task[None], Worker]] = {}

    # What templates are checked against.

    def known(self, type_: str) -> bool:
        """Whether there is such a resource type."""
        found = self.types.get(type_)
        return found is not None and all(
            service in self.cloud.services and operation in self.cloud.services[service].operations
            for service, operation in found.needs
        )

    def supports(self, type_: str, attribute: str) -> bool:
        """Whether Fn::GetAtt may ask a resource of that type for the attribute."""
        found = self.types.get(type_)
        return found is not None and (
            attribute in found.attributes
            or ("Outputs.*" in found.attributes and attribute.startswith("Outputs."))
        )

    async def prepare(self, template: Template, shelf: Shelf, name: str, id_: str) -> Prepared:
        """Make a template ready for a stack; raises `ValidationError`."""
        place = Place(shelf.account, shelf.region, name, id_)
        exports = {name: value for name, value, _ in shelf.exports()}
        return await asyncio.to_thread(
            prepare, template, place, exports.get, self.supports, self.known
        )

    # Beginning an operation. The stack's status is on disk already when these are called.

    def create(self, shelf: Shelf, stack: Stack, prepared: Prepared) -> None:
        """Begin to make a stack whose status is CREATE_IN_PROGRESS."""

        async def work(worker: Worker) -> None:
            await operations.create(worker, prepared)

        self._begin(shelf, stack, work)

    def update(self, shelf: Shelf, stack: Stack, prepared: Prepared) -> None:
        """Begin to update a stack whose status is UPDATE_IN_PROGRESS."""

        async def work(worker: Worker) -> None:
            await operations.update(worker, prepared)
            if worker.journal.stack.status == "UPDATE_ROLLBACK_IN_PROGRESS":
                await self._rollback_update(worker)

        self._begin(shelf, stack, work)

    def delete(self, shelf: Shelf, stack: Stack) -> None:
        """Begin to delete a stack whose status is DELETE_IN_PROGRESS."""
        self._begin(shelf, stack, operations.delete)

    def continue_rollback(self, shelf: Shelf, stack: Stack) -> None:
        """Begin again to roll back an update whose status is UPDATE_ROLLBACK_IN_PROGRESS."""
        self._begin(shelf, stack, self._rollback_update)

    def rollback_create(self, shelf: Shelf, stack: Stack) -> None:
        """Begin to roll back a creation whose status is ROLLBACK_IN_PROGRESS."""
        self._begin(shelf, stack, operations.rollback_create)

    async def _rollback_update(self, worker: Worker) -> None:
        stack = worker.journal.stack
        assert stack.template is not None
        prepared = await self.prepare(stack.template, worker.journal.shelf, stack.name, stack.id)
        worker.prepared = prepared
        worker.journal.hidden = operations.hidden_values(prepared)
        await operations.rollback_update(worker, prepared, stack.operation.skip)

    async def _clean_up(self, worker: Worker) -> None:
        stack = worker.journal.stack
        assert stack.template is not None
        prepared = await self.prepare(stack.template, worker.journal.shelf, stack.name, stack.id)
        status = stack.status.replace("_CLEANUP_IN_PROGRESS", "")
        await operations.clean_up(worker, prepared, status)

    def _begin(self, shelf: Shelf, stack: Stack, work: Callable[[Worker], Awaitable[None]]) -> None:
        key = uuid_of(stack.id)
        worker = Worker(self.cloud, self.types, Journal(shelf, stack), shelf.account, shelf.region)

        async def run() -> None:
            try:
                await work(worker)
            except asyncio.CancelledError:
                raise
            except Exception:
                log.exception("stack %s failed", stack.name)
                await self._fail(worker)

        task = asyncio.create_task(run(), name=f"stack {stack.name}")
        self._running[key] = (task, worker)
        task.add_done_callback(lambda done: self._ended(key, done))

    def _ended(self, key: str, done: asyncio.Task[None]) -> None:
        running = self._running.get(key)
        if running is not None and running[0] is done:
            del self._running[key]
        if not done.cancelled() and done.exception() is not None:
            log.error("a stack's operation ended badly", exc_info=done.exception())

    @staticmethod
    async def _fail(worker: Worker) -> None:
        """End an operation that broke: it can be deleted, or its rollback be continued."""
        status = worker.journal.stack.status
        ends = {
            "CREATE_IN_PROGRESS": "CREATE_FAILED",
            "ROLLBACK_IN_PROGRESS": "ROLLBACK_FAILED",
            "UPDATE_IN_PROGRESS": "UPDATE_FAILED",
            "UPDATE_ROLLBACK_IN_PROGRESS": "UPDATE_ROLLBACK_FAILED",
            "DELETE_IN_PROGRESS": "DELETE_FAILED",
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_COMPLETE",
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": "UPDATE_ROLLBACK_COMPLETE",
        }
        if status in ends:
            await worker.journal.status(ends[status], "Internal Failure")

    # Running operations.

    async def wait_a_little(self, stack: Stack) -> None:
        """Wait until the stack's operation has ended, two seconds at most."""
        running = self._running.get(uuid_of(stack.id))
        if running is not None:
            await asyncio.wait([running[0]], timeout=PATIENCE_S)

    async def interrupt(self, stack: Stack) -> None:
        """Let a running creation or update begin nothing more, and wait for its end."""
        running = self._running.get(uuid_of(stack.id))
        if running is not None:
            running[1].cancelled = True
            await asyncio.wait([running[0]])

    def cancel_update(self, stack: Stack) -> None:
        """Let a running update roll back."""
        running = self._running.get(uuid_of(stack.id))
        if running is not None:
            running[1].cancelled = True

    async def idle(self) -> None:
        """Wait until no operation runs; for tests."""
        while self._running:
            await asyncio.wait([task for task, _ in self._running.values()])

    async def start(self) -> None:
        """Resume or roll back what the server's end cut off; forget stacks deleted long ago."""
        for account, region, _, stack in list(self.store.stacks.everywhere()):
            shelf = self.store.at(account, region)
            if stack.status == "DELETE_COMPLETE":
                if (stack.deleted or 0) < time.time() - KEPT_S:
                    await shelf.commit(*shelf.forget(stack))
            elif stack.status.endswith("_IN_PROGRESS") and stack.status != "REVIEW_IN_PROGRESS":
                await self._recover(shelf, stack)

    async def _recover(self, shelf: Shelf, stack: Stack) -> None:
        journal = Journal(shelf, stack)
        if stack.operation.actor.restricted:
            worker = Worker(self.cloud, self.types, journal, shelf.account, shelf.region)
            await self._fail(worker)
            return
        if stack.status == "CREATE_IN_PROGRESS":
            reason = f"{INTERRUPTED}Rollback requested by user."
            await journal.status("ROLLBACK_IN_PROGRESS", reason)
        elif stack.status == "UPDATE_IN_PROGRESS":
            await journal.status("UPDATE_ROLLBACK_IN_PROGRESS", INTERRUPTED)
        stack = journal.stack
        phases: dict[str, Callable[[Worker], Awaitable[None]]] = {
            "ROLLBACK_IN_PROGRESS": operations.rollback_create,
            "UPDATE_ROLLBACK_IN_PROGRESS": self._rollback_update,
            "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS": self._clean_up,
            "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS": self._clean_up,
            "DELETE_IN_PROGRESS": operations.delete,
        }
        log.info("stack %s: going on from %s", stack.name, stack.status)
        self._begin(shelf, stack, phases[stack.status])

    async def stop(self) -> None:
        """Cancel what runs and wait; the next start goes on from the records."""
        running = [task for task, _ in self._running.values()]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        self._running.clear()
