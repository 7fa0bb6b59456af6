"""The query protocol: a form in, XML out (IAM, STS, CloudFormation)."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any
from urllib.parse import parse_qsl

from cloudlet.aws.body import Body
from cloudlet.aws.codec.compiler import Compiler
from cloudlet.aws.codec.errors import query_error
from cloudlet.aws.codec.fields import Field, fields_of
from cloudlet.aws.codec.protocol import MIB, Located, SerializationError
from cloudlet.aws.codec.xmlreading import FROM_TEXT
from cloudlet.aws.codec.xmlwriting import xml_writers
from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request, Response
from cloudlet.aws.model import OperationModel, ServiceModel, Shape

#: A form as a tree: `Tags.member.1.Key=a` is {"Tags": {"member": {"1": {"Key": "a"}}}}.
Tree = dict[str, Any]

MAX_FIELDS = 20_000
MAX_DEPTH = 64


class InvalidAction(AWSError):
    """The form names no operation of the service."""

    code = "InvalidAction"
    status = 400


class MissingAction(AWSError):
    """The form has no Action."""

    code = "MissingAction"
    status = 400


def form(request: Request, body: bytes) -> Tree:
    """The fields of the query string and of the body as a tree; raises `SerializationError`."""
    tree: Tree = {}
    try:
        text = body.decode()
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MAX_FIELDS)
    except ValueError as error:
        raise SerializationError(f"The query string is malformed: {error}") from None
    for key, value in [*request.query, *pairs]:
        parts = key.split(".")
        if len(parts) > MAX_DEPTH:
            raise SerializationError(f"The parameter name {key[:64]} is too deep")
        node = tree
        for part in parts[:-1]:
            child = node.get(part)
            if not isinstance(child, dict):
                child = node[part] = {}
            node = child
        if not isinstance(node.get(parts[-1]), dict):
            node[parts[-1]] = value
    return tree


#: From a subtree or text to a member's value; the path is for complaints.
ReadTree = Callable[[Any, str], Any]


class QueryReaders(Compiler[ReadTree]):
    """Closures from a form's subtree to a struct's member."""

    def compile(self, shape: Shape) -> ReadTree:  # noqa: D102 - the base says it
        if shape.type == "structure":
            return self.structure(shape)
        if shape.type == "list":
            return self.list(shape, flattened=bool(shape.spec.get("flattened")))
        if shape.type == "map":
            return self.map(shape, flattened=bool(shape.spec.get("flattened")))
        return _scalar(shape.type)

    def structure(self, shape: Shape) -> ReadTree:
        """The closure for a structure."""
        fields = fields_of(self.model, shape)
        kind = getattr(self.model.types, shape.name)
        table = [(self.name(field), field.attribute, self.of(field.shape.name)) for field in fields]
        absent = dict.fromkeys(field.attribute for field in fields if field.required)

        def read(value: Any, path: str) -> Any:
            if not isinstance(value, dict):
                raise SerializationError(f"Unexpected value at {path}")
            members = absent.copy()
            for name, attribute, convert in table:
                given = value.get(name)
                if given is not None:
                    members[attribute] = convert(given, f"{path}.{name}" if path else name)
            return kind(**members)

        return read

    @staticmethod
    def name(field: Field) -> str:
        """The member's name in a form: a flattened list goes by its item's name."""
        if field.shape.type == "list" and field.trait("flattened"):
            inner = field.shape.spec["member"].get("locationName")
            return str(field.reference.get("locationName") or inner or field.member)
        return field.wire_name

    def list(self, shape: Shape, *, flattened: bool) -> ReadTree:
        """The closure for a list: `member.N`, or `N` alone where it is flattened."""
        member = self.of(shape.spec["member"]["shape"])
        name = shape.spec["member"].get("locationName", "member")

        def read(value: Any, path: str) -> Any:
            if value == "":
                return []
            items = value if flattened or not isinstance(value, dict) else value.get(name, {})
            return [member(item, f"{path}.{key}") for key, item in _ordered(items, path)]

        return read

    def map(self, shape: Shape, *, flattened: bool) -> ReadTree:
        """The closure for a map: `entry.N.key` and `entry.N.value`."""
        read_value = self.of(shape.spec["value"]["shape"])
        key_name = shape.spec["key"].get("locationName", "key")
        value_name = shape.spec["value"].get("locationName", "value")

        def read(value: Any, path: str) -> Any:
            if value == "":
                return {}
            entries = value if flattened or not isinstance(value, dict) else value.get("entry", {})
            found = {}
            for key, entry in _ordered(entries, path):
                if not isinstance(entry, dict) or not isinstance(entry.get(key_name), str):
                    raise SerializationError(f"Unexpected value at {path}.{key}")
                found[entry[key_name]] = read_value(
                    entry.get(value_name, ""), f"{path}.{key}.{value_name}"
                )
            return found

        return read


def _ordered(items: Any, path: str) -> list[tuple[str, Any]]:
    if not isinstance(items, dict):
        raise SerializationError(f"Unexpected value at {path}")
    if not all(key.isascii() and key.isdigit() and len(key) < 10 for key in items):
        raise SerializationError(f"A list at {path} has an index that is no number")
    return sorted(items.items(), key=lambda item: int(item[0]))


def _scalar(kind: str) -> ReadTree:
    convert = FROM_TEXT[kind]

    def read(value: Any, path: str) -> Any:
        if not isinstance(value, str):
            raise SerializationError(f"Unexpected complex value at {path}")
        try:
            return convert(value)
        except ValueError:
            raise SerializationError(f"{value} is not a valid value for {path}") from None

    return read


class QueryCodec:
    """The query protocol of one service."""

    operation_in_body = True
    limit = 10 * MIB

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._readers = QueryReaders(model)
        self._answers: dict[str, Callable[[Any, str], bytes]] = {}

    def locate(self, request: Request, body: bytes) -> Located:
        """The operation that `Action` names."""
        tree = form(request, body)
        action = tree.get("Action")
        if not isinstance(action, str):
            raise MissingAction("Missing Action")
        operation = self.model.operations.get(action)
        if operation is None:
            version = tree.get("Version", "")
            raise InvalidAction(
                f"Could not find operation {action} for version {version}"
                if version
                else f"The action {action} is not valid for this web service."
            )
        return Located(operation, tree)

    def parse(self, located: Located, request: Request, body: bytes | Body) -> Any:  # noqa: ARG002
        """The struct from the form."""
        shape = located.operation.input
        return None if shape is None else self._readers.of(shape)(located.found, "")

    def answer(self, located: Located, result: Any, request_id: str) -> Response:
        """The XML of the result."""
        operation = located.operation
        write = self._answers.get(operation.name)
        if write is None:
            write = self._answers[operation.name] = self._compile(operation)
        headers = [("x-amzn-RequestId", request_id), ("Content-Type", "text/xml")]
        return Response(200, headers, write(result, request_id))

    def refuse(
        self,
        error: AWSError,
        request_id: str,
        request: Request,  # noqa: ARG002 - a Codec's
        located: Located | None,  # noqa: ARG002
    ) -> Response:
        """The XML of the error."""
        return query_error(self.model, error, request_id)

    def _compile(self, operation: OperationModel) -> Callable[[Any, str], bytes]:
        namespace = self.model.metadata.get("xmlNamespace", "")
        start = f'<{operation.name}Response xmlns="{namespace}">\n'
        end = f"\n</{operation.name}Response>\n"
        content: Callable[[Any], str] | None = None
        if operation.output is not None:
            content = xml_writers(self.model).of(operation.output)
        wrapper = operation.spec.get("output", {}).get("resultWrapper")

        def write(result: Any, request_id: str) -> bytes:
            inner = content(result) if content is not None and result is not None else ""
            if wrapper:
                inner = f"<{wrapper}>{inner}</{wrapper}>"
            metadata = f"<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata>"
            return f"{start}{inner}{metadata}{end}".encode(errors="replace")

        return write


@cache
def query_codec(model: ServiceModel) -> QueryCodec:
    """The codec of a query service."""
    return QueryCodec(model)
