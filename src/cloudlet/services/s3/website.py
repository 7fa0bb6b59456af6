"""The website endpoint: buckets as sites ("Hosting a static website" in the S3 User Guide).

Anonymous GET and HEAD, allowed by the bucket's policy; answers in HTML, as S3's website endpoints
give them and its REST endpoint does not.
"""

from __future__ import annotations

import uuid
from dataclasses import dataclass
from html import escape
from urllib.parse import quote, unquote

from cloudlet.aws.body import Body
from cloudlet.aws.context import Context
from cloudlet.aws.errors import AccessDenied, AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.aws.models.s3 import RoutingRule, WebsiteConfiguration
from cloudlet.aws.principal import ANONYMOUS
from cloudlet.aws.service import Target
from cloudlet.services.s3 import access, encryption, ranges
from cloudlet.services.s3.attributes import HEADERS
from cloudlet.services.s3.conditions import ReadConditions, http_date, parse_date
from cloudlet.services.s3.cors import Cors
from cloudlet.services.s3.errors import (
    MethodNotAllowed,
    NoSuchKey,
    NoSuchWebsiteConfiguration,
    NotModified,
    S3Error,
)
from cloudlet.services.s3.model import BucketRecord
from cloudlet.services.s3.store import S3
from cloudlet.storage.objects import Opened, Summary

_REASONS = {
    301: "Moved Permanently", 302: "Found", 304: "Not Modified", 400: "Bad Request",
    403: "Forbidden", 404: "Not Found", 405: "Method Not Allowed", 412: "Precondition Failed",
    416: "Requested Range Not Satisfiable", 500: "Internal Server Error",
    501: "Not Implemented",
}  # fmt: skip

_CUSTOM_FAILED = "An Error Occurred While Attempting to Retrieve a Custom Error Document"


@dataclass(slots=True)
class _Visit:
    """One request to one site."""

    request: Request
    target: Target
    ctx: Context[S3]
    bucket: BucketRecord
    site: WebsiteConfiguration
    key: str  # as asked for

    def path_of(self, key: str) -> str:
        """The path under which the visitor reaches `key`."""
        return f"{self.target.base}/{quote(key, safe='/~')}"


class Website:
    """The door `s3-website`."""

    def __init__(self, state: S3, cors: Cors) -> None:
        self._state = state
        self._cors = cors

    async def __call__(self, request: Request, target: Target) -> Response:
        """Answer a visitor of the site of the bucket `target.id`."""
        request_id = str(uuid.uuid4())
        try:
            if request.method == "OPTIONS":
                return self._cors.preflight_of(request, target.id, "OBJECT")
            if request.method not in ("GET", "HEAD"):
                raise MethodNotAllowed(
                    Method=request.method, ResourceType="OBJECT", headers={"Allow": "GET, HEAD"}
                )
            visit = self._enter(request, target, request_id)
            response = self._visit(visit)
        except AWSError as error:
            response = _page(request, error, request_id)
        response.headers.append(("x-amz-request-id", request_id))
        self._cors.finish_of(request, response, target.id)
        return response

    def _enter(self, request: Request, target: Target, request_id: str) -> _Visit:
        bucket = self._state.bucket(target.id)
        if bucket.website is None:
            raise NoSuchWebsiteConfiguration(BucketName=bucket.name)
        ctx = Context(
            service=self._state,
            cloud=self._state.cloud,
            service_name="s3",
            operation="GetObject",
            account=bucket.account,
            region=bucket.region,
            principal=ANONYMOUS,
            request_id=request_id,
            endpoint=request.endpoint,
            source_ip=request.source_ip,
            user_agent=request.headers.get("user-agent"),
            secure=request.scheme == "https",
        )
        key = unquote(target.path).removeprefix("/")
        return _Visit(request, target, ctx, bucket, bucket.website, key)

    def _visit(self, visit: _Visit) -> Response:
        site = visit.site
        everything = site.redirect_all_requests_to
        if everything is not None:
            scheme = everything.protocol or visit.request.scheme
            path = quote(visit.key, safe="/~")
            query = f"?{visit.request.raw_query}" if visit.request.raw_query else ""
            return _moved(301, f"{scheme}://{everything.host_name}/{path}{query}")
        rule = _rule(site, visit.key, None)
        if rule is not None:
            return _routed(visit, rule)
        suffix = site.index_document.suffix if site.index_document else "index.html"
        key = visit.key + suffix if not visit.key or visit.key.endswith("/") else visit.key
        try:
            return self._give(visit, self._open(visit, key), 200)
        except NotModified as error:
            return Response(304, list(error.headers.items()))
        except (AccessDenied, S3Error) as error:
            if key == visit.key and error.status in (403, 404):
                folder = self._folder(visit, f"{key}/{suffix}")
                if folder is not None:
                    return folder
            rule = _rule(site, visit.key, error.status)
            if rule is not None:
                return _routed(visit, rule)
            return self._error(visit, error)

    def _open(self, visit: _Visit, key: str) -> Opened:
        """The object, held, if the visitor may have it."""
        state, bucket = self._state, visit.bucket
        tags = access.conditions_of(state.objects.find(bucket.name, key))
        policy = access.policy_of(visit.ctx, bucket)
        visit.ctx.authorise("s3:GetObject", f"{bucket.arn}/{key}", policy=policy, conditions=tags)
        opened = state.objects.open(bucket.name, key)
        if opened is None:
            access.require_list(visit.ctx, bucket)
            raise NoSuchKey(Key=key)
        try:
            encryption.check_reader(visit.ctx, bucket, opened.about.attributes)
        except BaseException:
            state.objects.release(opened)
            raise
        return opened

    def _folder(self, visit: _Visit, index: str) -> Response | None:
        """The redirect of a folder without its slash, if it has an index document to give."""
        try:
            self._state.objects.release(self._open(visit, index))
        except (AccessDenied, NoSuchKey):
            return None
        return _moved(302, visit.path_of(f"{visit.key}/"))

    def _give(self, visit: _Visit, opened: Opened, status: int) -> Response:
        """The object as a response; takes over the duty to release it."""
        about, request = opened.about, visit.request
        try:
            if status == 200 and about.attributes.redirect:
                self._state.objects.release(opened)
                return _moved(301, _redirect(visit, about.attributes.redirect))
            span = None
            if status == 200:
                _conditions(request).check_read(about)
                span = ranges.parse(request.headers.get("range") or None, about.size)
        except BaseException:
            self._state.objects.release(opened)
            raise
        start, stop = span or (0, about.size)
        headers = _headers(about)
        headers.append(("Content-Length", str(stop - start)))
        if span is not None:
            headers.append(("Content-Range", ranges.content_range(start, stop, about.size)))
            status = 206
        if request.method == "HEAD":
            self._state.objects.release(opened)
            return Response(status, headers)
        body = Body(self._state.objects.read(opened, start, stop), stop - start)
        return Response(status, headers, body)

    def _error(self, visit: _Visit, error: AWSError) -> Response:
        """The site's error document with the error's status, or else S3's page."""
        document = visit.site.error_document
        if document is None or not 400 <= error.status < 500:
            return _page(visit.request, error, visit.ctx.request_id)
        try:
            return self._give(visit, self._open(visit, document.key), error.status)
        except (AccessDenied, S3Error) as second:
            return _page(visit.request, error, visit.ctx.request_id, second)


