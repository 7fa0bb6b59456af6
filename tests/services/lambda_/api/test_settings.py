from __future__ import annotations

import pytest
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError


async def test_settings_that_nobody_made_are_aws_defaults(world: World):
    arn = (await world.create())["FunctionArn"]
    signing = await world.call("GetFunctionCodeSigningConfig", FunctionName="f")
    assert signing["FunctionName"] == "f"
    runtime = await world.call("GetRuntimeManagementConfig", FunctionName="f")
    assert runtime == {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{arn}:$LATEST"}
    recursion = await world.call("GetFunctionRecursionConfig", FunctionName="f")
    assert recursion == {"RecursiveLoop": "Terminate"}


async def test_runtime_management_and_recursion_are_kept(world: World):
    await world.create()
    with pytest.raises(AWSError, match="RuntimeVersionArn is required"):
        await world.call("PutRuntimeManagementConfig", FunctionName="f", UpdateRuntimeOn="Manual")
    await world.call(
        "PutRuntimeManagementConfig", FunctionName="f", UpdateRuntimeOn="FunctionUpdate"
    )
    runtime = await world.call("GetRuntimeManagementConfig", FunctionName="f")
    assert runtime["UpdateRuntimeOn"] == "FunctionUpdate"
    await world.call("PutFunctionRecursionConfig", FunctionName="f", RecursiveLoop="Allow")
    recursion = await world.call("GetFunctionRecursionConfig", FunctionName="f")
    assert recursion == {"RecursiveLoop": "Allow"}


async def test_an_inexact_runtime_is_noted_or_refused(world: World):
    world.compute.inexact = {"python3.9"}
    await world.create(Runtime="python3.9")
    shown = await world.call("GetFunctionConfiguration", FunctionName="f")
    assert "served by version 3.11.2" in shown["RuntimeVersionConfig"]["Error"]["Message"]
    world.state.strict_runtimes = True
    with pytest.raises(AWSError, match="strict_runtimes refuses"):
        await world.create("g", Runtime="python3.9")
    world.compute.missing = {"nodejs20.x"}
    with pytest.raises(AWSError, match="needs what this machine lacks"):
        await world.create("g", Runtime="nodejs20.x")


async def test_a_logging_configuration_is_checked_and_shown(world: World):
    with pytest.raises(AWSError, match="only supported for the JSON log format"):
        await world.create(LoggingConfig={"ApplicationLogLevel": "WARN"})
    await world.create(LoggingConfig={"LogFormat": "JSON", "LogGroup": "/a"})
    shown = await world.call("GetFunctionConfiguration", FunctionName="f")
    assert shown["LoggingConfig"] == {
        "LogFormat": "JSON",
        "ApplicationLogLevel": "INFO",
        "SystemLogLevel": "INFO",
        "LogGroup": "/a",
    }
    await world.call(
        "UpdateFunctionConfiguration", FunctionName="f", LoggingConfig={"LogFormat": "Text"}
    )
    shown = await world.call("GetFunctionConfiguration", FunctionName="f")
    assert shown["LoggingConfig"] == {"LogFormat": "Text", "LogGroup": "/a"}
