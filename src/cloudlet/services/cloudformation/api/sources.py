"""Where a template comes from: the request's body, or an object in S3 read as the caller."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from cloudlet.aws.body import Body
from cloudlet.aws.context import Context
from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.errors import ValidationError
from cloudlet.services.cloudformation.state import CloudFormation

MAX_BODY = 51_200  # bytes, in the request
MAX_OBJECT = 1_048_576  # bytes, by S3
#: `bucket.s3.us-east-1.amazonaws.com`, `bucket.s3-us-west-2.amazonaws.com`, `bucket.s3.localhost`.
_VIRTUAL_HOST = re.compile(r"(?P<bucket>.+)\.s3(?:[.-][a-z0-9.-]+)?\Z")


def object_of(url: str) -> tuple[str, str, str | None]:
    """The bucket, key and version that an S3 URL of any style names; raises `ValidationError`."""
    parts = urlsplit(url)
    path = unquote(parts.path).lstrip("/")
    version = parse_qs(parts.query).get("versionId", [None])[0]
    if parts.scheme == "s3" and parts.netloc and path:
        return parts.netloc, path, version
    host = (parts.hostname or "").lower()
    if parts.scheme not in ("http", "https") or not host:
        raise ValidationError("TemplateURL must be a supported URL.")
    virtual = _VIRTUAL_HOST.match(host)
    bucket, key = (
        (virtual["bucket"], path) if virtual else path.split("/", 1) if "/" in path else ("", "")
    )
    if not bucket or not key:
        raise ValidationError(
            "TemplateURL must reference a valid S3 object to which you have access."
        )
    return bucket, key, version


async def fetch(ctx: Context[CloudFormation], url: str) -> str:
    """The text of an S3 object, read as the caller."""
    bucket, key, version = object_of(url)
    request: dict[str, Any] = {"Bucket": bucket, "Key": key}
    if version is not None:
        request["VersionId"] = version
    try:
        answer = await ctx.call("s3", "GetObject", request)
        body = answer["Body"]
        if answer.get("ContentLength", 0) > MAX_OBJECT:
            raise _too_large(MAX_OBJECT)
        content = await body.read(MAX_OBJECT + 1) if isinstance(body, Body) else bytes(body)
    except ValidationError:
        raise
    except AWSError as error:
        raise ValidationError(
            f"S3 error: {error.message}\nFor more information check "
            "http://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html"
        ) from error
    if len(content) > MAX_OBJECT:
        raise _too_large(MAX_OBJECT)
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        raise ValidationError("Template format error: the template is not UTF-8.") from error


def _too_large(most: int) -> ValidationError:
    return ValidationError(f"Template may not exceed {most} bytes in size.")


async def text_of(
    ctx: Context[CloudFormation], body: str | None, url: str | None, previous: str | None = None
) -> str:
    """The template's text; exactly one source must be given. Raises `ValidationError`."""
    given = [source for source in (body, url, previous) if source is not None]
    if len(given) > 1:
        raise ValidationError(
            "You cannot specify both TemplateBody, TemplateURL or UsePreviousTemplate"
        )
    if previous is not None:
        return previous
    if url is not None:
        return await fetch(ctx, url)
    if body is None:
        raise ValidationError("Either Template URL or Template Body must be specified.")
    size = len(body.encode())
    if size > MAX_BODY:
        raise ValidationError(
            f"1 validation error detected: Value '{body[:64]}...' at 'templateBody' failed to "
            f"satisfy constraint: Member must have length less than or equal to {MAX_BODY}"
        )
    return body
