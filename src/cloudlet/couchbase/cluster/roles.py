"""The roles of Couchbase that mean something to this server, and what each allows."""

from __future__ import annotations

from typing import Any, Final, Literal

import msgspec

Reach = Literal["cluster", "bucket", "collection"]


class RoleKind(msgspec.Struct, frozen=True):
    """A role: whom it is for, what it allows on documents, and how narrowly it can be given."""

    id: str
    name: str
    text: str
    reach: Reach = "cluster"
    reads: bool = False
    writes: bool = False

    def describe(self) -> dict[str, Any]:
        """As the management interface lists it."""
        description: dict[str, Any] = {"role": self.id, "name": self.name, "desc": self.text}
        if self.reach != "cluster":
            description["bucket_name"] = "*"
        if self.reach == "collection":
            description |= {"scope_name": "*", "collection_name": "*"}
        return description


_KINDS: Final = (
    RoleKind("admin", "Full Admin", "Can manage everything and access all data.",
             reads=True, writes=True),
    RoleKind("ro_admin", "Read-Only Admin", "Can view all cluster information."),
    RoleKind("cluster_admin", "Cluster Admin", "Can manage the cluster but not its users."),
    RoleKind("security_admin", "Security Admin", "Can view users and roles."),
    RoleKind("bucket_admin", "Bucket Admin", "Can manage a bucket.", "bucket"),
    RoleKind("bucket_full_access", "Application Access", "Full access to a bucket's data.",
             "bucket", reads=True, writes=True),
    RoleKind("data_reader", "Data Reader", "Can read data.", "collection", reads=True),
    RoleKind("data_writer", "Data Writer", "Can write data.", "collection", writes=True),
    RoleKind("data_dcp_reader", "Data DCP Reader", "Can stream data.", "collection", reads=True),
    RoleKind("data_monitoring", "Data Monitor", "Can read statistics.", "collection"),
    RoleKind("query_select", "Query Select", "Can execute SELECT.", "collection"),
    RoleKind("query_update", "Query Update", "Can execute UPDATE.", "collection"),
    RoleKind("query_insert", "Query Insert", "Can execute INSERT.", "collection"),
    RoleKind("query_delete", "Query Delete", "Can execute DELETE.", "collection"),
    RoleKind("query_manage_index", "Query Manage Index", "Can manage indexes.", "collection"),
    RoleKind("query_system_catalog", "Query System Catalog", "Can query the system catalog."),
    RoleKind("scope_admin", "Manage Scopes", "Can manage scopes and collections.", "collection"),
)  # fmt: skip

#: Roles by their id.
ROLES: Final[dict[str, RoleKind]] = {kind.id: kind for kind in _KINDS}
