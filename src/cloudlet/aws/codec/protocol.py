"""What every protocol offers to the endpoint."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

from cloudlet.aws.body import Body
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.aws.model import OperationModel, ServiceModel

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Located:
    """The operation that a request is for, and what finding it brought to light.

    `found` is the protocol's own: the labels of the path, or the form of a query.
    """

    operation: OperationModel
    found: Any = None
    #: The input has a streamed body: it is handed on unread.
    streaming: bool = False


class Codec(Protocol):
    """One service's protocol, both ways."""

    model: ServiceModel
    #: Whether the operation stands in the body, which must then be read before `locate`.
    operation_in_body: bool
    #: The largest body of an operation that is not streamed, in bytes.
    limit: int

    def locate(self, request: Request, body: bytes) -> Located:
        """Find the operation; raises the protocol's error for an unknown one."""

    def parse(self, located: Located, request: Request, body: bytes | Body) -> Any:
        """The request's struct, its constraints not yet checked; None for no input."""

    def answer(self, located: Located, result: Any, request_id: str) -> Response:
        """The response for an operation's result."""

    def refuse(
        self, error: AWSError, request_id: str, request: Request, located: Located | None
    ) -> Response:
        """The response for an error; `located` is None where it came before that was known."""


class SerializationError(AWSError):
    """The body or a part of it cannot be read; json services call it so."""

    code = "SerializationException"
    status = 400
