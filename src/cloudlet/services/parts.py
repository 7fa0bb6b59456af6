"""What the composition root hands to every service."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from cloudlet.aws.cloud import Cloud
from cloudlet.compute.pool import Compute
from cloudlet.config import Settings
from cloudlet.metering.usage import Usage
from cloudlet.storage.records import Records

T = TypeVar("T")


@dataclass(slots=True)
class Parts:
    """The parts below the services, and the few interfaces that services offer to each other.

    `offers` holds those: `parts.offer(Functions, invoker)` by the Lambda service and
    `parts.wanted(Functions)` by whoever invokes, at request time, so that the order of building
    does not matter.
    """

    data: Path
    settings: Settings
    records: Records
    cloud: Cloud
    compute: Compute
    offers: dict[type, Any] = field(default_factory=dict)
    usage: Usage = field(init=False)

    def __post_init__(self) -> None:
        """Meter into the data directory."""
        self.usage = Usage(self.data / "usage.db")

    def offer(self, interface: type[T], implementation: T) -> None:
        """Offer `implementation` to the other services under `interface`."""
        self.offers[interface] = implementation

    def wanted(self, interface: type[T]) -> T:
        """What was offered under `interface`; `LookupError` if no service offers it."""
        if interface not in self.offers:
            raise LookupError(f"no service offers {interface.__name__}")
        found: T = self.offers[interface]
        return found
