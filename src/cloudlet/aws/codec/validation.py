"""The constraints of the service models, checked as each service words its refusals."""

from __future__ import annotations

from typing import Any

from cloudlet.aws.model import ServiceModel


def check(model: ServiceModel, operation: str, request: Any) -> None:
    """Raise the service's own validation error unless `request` satisfies its shape."""
