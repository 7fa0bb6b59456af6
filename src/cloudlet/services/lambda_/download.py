"""The door from which archives are downloaded by the addresses that GetFunction gives."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path

from cloudlet.aws.body import Body
from cloudlet.aws.http import Request, Response
from cloudlet.aws.service import Target
from cloudlet.services.lambda_.state import LambdaService

_CHUNK = 1 << 18
_SHA = re.compile(r"[0-9a-f]{64}")


class Download:
    """Answers GET of a signed, unexpired address with the zip file; all else is refused."""

    def __init__(self, service: LambdaService) -> None:
        self._service = service

    async def __call__(self, request: Request, target: Target) -> Response:
        """`target.id` is the archive's SHA-256, `target.path` its expiry and signature."""
        parts = target.path.strip("/").split("/")
        if (
            request.method not in {"GET", "HEAD"}
            or len(parts) != 2
            or not _SHA.fullmatch(target.id)
            or not self._service.is_signed(target.id, *parts)
        ):
            return Response(403, [("content-type", "text/plain")], b"AccessDenied\n")
        path = self._service.code.packages / f"{target.id}.zip"
        if not path.exists():
            return Response(404, [("content-type", "text/plain")], b"NoSuchKey\n")
        headers = [("content-type", "application/zip")]
        size = path.stat().st_size
        body: Body | bytes = b"" if request.method == "HEAD" else Body(_read(path), size)
        return Response(200, headers, body)


async def _read(path: Path) -> AsyncIterator[bytes]:
    with path.open("rb") as file:
        while chunk := await asyncio.to_thread(file.read, _CHUNK):
            yield chunk
