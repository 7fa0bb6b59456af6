from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.policy import Policy
from cloudlet.aws.principal import Principal, root
from cloudlet.aws.service import Service
from cloudlet.config import Settings
from cloudlet.services import logs
from cloudlet.services.logs.state import LogsService
from cloudlet.services.logs.store import now_ms
from cloudlet.services.parts import Parts
from cloudlet.storage.records import Records

ACCOUNT, REGION = "000000000000", "us-east-1"
ROOT = root(ACCOUNT)


class Roles:
    """Policies by the ARN of a role."""

    def __init__(self) -> None:
        self.given: dict[str, tuple[Policy, ...]] = {}

    def credential(self, access_key_id: str, session_token: str = "") -> None:
        return None

    def used(self, access_key_id: str, service: str, region: str) -> None:
        return None

    def policies(self, principal: Principal) -> tuple[Policy, ...]:
        return self.given.get(principal.role_arn, ())

    def boundary(self, principal: Principal) -> None:
        return None

    def allow(self, role: str, *actions: str, resource: str = "*") -> None:
        statement = {"Effect": "Allow", "Action": list(actions), "Resource": resource}
        policy = Policy.parse({"Version": "2012-10-17", "Statement": [statement]})
        self.given[role] = (policy,)


@dataclass
class World:
    parts: Parts
    service: Service[LogsService]
    roles: Roles

    async def call(self, name: str, /, **given: Any) -> dict[str, Any]:
        return await self.parts.cloud.call("logs", name, given, as_=ROOT, region=REGION)

    async def stream(self, group: str = "g", name: str = "s") -> None:
        if not (await self.call("DescribeLogGroups", logGroupNamePrefix=group))["logGroups"]:
            await self.call("CreateLogGroup", logGroupName=group)
        await self.call("CreateLogStream", logGroupName=group, logStreamName=name)

    async def put(self, *messages: str, stream: str = "s", at: int | None = None) -> dict[str, Any]:
        start = now_ms() if at is None else at
        events = [{"timestamp": start + i, "message": m} for i, m in enumerate(messages)]
        return await self.call(
            "PutLogEvents", logGroupName="g", logStreamName=stream, logEvents=events
        )

    @property
    def state(self) -> LogsService:
        return self.service.state


def build_world(data: Path) -> World:
    records = Records(data / "records.db")
    roles = Roles()
    cloud = Cloud(roles)
    parts = Parts(data, Settings(data=data), records, cloud, None)  # type: ignore[arg-type]
    service = logs.build(parts)
    cloud.register(service)
    return World(parts, service, roles)
