"""A structure's members as the codec compiles them: the model's reference and the attribute."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from cloudlet.aws.model import ServiceModel, Shape


@dataclass(frozen=True, slots=True)
class Field:
    """One member of a structure."""

    member: str  # AWS's name
    attribute: str  # the struct's
    reference: dict[str, Any]  # shape, location, locationName, ...
    shape: Shape
    required: bool
    payload: bool  # it is the whole HTTP body

    @property
    def wire_name(self) -> str:
        """Its name on the wire."""
        return str(self.reference.get("locationName", self.member))

    def trait(self, name: str) -> Any:
        """A trait that the reference has, or else its shape."""
        found = self.reference.get(name)
        return self.shape.spec.get(name) if found is None else found


def fields_of(model: ServiceModel, shape: Shape) -> list[Field]:
    """The members of a structure, in the model's order, with the generated struct's attributes."""
    attributes: tuple[str, ...] = getattr(model.types, shape.name).__struct_fields__
    if len(attributes) != len(shape.members):
        raise RuntimeError(f"{model.name}'s struct {shape.name} does not fit its model")
    return [
        Field(
            member=member,
            attribute=attribute,
            reference=reference,
            shape=model.shape(reference["shape"]),
            required=member in shape.required,
            payload=member == shape.payload,
        )
        for (member, reference), attribute in zip(shape.members.items(), attributes, strict=True)
    ]


def is_streaming(field: Field, *, outgoing: bool) -> bool:
    """Whether the struct holds the member as a `Body`: as `scripts/models.py` decides it."""
    return field.shape.type == "blob" and bool(
        field.trait("streaming") or (field.payload and outgoing)
    )
