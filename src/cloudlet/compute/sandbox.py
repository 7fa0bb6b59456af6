"""The platform's end of one execution environment: what it does, its clock, its end."""

from __future__ import annotations

import asyncio
import contextlib
import math
import os
import signal
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter
from typing import Any

import msgspec

from cloudlet.compute import freezing, platform_log, report
from cloudlet.compute.channel import Channel
from cloudlet.compute.environment import EnvironmentSpec, Outcome
from cloudlet.compute.errors import ComputeError, SandboxFailed
from cloudlet.compute.job import Ended, Job
from cloudlet.compute.log import EnvironmentLog
from cloudlet.compute.log_pipe import LogPipe
from cloudlet.compute.memory import Meter
from cloudlet.compute.polling import MOST_PROCESSES, MOST_THREADS
from cloudlet.compute.processes import take_turns, threads_of
from cloudlet.compute.stream import MAX_STREAMED_BYTES

_MB = 1024 * 1024
_PEAK_S = 0.005
_SETTLED_S = 0.02  # after its answer; not at once, since the next call may wait
_SOON_S = 0.005  # an answer within it
_GRACE_MARGIN_S = 0.2
_MOST_GRACE_MS = 2000
_encode = msgspec.json.Encoder().encode


@dataclass(slots=True)
class Pipes:
    """The platform's ends."""

    requests: int
    answers: int
    log: int


