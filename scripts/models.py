"""Strip AWS's service models and generate the typed structs of the implemented operations.

    python scripts/models.py            # write every service's files
    python scripts/models.py lambda s3  # only these
    python scripts/models.py --check    # exit 1 when a file is stale

For each service in SERVICES it writes, under src/cloudlet/aws/models/:
`<name>.json`, the model without prose (every operation and shape, for routing and validation), and
`<module>.py`, one msgspec struct for each structure that an operation reaches which the code
implements, which is to say: which stands in an `@operation("...")` of the service's package.
"""

from __future__ import annotations

import argparse
import gzip
import json
import keyword
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import botocore

ROOT = Path(__file__).resolve().parent.parent
MODELS = ROOT / "src" / "cloudlet" / "aws" / "models"
PACKAGES = ROOT / "src" / "cloudlet" / "services"

#: Service name (botocore's folder) -> package under services/ and module under models/.
SERVICES = {
    "apigateway": "apigateway",
    "cloudformation": "cloudformation",
    "iam": "iam",
    "lambda": "lambda_",
    "logs": "logs",
    "s3": "s3",
    "sts": "sts",
}

DROPPED_KEYS = {"documentation", "documentationUrl", "examples", "smokeTests", "endpointdiscovery"}
KEPT_METADATA = {
    "apiVersion", "endpointPrefix", "jsonVersion", "protocol", "protocols", "serviceId",
    "signingName", "targetPrefix", "xmlNamespace", "globalEndpoint", "awsQueryCompatible",
}  # fmt: skip
DROPPED_OPERATION_KEYS = {"staticContextParams", "operationContextParams", "endpoint"}
DROPPED_SHAPE_KEYS = {"contextParam", "synthetic", "box", "deprecated", "deprecatedMessage",
                      "deprecatedSince", "sensitive"}  # fmt: skip

SCALARS = {
    "string": "str", "character": "str", "integer": "int", "long": "int", "bigdecimal": "float",
    "float": "float", "double": "float", "boolean": "bool", "timestamp": "Timestamp",
    "blob": "bytes",
}  # fmt: skip

IRREGULAR = {"ETag": "etag", "IfNoneMatch": "if_none_match"}


def source(service: str) -> dict[str, Any]:
    """The newest model of `service` in the installed botocore."""
    folder = Path(botocore.__file__).parent / "data" / service
    newest = max(child for child in folder.iterdir() if child.is_dir())
    return dict(json.loads(gzip.decompress((newest / "service-2.json.gz").read_bytes())))


def strip(model: dict[str, Any]) -> dict[str, Any]:
    """The model without prose and without what only clients need."""

    def clean(node: Any, dropped: set[str]) -> Any:
        if isinstance(node, dict):
            return {key: clean(value, dropped) for key, value in node.items() if key not in dropped}
        return [clean(value, dropped) for value in node] if isinstance(node, list) else node

    operations = {
        name: {k: v for k, v in clean(operation, DROPPED_KEYS).items()
               if k not in DROPPED_OPERATION_KEYS}
        for name, operation in model["operations"].items()
    }  # fmt: skip
    shapes = {}
    for name, shape in model["shapes"].items():
        kept = {k: v for k, v in shape.items() if k not in DROPPED_KEYS | DROPPED_SHAPE_KEYS}
        if "members" in kept:
            kept["members"] = {
                member: {k: v for k, v in reference.items()
                         if k not in DROPPED_KEYS | DROPPED_SHAPE_KEYS}
                for member, reference in kept["members"].items()
            }  # fmt: skip
        for part in ("member", "key", "value"):
            if part in kept:
                kept[part] = clean(kept[part], DROPPED_KEYS)
        shapes[name] = kept
    metadata = {k: v for k, v in model["metadata"].items() if k in KEPT_METADATA}
    return {"metadata": metadata, "operations": operations, "shapes": shapes}


def render_json(model: dict[str, Any]) -> str:
    """One operation or shape a line, so that a model's update reads well as a difference."""
    compact = {"separators": (",", ":"), "sort_keys": False}
    lines = [f'{{"metadata":{json.dumps(model["metadata"], **compact)},']
    for section, end in (("operations", "},"), ("shapes", "}}")):
        lines.append(f'"{section}":{{')
        entries = [f'"{k}":{json.dumps(v, **compact)}' for k, v in sorted(model[section].items())]
        lines.append(",\n".join(entries))
        lines.append(end)
    return "\n".join(lines) + "\n"


def attribute(member: str) -> str:
    """The struct attribute for an AWS member name: FunctionName -> function_name."""
    if member in IRREGULAR:
        return IRREGULAR[member]
    name = re.sub(r"(.)([A-Z][a-z]+)", r"\1_\2", member.replace("-", "_"))
    name = re.sub(r"([a-z0-9])([A-Z])", r"\1_\2", name).lower()
    name = re.sub(r"_+", "_", name)
    return f"{name}_" if keyword.iskeyword(name) else name


