"""The `cloudlet` command itself, as a person and as a script use it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.clients.functions import Functions
from tests.clients.live import Live, clean_environment

pytestmark = [pytest.mark.clients, pytest.mark.timeout(180)]

TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Resources:
  Greeter:
    Type: AWS::Serverless::Function
    Properties:
      FunctionName: cli-greeter
      CodeUri: src
      Handler: app.handler
      Runtime: python3.11
      Environment: {Variables: {GREETING: !Ref Greeting}}
Outputs:
  Name: {Value: !Ref Greeter}
"""
HANDLER = """
import os
def handler(event, context):
    print("greeting", event["name"])
    return os.environ["GREETING"] + " " + event["name"]
"""

Done = subprocess.CompletedProcess[str]
Cli = Callable[..., Done]


@pytest.fixture
def cli(server: Live, tmp_path: Path) -> Cli:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(HANDLER)
    (tmp_path / "template.yml").write_text(TEMPLATE)

    def run(*arguments: str, given: str = "", **environment: str) -> Done:
        return subprocess.run(
            [sys.executable, "-m", "cloudlet", *arguments],
            env={**clean_environment(), "CLOUDLET_DATA": str(server.data), **environment},
            cwd=tmp_path,
            input=given,
            capture_output=True,
            text=True,
            check=False,
        )

    return run


def test_deploy_invoke_and_logs(cli: Cli, tmp_path: Path) -> None:
    deployed = cli("deploy", "--stack-name", "cli", "-p", "Greeting=hi", "--json")
    assert deployed.returncode == 0, deployed.stderr
    assert json.loads(deployed.stdout) == {"changed": True, "outputs": {"Name": "cli-greeter"}}
    invoked = cli("invoke", "cli-greeter", '{"name": "Ada"}', "--tail")
    assert (invoked.returncode, invoked.stdout) == (0, '"hi Ada"\n')
    assert "REPORT RequestId" in invoked.stderr
    failed = cli("invoke", "cli-greeter", "{}")
    assert failed.returncode == 1
    assert json.loads(failed.stdout)["errorType"] == "KeyError"
    lines = cli("logs", "cli-greeter", "--filter", '"greeting Ada"').stdout.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["greeting Ada"]
    again = cli("deploy", "template.yml", "--stack-name", "cli", "--json")
    assert json.loads(again.stdout)["changed"] is False
    (tmp_path / "src" / "app.py").write_text(HANDLER.replace('" "', '", "'))
    assert "is deployed" in cli("deploy", "--stack-name", "cli").stdout
    assert cli("invoke", "cli-greeter", '{"name": "Ada"}').stdout == '"hi, Ada"\n'


@pytest.mark.parametrize(
    ("arguments", "what", "next_step"),
    [
        (["deploy", "nowhere.yml", "--stack-name", "x"], "Cannot read nowhere.yml", ""),
        (["deploy"], "A stack needs a name", "--stack-name"),
        (["deploy", "--stack-name", "x", "-p", "Other=1"], "no parameter Other", "Greeting"),
        (["deploy", "--stack-name", "x", "-p", "Other"], "is not NAME=VALUE", ""),
        (["invoke", "nobody"], "Function not found", ""),
        (["invoke", "nobody", "{broken"], "The event is not JSON", ""),
        (["logs", "nobody"], "There is no log group /aws/lambda/nobody", "appears when"),
        (["up", "--port", "0"], "Another cloudlet runs on", "--data"),
    ],
)
def test_problems_say_what_and_what_next(
    cli: Cli, arguments: list[str], what: str, next_step: str
) -> None:
    done = cli(*arguments)
    assert done.returncode == 1
    assert what in done.stderr
    assert next_step in done.stderr
    assert "Traceback" not in done.stderr
    assert "\033[" not in done.stderr


def test_without_a_server_commands_say_how_to_start_one(cli: Cli, tmp_path: Path) -> None:
    done = cli("env", CLOUDLET_DATA=str(tmp_path / "none"))
    assert done.returncode == 1
    assert "No cloudlet is running" in done.stderr
    assert "cloudlet up" in done.stderr


@pytest.mark.parametrize("command", ["invoke", "logs", "function"])
def test_a_server_that_is_gone_is_a_problem_not_a_traceback(cli: Cli, command: str) -> None:
    done = cli(command, "f", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_REGION="us-east-1")
    assert done.returncode == 1
    assert "still running?" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_event_comes_from_standard_input_and_may_be_queued(cli: Cli, server: Live) -> None:
    functions = Functions(server)
    name = functions.create(
        "def handler(event, context): print('got', event)", LoggingConfig={"LogGroup": "/mine/cli"}
    )
    queued = cli("invoke", name, "-", "--async", given='"by hand"')
    assert (queued.returncode, queued.stdout) == (0, "")
    assert queued.stderr.startswith("queued as ")
    until = time.monotonic() + 10
    while "got by hand" not in cli("logs", name, "--filter", '"got by hand"').stdout:
        assert time.monotonic() < until, "the event never ran"


def test_logs_follow_what_is_written(server: Live) -> None:
    functions = Functions(server)
    name = functions.create("def handler(event, context): print('line', event)")
    command = [sys.executable, "-m", "cloudlet", "logs", name, "-f", "--filter", '"line "']
    environment = {**clean_environment(), "CLOUDLET_DATA": str(server.data)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as following:
        assert following.stdout is not None
        for n in range(2):
            functions.invoke(name, n)
            assert following.stdout.readline().rstrip().endswith(f"line {n}")
        following.send_signal(signal.SIGINT)
        assert following.wait(10) == 130


def test_env_is_what_a_shell_evaluates(cli: Cli, server: Live) -> None:
    shell = f'eval "$({sys.executable} -m cloudlet env)"; echo $AWS_ENDPOINT_URL'
    environment = {**clean_environment(), "CLOUDLET_DATA": str(server.data)}
    done = subprocess.run(
        ["sh", "-c", shell], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == server.endpoint


def test_doctor_reports_the_isolation_as_json(cli: Cli) -> None:
    report = json.loads(cli("doctor", "--json").stdout)
    assert {"user namespaces", "seccomp", "memory limits"} <= {
        item["name"] for item in report["isolation"]["items"]
    }


def test_reset_wipes_everything_and_leaves_the_server_up(own_server: Live, tmp_path: Path) -> None:
    own_server.start()
    own_server.client("s3").create_bucket(Bucket="gone")
    own_server.client("iam").create_user(UserName="gone")
    environment = {**clean_environment(), "CLOUDLET_DATA": str(own_server.data)}
    command = [sys.executable, "-m", "cloudlet", "reset", "--yes"]
    subprocess.run(command, env=environment, check=True, capture_output=True)
    assert own_server.client("s3").list_buckets()["Buckets"] == []
    assert own_server.client("iam").list_users()["Users"] == []
    assert own_server.stop() == 0
    assert not (own_server.data / "run.json").exists()
    assert not _alive(own_server.describe["pid"])


def test_the_demo_walks_from_the_site_to_the_document(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "cloudlet", "demo", "--check"]
    done = subprocess.run(
        command, env=clean_environment(), cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.rstrip().endswith("Every step holds.")


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True
