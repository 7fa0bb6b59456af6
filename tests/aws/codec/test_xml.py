"""Reading and writing XML by hand."""

from __future__ import annotations

from xml.etree import ElementTree

import pytest

from cloudlet.aws.codec.xmlreading import FROM_TEXT, MAX_DEPTH, MAX_ELEMENTS, MalformedXML, read
from cloudlet.aws.codec.xmlwriting import escape


@pytest.mark.parametrize("text", ["plain", "<&>\"'", "a\rb\nc\td", "ünï🦄"])
def test_what_is_escaped_reads_the_same(text: str) -> None:
    assert ElementTree.fromstring(f'<a b="x">{escape(text)}</a>').text == text


def test_control_characters_are_references() -> None:
    assert escape("a\x01b") == "a&#x1;b"


def test_namespaces_are_dropped() -> None:
    root = read(b'<a xmlns="urn:x" xmlns:y="urn:y" y:type="t"><y:b>1</y:b></a>')
    assert (root.name, root.attributes, root.children[0].name) == ("a", {"type": "t"}, "b")


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"<a>",
        b"<a></b>",
        b"<a/><b/>",
        b"text",
        b"\xff\xfe<",
        b"<!DOCTYPE a><a/>",
        b'<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
        b"<a>&x;</a>",
        b"<a>" * (MAX_DEPTH + 1),
        b"<a>" + b"<b/>" * MAX_ELEMENTS + b"</a>",
    ],
    ids=range(11),
)
def test_what_is_not_plain_xml_is_refused(document: bytes) -> None:
    with pytest.raises(MalformedXML):
        read(document)


@pytest.mark.parametrize(
    ("kind", "text", "value"),
    [
        ("integer", " 7 ", 7),
        ("integer", "-2147483648", -(2**31)),
        ("integer", "2147483648", None),
        ("integer", "1_000", None),
        ("integer", "１", None),
        ("long", "2147483648", 2**31),
        ("long", "9" * 19, None),
        ("long", "9" * 10_000, None),
        ("boolean", "TRUE", True),
        ("boolean", "yes", None),
        ("timestamp", "2026-01-01T00:00:00Z", 1767225600.0),
        ("timestamp", "2026-01-01T01:00:00.5+01:00", 1767225600.5),
        ("timestamp", "Thu, 01 Jan 2026 00:00:00 GMT", 1767225600.0),
        ("timestamp", "1767225600", 1767225600.0),
        ("timestamp", "2026-13-01T00:00:00Z", None),
        ("timestamp", "nan", None),
        ("timestamp", "yesterday", None),
        ("blob", "aGk=", b"hi"),
        ("blob", "a", None),
    ],
)
def test_scalars(kind: str, text: str, value: object) -> None:
    if value is None:
        with pytest.raises(ValueError):
            FROM_TEXT[kind](text)
    else:
        assert FROM_TEXT[kind](text) == value
