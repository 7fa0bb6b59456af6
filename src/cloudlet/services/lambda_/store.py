"""How Lambda's records persist, and the look-ups that every verb family needs."""

from __future__ import annotations

import base64
import time
import uuid
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TypeVar

from cloudlet.services.lambda_.errors import (
    CodeSigningConfigNotFound,
    InvalidParameterValue,
    PreconditionFailed,
    ResourceNotFound,
)
from cloudlet.services.lambda_.model import (
    AliasRecord,
    CheckpointRecord,
    CodeRecord,
    CodeSigningRecord,
    ConfigurationRecord,
    EventConfigRecord,
    FunctionRecord,
    LayerCounter,
    LayerVersionRecord,
    MappingRecord,
    PolicyRecord,
    ProvisionedRecord,
    RuntimeManagementRecord,
    Signing,
    UrlAddress,
    UrlRecord,
)
from cloudlet.services.lambda_.names import LATEST, FunctionName
from cloudlet.storage.records import GLOBAL, Change, Records

T = TypeVar("T")

#: AWS gives at most 50 functions, versions, aliases or layers a page.
PAGE = 50


class Store:
    """Lambda's tables. Versions, aliases and policies have ids `<function>:<qualifier>`."""

    def __init__(self, records: Records) -> None:
        self.records = records
        self.functions = records.table("lambda.function", FunctionRecord)
        self.versions = records.table("lambda.version", ConfigurationRecord)
        self.aliases = records.table("lambda.alias", AliasRecord)
        self.policies = records.table("lambda.policy", PolicyRecord)
        self.event_configs = records.table("lambda.event-config", EventConfigRecord)
        self.urls = records.table("lambda.url", UrlRecord)
        self.url_addresses = records.table("lambda.url-address", UrlAddress)
        self.provisioned = records.table("lambda.provisioned", ProvisionedRecord)
        self.runtime_management = records.table(
            "lambda.runtime-management", RuntimeManagementRecord
        )
        self.mappings = records.table("lambda.event-source-mapping", MappingRecord)
        self.checkpoints = records.table("lambda.checkpoint", CheckpointRecord)
        self.layers = records.table("lambda.layer", LayerVersionRecord)
        self.layer_policies = records.table("lambda.layer-policy", PolicyRecord)
        self.code_signing = records.table("lambda.code-signing", CodeSigningRecord)
        self.layer_counters = records.table("lambda.layer-counter", LayerCounter)
        self.signing = records.table("lambda.signing", Signing)

    def function(self, name: FunctionName) -> FunctionRecord:
        """The function, or `ResourceNotFound` in AWS's words."""
        found = self.functions.get(name.account, name.region, name.name)
        if found is None:
            raise ResourceNotFound(f"Function not found: {name.qualified_arn}")
        return found

    def signing_config(self, arn: str) -> CodeSigningRecord:
        """The code signing configuration, or `CodeSigningConfigNotFound`."""
        parts = arn.split(":")
        found = None
        if len(parts) == 7:
            found = self.code_signing.get(parts[4], parts[3], parts[6])
        if found is None:
            raise CodeSigningConfigNotFound(
                "The code signing configuration cannot be found. Check that the provided"
                f" configuration is not deleted: {arn}."
            )
        return found

    def alias(self, name: FunctionName, alias: str) -> AliasRecord:
        """The alias, or `ResourceNotFound`."""
        found = self.aliases.get(name.account, name.region, f"{name.name}:{alias}")
        if found is None:
            raise ResourceNotFound(f"Cannot find alias arn: {name.arn}:{alias}")
        return found

    def version(self, name: FunctionName, version: str) -> ConfigurationRecord:
        """The version or $LATEST, or `ResourceNotFound`."""
        function = self.function(FunctionName(*name.key, version))
        if version == LATEST:
            return function.latest
        found = self.versions.get(name.account, name.region, f"{name.name}:{version}")
        if found is None:
            raise ResourceNotFound(f"Function not found: {name.arn}:{version}")
        return found

    def configuration(self, name: FunctionName) -> ConfigurationRecord:
        """What `name` means: $LATEST, a version, or the version that an alias points to."""
        function = self.function(name)
        qualifier = name.qualifier
        if qualifier is None or qualifier == LATEST:
            return function.latest
        if qualifier.isdigit():
            return self.version(name, qualifier)
        alias = self.aliases.get(name.account, name.region, f"{name.name}:{qualifier}")
        if alias is None:
            raise ResourceNotFound(f"Function not found: {name.qualified_arn}")
        return self.version(name, alias.version)

    def versions_of(self, name: FunctionName) -> list[ConfigurationRecord]:
        """The published versions, oldest first."""
        found = self.versions.scan(name.account, name.region, f"{name.name}:")
        return sorted((version for _, version in found), key=lambda v: int(v.version))

    def aliases_of(self, name: FunctionName) -> list[AliasRecord]:
        """The aliases by name."""
        found = self.aliases.scan(name.account, name.region, f"{name.name}:")
        return [alias for _, alias in found]

    def event_config(self, name: FunctionName) -> EventConfigRecord | None:
        """How asynchronous invocations of the function, version or alias are retried, if set."""
        id_ = f"{name.name}:{name.qualifier or LATEST}"
        return self.event_configs.get(name.account, name.region, id_)

    def url(self, name: FunctionName) -> UrlRecord | None:
        """The URL of the function's $LATEST or of the alias, if it has one."""
        return self.urls.get(name.account, name.region, f"{name.name}:{name.qualifier or LATEST}")

    def removal(self, name: FunctionName, qualifier: str = "") -> list[Change]:
        """The changes that remove what belongs to a version or alias, or the whole function."""
        account, region = name.account, name.region
        prefix = f"{name.name}:{qualifier}"
        changes = []
        if not qualifier:
            changes.append(Change(self.functions, account, region, name.name, None))
        tables = (
            self.versions, self.aliases, self.policies, self.event_configs, self.urls,
            self.provisioned, self.runtime_management,
        )  # fmt: skip
        for table in tables:
            for id_, record in table.scan(account, region, prefix):
                if qualifier and id_ != prefix:
                    continue
                changes.append(Change(table, account, region, id_, None))
                if isinstance(record, UrlRecord):
                    changes.append(Change(self.url_addresses, GLOBAL, GLOBAL, record.id, None))
        return changes

    def codes(self) -> Iterator[tuple[CodeRecord, str, str]]:
        """Every code in use, with the runtime it is unpacked for and where it is mounted.

        A layer version itself counts with every runtime ("" as the runtime): it may yet be used.
        """
        for _, _, _, function in self.functions.everywhere():
            yield from _codes(function.latest)
        for _, _, _, version in self.versions.everywhere():
            yield from _codes(version)
        for _, _, _, layer in self.layers.everywhere():
            yield layer.code, "", "/opt"


