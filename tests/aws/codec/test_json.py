"""JSON values in and out."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from tests.aws.codec.everything import complete

from cloudlet.aws.codec.jsonvalues import SLICE, decode, json_readers, json_writers
from cloudlet.aws.codec.protocol import SerializationError

LOGS = complete("logs")


@pytest.mark.parametrize("break_lines", [False, True])
@pytest.mark.parametrize("size", [0, 1, 5, SLICE, SLICE * 2 + 1])
def test_blobs_are_base64(size: int, break_lines: bool) -> None:
    content = bytes(i % 251 for i in range(size))
    encode = base64.encodebytes if break_lines else base64.b64encode
    read = json_readers(complete("lambda")).of("Blob")
    assert read(encode(content).decode()) == content


@pytest.mark.parametrize(
    ("shape", "value", "complaint"),
    [
        ("Timestamp", "x", "STRING_VALUE can not be converted to an Integer"),
        ("Timestamp", 1.5, "DECIMAL_VALUE can not be converted to an Integer"),
        ("LogGroupName", True, "TRUE_VALUE can not be converted to a String"),
        ("LogGroupName", [], "Start of list found where not expected"),
        ("Tags", [], "Start of list found where not expected"),
        ("TagKeyList", {}, "Start of structure or map found where not expected."),
        ("InputLogEvent", "x", "Unexpected field type: STRING_VALUE"),
    ],
)
def test_wrong_types_are_refused(shape: str, value: Any, complaint: str) -> None:
    with pytest.raises(SerializationError, match=complaint):
        json_readers(LOGS).of(shape)(value)


def test_unknown_members_and_nulls_are_ignored() -> None:
    event = json_readers(LOGS).of("InputLogEvent")({"message": "m", "new": 1, "timestamp": None})
    assert (event.message, event.timestamp) == ("m", None)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"\xff", b"[" * 100_000, b'{"a":1}x', b'"\xed\xa0\x80"']
)
def test_malformed_json_is_refused(body: bytes) -> None:
    with pytest.raises(SerializationError):
        decode(body)


@pytest.mark.parametrize(
    ("given", "written"), [(1700000000.0, 1700000000), (1.5, 1.5), (0.0001, 0)]
)
def test_timestamps_are_epoch_seconds(given: float, written: float) -> None:
    assert json_writers(complete("apigateway")).of("Timestamp")(given) == written
