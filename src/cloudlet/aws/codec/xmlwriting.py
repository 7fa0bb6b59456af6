"""Structs to XML text, for the query and rest-xml protocols."""

from __future__ import annotations

import binascii
import re
from collections.abc import Callable
from functools import cache
from operator import attrgetter
from typing import Any

from cloudlet.aws.codec import timestamps
from cloudlet.aws.codec.compiler import Compiler
from cloudlet.aws.codec.fields import Field, fields_of
from cloudlet.aws.model import ServiceModel, Shape

#: Gives the content of an element.
Content = Callable[[Any], str]
#: Gives whole elements for a value that is present.
Elements = Callable[[Any], str]

_SPECIAL = re.compile(r"[&<>\"\r\x00-\x08\x0b\x0c\x0e-\x1f]")
_ENTITIES = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;"}


def escape(text: str) -> str:
    """Text for an element or attribute; control characters as references, as S3 sends them."""
    if _SPECIAL.search(text) is None:
        return text
    return _SPECIAL.sub(lambda m: _ENTITIES.get(m[0]) or f"&#x{ord(m[0]):x};", text)


def _boolean(value: Any) -> str:
    return "true" if value else "false"


def _blob(value: bytes) -> str:
    return binascii.b2a_base64(value, newline=False).decode("ascii")


_SCALARS: dict[str, Content] = {"boolean": _boolean, "blob": _blob, "string": escape}


class XmlWriters(Compiler[Content]):
    """Closures from a value to the content of its element."""

    def compile(self, shape: Shape) -> Content:  # noqa: D102 - the base says it
        if shape.type == "structure":
            return self.structure(shape)
        if shape.type == "list":
            member = shape.spec["member"]
            name = member.get("locationName", "member")
            one = self.element(name, self.model.shape(member["shape"]))
            return lambda value: "".join([one(item) for item in value])
        if shape.type == "map":
            return self.map("entry", shape)
        return self.scalar(shape, None)

    def scalar(self, shape: Shape, style: str | None) -> Content:
        """The closure for a scalar."""
        if shape.type == "timestamp":
            style = style or shape.spec.get("timestampFormat")
            if style is None and self.model.protocol == "query":
                return timestamps.iso8601
            return timestamps.rfc822 if style == "rfc822" else timestamps.iso8601_ms
        return _SCALARS.get(shape.type, str)

    def structure(self, shape: Shape, fields: list[Field] | None = None) -> Content:
        """The closure for a structure, or only for some `fields` of it."""
        chosen = [
            field
            for field in (fields_of(self.model, shape) if fields is None else fields)
            if not field.reference.get("xmlAttribute")
        ]
        if not chosen:
            return lambda _value: ""
        writers = [self.field(field) for field in chosen]
        names = [field.attribute for field in chosen]
        if len(names) == 1:
            one, only = attrgetter(names[0]), writers[0]
            return lambda value: "" if one(value) is None else only(one(value))
        fetch = attrgetter(*names)

        def write(value: Any) -> str:
            return "".join([
                writer(given)
                for writer, given in zip(writers, fetch(value), strict=True)
                if given is not None
            ])  # fmt: skip

        return write

    def field(self, field: Field) -> Elements:
        """The closure for a member: its element, or elements where it is a flattened list."""
        name, shape = field.wire_name, field.shape
        if shape.type in ("list", "map") and field.trait("flattened"):
            if shape.type == "map":
                return self.map(name, shape)
            member = shape.spec["member"]
            if name == field.member:
                name = member.get("locationName", name)
            one = self.element(name, self.model.shape(member["shape"]))
            return lambda value: "".join([one(item) for item in value])
        return self.element(name, shape, field.reference.get("timestampFormat"))

    def element(self, name: str, shape: Shape, style: str | None = None) -> Elements:
        """The closure for an element of that name."""
        start, end = f"<{name}>", f"</{name}>"
        if shape.type == "string":
            search, special = _SPECIAL.search, escape

            def write_text(value: str) -> str:
                return f"{start}{value if search(value) is None else special(value)}{end}"

            return write_text
        content = self.scalar(shape, style) if shape.type == "timestamp" else self.of(shape.name)
        attribute = self.attribute(shape)
        if attribute is not None:
            return lambda value: f"<{name}{attribute(value)}>{content(value)}{end}"
        return lambda value: f"{start}{content(value)}{end}"

    def attribute(self, shape: Shape) -> Content | None:
        """The closure for an element's attributes (S3's `xsi:type`), if its shape has some."""
        if shape.type != "structure" or shape.spec.get("document"):
            return None
        if not any(member.get("xmlAttribute") for member in shape.members.values()):
            return None
        namespace = shape.spec.get("xmlNamespace", {})
        declared = f' xmlns:{namespace["prefix"]}="{namespace["uri"]}"' if namespace else ""
        chosen = [f for f in fields_of(self.model, shape) if f.reference.get("xmlAttribute")]

        def write(value: Any) -> str:
            found = [(f.wire_name, getattr(value, f.attribute)) for f in chosen]
            return declared + "".join(
                f' {name}="{escape(str(given))}"' for name, given in found if given is not None
            )

        return write

    def map(self, name: str, shape: Shape) -> Elements:
        """The closure for a map as repeated elements of that name."""
        key = shape.spec["key"].get("locationName", "key")
        value_shape = self.model.shape(shape.spec["value"]["shape"])
        one = self.element(shape.spec["value"].get("locationName", "value"), value_shape)
        return lambda value: "".join([
            f"<{name}><{key}>{escape(k)}</{key}>{one(v)}</{name}>" for k, v in value.items()
        ])  # fmt: skip


@cache
def xml_writers(model: ServiceModel) -> XmlWriters:
    """The writers of `model`'s shapes."""
    return XmlWriters(model)