def implemented(package: str) -> list[str]:
    """The operations that stand in the package's code."""
    found: set[str] = set()
    for path in sorted((PACKAGES / package).rglob("*.py")):
        found.update(re.findall(r'@operation\(\s*"(\w+)"', path.read_text()))
    return sorted(found)


class Types:
    """Collects the structures that some operations reach and renders them as structs."""

    def __init__(self, model: dict[str, Any]) -> None:
        self.shapes: dict[str, Any] = model["shapes"]
        self.order: list[str] = []
        self.seen: set[str] = set()

    def reach(self, name: str) -> None:
        """Note `name` and all that it refers to."""
        if name in self.seen:
            return
        self.seen.add(name)
        shape = self.shapes[name]
        for reference in self.references(shape):
            self.reach(reference["shape"])
        if shape["type"] == "structure" and not shape.get("exception"):
            self.order.append(name)

    @staticmethod
    def references(shape: dict[str, Any]) -> Iterator[dict[str, Any]]:
        yield from shape.get("members", {}).values()
        for part in ("member", "key", "value"):
            if part in shape:
                yield shape[part]

    def annotation(self, name: str) -> str:
        shape = self.shapes[name]
        kind = shape["type"]
        if kind == "structure":
            return "Any" if shape.get("document") else name
        if kind == "list":
            return f"list[{self.annotation(shape['member']['shape'])}]"
        if kind == "map":
            return f"dict[str, {self.annotation(shape['value']['shape'])}]"
        return SCALARS[kind]

    def field(self, structure: dict[str, Any], member: str, outgoing: bool) -> tuple[bool, str]:
        reference = structure["members"][member]
        shape = self.shapes[reference["shape"]]
        streaming = shape["type"] == "blob" and (
            reference.get("streaming")
            or shape.get("streaming")
            or (structure.get("payload") == member and outgoing)
        )
        annotation = self.annotation(reference["shape"])
        if streaming:
            annotation = "Body | bytes" if outgoing else "Body"
        if reference.get("jsonvalue"):
            annotation = "Any"
        required = member in structure.get("required", [])
        name = attribute(member)
        if required:
            return True, f"    {name}: {annotation}"
        return False, f"    {name}: {annotation} | None = None"

    def render(self, name: str, outputs: set[str]) -> str:
        structure = self.shapes[name]
        fields = [self.field(structure, m, name in outputs) for m in structure.get("members", {})]
        body = [line for _, line in fields] or ["    pass"]
        return f"class {name}(Shape, kw_only=True):\n" + "\n".join(body)


def render_types(service: str, model: dict[str, Any], operations: list[str]) -> str:
    """The module of structs that `operations` of `service` need."""
    types = Types(model)
    outputs: set[str] = set()
    for name in operations:
        if name not in model["operations"]:
            raise SystemExit(f"{service} has no operation {name}")
        operation = model["operations"][name]
        if "input" in operation:
            types.reach(operation["input"]["shape"])
        if "output" in operation:
            types.reach(operation["output"]["shape"])
            outputs.add(operation["output"]["shape"])
    blocks = [types.render(name, outputs) for name in types.order]
    text = "\n\n\n".join(blocks)
    imports = []
    if re.search(r"\bAny\b", text):
        imports.append("from typing import Any\n")
    shape_names = [n for n in ("Shape", "Timestamp") if re.search(rf"\b{n}\b", text)]
    if re.search(r"\bBody\b", text):
        imports.append("from cloudlet.aws.body import Body")
    if shape_names:
        imports.append(f"from cloudlet.aws.shape import {', '.join(shape_names)}")
    return (
        f'"""Structs of the {service} operations that are implemented.\n\n'
        'Generated by scripts/models.py from AWS\'s service model; do not edit.\n"""\n\n'
        "from __future__ import annotations\n\n" + "\n".join(imports) + "\n\n\n" + text
    ).rstrip() + "\n"


def main() -> int:
    """Write or check the files; returns the exit status."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("services", nargs="*", default=[], help="all when none is named")
    parser.add_argument("--check", action="store_true")
    arguments = parser.parse_args()
    stale = []
    for service in arguments.services or SERVICES:
        module = SERVICES[service]
        model = strip(source(service))
        files = {
            MODELS / f"{service}.json": render_json(model),
            MODELS / f"{module}.py": render_types(service, model, implemented(module)),
        }
        for path, text in files.items():
            if path.exists() and path.read_text() == text:
                continue
            stale.append(path)
            if not arguments.check:
                path.write_text(text)
                print(f"wrote {path.relative_to(ROOT)}")
    if arguments.check and stale:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make models`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
