"""The roles of Couchbase that mean something to this server, and what each allows."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

from cloudlet.couchbase.sqlpp.rights import QueryAction

Reach = Literal["cluster", "bucket", "scope", "collection"]

_DOCUMENTS: Final[tuple[QueryAction, ...]] = ("select", "insert", "update", "delete")
_DEFINITIONS: Final[tuple[QueryAction, ...]] = (
    "manage_index", "manage_functions", "execute_functions", "manage_sequences", "use_sequences",
)  # fmt: skip


class RoleKind(msgspec.Struct, frozen=True):
    """A role: whom it is for, what it allows on documents, and how narrowly it can be given."""

    id: str
    name: str
    text: str
    reach: Reach = "cluster"
    reads: bool = False
    writes: bool = False
    queries: tuple[QueryAction, ...] = ()

    def describe(self) -> dict[str, Any]:
        """As the management interface lists it."""
        description: dict[str, Any] = {"role": self.id, "name": self.name, "desc": self.text}
        if self.reach != "cluster":
            description["bucket_name"] = "*"
        if self.reach in ("scope", "collection"):
            description["scope_name"] = "*"
        if self.reach == "collection":
            description["collection_name"] = "*"
        return description


_KINDS: Final = (
    RoleKind("admin", "Full Admin", "Can manage everything and access all data.",
             reads=True, writes=True,
             queries=(*_DOCUMENTS, *_DEFINITIONS, "manage_scopes", "system_catalog",
                      "external_access", "manage_users")),
    RoleKind("ro_admin", "Read-Only Admin", "Can view all cluster information.",
             queries=("system_catalog",)),
    RoleKind("cluster_admin", "Cluster Admin", "Can manage the cluster but not its users."),
    RoleKind("security_admin", "Security Admin", "Can view users and roles."),
    RoleKind("bucket_admin", "Bucket Admin", "Can manage a bucket.", "bucket",
             queries=("manage_index", "manage_scopes")),
    RoleKind("bucket_full_access", "Application Access", "Full access to a bucket's data.",
             "bucket", reads=True, writes=True, queries=(*_DOCUMENTS, *_DEFINITIONS)),
    RoleKind("data_reader", "Data Reader", "Can read data.", "collection", reads=True),
    RoleKind("data_writer", "Data Writer", "Can write data.", "collection", writes=True),
    RoleKind("data_dcp_reader", "Data DCP Reader", "Can stream data.", "collection", reads=True),
    RoleKind("data_monitoring", "Data Monitor", "Can read statistics.", "collection"),
    RoleKind("data_backup", "Data Backup & Restore", "Can back up and restore.", "bucket",
             reads=True, writes=True),
    RoleKind("mobile_sync_gateway", "Sync Gateway", "Full access as Sync Gateway needs it.",
             "bucket", reads=True, writes=True, queries=(*_DOCUMENTS, "manage_index")),
    RoleKind("query_select", "Query Select", "Can execute SELECT.", "collection",
             queries=("select",)),
    RoleKind("query_update", "Query Update", "Can execute UPDATE.", "collection",
             queries=("update",)),
    RoleKind("query_insert", "Query Insert", "Can execute INSERT.", "collection",
             queries=("insert",)),
    RoleKind("query_delete", "Query Delete", "Can execute DELETE.", "collection",
             queries=("delete",)),
    RoleKind("query_manage_index", "Query Manage Index", "Can manage indexes.", "collection",
             queries=("manage_index",)),
    RoleKind("query_manage_functions", "Manage Scope Functions", "Can manage functions.", "scope",
             queries=("manage_functions", "execute_functions")),
    RoleKind("query_execute_functions", "Execute Scope Functions", "Can execute functions.",
             "scope", queries=("execute_functions",)),
    RoleKind("query_manage_global_functions", "Manage Global Functions",
             "Can manage global functions.", queries=("manage_functions", "execute_functions")),
    RoleKind("query_execute_global_functions", "Execute Global Functions",
             "Can execute global functions.", queries=("execute_functions",)),
    RoleKind("query_manage_sequences", "Manage Sequences", "Can manage sequences.", "scope",
             queries=("manage_sequences", "use_sequences")),
    RoleKind("query_use_sequences", "Use Sequences", "Can use sequences.", "scope",
             queries=("use_sequences",)),
    RoleKind("query_system_catalog", "Query System Catalog", "Can query the system catalog.",
             queries=("system_catalog",)),
    RoleKind("query_external_access", "Query CURL Access", "Can use CURL in queries.",
             queries=("external_access",)),
    RoleKind("scope_admin", "Manage Scopes", "Can manage scopes and collections.", "scope",
             queries=("manage_scopes",)),
    RoleKind("external_stats_reader", "External Stats Reader", "Can read statistics."),
)  # fmt: skip

#: Roles by their id.
ROLES: Final[dict[str, RoleKind]] = {kind.id: kind for kind in _KINDS}
