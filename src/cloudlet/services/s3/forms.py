"""Uploads by a browser's form ("POST Object" in the S3 API Reference).

The form is multipart/form-data: fields, then `file`, whatever follows that is ignored. It is signed
by its policy, or anonymous without one; the object is then put as PutObject puts it.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlencode, urlsplit
from xml.sax.saxutils import escape

from cloudlet.aws.body import Body
from cloudlet.aws.context import Context
from cloudlet.aws.http import Request, Response
from cloudlet.aws.principal import ANONYMOUS
from cloudlet.aws.sigv4 import verify_form
from cloudlet.services.s3 import form_policy
from cloudlet.services.s3.errors import (
    EntityTooLarge,
    EntityTooSmall,
    InvalidArgument,
    MalformedPOSTRequest,
    MaxPostPreDataLengthExceededError,
    MethodNotAllowed,
    NotImplementedFeature,
)
from cloudlet.services.s3.store import S3

#: Bytes that the fields before the file may have, with their headers.
MAX_FIELDS_BYTES = 20 * 1024

_BOUNDARY = re.compile(r'boundary=(?:"([^"]{1,70})"|([^;\s"]{1,70}))', re.IGNORECASE)
_NAME = re.compile(r'(?:^|[;\s])name="((?:[^"\\]|\\.)*)"', re.IGNORECASE)
_FILENAME = re.compile(r'(?:^|[;\s])filename="((?:[^"\\]|\\.)*)"', re.IGNORECASE)

#: Form field -> member of PutObject; `x-amz-meta-` fields are metadata.
_MEMBERS = {
    "acl": "ACL",
    "cache-control": "CacheControl",
    "content-disposition": "ContentDisposition",
    "content-encoding": "ContentEncoding",
    "content-type": "ContentType",
    "expires": "Expires",
    "x-amz-storage-class": "StorageClass",
    "x-amz-server-side-encryption": "ServerSideEncryption",
    "x-amz-server-side-encryption-aws-kms-key-id": "SSEKMSKeyId",
    "x-amz-website-redirect-location": "WebsiteRedirectLocation",
    "x-amz-checksum-algorithm": "ChecksumAlgorithm",
    "x-amz-checksum-crc32": "ChecksumCRC32",
    "x-amz-checksum-crc32c": "ChecksumCRC32C",
    "x-amz-checksum-crc64nvme": "ChecksumCRC64NVME",
    "x-amz-checksum-sha1": "ChecksumSHA1",
    "x-amz-checksum-sha256": "ChecksumSHA256",
}


class Forms:
    """Answers the forms that are posted to buckets."""

    def __init__(self, state: S3) -> None:
        self._state = state

    async def __call__(self, request: Request, request_id: str) -> Response | None:
        """Store the file of a form; None for a request that is no form. Raises S3's errors."""
        kind = request.headers.get("content-type")
        if not kind.lower().startswith("multipart/form-data") or request.query:
            return None
        name, _, rest = request.raw_path.lstrip("/").partition("/")
        if rest or not name:
            raise MethodNotAllowed(Method="POST", ResourceType="OBJECT" if rest else "SERVICE")
        boundary = _BOUNDARY.search(kind)
        if boundary is None:
            raise MalformedPOSTRequest
        form = _Form(request.body, (boundary[1] or boundary[2]).encode("latin-1", "replace"))
        await form.read_fields()
        bucket = self._state.bucket(unquote(name))
        if "key" not in form.fields or form.filename is None:
            missing = "key" if "key" not in form.fields else "file"
            raise InvalidArgument(
                f"Bucket POST must contain a field named '{missing}'.  If it is specified, please"
                " check the order of the fields.",
                ArgumentName=missing,
                ArgumentValue="",
            )
        fields = {**form.fields, "bucket": bucket.name}
        fields["key"] = fields["key"].replace("${filename}", form.filename)
        principal, region, sizes = ANONYMOUS, bucket.region, None
        if "policy" in fields:
            identities = self._state.cloud.identities
            principal, region = verify_form(fields, identities, bucket.region)
            sizes = form_policy.check(fields["policy"], fields, time.time())
        context: Context[S3] = Context(
            service=self._state,
            cloud=self._state.cloud,
            service_name="s3",
            operation="PostObject",
            account=principal.account,
            region=region,
            principal=principal,
            request_id=request_id,
            endpoint=request.endpoint,
            source_ip=request.source_ip,
            user_agent=request.headers.get("user-agent"),
            secure=request.scheme == "https",
        )
        # The length is an upper bound: where the file ends is known when it ends.
        body = Body(form.file(sizes), request.body.length)
        members = {**_members(fields), "Bucket": bucket.name, "Key": fields["key"], "Body": body}
        stored = await self._state.cloud.call(
            "s3", "PutObject", members, as_=principal, region=region, parent=context
        )
        return _answer(request, fields, stored)


