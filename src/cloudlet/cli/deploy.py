"""`cloudlet deploy`: a template with its code becomes a stack."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from cloudlet.cli import build, connection, screen
from cloudlet.cli.environment import Data
from cloudlet.cli.package import Build, Packager
from cloudlet.cli.problem import Problem
from cloudlet.cli.stack import Deployment, Stack

Template = Annotated[
    Path | None, typer.Argument(help="A SAM or CloudFormation template.", show_default=False)
]
StackName = Annotated[str, typer.Option("--stack-name", help="The stack's name.")]
Parameters = Annotated[
    list[str] | None, typer.Option("--parameter", "-p", help="NAME=VALUE, repeatable.")
]
NAMES = ("template.yml", "template.yaml", "template.json")


def deploy(
    template: Template = None,
    stack_name: StackName = "",
    parameter: Parameters = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the outputs as JSON.")] = False,
    data: Data = None,
) -> None:
    """Build functions with their requirements, upload them, and create or update the stack."""
    path = template or only_template()
    if not stack_name:
        raise Problem("A stack needs a name.", "Give one with --stack-name NAME.")
    given = given_parameters(parameter)
    started = time.monotonic()
    found = connection.find(data)
    say = (lambda _text: None) if as_json else screen.say
    deployment = deploy_template(found, path, stack_name, given, say)
    if as_json:
        screen.say(json.dumps({"changed": deployment.changed, "outputs": deployment.outputs}))
        return
    verb = "is deployed" if deployment.changed else "is up to date"
    took = time.monotonic() - started
    screen.say(f"\n{screen.styled(stack_name, 'bold')} {verb} ({took:.1f} s)")
    screen.table([(key, reachable(found, value)) for key, value in deployment.outputs.items()])


def deploy_template(
    found: connection.Connection,
    path: Path,
    stack_name: str,
    parameters: dict[str, str],
    say: Callable[[str], None],
) -> Deployment:
    """Deploy the template at `path` to `found`, built with all its requirements."""
    document = read_template(path)
    return deploy_document(found, document, path.parent.resolve(), stack_name, parameters, say)


def deploy_document(
    found: connection.Connection,
    document: dict[str, Any],
    folder: Path,
    stack_name: str,
    parameters: dict[str, str],
    say: Callable[[str], None],
    build: Build = build.build,
) -> Deployment:
    """Deploy a template that was read, whose paths are relative to `folder`; it is rewritten."""
    s3 = found.client("s3")
    bucket = artifacts_bucket(found, s3)
    Packager(s3, bucket, folder, say, build).package(document)

    def upload(body: bytes) -> str:
        key = f"{hashlib.sha256(body).hexdigest()[:32]}.template"
        s3.put_object(Bucket=bucket, Key=key, Body=body)
        return f"{found.endpoint}/{bucket}/{key}"

    return Stack(found.client("cloudformation"), stack_name, say).deploy(
        document, parameters, upload
    )


def read_template(path: Path) -> dict[str, Any]:
    """The template with its short-form intrinsics in their long form."""
    from cloudlet.aws.errors import AWSError
    from cloudlet.services.cloudformation.template.reading import read

    try:
        return read(path.read_text())
    except OSError as error:
        raise Problem(f"Cannot read {path}: {error.strerror}.") from error
    except AWSError as error:
        raise Problem(f"{path}: {error.message}") from error


def reachable(found: connection.Connection, value: str) -> str:
    """An output's URL of AWS's form as this machine can open it; other values as they are."""
    from urllib.parse import urlsplit

    address = urlsplit(value)
    host = address.hostname or ""
    if not host.endswith(".amazonaws.com"):
        return value
    own = urlsplit(found.endpoint)
    label = host.split(".")[0]
    for kind in ("execute-api", "lambda-url"):
        if f".{kind}." in host:
            return f"{own.scheme}://{label}.{kind}.localhost:{own.port}{address.path}"
    if ".s3-website" in host:
        return f"{own.scheme}://{label}.s3-website.localhost:{own.port}{address.path}"
    return value


def artifacts_bucket(found: connection.Connection, s3: Any) -> str:
    """The bucket that holds uploaded code, made at the first need."""
    account = found.client("sts").get_caller_identity()["Account"]
    name = f"cloudlet-artifacts-{account}-{found.region}"
    arguments: dict[str, Any] = {"Bucket": name}
    if found.region != "us-east-1":
        arguments["CreateBucketConfiguration"] = {"LocationConstraint": found.region}
    with suppress(s3.exceptions.BucketAlreadyOwnedByYou):
        s3.create_bucket(**arguments)
    return name


def only_template() -> Path:
    """The template in the current directory, by its usual name."""
    for name in NAMES:
        if Path(name).is_file():
            return Path(name)
    raise Problem(f"There is no {', '.join(NAMES)} here.", "Name the template to deploy.")


def given_parameters(options: list[str] | None) -> dict[str, str]:
    """The template parameters of `--parameter NAME=VALUE`."""
    found = {}
    for text in options or []:
        name, mark, value = text.partition("=")
        if not mark:
            raise Problem(f"--parameter {text!r} is not NAME=VALUE.")
        found[name] = value
    return found
