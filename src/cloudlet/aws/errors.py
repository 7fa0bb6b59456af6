"""The one hierarchy of errors that AWS services answer with."""

from __future__ import annotations

from typing import Any


class AWSError(Exception):
    """An error as AWS gives it: a code, a message, an HTTP status and perhaps further members.

    Each protocol renders it in one place (`codec/errors.py`). `fields` are the members of the
    error's shape besides its message, by their AWS names. Services subclass it in their
    `errors.py`, one class a code; `code` and `status` are then class attributes.
    """

    code: str = "InternalFailure"
    status: int = 500

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        status: int | None = None,
        headers: dict[str, str] | None = None,
        **fields: Any,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.code = code or type(self).code
        self.status = status or type(self).status
        self.headers = headers or {}
        self.fields = fields

    @property
    def is_sender_fault(self) -> bool:
        """Whether the client is to blame, which the query protocol spells out."""
        return self.status < 500


class ValidationError(AWSError):
    """The input does not fit its shape; json services call it ValidationException."""

    code = "ValidationError"
    status = 400


class AccessDenied(AWSError):
    """The principal may not do this; json services call it AccessDeniedException."""

    code = "AccessDenied"
    status = 403


class NotImplementedOperation(AWSError):
    """The operation is in the service's model but not (yet) in cloudlet."""

    code = "NotImplemented"
    status = 501


class InternalFailure(AWSError):
    """Something broke on our side; the log has the traceback, the client only a request id."""

    code = "InternalFailure"
    status = 500
