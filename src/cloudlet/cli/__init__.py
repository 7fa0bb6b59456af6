"""The `cloudlet` command: one file a command; heavy imports wait until a command runs."""

from __future__ import annotations

import sys

import typer

from cloudlet.cli import (
    couchbase,
    demo,
    deploy,
    dev,
    doctor,
    environment,
    function,
    invoke,
    logs,
    reset,
    up,
)
from cloudlet.cli.problem import Problem
from cloudlet.config import ConfigurationError

application = typer.Typer(
    name="cloudlet",
    help="A serverless cloud that its users own: S3, API Gateway, Lambda and Couchbase,"
    " for unmodified AWS and Couchbase clients.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
application.command()(up.up)
application.command()(environment.env)
application.command()(deploy.deploy)
application.command()(dev.dev)
application.command()(demo.demo)
application.command()(invoke.invoke)
application.command()(function.function)
application.command()(logs.logs)
application.command()(reset.reset)
application.command()(doctor.doctor)
application.add_typer(couchbase.couchbase, name="couchbase")


def main() -> None:
    """Run the command line; a `Problem` becomes its text on standard error and exit status 1."""
    try:
        application()
    except Problem as problem:
        problem.show()
        sys.exit(1)
    except ConfigurationError as error:
        Problem(f"The configuration is not usable: {error}").show()
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
