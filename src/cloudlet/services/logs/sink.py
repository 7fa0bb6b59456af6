"""Where functions' log lines go: buffered, then written as the function's role may."""

from __future__ import annotations

import asyncio
import logging

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.aws.policy import Question, evaluate
from cloudlet.aws.principal import Principal
from cloudlet.services.logs.model import GroupRecord
from cloudlet.services.logs.names import stream_arn
from cloudlet.services.logs.store import Batch, Store

log = logging.getLogger("cloudlet.logs")

#: Seconds that lines wait for others to be written with them, and where many come. Each write
#: stops the event loop for some tenths of a millisecond: its thread needs the interpreter.
FLUSH_S, BUSY_FLUSH_S = 0.02, 0.1
#: Lines in one write that are many.
MANY = 100
#: Characters that may wait; what comes on top of them is dropped, and the log says so.
BUFFER_CHARACTERS = 32 << 20

Key = tuple[str, str]  # destination, stream


class Sink:
    """Implements compute's `LogSink`.

    The destination ("group") is the log group's ARN, a space, and the ARN of the role that writes.
    As on AWS, the role's policies decide whether the lines are written and whether the group and
    the stream are created; without the permission they are lost.
    """

    def __init__(self, store: Store, cloud: Cloud) -> None:
        self._store, self._cloud = store, cloud
        self._waiting: dict[Key, list[tuple[int, str]]] = {}
        self._characters = 0
        self._dropped = 0
        self._flushing: asyncio.Task[None] | None = None
        self._closed = False

    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        """Take lines; see `LogSink`. They can be read some 20 ms later, where many come 100 ms."""
        if self._closed:
            return
        size = sum(len(text) for _, text in lines)
        if self._characters + size > BUFFER_CHARACTERS:
            self._dropped += len(lines)
            return
        self._characters += size
        self._waiting.setdefault((group, stream), []).extend(lines)
        if self._flushing is None:
            self._flushing = asyncio.get_running_loop().create_task(self._flush())

    def discard(self) -> None:
        """Forget what waits, when all state is wiped."""
        self._waiting.clear()
        self._characters = 0

    async def close(self) -> None:
        """Write what waits; later lines are dropped."""
        self._closed = True
        if self._flushing is not None:
            await self._flushing

    async def _flush(self) -> None:
        """Write until nothing waits."""
        pause_s = FLUSH_S
        try:
            while self._waiting:
                if not self._closed:
                    await asyncio.sleep(pause_s)
                waiting, self._waiting = self._waiting, {}
                self._characters = 0
                if self._dropped:
                    log.warning("%d log lines were dropped: they came too fast", self._dropped)
                    self._dropped = 0
                pause_s = FLUSH_S if sum(map(len, waiting.values())) < MANY else BUSY_FLUSH_S
                await self._store_lines(waiting)
        finally:
            self._flushing = None

    async def _store_lines(self, waiting: dict[Key, list[tuple[int, str]]]) -> None:
        groups = await asyncio.gather(*[self._destined(*key) for key in waiting])
        batches: list[Batch] = [
            (group, stream, [(at, f"{text}\n") for at, text in lines])
            for ((_, stream), lines), group in zip(waiting.items(), groups, strict=True)
            if group is not None
        ]
        try:
            for group, stream, _ in await self._store.append_all(batches):
                log.debug("lines for %s of %s are lost: it was deleted", stream, group.name)
        except Exception:
            log.exception("lines of %d streams are lost", len(batches))

    async def _destined(self, destination: str, stream: str) -> GroupRecord | None:
        """The group of the stream, made ready; None where that cannot be."""
        try:
            return await self._ready(destination, stream)
        except AWSError as error:  # the group was deleted meanwhile
            log.debug("lines for %s are lost: %s", destination, error.message)
        except Exception:
            log.exception("lines for %s are lost", destination)
        return None

    async def _ready(self, destination: str, stream: str) -> GroupRecord | None:
        """The group with the stream, created where the writer may; None where it may not write."""
        arn, _, role = destination.partition(" ")
        _, _, _, region, account, _, name = arn.split(":", 6)
        writer = _as_role(role)
        resource = stream_arn(region, account, name, stream)
        if not self._may(writer, "logs:PutLogEvents", resource, account):
            return None
        group = await self._group(writer, account, region, name)
        if group is None or self._store.has_stream(group, stream):
            return group
        if not self._may(writer, "logs:CreateLogStream", resource, account):
            return None
        await self._store.create_stream(group, stream)
        return group

    async def _group(
        self, writer: Principal, account: str, region: str, name: str
    ) -> GroupRecord | None:
        """The group, created where the writer may."""
        group = self._store.groups.get(account, region, name)
        if group is None:
            resource = stream_arn(region, account, name)
            if not self._may(writer, "logs:CreateLogGroup", resource, account):
                return None
            await self._store.create_group(account, region, name)
            group = self._store.groups.get(account, region, name)
        return group

    def _may(self, writer: Principal, action: str, resource: str, account: str) -> bool:
        identities = self._cloud.identities
        return evaluate(
            Question(writer, action, resource, account),
            identity=identities.policies(writer),
            boundary=identities.boundary(writer),
        ).allowed


def _as_role(role: str) -> Principal:
    """The principal of a role that Lambda has assumed."""
    account, name = role.split(":")[4], role.rpartition("/")[2]
    return Principal(
        kind="assumed-role",
        account=account,
        arn=f"arn:aws:sts::{account}:assumed-role/{name}/lambda",
        user_id=f"{name}:lambda",
        name=name,
        role_arn=role,
    )
