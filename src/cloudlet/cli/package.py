"""Packaging a template: local code is built, zipped and uploaded, its paths become S3 addresses."""

from __future__ import annotations

import hashlib
import io
import shutil
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
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


#: What is in a source directory and never in a package.
LEFT_OUT = frozenset({"__pycache__", ".git", ".venv", ".aws-sam"})
Build = Callable[[Path, str], Path]


@dataclass(frozen=True, slots=True)
class LocalCode:
    """A resource whose code is a path on this machine."""

    name: str
    type: str
    properties: dict[str, Any]
    source: Path
    runtime: str

    @property
    def is_function(self) -> bool:
        """Whether it runs by itself; layers and API definitions do not."""
        return self.type.endswith("::Function")


def local_code(template: dict[str, Any], folder: Path) -> Iterator[LocalCode]:
    """Every resource of `template` with code under a local path, relative to `folder`.

    A path in the template's Globals is first given to each function. Raises `Problem` for a path
    that is not there.
    """
    defaults = template.get("Globals", {}).get("Function", {})
    if isinstance(defaults.get("CodeUri"), str) and not _is_remote(defaults["CodeUri"]):
        _spread(template, defaults)
    for name, resource in template.get("Resources", {}).items():
        kind = resource.get("Type", "")
        place = CODE.get(kind)
        if place is None or "InlineCode" in resource.get("Properties", {}):
            continue
        properties = resource.setdefault("Properties", {})
        path = properties.get(place[0])
        if not isinstance(path, str) or _is_remote(path):
            continue
        source = (folder / path).resolve()
        if not source.exists():
            raise Problem(
                f"The template's {name} refers to {path}, which is not there.",
                f"Paths are relative to the template's folder, {folder}.",
            )
        runtime = properties.get("Runtime", defaults.get("Runtime", ""))
        yield LocalCode(name, kind, properties, source, runtime if isinstance(runtime, str) else "")


def _spread(template: dict[str, Any], defaults: dict[str, Any]) -> None:
    """Give every function the global path, since runtimes, and so builds, may differ."""
    for resource in template.get("Resources", {}).values():
        if resource.get("Type") == "AWS::Serverless::Function":
            properties = resource.setdefault("Properties", {})
            if "InlineCode" not in properties:
                properties.setdefault("CodeUri", defaults["CodeUri"])
    del defaults["CodeUri"]


class Packager:
    """Uploads what a template refers to, once for each content, and rewrites the template."""

    def __init__(
        self,
        s3: Any,
        bucket: str,
        folder: Path,
        report: Callable[[str], None],
        build: Build = build.build,
    ) -> None:
        self.s3 = s3
        self.bucket = bucket
        self.folder = folder
        self.report = report
        self.build = build
        self._done: dict[tuple[Path, str], str] = {}

    def package(self, template: dict[str, Any]) -> dict[str, Any]:
        """Rewrite `template` in place: every local path of code becomes an object of the bucket."""
        for code in local_code(template, self.folder):
            address = self._upload(code)
            member, form = CODE[code.type]
            code.properties[member] = (
                f"s3://{self.bucket}/{address}"
                if form == "uri"
                else {"S3Bucket": self.bucket, "S3Key": address}
            )
        return template

    def _upload(self, code: LocalCode) -> str:
        known = self._done.get((code.source, code.runtime))
        if known is not None:
            return known
        if code.source.is_dir():
            self.report(f"Building {code.name} from {_relative(code.source, self.folder)}")
            content = built(code, self.build)
        else:
            content = code.source.read_bytes()
        key = hashlib.sha256(content).hexdigest()[:32] + (code.source.suffix or ".zip")
        if not self._exists(key):
            self.report(f"Uploading {len(content) / 1e6:.1f} MB for {code.name}")
            self.s3.put_object(Bucket=self.bucket, Key=key, Body=content)
        self._done[(code.source, code.runtime)] = key
        return key

    def _exists(self, key: str) -> bool:
        from botocore.exceptions import ClientError

        try:
            self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError:
            return False
        return True


def built(code: LocalCode, build: Build) -> bytes:
    """The archive of a source directory as `build` makes it."""
    folder = build(code.source, code.runtime)
    try:
        return archive(folder)
    finally:
        if folder != code.source:
            shutil.rmtree(folder)


def archive(folder: Path, prefix: str = "") -> bytes:
    """A zip of `folder` that is the same, byte for byte, for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as target:
        for path in sorted(folder.rglob("*")):
            relative = path.relative_to(folder)
            if not path.is_file() or not LEFT_OUT.isdisjoint(relative.parts):
                continue
            entry = zipfile.ZipInfo(prefix + str(relative), EPOCH)
            entry.external_attr = (path.stat().st_mode & 0o777) << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            target.writestr(entry, path.read_bytes())
    return buffer.getvalue()


def _relative(path: Path, folder: Path) -> str:
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path)


def _is_remote(path: str) -> bool:
    return path.startswith(("s3://", "http://", "https://"))
