"""AWS's own managed policies: those that serverless applications meet, with AWS's documents.

`aws_managed.json` has one a line, after AWS's "AWS managed policy reference". Of ReadOnlyAccess,
whose document lists every service there is, it has the services that cloudlet has a place for.
A policy that is not in it does not exist here.
"""

from __future__ import annotations

import base64
import hashlib
from datetime import datetime
from functools import cache
from importlib.resources import files
from typing import Any

import msgspec

from cloudlet.services.iam.model import ManagedPolicy, PolicyVersion


class _Entry(msgspec.Struct):
    name: str
    path: str
    version: int
    created: datetime
    updated: datetime
    description: str
    document: dict[str, Any]


@cache
def policies() -> dict[str, ManagedPolicy]:
    """AWS's managed policies by ARN; read once."""
    content = files(__package__).joinpath("aws_managed.json").read_bytes()
    entries = msgspec.json.decode(content, type=list[_Entry])
    return {f"arn:aws:iam::aws:policy{entry.path}{entry.name}": _policy(entry) for entry in entries}


def _policy(entry: _Entry) -> ManagedPolicy:
    digest = hashlib.sha256(entry.name.encode()).digest()
    version = PolicyVersion(
        id=f"v{entry.version}",
        document=msgspec.json.encode(entry.document).decode(),
        created_s=entry.updated.timestamp(),
    )
    return ManagedPolicy(
        name=entry.name,
        path=entry.path,
        id="ANPA" + base64.b32encode(digest).decode()[:17],
        created_s=entry.created.timestamp(),
        updated_s=entry.updated.timestamp(),
        default=version.id,
        next_version=entry.version + 1,
        versions=(version,),
        description=entry.description,
    )