def _members(fields: dict[str, str]) -> dict[str, Any]:
    if "tagging" in fields:
        raise NotImplementedFeature("The form field tagging is not implemented in cloudlet.")
    members: dict[str, Any] = {
        member: fields[field] for field, member in _MEMBERS.items() if field in fields
    }
    prefix = "x-amz-meta-"
    metadata = {n.removeprefix(prefix): v for n, v in fields.items() if n.startswith(prefix)}
    return {**members, "Metadata": metadata} if metadata else members


def _answer(request: Request, fields: dict[str, str], stored: dict[str, Any]) -> Response:
    bucket, key, etag = fields["bucket"], fields["key"], stored["ETag"]
    location = f"{request.endpoint}/{bucket}/{quote(key, safe='/~')}"
    headers = [("ETag", etag), ("Location", location)]
    if "VersionId" in stored:
        headers.append(("x-amz-version-id", stored["VersionId"]))
    headers.append(("x-amz-server-side-encryption", stored["ServerSideEncryption"]))
    redirect = fields.get("success_action_redirect") or fields.get("redirect")
    if redirect and urlsplit(redirect).scheme in ("http", "https"):
        parts = urlsplit(redirect)
        pairs = parse_qsl(parts.query, keep_blank_values=True)
        query = urlencode([*pairs, ("bucket", bucket), ("key", key), ("etag", etag)])
        headers[1] = ("Location", parts._replace(query=query).geturl())
        return Response(303, headers)
    status = fields.get("success_action_status")
    if status == "201":
        document = (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f"<PostResponse><Location>{escape(location)}</Location><Bucket>{bucket}</Bucket>"
            f"<Key>{escape(key)}</Key><ETag>{escape(etag)}</ETag></PostResponse>"
        )
        return Response(201, [*headers, ("Content-Type", "application/xml")], document.encode())
    return Response(200 if status == "200" else 204, headers)


class _Form:
    """Reads a multipart body: first the fields, then the file as a stream."""

    def __init__(self, body: Body, boundary: bytes) -> None:
        self._chunks = aiter(body)
        self._delimiter = b"\r\n--" + boundary
        self._buffer = b"\r\n"  # so that the first delimiter is like the others
        self.fields: dict[str, str] = {}  # by lower-case name
        self.filename: str | None = None  # None until the file has been reached

    async def _fill(self) -> None:
        try:
            self._buffer += await anext(self._chunks)
        except StopAsyncIteration:
            raise MalformedPOSTRequest from None

    async def _until(self, mark: bytes) -> bytes:
        """What comes before `mark`, which is taken too; all in the space that fields have."""
        while (at := self._buffer.find(mark)) < 0:
            if len(self._buffer) > self._left:
                raise MaxPostPreDataLengthExceededError
            await self._fill()
        found, self._buffer = self._buffer[:at], self._buffer[at + len(mark) :]
        self._left -= at + len(mark)
        if self._left < 0:
            raise MaxPostPreDataLengthExceededError
        return found

    async def read_fields(self) -> None:
        """Read what comes before the file; without a file the form ends here."""
        self._left = MAX_FIELDS_BYTES
        await self._until(self._delimiter)
        while True:
            ending = await self._until(b"\r\n")
            if ending.strip() == b"--":
                return
            if ending.strip():
                raise MalformedPOSTRequest
            head = (await self._until(b"\r\n\r\n")).decode("utf-8", "replace")
            disposition = _disposition(head)
            name = _NAME.search(disposition)
            if name is None:
                raise MalformedPOSTRequest
            if name[1].lower() == "file":
                filename = _FILENAME.search(disposition)
                # Some browsers send the whole path.
                self.filename = re.split(r"[/\\]", filename[1])[-1] if filename else ""
                return
            value = await self._until(self._delimiter)
            self.fields[name[1].lower()] = value.decode("utf-8", "replace")

    async def file(self, sizes: tuple[int, int] | None) -> AsyncIterator[bytes]:
        """The file's bytes; of a size that `sizes` does not allow is an error at the latest."""
        size, keep = 0, len(self._delimiter) - 1
        while True:
            at = self._buffer.find(self._delimiter)
            stop = at if at >= 0 else max(len(self._buffer) - keep, 0)
            piece, self._buffer = self._buffer[:stop], self._buffer[stop:]
            size += len(piece)
            if sizes is not None and size > sizes[1]:
                raise EntityTooLarge(ProposedSize=size, MaxSizeAllowed=sizes[1])
            if piece:
                yield piece
            if at >= 0:
                break
            await self._fill()
        if sizes is not None and size < sizes[0]:
            raise EntityTooSmall(ProposedSize=size, MinSizeAllowed=sizes[0])
        async for _ in self._chunks:  # what follows the file
            pass


def _disposition(head: str) -> str:
    for line in head.split("\r\n"):
        name, _, value = line.partition(":")
        if name.strip().lower() == "content-disposition":
            return value
    raise MalformedPOSTRequest
