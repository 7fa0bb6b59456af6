"""The table of protocols."""

from __future__ import annotations

from collections.abc import Callable

from cloudlet.aws.codec.awsjson import json_codec
from cloudlet.aws.codec.protocol import Codec
from cloudlet.aws.codec.query import query_codec
from cloudlet.aws.codec.restjson import rest_json_codec
from cloudlet.aws.codec.restxml import rest_xml_codec
from cloudlet.aws.errors import NotImplementedOperation
from cloudlet.aws.model import ServiceModel


def _cbor_codec(model: ServiceModel) -> Codec:
    raise NotImplementedOperation(
        f"{model.name} is not served with the protocol smithy-rpc-v2-cbor in cloudlet."
    )


PROTOCOLS: dict[str, Callable[[ServiceModel], Codec]] = {
    "query": query_codec,
    "json": json_codec,
    "rest-json": rest_json_codec,
    "rest-xml": rest_xml_codec,
    "smithy-rpc-v2-cbor": _cbor_codec,
}


def codec_of(model: ServiceModel, protocol: str | None = None) -> Codec:
    """The codec of a service, in its own protocol unless another is named."""
    return PROTOCOLS[protocol or model.protocol](model)