def _codes(configuration: ConfigurationRecord) -> Iterator[tuple[CodeRecord, str, str]]:
    yield configuration.code, configuration.runtime, "/var/task"
    for use in configuration.layers:
        yield use.code, configuration.runtime, "/opt"


def revision() -> str:
    """A new RevisionId."""
    return str(uuid.uuid4())


def timestamp() -> str:
    """Now, as Lambda writes LastModified and CreatedDate."""
    now = datetime.fromtimestamp(time.time(), UTC)
    return now.strftime("%Y-%m-%dT%H:%M:%S.") + f"{now.microsecond // 1000:03d}+0000"


def check_revision(given: str | None, latest: str, operation: str = "GetFunction/GetAlias") -> None:
    """Raise `PreconditionFailed` where the request names another revision than the latest."""
    if given is not None and given != latest:
        raise PreconditionFailed(
            "The Revision Id provided does not match the latest Revision Id. Call the"
            f" {operation} API to retrieve the latest Revision Id"
        )


def page(
    items: Sequence[tuple[str, T]], marker: str | None, limit: int | None
) -> tuple[list[T], str | None]:
    """One page of (id, item) sorted by id, and the marker of the next."""
    start = 0
    if marker:
        try:
            last = base64.urlsafe_b64decode(marker.encode()).decode()
        except ValueError as error:
            raise InvalidParameterValue("Invalid pagination token") from error
        start = sum(1 for id_, _ in items if id_ <= last)
    size = min(limit or PAGE, PAGE)
    chosen = items[start : start + size]
    following = None
    if start + size < len(items):
        following = base64.urlsafe_b64encode(chosen[-1][0].encode()).decode()
    return [item for _, item in chosen], following
