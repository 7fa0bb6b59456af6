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
from cloudlet.services.logs.store import Store

log = logging.getLogger("cloudlet.logs")

#: Seconds that lines wait for others to be written with them.
FLUSH_S = 0.02
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
        """Take lines; see `LogSink`. They can be read some 20 ms later."""
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
        try:
            while self._waiting:
                if not self._closed:
                    await asyncio.sleep(FLUSH_S)
                waiting, self._waiting = self._waiting, {}
                self._characters = 0
                if self._dropped:
                    log.warning("%d log lines were dropped: they came too fast", self._dropped)
                    self._dropped = 0
                await asyncio.gather(
                    *(self._store_lines(*k, lines) for k, lines in waiting.items())
                )
        finally:
            self._flushing = None

    async def _store_lines(
        self, destination: str, stream: str, lines: list[tuple[int, str]]
    ) -> None:
        try:
            await self._append(destination, stream, [(at, f"{text}\n") for at, text in lines])
        except AWSError as error:  # the group or the stream was deleted meanwhile
            log.debug("lines for %s are lost: %s", destination, error.message)
        except Exception:
            log.exception("lines for %s are lost", destination)

    async def _append(self, destination: str, stream: str, events: list[tuple[int, str]]) -> None:
        arn, _, role = destination.partition(" ")
        _, _, _, region, account, _, name = arn.split(":", 6)
        writer = _as_role(role)
        resource = stream_arn(region, account, name, stream)
        if not self._may(writer, "logs:PutLogEvents", resource, account):
            return
        group = await self._group(writer, account, region, name)
        if group is None:
            return
        if not self._store.has_stream(group, stream):
            if not self._may(writer, "logs:CreateLogStream", resource, account):
                return
            await self._store.create_stream(group, stream)
        await self._store.append(group, stream, events)

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
