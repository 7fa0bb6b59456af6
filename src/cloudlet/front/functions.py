"""A function's page, `/_cloudlet/functions/<name>`, and what runs, `/_cloudlet/compute`.

Read-only, for whoever may read the function through AWS's own API: the request is signed, and
authorised as `lambda:GetFunctionConfiguration` of that function, or as `lambda:ListFunctions`. The
answer is JSON, or plain text for a client that prefers it.
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from cloudlet.aws.codec.errors import json_error
from cloudlet.aws.endpoint import Endpoint
from cloudlet.aws.errors import AWSError
from cloudlet.aws.function_report import (
    ComputeReport,
    FunctionReport,
    FunctionReports,
    RuntimeReport,
    UsageReport,
    VersionReport,
)
from cloudlet.aws.http import Request, Response
from cloudlet.compute.environment import TemplateState

PREFIX, COMPUTE = "/_cloudlet/functions/", "/_cloudlet/compute"


class FunctionPages:
    """Answers `GET` for these paths."""

    def __init__(self, reports: FunctionReports) -> None:
        self._reports = reports

    def is_for(self, path: str) -> bool:
        """Whether the path is one of these."""
        return path == COMPUTE or (path.startswith(PREFIX) and len(path) > len(PREFIX))

    async def __call__(self, request: Request, endpoint: Endpoint) -> Response:
        """The page."""
        path = request.raw_path.rstrip("/")
        try:
            signed = await endpoint.authenticate(request)
            call, region = endpoint.cloud.call, signed.scope.region
            report: FunctionReport | ComputeReport
            if path == COMPUTE:
                await call("lambda", "ListFunctions", {}, as_=signed.principal, region=region)
                report = await self._reports.compute(signed.principal.account)
            else:
                wanted = {"FunctionName": unquote(path.removeprefix(PREFIX))}
                found = await call(
                    "lambda",
                    "GetFunctionConfiguration",
                    wanted,
                    as_=signed.principal,
                    region=region,
                )
                _, _, _, region, account, _, name = found["FunctionArn"].split(":")[:7]
                report = await self._reports.function(account, region, name)
        except AWSError as error:
            return json_error(None, error, "function-page")
        if request.headers.get("accept", "").startswith("text/plain"):
            if isinstance(report, FunctionReport):
                lines = function_text(report)
            else:
                lines = compute_text(report)
            text = "".join(f"{line}\n" for line in lines)
            return Response(200, [("Content-Type", "text/plain; charset=utf-8")], text.encode())
        body = msgspec.json.encode(report)
        return Response(200, [("Content-Type", "application/json")], body)


def function_text(report: FunctionReport) -> Iterator[str]:
    """A function's page as text."""
    yield f"{report.function}  ({report.arn})"
    yield f"runtime    {runtime_text(report.runtime)}"
    yield f"memory     {report.memory_mb} MB, time-out {report.timeout_s} s"
    yield f"isolation  {report.isolation}"
    yield f"last used  {report.last_used or 'never'}"
    yield f"last hour  {usage_text(report.last_hour)}"
    yield f"last day   {usage_text(report.last_day)}"
    for version in report.versions:
        yield ""
        yield from _version_text(version)


def _version_text(version: VersionReport) -> Iterator[str]:
    yield f"{version.version}  {version.state}"
    snap_start = version.snap_start
    if snap_start is not None:
        reason = f": {snap_start.reason}" if snap_start.reason else ""
        yield f"  SnapStart     {snap_start.status}{reason}"
    yield f"  imports       {template_text(version.template)}"
    kept = f", {version.provisioned} kept ready" if version.provisioned else ""
    yield f"  environments  {len(version.environments)}{kept}"
    for one in version.environments:
        yield (
            f"    {one.status:<9} from its {one.origin}, {one.age_s:.0f} s old,"
            f" {one.invocations} invocations, log stream {one.log_stream}"
        )
    yield f"  last day      {usage_text(version.last_day)}"


def compute_text(report: ComputeReport) -> Iterator[str]:
    """What runs, as text."""
    yield f"isolation  {report.isolation}"
    for runtime in report.runtimes:
        yield f"runtime    {runtime_text(runtime)}"
    for one in report.environments:
        yield (
            f"{one.function_name}:{one.version}  {one.status}, from its {one.origin},"
            f" {one.age_s:.0f} s old, {one.invocations} invocations"
        )
    for template in report.templates:
        yield f"{template.function_name}:{template.version}  imports {template_text(template)}"


def runtime_text(runtime: RuntimeReport) -> str:
    """How a runtime is served, in words."""
    if runtime.error:
        return f"{runtime.identifier}: {runtime.error}"
    nearest = "" if runtime.exact else ", the nearest that this machine has"
    return f"{runtime.identifier}, served by version {runtime.version}{nearest}"


def template_text(template: TemplateState | None) -> str:
    """What became of a template, in words."""
    if template is None:
        return "not learned (yet)"
    if template.status == "refused":
        return f"made by every environment: {template.reason}"
    if template.status == "ready":
        return (
            f"from a template: {template.modules} modules, made once in {template.import_ms:.0f} ms"
        )
    return template.status


def usage_text(used: UsageReport) -> str:
    """Usage in words."""
    if not (used.invocations or used.throttles or used.provisioned_gb_s):
        return "none"
    ready = f", {used.provisioned_gb_s:.3f} GB-s kept ready" if used.provisioned_gb_s else ""
    return (
        f"{used.invocations} invocations ({used.errors} errors), {used.throttles} throttled,"
        f" {used.billed_ms} ms billed, {used.gb_s:.3f} GB-s, at most {used.max_memory_mb} MB,"
        f" {used.starts} starts in {used.init_ms:.0f} ms{ready}"
    )
