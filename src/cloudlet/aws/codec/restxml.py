"""The rest-xml protocol, which is S3's, with S3's own ways."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from cloudlet.aws.body import Body
from cloudlet.aws.codec.errors import host_id, s3_error
from cloudlet.aws.codec.protocol import MIB, Located
from cloudlet.aws.codec.rest import Input, Labels, Output, blob_payload, is_streamed
from cloudlet.aws.codec.routing import Routes
from cloudlet.aws.codec.xmlreading import MalformedXML, read, xml_readers
from cloudlet.aws.codec.xmlwriting import escape, xml_writers
from cloudlet.aws.errors import AWSError, NotImplementedOperation
from cloudlet.aws.http import Request, Response
from cloudlet.aws.model import OperationModel, ServiceModel

NAMESPACE = "http://s3.amazonaws.com/doc/2006-03-01/"
DECLARATION = '<?xml version="1.0" encoding="UTF-8"?>\n'

#: The root elements of S3's answers, which its model does not name.
ROOTS = {
    "CompleteMultipartUpload": "CompleteMultipartUploadResult",
    "CreateMultipartUpload": "InitiateMultipartUploadResult",
    "DeleteObjects": "DeleteResult",
    "GetBucketAccelerateConfiguration": "AccelerateConfiguration",
    "GetBucketAcl": "AccessControlPolicy",
    "GetBucketCors": "CORSConfiguration",
    "GetBucketLifecycleConfiguration": "LifecycleConfiguration",
    "GetBucketLogging": "BucketLoggingStatus",
    "GetBucketNotificationConfiguration": "NotificationConfiguration",
    "GetBucketRequestPayment": "RequestPaymentConfiguration",
    "GetBucketTagging": "Tagging",
    "GetBucketVersioning": "VersioningConfiguration",
    "GetBucketWebsite": "WebsiteConfiguration",
    "GetObjectAcl": "AccessControlPolicy",
    "GetObjectAttributes": "GetObjectAttributesResponse",
    "GetObjectTagging": "Tagging",
    "ListBuckets": "ListAllMyBucketsResult",
    "ListMultipartUploads": "ListMultipartUploadsResult",
    "ListObjectVersions": "ListVersionsResult",
    "ListObjects": "ListBucketResult",
    "ListObjectsV2": "ListBucketResult",
    "ListParts": "ListPartsResult",
}

_Parse = Callable[[Request, Labels, bytes | Body], Any]
_Write = Callable[[Any], bytes | Body | None]


class MalformedDocument(AWSError):
    """The XML in the body is not well-formed or does not fit."""

    code = "MalformedXML"
    status = 400

    def __init__(self) -> None:
        super().__init__(
            "The XML you provided was not well-formed or did not validate against our published "
            "schema"
        )


class MethodNotAllowed(AWSError):
    """No operation has this method on this resource."""

    code = "MethodNotAllowed"
    status = 405


class InvalidURI(AWSError):
    """The path cannot be decoded."""

    code = "InvalidURI"
    status = 400


def _complain(place: str, name: str, text: str) -> Exception:
    message = f"Provided {name} not an integer or within integer range"
    if name == "partNumber":
        message = "Part number must be an integer between 1 and 10000, inclusive"
    if place == "header":
        message = f"The value of the header {name} is not valid"
    return AWSError(
        message, code="InvalidArgument", status=400, ArgumentName=name, ArgumentValue=text[:256]
    )


class RestXmlCodec:
    """The rest-xml protocol of one service."""

    operation_in_body = False
    limit = 10 * MIB

    def __init__(self, model: ServiceModel) -> None:
        self.model = model
        self._routes = Routes(model)
        self._parsers: dict[str, _Parse] = {}
        self._outputs: dict[str, tuple[Output, _Write | None]] = {}

    def locate(self, request: Request, body: bytes) -> Located:  # noqa: ARG002 - a Codec's
        """The operation that method, path and query string are for."""
        try:
            found = self._routes.find(
                request.method, request.raw_path, request.query, request.headers
            )
        except ValueError:
            raise InvalidURI("Couldn't parse the specified URI.") from None
        if found is None:
            raise MethodNotAllowed(
                "The specified method is not allowed against this resource.",
                Method=request.method,
                ResourceType="OBJECT" if request.raw_path.count("/") > 1 else "BUCKET",
                headers={"Allow": ", ".join(self._allowed(request))},
            )
        operation, labels = found
        return Located(operation, labels, is_streamed(self.model, operation))

    def _allowed(self, request: Request) -> list[str]:
        try:
            return self._routes.methods(request.raw_path, request.headers)
        except ValueError:
            return []

    def parse(self, located: Located, request: Request, body: bytes | Body) -> Any:
        """The struct from path, query string, headers and body."""
        operation = located.operation
        if operation.input is None:
            return None
        parser = self._parsers.get(operation.name)
        if parser is None:
            parser = self._parsers[operation.name] = self._compile(operation)
        try:
            return parser(request, located.found, body)
        except (MalformedXML, ValueError, OverflowError):
            raise MalformedDocument from None

    def answer(self, located: Located, result: Any, request_id: str) -> Response:
        """The response for the result; a result with ContentRange is a 206."""
        operation = located.operation
        found = self._outputs.get(operation.name)
        if found is None:
            found = self._outputs[operation.name] = self._output(operation)
        output, write = found
        headers = [("x-amz-request-id", request_id), ("x-amz-id-2", host_id(request_id))]
        status = output.head(result, headers)
        if getattr(result, "content_range", None) is not None:
            status = 206
        if write is None or result is None or operation.method == "HEAD":
            return Response(status, headers)
        body = write(result)
        if body is None:
            return Response(status, headers)
        if not any(name.lower() == "content-type" for name, _ in headers):
            headers.append(("Content-Type", self._content_type(output)))
        return Response(status, headers, body)

    def refuse(
        self,
        error: AWSError,
        request_id: str,
        request: Request,
        located: Located | None,  # noqa: ARG002
    ) -> Response:
        """The XML of the error; no body for HEAD."""
        bare = request.method == "HEAD"
        return s3_error(error, request_id, request.raw_path, bare=bare)

    @staticmethod
    def _content_type(output: Output) -> str:
        if output.payload is None or output.payload.shape.type == "structure":
            return "application/xml"
        if output.payload.shape.type == "string":
            return "application/json"  # a bucket policy
        return "binary/octet-stream"

    def _compile(self, operation: OperationModel) -> _Parse:
        source = Input(self.model, operation, _complain)
        kind, payload = source.kind, source.payload
        readers = xml_readers(self.model)
        if payload is None:
            read_body = readers.structure(source.shape, source.body) if source.body else None

            def parse(request: Request, labels: Labels, body: bytes | Body) -> Any:
                members = source.members(request, labels)
                if read_body is not None and body:
                    assert isinstance(body, bytes)
                    members.update(read_body(read(body)))
                return kind(**members)

            return parse

        attribute = payload.attribute
        convert: Callable[[Any], Any] = _same
        if payload.shape.type == "string":
            convert = bytes.decode
        elif payload.shape.type != "blob":
            read_payload = readers.of(payload.shape.name)
            convert = lambda body: read_payload(read(body))  # noqa: E731

        def parse_payload(request: Request, labels: Labels, body: bytes | Body) -> Any:
            members = source.members(request, labels)
            if source.is_streaming or body:
                members[attribute] = convert(body)
            return kind(**members)

        return parse_payload

    def _output(self, operation: OperationModel) -> tuple[Output, _Write | None]:
        output = Output(self.model, operation)
        if output.shape is None:
            return output, None
        if operation.name == "GetBucketLocation":
            return output, _location
        payload = output.payload
        writers = xml_writers(self.model)
        if payload is None:
            if not output.body:
                return output, None
            root = ROOTS.get(operation.name, output.shape.name.removesuffix("Output") + "Result")
            content = writers.structure(output.shape, output.body)
            start, end = f'{DECLARATION}<{root} xmlns="{NAMESPACE}">', f"</{root}>"
            return output, lambda result: (start + content(result) + end).encode(errors="replace")
        attribute = payload.attribute
        if payload.shape.type in ("blob", "string"):
            return output, lambda result: blob_payload(getattr(result, attribute) or b"")
        if payload.shape.spec.get("eventstream"):
            raise NotImplementedOperation("Event streams are not implemented in cloudlet.")
        return output, self._payload(
            attribute, payload.reference.get("locationName"), payload.shape.name
        )

    def _payload(self, attribute: str, root: str | None, shape: str) -> _Write:
        root = root or shape
        content = xml_writers(self.model).of(shape)
        start, end = f'{DECLARATION}<{root} xmlns="{NAMESPACE}">', f"</{root}>"

        def write(result: Any) -> bytes | None:
            value = getattr(result, attribute)
            if value is None:
                return None
            return (start + content(value) + end).encode(errors="replace")

        return write


def _location(result: Any) -> bytes:
    """GetBucketLocation's bare element: the region, or nothing for us-east-1."""
    region = escape(result.location_constraint or "")
    element = f'<LocationConstraint xmlns="{NAMESPACE}">{region}</LocationConstraint>'
    return (DECLARATION + element).encode()


def _same(value: Any) -> Any:
    return value


@cache
def rest_xml_codec(model: ServiceModel) -> RestXmlCodec:
    """The codec of a rest-xml service."""
    return RestXmlCodec(model)
