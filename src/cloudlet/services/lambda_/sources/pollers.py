"""The pollers of all event source mappings: which run, and what they last did."""

from __future__ import annotations

import asyncio
import logging
import time
from datetime import UTC, datetime
from typing import Any, cast

import msgspec

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.aws.event_sources import QueueReader, SourceKind, StreamReader
from cloudlet.services.lambda_.destinations import SESSION, Destinations
from cloudlet.services.lambda_.errors import ResourceNotFound
from cloudlet.services.lambda_.model import CheckpointRecord, MappingRecord
from cloudlet.services.lambda_.names import from_arn
from cloudlet.services.lambda_.roles import as_role
from cloudlet.services.lambda_.sources.batch import Batches, Runs
from cloudlet.services.lambda_.sources.processing import Backoff, Lost, Processing
from cloudlet.services.lambda_.sources.queue_poller import QueuePoller
from cloudlet.services.lambda_.sources.stream_poller import StreamPoller
from cloudlet.services.lambda_.store import Store

log = logging.getLogger("cloudlet.lambda")

#: Seconds after which a poller that broke off begins again.
RESTART_S = 5.0


class Pollers:
    """Implements `EventSources`; runs a poller for each mapping that is enabled."""

    def __init__(self, store: Store, cloud: Cloud, run: Runs, destinations: Destinations) -> None:
        self._store, self._cloud, self._run = store, cloud, run
        self._destinations = destinations
        self._kinds: dict[str, SourceKind] = {}
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._results: dict[str, str] = {}
        self._started = False
        self.backoff = Backoff()

    def register(self, kind: SourceKind) -> None:
        """Make a kind of source known; mappings that wait for it begin."""
        self._kinds[kind.service] = kind
        if self._started:
            self._start_all()

    def kind(self, arn: str) -> SourceKind | None:
        """What can poll a source, if anything can."""
        parts = arn.split(":")
        return self._kinds.get(parts[2]) if len(parts) > 5 else None

    def result(self, mapping: MappingRecord) -> str:
        """What the mapping last did, as LastProcessingResult says it."""
        return self._results.get(mapping.uuid, "No records processed")

    def start(self) -> None:
        """Begin to poll."""
        self._started = True
        self._start_all()

    def _start_all(self) -> None:
        for account, region, _, mapping in self._store.mappings.everywhere():
            if mapping.enabled and mapping.uuid not in self._tasks:
                self._begin(account, region, mapping)

    async def stop(self) -> None:
        """End every poller."""
        self._started = False
        for uuid in list(self._tasks):
            await self.end(uuid)

    async def reset(self) -> None:
        """All mappings are gone."""
        was = self._started
        await self.stop()
        self._results.clear()
        self._started = was

    async def changed(self, account: str, region: str, mapping: MappingRecord) -> None:
        """Poll as the mapping says from now on."""
        await self.end(mapping.uuid)
        if mapping.enabled and self._started:
            self._begin(account, region, mapping)

    async def end(self, uuid: str) -> None:
        """Stop polling; what is being processed goes back to its source."""
        task = self._tasks.pop(uuid, None)
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    def _begin(self, account: str, region: str, mapping: MappingRecord) -> None:
        kind = self.kind(mapping.source)
        if kind is not None:
            work = self._poll(account, region, mapping, kind)
            self._tasks[mapping.uuid] = asyncio.get_running_loop().create_task(work)

    async def _poll(
        self, account: str, region: str, mapping: MappingRecord, kind: SourceKind
    ) -> None:
        while True:
            try:
                poller = self._poller(account, region, mapping, kind)
                await poller.run()
            except AWSError as error:
                self._note(mapping, f"PROBLEM: {error.message}")
            except Exception:
                log.exception("event source mapping %s broke off", mapping.uuid)
                self._note(mapping, "PROBLEM: Internal error")
            await asyncio.sleep(RESTART_S)

    def _poller(
        self, account: str, region: str, mapping: MappingRecord, kind: SourceKind
    ) -> QueuePoller | StreamPoller:
        name = from_arn(mapping.function)
        if name is None:
            raise ResourceNotFound(f"Function not found: {mapping.function}")
        role = self._store.configuration(name).role
        source = kind.open(mapping.source, as_role(role, SESSION))
        batches = Batches(mapping, self._run)

        def note(result: str) -> None:
            self._note(mapping, result)

        if not kind.is_stream:
            return QueuePoller(mapping, cast("QueueReader", source), batches, note)

        def load(shard: str) -> CheckpointRecord | None:
            return self._store.checkpoints.get(account, region, f"{mapping.uuid}:{shard}")

        async def save(shard: str, record: CheckpointRecord) -> None:
            await self._store.checkpoints.put(account, region, f"{mapping.uuid}:{shard}", record)

        async def lose(lost: Lost) -> None:
            await self._lose(mapping, kind, role, lost)

        return StreamPoller(
            mapping,
            cast("StreamReader", source),
            batches,
            Processing(mapping, note, lose, self.backoff),
            load,
            save,
        )

    def _note(self, mapping: MappingRecord, result: str) -> None:
        self._results[mapping.uuid] = result

    async def _lose(self, mapping: MappingRecord, kind: SourceKind, role: str, lost: Lost) -> None:
        """Tell the on-failure destination of a batch that was given up."""
        log.warning(
            "event source mapping %s gave up %d records: %s",
            mapping.uuid,
            len(lost.records),
            lost.condition,
        )
        if not mapping.on_failure:
            return
        try:
            await self._destinations.put(
                mapping.on_failure, role, mapping.function, failed_batch(mapping, kind, lost)
            )
        except AWSError as error:
            log.warning("a record of %s was not delivered: %s", mapping.uuid, error.message)


def failed_batch(mapping: MappingRecord, kind: SourceKind, lost: Lost) -> bytes:
    """The invocation record of a batch ("Retaining discarded batches")."""
    first, last = lost.records[0], lost.records[-1]
    answer = lost.answer
    made: dict[str, Any] = {
        "requestContext": {
            "requestId": answer.request_id if answer else "",
            "functionArn": mapping.function,
            "condition": lost.condition,
            "approximateInvokeCount": lost.attempts,
        },
        "version": "1.0",
        "timestamp": _iso(time.time() * 1000),
        kind.batch_info: {
            "shardId": lost.shard,
            "startSequenceNumber": first.id,
            "endSequenceNumber": last.id,
            "approximateArrivalOfFirstRecord": _iso(first.arrived_ms),
            "approximateArrivalOfLastRecord": _iso(last.arrived_ms),
            "batchSize": len(lost.records),
            "streamArn": mapping.source,
        },
    }
    if answer is not None and answer.outcome is not None:
        context: dict[str, Any] = {"statusCode": 200, "executedVersion": answer.version}
        if answer.outcome.error is not None:
            context["functionError"] = answer.outcome.error
        made["responseContext"] = context
    return msgspec.json.encode(made)


def _iso(ms: float) -> str:
    moment = datetime.fromtimestamp(ms / 1000, UTC)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"
