"""SnapStart as boto3 sees it, and what a killed server owes its queue."""

from __future__ import annotations

import base64
import json
import time

import pytest
from botocore.exceptions import WaiterError
from tests.clients.functions import Functions, unique
from tests.clients.live import Live
from tests.needs import LEVEL, needs_namespaces

pytestmark = pytest.mark.clients

SNAP = {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "python3.12"}
SOURCE = """
import os, uuid
from snapshot_restore_py import register_before_snapshot, register_after_restore
made, calls = str(uuid.uuid4()), []
register_before_snapshot(calls.append, "before")
register_after_restore(calls.append, "after")
def handler(event, context):
    return {"made": made, "calls": calls, "kind": os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]}
"""


def _publish(functions: Functions, name: str) -> str:
    made = functions.client.publish_version(FunctionName=name)
    assert made["State"] == "Pending"
    version = str(made["Version"])
    functions.client.get_waiter("published_version_active").wait(
        FunctionName=name, Qualifier=version, WaiterConfig={"Delay": 1}
    )
    return version


@needs_namespaces
def test_a_version_starts_from_its_snapshot_also_after_a_restart(own_server: Live) -> None:
    functions = Functions(own_server.start())
    name = functions.create(SOURCE, **SNAP)
    version = _publish(functions, name)
    shown = functions.client.get_function_configuration(FunctionName=name, Qualifier=version)
    assert shown["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "On"}
    answer = functions.client.invoke(FunctionName=name, Qualifier=version, LogType="Tail")
    first = json.loads(answer["Payload"].read())
    assert (first["calls"], first["kind"]) == (["before", "after"], "snap-start")
    report = base64.b64decode(answer["LogResult"]).decode()
    assert "\tRestore Duration: " in report
    assert "\tBilled Restore Duration: " in report
    assert functions.invoke(name)["kind"] == "on-demand"
    own_server.kill()
    functions = Functions(own_server.start())
    again = functions.invoke(name, Qualifier=version)
    assert (again["calls"], again["kind"]) == (["before", "after"], "snap-start")
    assert again["made"] != first["made"]


def test_what_cannot_be_forked_runs_without_and_says_so(server: Live) -> None:
    functions = Functions(server)
    thread = (
        "import threading, time\n"
        "threading.Thread(target=time.sleep, args=(99,), daemon=True).start()\n"
    )
    name = functions.create(thread + SOURCE, **SNAP)
    version = _publish(functions, name)
    shown = functions.client.get_function_configuration(FunctionName=name, Qualifier=version)
    assert (shown["State"], shown["SnapStart"]["OptimizationStatus"]) == ("Active", "Off")
    reason = "threads run beside the first" if LEVEL.namespaces else "refuses user namespaces"
    assert reason in shown["StateReason"]
    assert functions.invoke(name, Qualifier=version)["kind"] == "on-demand"


@needs_namespaces
def test_a_version_whose_initialisation_fails_is_failed(server: Live) -> None:
    functions = Functions(server)
    name = functions.create("raise ValueError('not today')", **SNAP)
    with pytest.raises(WaiterError):
        _publish(functions, name)
    shown = functions.client.get_function_configuration(FunctionName=name, Qualifier="1")
    assert (shown["State"], shown["StateReasonCode"]) == ("Failed", "FunctionError")
    assert "ValueError: not today" in shown["StateReason"]
    assert functions.lines(name, '"ERROR" "ValueError"')[0].startswith("[ERROR] ValueError")


SAM = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Snapped:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.12
      Handler: index.handler
      AutoPublishAlias: live
      SnapStart: {ApplyOn: PublishedVersions}
      EventInvokeConfig: {MaximumRetryAttempts: 0}
      InlineCode: |
        import os
        def handler(event, context): return os.environ["AWS_LAMBDA_INITIALIZATION_TYPE"]
Outputs:
  Alias: {Value: !Ref Snapped.Alias}
"""


@needs_namespaces
def test_sam_deploys_a_function_with_snapstart(server: Live) -> None:
    cfn, stack = server.client("cloudformation"), unique("snapped")
    cfn.create_stack(
        StackName=stack,
        TemplateBody=SAM,
        Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
    )
    cfn.get_waiter("stack_create_complete").wait(StackName=stack, WaiterConfig={"Delay": 1})
    (output,) = cfn.describe_stacks(StackName=stack)["Stacks"][0]["Outputs"]
    functions = Functions(server)
    assert functions.invoke(output["OutputValue"]) == "snap-start"
    name = output["OutputValue"].split(":")[6]
    retries = functions.client.get_function_event_invoke_config(FunctionName=name, Qualifier="live")
    assert retries["MaximumRetryAttempts"] == 0


def test_events_that_were_queued_when_the_server_was_killed_are_all_processed(
    own_server: Live,
) -> None:
    functions = Functions(own_server.start())
    name = functions.create(
        "import time\n"
        "def handler(event, context):\n"
        "    time.sleep(max(0, event['from'] - time.time()))\n"
        "    print('event', event['n'])",
        Timeout=60,
    )
    begin = time.time() + 6
    for n in range(200):
        functions.client.invoke(
            FunctionName=name,
            InvocationType="Event",
            Payload=json.dumps({"n": n, "from": begin}).encode(),
        )
    assert time.time() < begin, "queueing took so long that events may have been processed"
    own_server.kill()
    functions = Functions(own_server.start())
    lines = functions.lines(name, '"event "', count=200, within_s=60)
    assert {int(line.split()[1]) for line in lines} == set(range(200))
