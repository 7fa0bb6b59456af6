"""Models with the structs of every operation, and example values for their shapes."""

from __future__ import annotations

import sys
from functools import cache
from types import ModuleType
from typing import Any

from botocore.model import ServiceModel as BotocoreModel
from scripts import models as generator

from cloudlet.aws.model import ServiceModel

SERVICES = tuple(generator.SERVICES)


@cache
def complete(service: str) -> ServiceModel:
    """The service's model, its `types` holding the structs of all operations."""
    standing = ServiceModel.load(service)
    document = generator.strip(generator.source(service))
    model = ServiceModel(service, document)
    rooms = generator.reached(service, document, sorted(document["operations"]))
    blocks = [block for room in rooms.values() for block in room]
    known = {"cloudlet.aws.shape": ["Shape", "Timestamp"]}
    code = generator.render_module(service, "Structs", blocks, known)
    module = ModuleType(f"complete_{service}")
    sys.modules[module.__name__] = module
    exec(compile(code, module.__name__, "exec"), module.__dict__)
    model.__dict__["types"] = module
    assert standing.operations.keys() == model.operations.keys()
    return model


@cache
def botocore(service: str) -> BotocoreModel:
    """The same model as botocore reads it."""
    return BotocoreModel(generator.source(service), service)


#: Operations that botocore itself cannot tell apart or reads with code of its own.
EXCEPTIONS = {"ListDirectoryBuckets", "GetBucketLocation"}


def operations(service: str) -> list[str]:
    """Those without event streams; S3's deprecated ones share their successors' routes."""
    theirs = botocore(service)
    found = [theirs.operation_model(name) for name in theirs.operation_names]
    return [
        operation.name
        for operation in found
        if not (operation.has_event_stream_output or operation.has_event_stream_input)
        and operation.name not in EXCEPTIONS
        and not (operation.deprecated and service == "s3")
    ]


def example(shape: Any, depth: int = 0, *, full: bool = True) -> Any:
    """A value in boto3's form for a botocore shape; `full` gives every member."""
    kind = shape.type_name
    if kind == "structure":
        if depth > 6:
            return {}
        wanted = list(shape.members) if full else shape.required_members
        # An empty structure cannot be told from an absent one in the query protocol.
        wanted = wanted or list(shape.members)[: min(depth, 1)]
        return {
            name: example(shape.members[name], depth + 1, full=full)
            for name in wanted
            if depth < 4
            or shape.members[name].type_name not in ("structure", "list", "map")
            or name in shape.required_members
        }
    if kind == "list":
        return [example(shape.member, depth + 1, full=full) for _ in range(2)]
    if kind == "map":
        return {f"key{i}": example(shape.value, depth + 1, full=full) for i in range(2)}
    if kind == "string":
        return shape.enum[0] if shape.enum else f"some <text> & ünïcode/{shape.name[:3]}"
    return {
        "character": "c", "integer": 7, "long": 2**40, "float": 1.5, "double": 2.25,
        "bigdecimal": 1.5, "boolean": True, "timestamp": 1700000000.0, "blob": b"\x00some bytes",
    }[kind]  # fmt: skip
