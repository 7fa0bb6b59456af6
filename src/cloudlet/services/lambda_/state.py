"""What Lambda's operations work with."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import hmac
import secrets
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from weakref import WeakValueDictionary

from cloudlet.aws.context import Context
from cloudlet.aws.errors import AWSError
from cloudlet.compute.pool import Compute
from cloudlet.services.lambda_.asynchronous import Events
from cloudlet.services.lambda_.code import CodeStore
from cloudlet.services.lambda_.configuration import TIMEOUT_S, served
from cloudlet.services.lambda_.destinations import Destinations
from cloudlet.services.lambda_.errors import (
    AccessDenied,
    InvalidParameterValue,
    RequestEntityTooLarge,
)
from cloudlet.services.lambda_.invoker import Invoker
from cloudlet.services.lambda_.model import CodeRecord, ConfigurationRecord, Signing
from cloudlet.services.lambda_.names import FunctionName
from cloudlet.services.lambda_.snapshots import Snapshots
from cloudlet.services.lambda_.sources.pollers import Pollers
from cloudlet.services.lambda_.store import Store
from cloudlet.services.lambda_.targets import Targets, environment_key
from cloudlet.storage.records import GLOBAL

#: Bytes of a directly uploaded archive, and of the request with it ("Lambda quotas").
ZIP_BYTES, ZIP_REQUEST_BYTES = 52_428_800, 70_167_211
#: Seconds for which GetFunction's download address is good ("GetFunction").
LOCATION_S = 600
#: Seconds between looks whether code that was replaced is still in use.
SWEEP_S = 2.0


@dataclass(slots=True)
class LambdaService:
    """The service's state: records, code, what runs, and what waits to run."""

    store: Store
    code: CodeStore
    targets: Targets
    compute: Compute
    events: Events
    invoker: Invoker
    destinations: Destinations
    pollers: Pollers
    strict_runtimes: bool = False
    snapshots: Snapshots = field(init=False)
    _signing_key: bytes = b""
    _sweep: asyncio.Task[None] | None = None
    _retired: dict[tuple[str, str, str], float] = field(default_factory=dict)
    _changing: WeakValueDictionary[tuple[str, str, str], asyncio.Lock] = field(
        default_factory=WeakValueDictionary
    )

    def __post_init__(self) -> None:
        """Take what only this can make."""
        self.snapshots = Snapshots(self.store, self.compute, self.targets, self.changing)

    async def served(self, runtime: str | None, handler: str | None) -> str:
        """Check runtime and handler; a note where the machine lacks the exact version."""
        return await served(self.compute, runtime, handler, strict=self.strict_runtimes)

    @contextlib.asynccontextmanager
    async def changing(self, name: FunctionName) -> AsyncIterator[None]:
        """Let one request at a time change a function, from its reading to its commit."""
        lock = self._changing.setdefault(name.key, asyncio.Lock())
        async with lock:
            yield

    async def retire(self, name: FunctionName, *configurations: ConfigurationRecord) -> None:
        """Forget the function's targets and end the environments of `configurations`."""
        self.targets.forget(name)
        for configuration in configurations:
            await self.compute.retire(environment_key(name, configuration))
        self._retired[name.key] = time.monotonic()
        self.sweep_later()

    async def provision(self, name: FunctionName) -> None:
        """Have as many environments of each version ready as its provisioned concurrency says."""
        store, key = self.store, (name.account, name.region)
        wanted: dict[str, int] = {}
        for _, record in store.provisioned.scan(*key, f"{name.name}:"):
            whose = FunctionName(*name.key, record.qualifier)
            version = store.configuration(whose).version
            wanted[version] = wanted.get(version, 0) + record.requested
        for configuration in store.versions_of(name):
            spec = self.targets.spec(name, configuration)
            await self.compute.provision(spec, wanted.get(configuration.version, 0))

    def provisioned(self, name: FunctionName) -> tuple[int, str]:
        """How many environments of a version are ready, and why no more are, if that is known."""
        configuration = self.store.configuration(name)
        return self.compute.provisioned(environment_key(name, configuration))

    def sweep_later(self) -> None:
        """Free unused code once no invocation can still need it."""
        if self._sweep is None or self._sweep.done():
            self._sweep = asyncio.create_task(self._sweep_when_quiet())

    async def _sweep_when_quiet(self) -> None:
        """Wait until each retired function rests for a moment, or its longest time is over."""
        while True:
            await asyncio.sleep(SWEEP_S)
            for key, since in list(self._retired.items()):
                running = self.targets.concurrency(FunctionName(*key)).running
                if not running or time.monotonic() - since > TIMEOUT_S + 10:
                    del self._retired[key]
            if not self._retired:
                break
        await self.sweep()

    async def sweep(self) -> None:
        """Free the code that nothing refers to."""
        await self.code.sweep(list(self.store.codes()))

    async def start(self) -> None:
        """Tidy the code store, make the signing key, take up the queued events."""
        await self.code.clean()
        await self.sweep()
        await self.code.restore(list(self.store.codes()))
        signing = self.store.signing.get(GLOBAL, GLOBAL, "code")
        if signing is None:
            signing = Signing(key=secrets.token_bytes(32))
            await self.store.signing.put(GLOBAL, GLOBAL, "code", signing)
        self._signing_key = signing.key
        self.events.start(
            self.invoker.run_event, self.invoker.event_settings, self.destinations.deliver
        )
        self.snapshots.start()
        self.pollers.start()
        named = {(account, region, id_.partition(":")[0])
                 for account, region, id_, _ in self.store.provisioned.everywhere()}  # fmt: skip
        for key in named:
            await self.provision(FunctionName(*key))

    async def stop(self) -> None:
        """Stop taking events and sweeping."""
        if self._sweep is not None:
            self._sweep.cancel()
            await asyncio.gather(self._sweep, return_exceptions=True)
        await self.snapshots.stop()
        await self.pollers.stop()
        await self.events.stop()
        self.events.queue.close()

    async def reset(self) -> None:
        """The records are gone: end what runs, drop what waits, free all code."""
        await self.snapshots.stop()
        await self.pollers.reset()
        await self.events.clear()
        for environment in self.compute.snapshot():
            await self.compute.retire(environment.key)
        self.targets.forget_all()
        await self.sweep()
        await self.store.signing.put(GLOBAL, GLOBAL, "code", Signing(key=self._signing_key))

    @contextlib.asynccontextmanager
    async def received(
        self,
        ctx: Context[LambdaService],
        *,
        zip_file: bytes | None,
        bucket: str | None,
        key: str | None,
        version: str | None,
    ) -> AsyncIterator[CodeRecord]:
        """The archive that a request brings or names in S3, stored while the context lasts."""
        if zip_file is not None and (bucket or key):
            raise InvalidParameterValue(
                "Please do not provide other FunctionCode parameters when providing a ZipFile."
            )
        if zip_file is not None:
            if len(zip_file) > ZIP_BYTES:
                raise RequestEntityTooLarge(
                    f"Request must be smaller than {ZIP_REQUEST_BYTES} bytes for the"
                    f" {ctx.operation} operation"
                )
            async with self.code.receive(zip_file) as code:
                yield code
            return
        if not bucket or not key:
            raise InvalidParameterValue("Please provide a source for function code.")
        wanted = {"Bucket": bucket, "Key": key}
        if version is not None:
            wanted["VersionId"] = version
        try:
            answer = await ctx.call("s3", "GetObject", wanted)
        except AWSError as error:
            raise _from_s3(error, bucket, key) from error
        async with self.code.receive(answer["Body"]) as code:
            yield code

    def location(self, ctx: Context[LambdaService], code: CodeRecord) -> str:
        """An address from which the archive can be downloaded for ten minutes."""
        address = self.code.package(code).stem
        expires = int(time.time()) + LOCATION_S
        signature = self._sign(address, expires)
        return f"{ctx.endpoint}/_aws/lambda-code/{address}/{expires}/{signature}"

    def is_signed(self, address: str, expires: str, signature: str) -> bool:
        """Whether the parts of a download address are from `location`, and not expired."""
        if not expires.isdigit() or int(expires) < time.time():
            return False
        return hmac.compare_digest(self._sign(address, int(expires)), signature)

    def _sign(self, address: str, expires: int) -> str:
        message = f"{address}/{expires}".encode()
        return hmac.new(self._signing_key, message, hashlib.sha256).hexdigest()


def _from_s3(error: AWSError, bucket: str, key: str) -> AWSError:
    """S3's error as Lambda passes it on."""
    if error.status == 403:
        return AccessDenied(
            "Your access has been denied by S3, please make sure your request credentials have"
            f" permission to GetObject for {bucket}/{key}. S3 Error Code: {error.code}. S3 Error"
            f" Message: {error.message}"
        )
    if error.status >= 500:
        return error
    return InvalidParameterValue(
        f"Error occurred while GetObject. S3 Error Code: {error.code}. S3 Error Message:"
        f" {error.message}"
    )
