"""The words between compute and its callers: what to run, what is asked, what came out."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import msgspec

#: Bytes of an invocation's log that its outcome gives.
TAIL_BYTES = 4096

Credentials = Callable[[], Awaitable[Mapping[str, str]]]


@dataclass(frozen=True, slots=True)
class EnvironmentSpec:
    """What an execution environment is made of.

    `key` names everything that matters (function ARN, version, revision): environments of the
    same key are interchangeable. `code` and every layer lie under the `code_root` that `Compute`
    was given; they are read-only inside, at /var/task and /opt. `variables` holds the function's
    own variables and AWS's reserved ones without credentials; `credentials` is asked once an
    environment for AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN, which must
    stay valid for `credentials_valid_s`: the environment is retired before they expire.
    """

    key: str
    runtime: str
    handler: str
    code: Path
    layers: tuple[Path, ...]
    memory_mb: int
    timeout_s: float
    tmp_mb: int
    variables: Mapping[str, str]
    credentials: Credentials
    log_group: str
    function_name: str
    version: str
    credentials_valid_s: float = 12 * 3600.0
    snap_start: bool = False  # of a published version: fork its environments initialised
    account: str = ""  # its number, for extensions that ask
    system_log_level: str = ""  # of the platform's lines in JSON; "" writes them as text


class Invocation(msgspec.Struct, frozen=True):
    """One request: `payload` is the event as JSON; `client_context` is JSON, already decoded."""

    request_id: str
    function_arn: str
    payload: bytes
    client_context: str | None
    trace_id: str


class Outcome(msgspec.Struct, frozen=True):
    """One answer. `error` is None or "Unhandled", the value of X-Amz-Function-Error."""

    payload: bytes
    error: str | None
    log_lines: list[str]
    log_stream: str
    duration_ms: float
    billed_ms: int
    init_ms: float | None
    max_memory_mb: int

    @property
    def log_tail(self) -> bytes:
        """The last 4 KB of the invocation's log."""
        return tail_of(self.log_lines)


def tail_of(lines: list[str]) -> bytes:
    """The last 4 KB of a log."""
    return ("\n".join(lines) + "\n").encode()[-TAIL_BYTES:]


@dataclass(frozen=True, slots=True)
class StreamedOutcome:
    """An answer that is read while the function still makes it.

    `content_type` is what a streaming function declared (for example
    application/vnd.awslambda.http-integration-response: a JSON prelude, eight zero bytes, the
    body), None where it did not stream: then `chunks` yields its payload once, or nothing where it
    failed. `chunks` must be read to its end or closed (`aclose`); `outcome` is done at the
    invocation's end, and its `error` and `payload` tell of a failure, also in mid-stream.
    """

    content_type: str | None
    chunks: AsyncIterator[bytes]
    outcome: Awaitable[Outcome]


class Runs(Protocol):
    """What runs invocations, as `Compute` does."""

    async def invoke(
        self,
        spec: EnvironmentSpec,
        invocation: Invocation,
        ended: Callable[[Outcome | None], None],
    ) -> Outcome:
        """Run one to its end; `ended` is called there, also where the caller is gone."""

    async def invoke_stream(
        self,
        spec: EnvironmentSpec,
        invocation: Invocation,
        ended: Callable[[Outcome | None], None],
    ) -> StreamedOutcome:
        """As `invoke`, but returns when the function starts to answer."""


class LogSink(Protocol):
    """Where the lines go: must not block, and may be called from the event loop only."""

    def write(self, group: str, stream: str, lines: list[tuple[int, str]]) -> None:
        """Take lines of (unix milliseconds, text without its newline) in their order."""


@dataclass(frozen=True, slots=True)
class EnvironmentState:
    """One execution environment as `cloudlet doctor` shows it."""

    key: str
    runtime: str
    function_name: str
    version: str
    log_stream: str
    status: str  # "starting" | "busy" | "idle"
    age_s: float
    invocations: int
    origin: str  # "zygote" | "template": a fork of the version's imports


@dataclass(frozen=True, slots=True)
class SnapshotState:
    """Whether a version's environments start from its initialised template, else why not.

    `failure` is the type of the error where the function's own initialisation failed, "" where
    only the snapshot is refused.
    """

    optimised: bool
    reason: str
    failure: str = ""


@dataclass(frozen=True, slots=True)
class TemplateState:
    """What became of learning one version's imports; `reason` says why not, where refused."""

    key: str
    function_name: str
    version: str
    status: str  # "preparing" | "ready" | "refused"
    reason: str
    modules: int
    import_ms: float
