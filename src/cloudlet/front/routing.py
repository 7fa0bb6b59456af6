"""Where a request goes, by its host and path.

Hosts may have any suffix (`localhost`, `localhost.localstack.cloud`, `amazonaws.com`); each form
has a plain-path twin for clients that cannot resolve such names.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote

from cloudlet.aws.service import Target

EXECUTE_API = "execute-api"
WEBSITE = "s3-website"
FUNCTION_URL = "lambda-url"

MAX_HOST = 253
_S3_LABEL = re.compile(r"s3(-(accelerate|fips|external-1|[a-z]{2}(-[a-z]+)+-\d))?")
_USER_REQUEST = "_user_request_"


@dataclass(frozen=True, slots=True)
class ByHost:
    """What a host name says: a door's kind and id, or the bucket of a virtual host."""

    door: str = ""
    id: str = ""
    bucket: str = ""


_NOTHING = ByHost()


def by_host(host: str) -> ByHost:
    """Read a host name (lower case, without the port)."""
    return _by_host(host) if len(host) <= MAX_HOST else _NOTHING


@lru_cache(maxsize=4096)
def _by_host(host: str) -> ByHost:
    labels = host.split(".")
    if len(labels) < 2:
        return _NOTHING
    if labels[1] in (EXECUTE_API, FUNCTION_URL):
        return ByHost(door=labels[1], id=labels[0])
    for at in range(len(labels) - 1, 0, -1):
        label = labels[at]
        if label == WEBSITE or label.startswith("s3-website-"):
            return ByHost(door=WEBSITE, id=".".join(labels[:at]))
        # At the end it is no service's label but the owner's domain.
        if at < len(labels) - 1 and _S3_LABEL.fullmatch(label):
            return ByHost(bucket=".".join(labels[:at]))
    return _NOTHING


def by_path(raw_path: str) -> tuple[str, Target] | None:
    """The door and target of a plain-path form: `/_aws/<door>/<id>/...`, or LocalStack's form
    `/restapis/<api>/<stage>/_user_request_/...`; None for any other path.
    """
    if raw_path.startswith("/_aws/"):
        parts = raw_path.split("/", 4)
        if len(parts) < 4 or not parts[3]:
            return None
        rest = "/" + parts[4] if len(parts) == 5 else "/"
        return parts[2], Target(unquote(parts[3]), rest, "/".join(parts[:4]))
    if raw_path.startswith("/restapis/"):
        parts = raw_path.split("/", 5)
        if len(parts) < 5 or parts[4] != _USER_REQUEST:
            return None
        rest = f"/{parts[3]}/{parts[5]}" if len(parts) == 6 else f"/{parts[3]}"
        return EXECUTE_API, Target(parts[2], rest, "/".join(parts[:5]))
    return None
