"""A stack whose functions take changed code at once: what `cloudlet dev` keeps up to date.

Functions are deployed without their Python dependencies, which are a layer of their own, so that
a changed source is a small archive: UpdateFunctionCode takes it in milliseconds. Node.js resolves
ES modules beside the code only, so its dependencies stay in the archive.
"""

from __future__ import annotations

import base64
import hashlib
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from cloudlet.cli import build
from cloudlet.cli.connection import Connection
from cloudlet.cli.deploy import artifacts_bucket, deploy_document, read_template
from cloudlet.cli.package import LocalCode, archive, built, local_code
from cloudlet.cli.problem import Problem

#: The most layers that a function may have ("Lambda quotas").
LAYERS_LIMIT = 5
#: Calls at the same time.
PARALLEL = 8
#: Seconds between looks whether a version's snapshot is taken.
ACTIVE_POLL_S = 0.02


class LiveStack:
    """One stack, its functions by logical name, and the local code behind each."""

    def __init__(
        self,
        found: Connection,
        template: Path,
        name: str,
        parameters: dict[str, str],
        report: Callable[[str], None],
    ) -> None:
        self.found = found
        self.template = template.resolve()
        self.name = name
        self.parameters = parameters
        self.report = report
        #: Local code of the template as it was last read, functions and others.
        self.code: list[LocalCode] = []
        #: Logical name -> the function's name.
        self.functions: dict[str, str] = {}
        self._client = found.client("lambda")
        self._layered: set[str] = set()

    def deploy(self) -> list[str]:
        """Make the stack what the template says, then its functions what their sources say.

        The names of those whose code the template alone would have left as it was.
        """
        document = read_template(self.template)
        folder = self.template.parent
        code = list(local_code(document, folder))
        self._layered = set()
        for one in code:
            if one.is_function and self._give_layer(one):
                self._layered.add(one.name)
        self.code = code
        deploy_document(
            self.found, document, folder, self.name, self.parameters, self.report, self._build
        )
        self.functions = self._physical_names()
        # A template that did not change leaves the code that was sent beside it.
        return self.push(one for one in code if one.is_function)

    def push(self, changed: Iterable[LocalCode]) -> list[str]:
        """Send the code of functions as it is now; the names of those that it differs for."""
        targets = [one for one in changed if one.name in self.functions]
        archives = {
            key: built(one, self._build) if one.source.is_dir() else one.source.read_bytes()
            for key, one in {(one.source, one.runtime): one for one in targets}.items()
        }
        with ThreadPoolExecutor(PARALLEL) as pool:
            sent = list(
                pool.map(lambda one: self._send(one, archives[one.source, one.runtime]), targets)
            )
        return [one.name for one, done in zip(targets, sent, strict=True) if done]

    def _send(self, code: LocalCode, content: bytes) -> bool:
        """Whether the function's code was another, and was replaced."""
        from botocore.exceptions import BotoCoreError, ClientError

        name = self.functions[code.name]
        alias = code.properties.get("AutoPublishAlias")
        sha = base64.b64encode(hashlib.sha256(content).digest()).decode()
        try:
            current = self._client.get_function_configuration(FunctionName=name)
            if current["CodeSha256"] == sha:
                return False
            updated = self._client.update_function_code(
                FunctionName=name, ZipFile=content, Publish=isinstance(alias, str)
            )
            if isinstance(alias, str):
                self._until_active(code.name, name, updated)
                self._client.update_alias(
                    FunctionName=name, Name=alias, FunctionVersion=updated["Version"]
                )
        except (ClientError, BotoCoreError) as error:
            raise Problem(f"{code.name} ({name}) took no new code: {error}") from error
        return True

    def _until_active(self, logical: str, name: str, version: Mapping[str, Any]) -> None:
        """Wait for the snapshot of a version with SnapStart; others are active at once."""
        number = version["Version"]
        while version["State"] == "Pending":
            time.sleep(ACTIVE_POLL_S)
            version = self._client.get_function_configuration(FunctionName=name, Qualifier=number)
        if version["State"] == "Failed":
            reason = version.get("StateReason", "")
            raise Problem(f"Version {number} of {logical} ({name}) cannot run: {reason}")

    def _build(self, source: Path, runtime: str) -> Path:
        """The source alone where its dependencies are a layer, else the whole build."""
        layered = any(
            one.source == source and one.runtime == runtime and one.name in self._layered
            for one in self.code
        )
        return source if layered else build.build(source, runtime)

    def _give_layer(self, code: LocalCode) -> bool:
        """Attach a layer of the code's Python dependencies; False where there can be none."""
        if not (code.runtime.startswith("python") and code.source.is_dir()):
            return False
        layers = code.properties.setdefault("Layers", [])
        installed = build.dependencies(code.source, code.runtime)
        if installed is None or not isinstance(layers, list) or len(layers) >= LAYERS_LIMIT:
            return False
        layers.append(self._layer(installed))
        return True

    def _layer(self, installed: Path) -> str:
        """The ARN of the layer version that holds these dependencies, made at the first need."""
        name = f"cloudlet-dev-{installed.name}"
        known = self._client.list_layer_versions(LayerName=name)["LayerVersions"]
        if known:
            return str(known[0]["LayerVersionArn"])
        self.report(f"Publishing the dependencies as the layer {name}")
        content = archive(installed, "python/")
        s3 = self.found.client("s3")
        bucket = artifacts_bucket(self.found, s3)
        s3.put_object(Bucket=bucket, Key=f"{name}.zip", Body=content)
        published = self._client.publish_layer_version(
            LayerName=name, Content={"S3Bucket": bucket, "S3Key": f"{name}.zip"}
        )
        return str(published["LayerVersionArn"])

    def _physical_names(self) -> dict[str, str]:
        client = self.found.client("cloudformation")
        pages = client.get_paginator("list_stack_resources").paginate(StackName=self.name)
        return {
            found["LogicalResourceId"]: found["PhysicalResourceId"]
            for page in pages
            for found in page["StackResourceSummaries"]
            if found["ResourceType"] == "AWS::Lambda::Function"
        }
