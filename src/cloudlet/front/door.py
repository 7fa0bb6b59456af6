"""The front door: from a request to the part that answers it."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from cloudlet.aws.body import BodyTooLarge
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.aws.service import Door, Target
from cloudlet.front.routing import by_host, by_path
from cloudlet.front.status import Status

log = logging.getLogger("cloudlet.front")


class FrontDoor:
    """Decides by host and path whether a request is for a service's door (`doors`, by kind), for
    cloudlet itself (`status`), or for an AWS operation (`endpoint`).
    """

    def __init__(self, endpoint: Endpoint, doors: Mapping[str, Door], status: Status) -> None:
        self._endpoint = endpoint
        self._doors = doors
        self._status = status

    async def __call__(self, request: Request) -> Response:
        """One request; what its handler lets through is answered, too."""
        try:
            return await self._answer(request)
        except Exception as error:
            return _failure(request, error)

    async def _answer(self, request: Request) -> Response:
        path = request.raw_path
        if path.startswith(("/_", "/restapis/")):
            if self._status.is_for(path):
                return await self._status(request, self._endpoint)
            plain = by_path(path)
            if plain is not None and plain[0] in self._doors:
                return await self._doors[plain[0]](request, plain[1])
        host = by_host(request.host)
        if host.door:
            door = self._doors.get(host.door)
            if door is not None:
                return await door(request, Target(host.id, path))
        elif host.bucket:
            request.signed_path = path
            request.raw_path = f"/{host.bucket}{path}"
        return await self._endpoint(request)


def _failure(request: Request, error: Exception) -> Response:
    """The answer to an exception that a door let through."""
    if isinstance(error, AWSError):
        status, message = error.status, error.message
    elif isinstance(error, BodyTooLarge):
        status, message = 413, "Request Too Long"
    else:
        log.error("%s %s", request.method, request.raw_path, exc_info=error)
        status, message = 500, "Internal Server Error"
    return Response(status, [("Content-Type", "text/plain")], message.encode() + b"\n")
