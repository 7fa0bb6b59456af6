"""XML to structs: a bounded tree from expat, then closures compiled from the shapes."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from functools import cache
from typing import Any
from xml.parsers import expat

from cloudlet.aws.codec import timestamps
from cloudlet.aws.codec.compiler import Compiler
from cloudlet.aws.codec.fields import Field, fields_of
from cloudlet.aws.model import ServiceModel, Shape

#: Bounds on a document; S3's deepest has nine levels, its longest (10,000 parts) 80,000 elements.
MAX_DEPTH = 64
MAX_ELEMENTS = 200_000


_NUMBER = re.compile(r"\s*[+-]?\d{1,20}\s*", re.ASCII)


class MalformedXML(ValueError):
    """The document is not well-formed, has a DTD, exceeds the bounds, or does not fit its shape."""


class Element:
    """An element: its local name, attributes by local name, children and text."""

    __slots__ = ("attributes", "children", "name", "text")

    def __init__(self, name: str, attributes: dict[str, str]) -> None:
        self.name = name
        self.attributes = attributes
        self.children: list[Element] = []
        self.text = ""


def _local(name: str) -> str:
    return name.rpartition("\n")[2]


def read(document: bytes) -> Element:
    """The document's root; raises `MalformedXML`."""
    root: list[Element] = []
    stack: list[Element] = []
    count = 0

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal count
        count += 1
        if count > MAX_ELEMENTS or len(stack) >= MAX_DEPTH:
            raise MalformedXML("the document is too large")
        element = Element(_local(name), {_local(key): v for key, v in attributes.items()})
        (stack[-1].children if stack else root).append(element)
        stack.append(element)

    def end(_name: str) -> None:
        stack.pop()

    def text(data: str) -> None:
        stack[-1].text += data

    def doctype(*_: Any) -> None:
        raise MalformedXML("a document type is not allowed")

    parser = expat.ParserCreate(namespace_separator="\n")
    parser.buffer_text = True
    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.CharacterDataHandler = text
    parser.StartDoctypeDeclHandler = doctype
    try:
        parser.Parse(document, True)
    except expat.ExpatError as error:
        raise MalformedXML(str(error)) from None
    return root[0]


#: A closure from the elements that stand for a member to its value.
ReadElement = Callable[[Element], Any]


class XmlReaders(Compiler[ReadElement]):
    """Closures from an element to a struct's member; unknown elements are ignored."""

    def compile(self, shape: Shape) -> ReadElement:  # noqa: D102 - the base says it
        if shape.type == "structure":
            return self.structure(shape)
        if shape.type == "list":
            return self.wrapped_list(shape)
        if shape.type == "map":
            return self.wrapped_map(shape)
        convert = FROM_TEXT[shape.type]
        return lambda element: convert(element.text)

    def structure(self, shape: Shape, fields: list[Field] | None = None) -> ReadElement:
        """The closure for a structure, or only for some `fields` of it: then it gives a dict."""
        chosen = fields_of(self.model, shape) if fields is None else fields
        kind: Callable[..., Any] = dict if fields is not None else getattr(
            self.model.types, shape.name
        )  # fmt: skip
        single: dict[str, tuple[str, ReadElement]] = {}
        repeated: dict[str, tuple[str, ReadElement, bool]] = {}
        attributes: list[tuple[str, str]] = []
        for field in chosen:
            name = field.wire_name
            if field.reference.get("xmlAttribute"):
                attributes.append((name.rpartition(":")[2], field.attribute))
            elif field.shape.type in ("list", "map") and field.trait("flattened"):
                is_map = field.shape.type == "map"
                inner = self.entry(field.shape) if is_map else self.item(field.shape)
                item_name = field.shape.spec.get("member", {}).get("locationName")
                repeated[item_name if item_name and name == field.member else name] = (
                    field.attribute, inner, is_map,
                )  # fmt: skip
            else:
                single[name] = (field.attribute, self.of(field.shape.name))
        absent = dict.fromkeys(f.attribute for f in chosen if f.required and fields is None)

        def read_structure(element: Element) -> Any:
            members: dict[str, Any] = absent.copy()
            for child in element.children:
                entry = single.get(child.name)
                if entry is not None:
                    members[entry[0]] = entry[1](child)
                    continue
                several = repeated.get(child.name)
                if several is not None:
                    attribute, inner, is_map = several
                    if is_map:
                        key, value = inner(child)
                        members.setdefault(attribute, {})[key] = value
                    else:
                        items = members.get(attribute)
                        if items is None:
                            items = members[attribute] = []
                        items.append(inner(child))
            for name, attribute in attributes:
                if name in element.attributes:
                    members[attribute] = element.attributes[name]
            return kind(**members)

        return read_structure

    def item(self, shape: Shape) -> ReadElement:
        """The closure for a list's member."""
        return self.of(shape.spec["member"]["shape"])

    def wrapped_list(self, shape: Shape) -> ReadElement:
        """The closure for a list in its own element."""
        item = self.item(shape)
        name = shape.spec["member"].get("locationName", "member")
        return lambda element: [item(c) for c in element.children if c.name == name]

    def wrapped_map(self, shape: Shape) -> ReadElement:
        """The closure for a map in its own element, of `entry` elements."""
        entry = self.entry(shape)
        return lambda element: dict(entry(c) for c in element.children if c.name == "entry")

    def entry(self, shape: Shape) -> ReadElement:
        """The closure for one entry of a map: gives key and value."""
        key_name = shape.spec["key"].get("locationName", "key")
        value_name = shape.spec["value"].get("locationName", "value")
        read_value = self.of(shape.spec["value"]["shape"])

        def read_entry(element: Element) -> tuple[str, Any]:
            found = {child.name: child for child in element.children}
            if key_name not in found or value_name not in found:
                raise MalformedXML("a map's entry lacks its key or value")
            return found[key_name].text, read_value(found[value_name])

        return read_entry


def _whole(bits: int) -> Callable[[str], int]:
    """Reads a signed integer of so many bits."""
    most = 2 ** (bits - 1)

    def read_whole(text: str) -> int:
        if _NUMBER.fullmatch(text) is None or not -most <= int(text) < most:
            raise MalformedXML(f"{text[:64]!r} is not an integer or within integer range")
        return int(text)

    return read_whole


def _boolean(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false", "1", "0"):
        raise MalformedXML(f"{text!r} is not a boolean")
    return lowered in ("true", "1")


def _blob(text: str) -> bytes:
    try:
        return binascii.a2b_base64(text)
    except binascii.Error as error:
        raise MalformedXML(str(error)) from None


#: Scalars from their text; `ValueError` (which `MalformedXML` is) where it does not fit.
FROM_TEXT: dict[str, Callable[[str], Any]] = {
    "string": str,
    "character": str,
    "integer": _whole(32),
    "long": _whole(64),
    "float": float,
    "double": float,
    "bigdecimal": float,
    "boolean": _boolean,
    "timestamp": timestamps.parse,
    "blob": _blob,
}


@cache
def xml_readers(model: ServiceModel) -> XmlReaders:
    """The readers of `model`'s shapes."""
    return XmlReaders(model)
