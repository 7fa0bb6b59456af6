"""Lambda on real records and a real policy engine, with a compute that answers at once."""

from __future__ import annotations

import asyncio
import io
import zipfile
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.errors import AWSError
from cloudlet.aws.policy import Policy
from cloudlet.aws.principal import Principal, root
from cloudlet.aws.service import Service, operation
from cloudlet.compute.environment import (
    EnvironmentSpec,
    EnvironmentState,
    Invocation,
    Outcome,
    SnapshotState,
    StreamedOutcome,
    TemplateState,
)
from cloudlet.compute.errors import RuntimeUnavailable
from cloudlet.compute.isolation import IsolationLevel
from cloudlet.compute.runtimes import Runtime
from cloudlet.config import Settings
from cloudlet.services import lambda_
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.parts import Parts
from cloudlet.storage.records import Records

ACCOUNT, REGION = "000000000000", "us-east-1"
ROOT = root(ACCOUNT)
ROLE = f"arn:aws:iam::{ACCOUNT}:role/runner"


def package(files: Mapping[str, str] | None = None) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in (files or {"app.py": "def handler(e, c): return e"}).items():
            archive.writestr(zipfile.ZipInfo(name), text)
    return stream.getvalue()


@dataclass
class FakeCompute:
    """Records what it is asked and answers with `answer`."""

    invocations: list[tuple[EnvironmentSpec, Invocation]] = field(default_factory=list)
    retired: list[str] = field(default_factory=list)
    answer: Callable[[Invocation], Awaitable[Outcome]] | None = None
    streamed: tuple[str | None, list[bytes], Outcome] = field(
        default_factory=lambda: (None, [b"null"], outcome())
    )
    ready: dict[str, int] = field(default_factory=dict)
    missing: set[str] = field(default_factory=set)
    inexact: set[str] = field(default_factory=set)
    snapshots: dict[str, SnapshotState] = field(default_factory=dict)  # by handler
    prepared: list[str] = field(default_factory=list)
    environments: list[EnvironmentState] = field(default_factory=list)
    learned: list[TemplateState] = field(default_factory=list)

    async def invoke(
        self, spec: EnvironmentSpec, invocation: Invocation, ended: Callable[[Outcome | None], None]
    ) -> Outcome:
        self.invocations.append((spec, invocation))
        found: Outcome | None = None
        try:
            if self.answer is None:
                found = outcome(invocation.payload)
            else:
                found = await self.answer(invocation)
            return found
        finally:
            ended(found)

    async def invoke_stream(
        self, spec: EnvironmentSpec, invocation: Invocation, ended: Callable[[Outcome | None], None]
    ) -> StreamedOutcome:
        self.invocations.append((spec, invocation))
        ended(self.streamed[2])
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        future.set_result(self.streamed[2])

        async def chunks() -> AsyncIterator[bytes]:
            for chunk in self.streamed[1]:
                yield chunk

        return StreamedOutcome(self.streamed[0], chunks(), future)

    async def find_runtime(self, identifier: str) -> Runtime:
        if identifier in self.missing:
            raise RuntimeUnavailable(f"The runtime {identifier} needs what this machine lacks")
        return Runtime(
            identifier=identifier,
            family="python",
            found="3.11.2",
            executable="python",
            python="python",
            exact=identifier not in self.inexact,
            prefixes=(),
            stdlib=(),
        )

    async def prepare_snapshot(self, spec: EnvironmentSpec) -> SnapshotState:
        assert spec.snap_start
        self.prepared.append(spec.key)
        await asyncio.sleep(0)
        return self.snapshots.get(spec.handler, SnapshotState(True, ""))

    async def provision(self, spec: EnvironmentSpec, count: int) -> None:
        self.ready[spec.key] = count

    def provisioned(self, key: str) -> tuple[int, str]:
        return self.ready.get(key, 0), ""

    async def retire(self, key: str) -> None:
        self.retired.append(key)

    def snapshot(self) -> list[EnvironmentState]:
        return self.environments

    def templates(self) -> list[TemplateState]:
        return self.learned

    def runtimes(self) -> list[Runtime]:
        return []

    def level(self) -> IsolationLevel:
        return IsolationLevel("minimal", ())


def outcome(payload: bytes = b"null", error: str | None = None) -> Outcome:
    return Outcome(
        payload=payload,
        error=error,
        log_lines=["START", "END"],
        log_stream="stream",
        duration_ms=1.0,
        billed_ms=1,
        init_ms=None,
        max_memory_mb=20,
    )


class FakeIdentities:
    """Policies by principal's ARN."""

    def __init__(self) -> None:
        self.given: dict[str, tuple[Policy, ...]] = {}

    def credential(self, access_key_id: str, session_token: str = "") -> None:
        return None

    def used(self, access_key_id: str, service: str, region: str) -> None:
        return None

    def policies(self, principal: Principal) -> tuple[Policy, ...]:
        return self.given.get(principal.role_arn or principal.arn, ())

    def boundary(self, principal: Principal) -> None:
        return None


@operation("AssumeRole", action="")
async def _assume_role(ctx: Any, req: Any) -> Any:
    types = ctx.cloud.model("sts").types
    if "missing" in req.role_arn:
        raise AWSError("not authorized to perform: sts:AssumeRole", code="AccessDenied", status=403)
    assert ctx.principal.name == "lambda.amazonaws.com"
    return types.AssumeRoleResponse(
        credentials=types.Credentials(
            access_key_id="ASIA", secret_access_key="secret", session_token="token", expiration=1.0
        )
    )


@operation("GetObject", action="")
async def _get_object(ctx: Any, req: Any) -> Any:
    if req.key != "code.zip":
        raise AWSError("The specified key does not exist.", code="NoSuchKey", status=404)
    return ctx.cloud.model("s3").types.GetObjectOutput(body=Body.of(package()))


@dataclass
class World:
    """One Lambda service and a caller."""

    parts: Parts
    service: Service[LambdaService]
    compute: FakeCompute
    identities: FakeIdentities
    principal: Principal = ROOT

    async def call(
        self, name: str, /, as_: Principal | None = None, **given: Any
    ) -> dict[str, Any]:
        return await self.parts.cloud.call(
            "lambda", name, given, as_=as_ or self.principal, region=REGION
        )

    async def create(self, name: str = "f", **given: Any) -> dict[str, Any]:
        wanted = {
            "FunctionName": name,
            "Runtime": "python3.11",
            "Handler": "app.handler",
            "Role": ROLE,
            "Code": {"ZipFile": package()},
        }
        return await self.call("CreateFunction", **(wanted | given))

    def allow_role(self, *actions: str) -> None:
        """Let the functions' role do these actions on everything."""
        allow = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
        document = {"Version": "2012-10-17", "Statement": [allow]}
        self.identities.given[ROLE] = (Policy.parse(document),)

    @property
    def state(self) -> LambdaService:
        return self.service.state


def build_world(data: Path) -> World:
    records = Records(data / "records.db")
    identities = FakeIdentities()
    cloud = Cloud(identities)
    compute = FakeCompute()
    parts = Parts(data, Settings(data=data), records, cloud, compute)  # type: ignore[arg-type]
    service = lambda_.build(parts)
    cloud.register(service)
    for name, handler in (("sts", _assume_role), ("s3", _get_object)):
        declared = handler.__operation__  # type: ignore[attr-defined]
        cloud.register(Service(name=name, state=None, operations={declared.name: declared}))
    return World(parts, service, compute, identities)