class Sandbox:
    """One environment, from blank to dead. All methods belong to the event loop."""

    def __init__(self, number: int, pipes: Pipes) -> None:
        self.number = number
        self.status = "blank"
        self.invocations = 0
        self.duration_s = 0.0  # of the last one
        self.born = self.idle_since = perf_counter()
        self.retired = False
        self.spec: EnvironmentSpec | None = None
        self.meter: Meter | None = None
        self.on_free: Callable[[Sandbox], None] | None = None
        self.on_end: Callable[[Sandbox], None] | None = None
        self.end_tree: Callable[[int], None] | None = None  # where the first's end is not all's
        self.log: EnvironmentLog | None = None
        self.pidfd = -1
        self.init_ms: float | None = None
        self.learned = b""  # what the bootstrap says of its imports
        self.forked_from_template = False
        self.grace_ms = 0  # that its extensions have at the end; 0: there are none
        self._served = False  # a launcher is on the other end, not the function
        self.gone: asyncio.Future[None] | None = None  # of one that is ending
        self.shared_bytes = 0  # of a template: used, but not its own
        self._frozen: list[int] = []  # pidfds of what was stopped
        self._loop = asyncio.get_running_loop()
        self._channel = Channel(
            pipes.requests, pipes.answers, self._frame, self.kill, self._on_closed
        )
        self._output = LogPipe(pipes.log)
        self._job: Job | None = None
        self._streamed_bytes = -1  # not streaming
        self._collected = bytearray()
        self._wait_status: int | None = None  # of the runtime's process, as its launcher saw it
        self._initialised: asyncio.Future[Ended | None] | None = None
        self._timer: asyncio.TimerHandle | None = None
        self._started = 0.0
        self._deadline = 0.0
        self._over_memory = False
        self._answers_soon = self._settles = False
        self._last_peak = 0
        self._peak_looked = 0.0

    # --- initialisation ---------------------------------------------------------------------
    async def assign(
        self, spec: EnvironmentSpec, message: dict[str, Any], log: EnvironmentLog, limit_s: float
    ) -> Ended | None:
        """Turn the blank into the function's environment; None when it is ready to serve.

        Raises SandboxFailed where the environment cannot be built.
        """
        self.spec, self.log, self._served = spec, log, message["served"]
        if self.status == "dead":
            raise SandboxFailed("the environment ended before it was used")
        assert self.meter is not None
        self.meter.limit(spec.memory_mb, spec.tmp_mb, spec.key)
        message["processors"] = self.meter.processors
        self.status = "starting"
        self._initialised = self._loop.create_future()
        self._output.start(log)
        self._started = perf_counter()
        self._deadline = self._started + limit_s
        self._arm()
        self._channel.send(b"S", _encode(message))
        ended = await self._initialised
        self.init_ms = (perf_counter() - self._started) * 1000
        self._output.drain()
        if ended is None and self.status in ("dead", "ending"):  # since it said so
            ended = Ended()
        if ended is None:
            self.status = "idle"
        return ended

    def ask_for_api(self) -> bool:
        """End an initialisation that wants the Runtime API; False where there is none to end."""
        if self._served or self._initialised is None or self._initialised.done():
            return False
        self._initialised.set_result(Ended(for_api=True))
        return True

    def restored(self, spec: EnvironmentSpec) -> bool:
        """Whether it comes from the snapshot of a version whose SnapStart is on."""
        return self.forked_from_template and spec.snap_start

    # --- invocations ------------------------------------------------------------------------
    def run(self, job: Job, awake_us: int = 0) -> None:
        """Send the request; the answer reaches the job's future. Where it can let all others go
        first, the environment is asked to stay awake for the next one for `awake_us` after it.
        """
        assert self.log is not None
        if self._frozen:
            self.thaw()
        gives_way = False
        if self.meter is not None and self.invocations > 0:
            gives_way = self.meter.resume(gives_way=awake_us > 0)
        invocation, spec = job.invocation, job.spec
        self._job = job
        self._streamed_bytes = -1
        self.status = "busy"
        self.invocations += 1
        self.log.begin(platform_log.start(spec, invocation.request_id))
        header = _encode(
            {
                "id": invocation.request_id,
                "arn": invocation.function_arn,
                "deadline": report.now_ms() + int(spec.timeout_s * 1000),
                "trace": invocation.trace_id,
                "client": invocation.client_context,
                "stream": job.stream is not None,
                "awake_us": awake_us if gives_way else 0,
            }
        )
        self._started = perf_counter()
        self._deadline = self._started + spec.timeout_s
        self._arm()
        self._channel.send(b"Q", len(header).to_bytes(4, "little") + header + invocation.payload)

    def attend(self, seconds: float) -> bool:
        """Hold the event loop until the answer comes, so long at most; whether it came. Where not,
        the environment gives way no longer.
        """
        self._channel.attend(seconds)
        if self.status == "busy" and self.meter is not None:
            self.meter.resume()
        return self.status == "idle"

    def _finish(
        self,
        payload: bytes,
        error: str | None,
        *,
        lines: list[str] | None = None,
        status: str | None = None,
        error_type: str | None = None,
    ) -> None:
        """Close the invocation: END, REPORT, outcome."""
        job, log, meter = self._job, self.log, self.meter
        assert job is not None
        assert log is not None
        assert meter is not None
        self.duration_s = perf_counter() - self._started
        duration_ms = self.duration_s * 1000
        if status == "timeout":
            duration_ms = job.spec.timeout_s * 1000
        self._job = None
        self._channel.resume()
        self._output.drain()
        request_id, memory_mb = job.invocation.request_id, job.spec.memory_mb
        peak = self._peak(meter)
        used_mb = min(memory_mb, max(1, math.ceil((peak + self.shared_bytes) / _MB)))
        init_ms, self.init_ms = self.init_ms, None
        restored = init_ms is not None and self.restored(job.spec)
        end = platform_log.End(
            request_id, duration_ms, used_mb, init_ms, status, error_type, restored
        )
        log.lines([*(lines or ()), *platform_log.end(job.spec, end)])
        if self.grace_ms and self.status != "dead":
            self._channel.send(b"T", _encode(platform_log.account(job.spec, end)))
        job.settle(
            Outcome(
                payload=payload,
                error=error,
                log_lines=log.tail,
                log_stream=log.stream,
                duration_ms=duration_ms,
                billed_ms=report.billed(duration_ms, init_ms),
                init_ms=init_ms,
                max_memory_mb=used_mb,
            )
        )

    def _peak(self, meter: Meter) -> int:
        """The most memory that was used, looked at again after 5 ms: it only grows."""
        now = perf_counter()
        if self.status != "dead" and now - self._peak_looked > _PEAK_S:
            self._last_peak, self._peak_looked = meter.peak_bytes(), now
        return self._last_peak

    def fail_job(self, job: Job, ended: Ended) -> None:
        """Answer an invocation with the failure of this environment's initialisation."""
        assert self.log is not None
        self.log.begin(platform_log.start(job.spec, job.invocation.request_id))
        self._started = perf_counter()
        self._job = job
        answer, lines = ended.told(job)
        self._finish(
            answer,
            report.UNHANDLED,
            lines=lines,
            status="timeout" if ended.timed_out else "error",
            error_type=ended.error_type,
        )

    # --- between invocations ------------------------------------------------------------------
    @property
    def frozen(self) -> bool:
        """Whether its processes are stopped."""
        return bool(self._frozen)

    def freeze(self) -> None:
        """Stop every process until the next invocation, as AWS freezes idle environments.

        By SIGSTOP, which unlike a cgroup v1 freezer lets a killed server's environments die.
        """
        if self.status == "idle" and self.meter is not None and not self._frozen:
            self._frozen = freezing.freeze(self.meter.pids)

    def thaw(self) -> None:
        """Let the processes go on."""
        freezing.thaw(self._frozen)
        self._frozen = []

    # --- the environment's end --------------------------------------------------------------
    def end(self, reason: str) -> None:
        """End it as AWS does, for `reason` spindown, timeout or failure: where it has extensions
        they are told and have their time ("Shutdown phase"); `exited` follows.
        """
        if not self.grace_ms:
            self.kill()
        elif self.status != "dead" and self.gone is None:
            self.thaw()
            self._channel.send(b"Z", reason.encode())
            self._give_grace()

    def _give_grace(self) -> None:
        """The launcher ends the environment; should it not, we do."""
        self.status = "ending"
        if self.gone is None:
            self.gone = self._loop.create_future()
            self._loop.call_later(self.grace_ms / 1000 + _GRACE_MARGIN_S, self.kill)

    def kill(self) -> None:
        """End every process of the environment; `exited` follows.

        Out of others' way: the kernel's work of ending them would else come before whoever killed.
        """
        if self.status == "dead":
            return
        if self.meter is not None:
            self.meter.retire()
        if self.end_tree is not None and self.pidfd >= 0:
            self.end_tree(self.number)
        elif self.pidfd >= 0:
            with contextlib.suppress(ProcessLookupError):
                signal.pidfd_send_signal(self.pidfd, signal.SIGKILL)

    def abandon(self, error: ComputeError) -> None:
        """Let the caller of the invocation at work go, with the platform's failure."""
        if self._job is not None:
            self._job.fail(error)

    def exited(self, status: int | None) -> None:
        """The zygote saw the end; `status` as wait(2) gives it, None when the zygote died."""
        if self.status == "dead":
            return
        while self._channel.read():
            pass
        was, self.status = self.status, "dead"
        if status is not None and self._wait_status is not None:
            status = self._wait_status
        meter = self.meter
        if meter is not None:  # whose groups may be gone when the failure is told
            self._last_peak = meter.peak_bytes()
        ran_out = self._over_memory or (
            meter is not None and status is not None and status != 0 and meter.ran_out()
        )
        if self._initialised is not None and not self._initialised.done():
            if self._deadline <= perf_counter():
                self._initialised.set_result(Ended(timed_out=True))
            else:
                self._initialised.set_result(Ended(status=status, out_of_memory=ran_out))
        if was == "busy" and self._job is not None:
            answer, line, kind = report.exited(
                self._job.invocation.request_id, status, out_of_memory=ran_out
            )
            self._finish(answer, report.UNHANDLED, lines=[line], status="error", error_type=kind)
        self._close()
        if self.on_end is not None:
            self.on_end(self)

    def _close(self) -> None:
        self._disarm()
        self.thaw()
        self._output.close()
        if self.log is not None:
            self.log.flush()
        self._channel.close()
        if self.pidfd >= 0:
            os.close(self.pidfd)
            self.pidfd = -1
        if self.gone is not None and not self.gone.done():
            self.gone.set_result(None)

    # --- the clock --------------------------------------------------------------------------
    def _arm(self) -> None:
        """Have `_tick` called soon; one timer goes on over many invocations, since making and
        cancelling one each would cost each two microseconds.
        """
        if self._timer is None:
            assert self.meter is not None
            delay = min(self.meter.pause_s, self._deadline - self._started)
            self._timer = self._loop.call_later(delay, self._tick)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _tick(self) -> None:
        """Watch the time and the memory of a working environment."""
        self._timer = None
        if self.status not in ("starting", "busy"):
            return
        left = self._deadline - perf_counter()
        if left <= 0:
            self._time_out()
            return
        assert self.spec is not None
        assert self.meter is not None
        if self.log is not None:
            self.log.show_begun()
        excess = self.meter.look(self.spec.memory_mb * _MB)
        if excess == "memory":
            self._out_of_memory()
            return
        if excess == "processes":
            self._crowded()
            return
        self._timer = self._loop.call_later(min(self.meter.pause_s, left), self._tick)

    def _out_of_memory(self) -> None:
        self._over_memory = True
        self.kill()
        if self._job is not None:
            self.status = "ending"
            request_id = self._job.invocation.request_id
            answer, line, kind = report.exited(request_id, None, out_of_memory=True)
            self._finish(answer, report.UNHANDLED, lines=[line], status="error", error_type=kind)

    def _crowded(self) -> None:
        """Too many processes, where the kernel would not hold them to a number."""
        self.kill()
        line = report.crowded(MOST_PROCESSES, MOST_THREADS)
        if self._job is None:
            if self.log is not None:
                self.log.lines([line])
            return
        self.status = "ending"
        answer, reason, kind = report.exited(
            self._job.invocation.request_id, signal.SIGKILL, out_of_memory=False
        )
        lines = [line, reason]
        self._finish(answer, report.UNHANDLED, lines=lines, status="error", error_type=kind)

    def _time_out(self) -> None:
        if self._initialised is not None and not self._initialised.done() and self.grace_ms:
            self._initialised.set_result(Ended(timed_out=True))
        self.end("timeout")
        if self._job is not None:
            job = self._job
            self.status = "ending"
            answer, line = report.timed_out(job.invocation.request_id, job.spec.timeout_s)
            self._finish(answer, report.UNHANDLED, lines=[line], status="timeout")

    # --- frames -----------------------------------------------------------------------------
    def _on_closed(self) -> None:
        """Its end of the channel is closed: its process is ending, or shall."""
        if self.meter is not None:
            self.meter.retire()
        self._loop.call_later(0.1, self.kill)

    def _frame(self, kind: bytes, body: bytes) -> None:
        if kind in (b"W", b"A", b"G"):
            self._from_launcher(kind, body)
        elif self.status in ("busy", "idle") and kind == b"D":  # an error that ends the process
            self._fatal(body, report.UNHANDLED)
        elif self.status == "busy" and kind in (b"B", b"C"):
            self._streamed(kind, body)
        elif self.status == "busy" and kind in (b"R", b"E", b"O"):
            if kind == b"R":
                self._succeed(body)
            elif kind == b"E":
                self._finish(body, report.UNHANDLED)
            else:
                self._finish(report.too_large(), report.UNHANDLED)
            self.status = "idle"
            self.idle_since = perf_counter()
            if self._answers_soon != (self.duration_s < _SOON_S) and not self._settles:
                self._settles = True
                self._loop.call_later(_SETTLED_S, self._settle)
            if self.on_free is not None:
                self.on_free(self)
        elif self._initialised is not None and not self._initialised.done():
            if kind == b"I":
                self.learned = body
                self._initialised.set_result(None)
            elif kind == b"F":
                self._initialised.set_result(Ended(document=body))
            elif kind == b"X":
                self._initialised.set_exception(SandboxFailed(body.decode("utf-8", "replace")))
            else:
                self._channel.distrust()
        elif self.status != "ending":
            self._channel.distrust()

    def _settle(self) -> None:
        """One that answers soon is let in at once when it wakes; no longer, after a long answer."""
        self._settles = False
        if self.status in ("idle", "busy") and self.meter is not None:
            self._answers_soon = self.duration_s < _SOON_S
            take_turns(threads_of(self.meter.pids()), short=self._answers_soon)

    def _from_launcher(self, kind: bytes, body: bytes) -> None:
        if kind == b"W" and len(body) == 4:
            self._wait_status = int.from_bytes(body, "little")
        elif kind == b"A" and self._served and body.isdigit():  # an extension registered
            self.grace_ms = max(self.grace_ms, min(_MOST_GRACE_MS, int(body)))
        elif kind == b"G" and self.grace_ms and self.status in ("starting", "busy", "idle"):
            self._runtime_gone()

    def _fatal(self, answer: bytes, error: str, **how: Any) -> None:
        """The launcher, or who is alone, ends of itself."""
        was, self.status = self.status, "ending"
        if was == "busy":
            self._finish(answer, error, **how)
        if self.grace_ms:
            self._give_grace()
        else:
            self.kill()

    def _runtime_gone(self) -> None:
        """The runtime ended, its extensions have yet to."""
        meter, status = self.meter, self._wait_status
        ran_out = meter is not None and status != 0 and meter.ran_out()
        if self._job is not None:
            answer, line, kind = report.exited(
                self._job.invocation.request_id, status, out_of_memory=ran_out
            )
            self._fatal(answer, report.UNHANDLED, lines=[line], status="error", error_type=kind)
            return
        if self._initialised is not None and not self._initialised.done():
            self._initialised.set_result(Ended(status=status, out_of_memory=ran_out))
        self._give_grace()

    def _streamed(self, kind: bytes, body: bytes) -> None:
        """The beginning of a streamed response (its content type), or a chunk of it."""
        job = self._job
        assert job is not None
        if kind == b"B":
            self._streamed_bytes = 0
            self._collected.clear()
            if job.stream is not None:
                job.stream.resume = self._channel.resume
                job.stream.begin(body.decode("latin-1"))
            return
        if self._streamed_bytes < 0:
            self._channel.distrust()
            return
        self._streamed_bytes += len(body)
        if self._streamed_bytes > MAX_STREAMED_BYTES:
            self.status = "ending"
            self._finish(report.too_large(), report.UNHANDLED)
            self.kill()
        elif job.stream is None:
            if len(self._collected) <= report.MAX_RESPONSE_BYTES:
                self._collected += body
        elif not job.stream.put(body):
            self._channel.pause()

    def _succeed(self, body: bytes) -> None:
        """The response is whole; a streamed one for a caller who waits for all is limited."""
        assert self._job is not None
        if self._streamed_bytes >= 0 and self._job.stream is None:
            body = bytes(self._collected)
            self._collected.clear()
        if len(body) > report.MAX_RESPONSE_BYTES:
            self._finish(report.too_large(), report.UNHANDLED)
        else:
            self._finish(body, None)
