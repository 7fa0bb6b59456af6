"""Strip AWS's service models and generate the typed structs of the implemented operations.

    python scripts/models.py            # write every service's files
    python scripts/models.py lambda s3  # only these
    python scripts/models.py --check    # exit 1 when a file is stale

For each service in SERVICES it writes, under src/cloudlet/aws/models/:
`<name>.json`, the model without prose (every operation and shape, for routing and validation), and
`<module>.py` (or a package, where that is long), one msgspec struct for each structure that an operation reaches which the code
implements, which is to say: which stands in an `@operation("...")` of the service's package.
"""

from __future__ import annotations

import argparse
import gzip
import json
import keyword
import re
import shutil
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

#: A module of structs that would be longer becomes a package of three.
MODULE_LINES = 700

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
    lines = [f'{{"metadata":{_compact(model["metadata"])},']
    for section, end in (("operations", "},"), ("shapes", "}}")):
        lines.append(f'"{section}":{{')
        entries = [f'"{k}":{_compact(v)}' for k, v in sorted(model[section].items())]
        lines.append(",\n".join(entries))
        lines.append(end)
    return "\n".join(lines) + "\n"


def _compact(value: Any) -> str:
    return json.dumps(value, separators=(",", ":"))


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


def reached(service: str, model: dict[str, Any], operations: list[str]) -> dict[str, list[str]]:
    """The structs that `operations` need, in the order of their definition, in three rooms.

    `structures` hold what others refer to; `requests` and `results` are whole inputs and outputs.
    """
    types = Types(model)
    whole: dict[str, str] = {}
    for name in operations:
        if name not in model["operations"]:
            raise SystemExit(f"{service} has no operation {name}")
        for part, room in (("input", "requests"), ("output", "results")):
            if part in model["operations"][name]:
                shape = model["operations"][name][part]["shape"]
                whole[shape] = room
                types.reach(shape)
    referred = {
        reference["shape"]
        for name in types.seen
        for reference in types.references(types.shapes[name])
    }
    outputs = {name for name, room in whole.items() if room == "results"}
    rooms: dict[str, list[str]] = {"structures": [], "requests": [], "results": []}
    for name in types.order:
        room = "structures" if name in referred else whole.get(name, "structures")
        rooms[room].append(types.render(name, outputs))
    return rooms


def render_module(service: str, what: str, blocks: list[str], known: dict[str, list[str]]) -> str:
    """A module of structs; `known` are the modules that it may import from, with their names."""
    text = "\n\n\n".join(blocks)
    words = set(re.findall(r"\b\w+\b", text))
    imports = []
    if "Any" in words:
        imports.append("from typing import Any\n")
    if "Body" in words:
        imports.append("from cloudlet.aws.body import Body")
    for module, names in known.items():
        if used := sorted(words.intersection(names)):
            one_line = f"from {module} import {', '.join(used)}"
            long = f"from {module} import (\n" + "".join(f"    {n},\n" for n in used) + ")"
            imports.append(one_line if len(one_line) <= 100 else long)
    return (
        f'"""{what} of the {service} operations that are implemented.\n\n'
        'Generated by scripts/models.py from AWS\'s service model; do not edit.\n"""\n\n'
        "from __future__ import annotations\n\n" + "\n".join(imports) + "\n\n\n" + text
    ).rstrip() + "\n"


def render_types(service: str, model: dict[str, Any], operations: list[str]) -> dict[str, str]:
    """The files of structs, by name below models/: a module, or a package of three if it is long."""
    module = SERVICES[service]
    rooms = reached(service, model, operations)
    shape = {"cloudlet.aws.shape": ["Shape", "Timestamp"]}
    blocks = [block for room in rooms.values() for block in room]
    single = render_module(service, "Structs", blocks, shape)
    if single.count("\n") <= MODULE_LINES:
        return {f"{module}.py": single}
    package = f"cloudlet.aws.models.{module}"
    names = {room: [_name(block) for block in found] for room, found in rooms.items()}
    files = {}
    for room, found in rooms.items():
        known = dict(shape)
        if room != "structures":
            known = {f"{package}.structures": names["structures"], **shape}
        files[f"{module}/{room}.py"] = render_module(service, room.capitalize(), found, known)
    index = [f'"""Structs of the {service} operations that are implemented.\n\n'
             "Generated by scripts/models.py from AWS's service model; do not edit.\n\"\"\"\n"]  # fmt: skip
    for room in ("requests", "results", "structures"):
        listed = "".join(f"    {name} as {name},\n" for name in sorted(names[room]))
        index.append(f"from {package}.{room} import (\n{listed})")
    files[f"{module}/__init__.py"] = "\n".join(index) + "\n"
    return files


def _name(block: str) -> str:
    return block.removeprefix("class ").partition("(")[0]


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
            **{
                MODELS / name: text
                for name, text in render_types(service, model, implemented(module)).items()
            },
        }
        for outdated in (MODELS / f"{module}.py", MODELS / module):
            if outdated.exists() and not any(outdated in (p, p.parent) for p in files):
                stale.append(outdated)
                if not arguments.check:
                    shutil.rmtree(outdated) if outdated.is_dir() else outdated.unlink()
        for path, text in files.items():
            if path.exists() and path.read_text() == text:
                continue
            stale.append(path)
            if not arguments.check:
                path.parent.mkdir(exist_ok=True)
                path.write_text(text)
                print(f"wrote {path.relative_to(ROOT)}")
    if arguments.check and stale:
        for path in stale:
            print(f"{path.relative_to(ROOT)} is stale: run `make models`", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
