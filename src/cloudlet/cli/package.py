"""Packaging a template: local code is built, zipped and uploaded, its paths become S3 addresses."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cloudlet.cli import build
from cloudlet.cli.problem import Problem

#: Resource type -> the property that may hold a local path, and how S3 is written there.
CODE = {
    "AWS::Serverless::Function": ("CodeUri", "uri"),
    "AWS::Serverless::LayerVersion": ("ContentUri", "uri"),
    "AWS::Serverless::Api": ("DefinitionUri", "uri"),
    "AWS::Lambda::Function": ("Code", "s3-bucket"),
    "AWS::Lambda::LayerVersion": ("Content", "s3-bucket"),
}
#: The oldest time that a zip can hold, so that the same content gives the same archive.
EPOCH = (1980, 1, 1, 0, 0, 0)


class Packager:
    """Uploads what a template refers to, once for each content, and rewrites the template."""

    def __init__(self, s3: Any, bucket: str, folder: Path, report: Callable[[str], None]) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.folder = folder
        self.report = report
        self._done: dict[tuple[Path, str], str] = {}

    def package(self, template: dict[str, Any]) -> dict[str, Any]:
        """Rewrite `template` in place: every local path of code becomes an object of the bucket."""
        defaults = template.get("Globals", {}).get("Function", {})
        if isinstance(defaults.get("CodeUri"), str) and not _is_remote(defaults["CodeUri"]):
            self._spread(template, defaults)
        for name, resource in template.get("Resources", {}).items():
            place = CODE.get(resource.get("Type", ""))
            if place is None or "InlineCode" in resource.get("Properties", {}):
                continue
            properties = resource.setdefault("Properties", {})
            value = properties.get(place[0])
            if not isinstance(value, str) or _is_remote(value):
                continue
            runtime = properties.get("Runtime", defaults.get("Runtime", ""))
            address = self._upload(name, value, runtime if isinstance(runtime, str) else "")
            properties[place[0]] = (
                f"s3://{self.bucket}/{address}"
                if place[1] == "uri"
                else {"S3Bucket": self.bucket, "S3Key": address}
            )
        return template

    @staticmethod
    def _spread(template: dict[str, Any], defaults: dict[str, Any]) -> None:
        """Give every function the global path, since runtimes, and so builds, may differ."""
        for resource in template.get("Resources", {}).values():
            if resource.get("Type") == "AWS::Serverless::Function":
                properties = resource.setdefault("Properties", {})
                if "InlineCode" not in properties:
                    properties.setdefault("CodeUri", defaults["CodeUri"])
        del defaults["CodeUri"]

    def _upload(self, name: str, path: str, runtime: str) -> str:
        source = (self.folder / path).resolve()
        if not source.exists():
            raise Problem(
                f"The template's {name} refers to {path}, which is not there.",
                f"Paths are relative to the template's folder, {self.folder}.",
            )
        known = self._done.get((source, runtime))
        if known is not None:
            return known
        if source.is_dir():
            self.report(f"Building {name} from {path}")
            built = build.build(source, runtime)
            content = archive(built)
            if built != source:
                shutil.rmtree(built)
        else:
            content = source.read_bytes()
        key = hashlib.sha256(content).hexdigest()[:32] + (source.suffix or ".zip")
        if not self._exists(key):
            self.report(f"Uploading {len(content) / 1e6:.1f} MB for {name}")
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        self._done[(source, runtime)] = key
        return key

    def _exists(self, key: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError:
            return False
        return True


def archive(folder: Path) -> bytes:
    """A zip of `folder` that is the same, byte for byte, for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if not path.is_file() or "__pycache__" in relative.parts:
                continue
            entry = zipfile.ZipInfo(str(relative), EPOCH)
            entry.external_attr = (path.stat().st_mode & 0o777) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _is_remote(path: str) -> bool:
    return path.startswith(("s3://", "http://", "https://"))
