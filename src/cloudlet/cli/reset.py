"""`cloudlet reset`: wipe all state, for test suites."""

from __future__ import annotations

from typing import Annotated

import typer

from cloudlet.cli import connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.problem import Problem


def reset(
    data: Data = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete everything in a running cloudlet: stacks, buckets, functions, documents, logs."""
    found = connection.find(data)
    if not yes:
        typer.confirm(f"Delete all state of the cloudlet at {found.endpoint}?", abort=True)
    request_reset(found)
    screen.say("All state is deleted.")


def request_reset(found: connection.Connection) -> None:
    """Send the signed request; only the root of an account may."""
    import urllib3
    from botocore.auth import SigV4Auth
    from botocore.awsrequest import AWSRequest
    from botocore.credentials import Credentials

    request = AWSRequest(method="POST", url=f"{found.endpoint}/_cloudlet/reset", data=b"")
    keys = Credentials(found.access_key_id, found.secret_access_key)
    SigV4Auth(keys, "sts", found.region).add_auth(request)
    answer = urllib3.request("POST", request.url, headers=dict(request.headers), body=b"")
    if answer.status != 200:
        raise Problem(
            f"The reset was refused ({answer.status}): {answer.data.decode()[:300]}",
            "Only an account's root may reset; check AWS_ACCESS_KEY_ID.",
        )
