"""The SAM transform as the service calls it: a worker started on demand, its answers cached."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections import OrderedDict
from typing import Any

import msgspec

from cloudlet.services.cloudformation.errors import ValidationError

NAME = "AWS::Serverless-2016-10-31"
IDLE_S = 60.0
TIMEOUT_S = 60.0
#: Answers kept; a template of the size limit is 1 MB, usual ones are some 10 KB.
CACHED = 32
_LINE = 64 << 20


class SamTransform:
    """Runs the transform in one worker process, which ends after a minute without work."""

    def __init__(self) -> None:
        self._lock = asyncio.Lock()
        self._worker: Process | None = None
        self._idle: asyncio.TimerHandle | None = None
        self._cache: OrderedDict[bytes, bytes] = OrderedDict()

    async def __call__(
        self, template: dict[str, Any], parameters: dict[str, Any], region: str
    ) -> dict[str, Any]:
        """The transformed template; raises `ValidationError` in AWS's words where SAM refuses."""
        request = await asyncio.to_thread(
            msgspec.json.encode,
            {"template": template, "parameters": parameters, "region": region},
        )
        key = hashlib.sha256(request).digest()
        line = self._cache.get(key)
        if line is None:
            async with self._lock:
                line = await self._ask(request)
            self._cache[key] = line
            if len(self._cache) > CACHED:
                self._cache.popitem(last=False)
        answer: dict[str, Any] = await asyncio.to_thread(msgspec.json.decode, line)
        if "errors" in answer:
            errors = answer["errors"]
            raise ValidationError(
                f"Transform {NAME} failed with: Invalid Serverless Application Specification "
                f"document. Number of errors found: {len(errors)}. {' '.join(errors)}"
            )
        made: dict[str, Any] = answer["template"]
        return made

    async def _ask(self, request: bytes) -> bytes:
        if self._idle is not None:
            self._idle.cancel()
        worker = self._worker
        if worker is None or worker.returncode is not None:
            worker = self._worker = await asyncio.create_subprocess_exec(
                sys.executable,
                "-m",
                "cloudlet.services.cloudformation.sam_worker",
                stdin=PIPE,
                stdout=PIPE,
                stderr=asyncio.subprocess.DEVNULL,
                limit=_LINE,
                env={**os.environ, "AWS_EC2_METADATA_DISABLED": "true"},
            )
        assert worker.stdin is not None
        assert worker.stdout is not None
        try:
            async with asyncio.timeout(TIMEOUT_S):
                worker.stdin.write(request + b"\n")
                await worker.stdin.drain()
                line = await worker.stdout.readline()
        except (TimeoutError, ConnectionError, ValueError) as error:
            await self.stop()
            raise ValidationError(f"Transform {NAME} failed with: it took too long") from error
        except asyncio.CancelledError:
            await self.stop()  # its answer would be taken for the next request's
            raise
        if not line:
            await self.stop()
            raise ValidationError(f"Transform {NAME} failed with: the template is too large")
        loop = asyncio.get_running_loop()
        self._idle = loop.call_later(IDLE_S, self._end)
        return line

    def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()

    async def stop(self) -> None:
        """End the worker and wait for its end."""
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
        worker, self._worker = self._worker, None
        if worker is not None:
            with contextlib.suppress(ProcessLookupError):
                worker.kill()
            await worker.wait()