def _conditions(request: Request) -> ReadConditions:
    headers = request.headers
    return ReadConditions(
        headers.get("if-match") or None,
        headers.get("if-none-match") or None,
        parse_date(headers.get("if-modified-since")),
        parse_date(headers.get("if-unmodified-since")),
    )


def _headers(about: Summary) -> list[tuple[str, str]]:
    kept = about.attributes
    headers = [(name, kept.headers[name]) for name in HEADERS.values() if name in kept.headers]
    if "Content-Type" not in kept.headers:
        headers.append(("Content-Type", "binary/octet-stream"))
    headers += [
        ("ETag", f'"{about.etag}"'),
        ("Last-Modified", http_date(about.modified_s)),
        ("Accept-Ranges", "bytes"),
        ("x-amz-server-side-encryption", "AES256"),
    ]
    headers += [(f"x-amz-meta-{name}", value) for name, value in kept.metadata.items()]
    return headers


def _rule(site: WebsiteConfiguration, key: str, status: int | None) -> RoutingRule | None:
    """The first routing rule that fits; before the object is looked for, `status` is None."""
    for rule in site.routing_rules or ():
        condition = rule.condition
        wanted = condition.http_error_code_returned_equals if condition else None
        prefix = (condition.key_prefix_equals if condition else None) or ""
        if wanted != (None if status is None else str(status)):
            continue
        if key.startswith(prefix):
            return rule
    return None


def _routed(visit: _Visit, rule: RoutingRule) -> Response:
    """The redirect that a routing rule says."""
    redirect = rule.redirect
    prefix = (rule.condition.key_prefix_equals if rule.condition else None) or ""
    key = visit.key
    if redirect.replace_key_with is not None:
        key = redirect.replace_key_with
    elif redirect.replace_key_prefix_with is not None:
        key = redirect.replace_key_prefix_with + key[len(prefix) :]
    own = visit.request.headers.get("host") or visit.request.host
    scheme = redirect.protocol or visit.request.scheme
    path = visit.path_of(key) if redirect.host_name is None else f"/{quote(key, safe='/~')}"
    location = f"{scheme}://{redirect.host_name or own}{path}"
    return _moved(int(redirect.http_redirect_code or 301), location)


def _redirect(visit: _Visit, location: str) -> str:
    """Where an object's x-amz-website-redirect-location leads."""
    return f"{visit.target.base}{location}" if location.startswith("/") else location


def _moved(status: int, location: str) -> Response:
    return Response(status, [("Location", location), ("Content-Length", "0")])


def _page(
    request: Request, error: AWSError, request_id: str, second: AWSError | None = None
) -> Response:
    """S3's HTML page for an error, and for the one met while getting the error document."""
    title = f"{error.status} {_REASONS.get(error.status, 'Error')}"
    lines = [
        "<html>", f"<head><title>{title}</title></head>", "<body>", f"<h1>{title}</h1>", "<ul>",
        *_items(error), f"<li>RequestId: {request_id}</li>", f"<li>HostId: {request_id}</li>",
        "</ul>",
    ]  # fmt: skip
    if second is not None:
        lines += [f"<h3>{_CUSTOM_FAILED}</h3>", "<ul>", *_items(second), "</ul>"]
    lines += ["<hr/>", "</body>", "</html>", ""]
    content = "\n".join(lines).encode()
    headers = [
        ("Content-Type", "text/html; charset=utf-8"),
        ("Content-Length", str(len(content))),
        ("x-amz-error-code", error.code),
        ("x-amz-error-message", error.message),
        *error.headers.items(),
    ]
    return Response(error.status, headers, b"" if request.method == "HEAD" else content)


def _items(error: AWSError) -> list[str]:
    items = {"Code": error.code, "Message": error.message, **error.fields}
    return [f"<li>{escape(name)}: {escape(str(value))}</li>" for name, value in items.items()]
