"""The AWS services, one package each. A new service is a new package and one line here."""

from __future__ import annotations

import importlib
from typing import Any

from cloudlet.aws.service import Service
from cloudlet.services.parts import Parts

#: The packages under `services/`, in the order in which they are built.
SERVICES = (
    "iam",
    "sts",
    "logs",
    "s3",
    "lambda_",
    "apigateway",
    "cloudformation",
)


def build(parts: Parts) -> list[Service[Any]]:
    """Every service, built on `parts`; each package's `build(parts)` makes its own."""
    return [
        importlib.import_module(f"cloudlet.services.{package}").build(parts) for package in SERVICES
    ]
