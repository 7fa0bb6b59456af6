from __future__ import annotations

from tests.services.lambda_.world import World


async def test_settings_that_nobody_made_are_aws_defaults(world: World):
    arn = (await world.create())["FunctionArn"]
    signing = await world.call("GetFunctionCodeSigningConfig", FunctionName="f")
    assert signing["FunctionName"] == "f"
    runtime = await world.call("GetRuntimeManagementConfig", FunctionName="f")
    assert runtime == {"UpdateRuntimeOn": "Auto", "FunctionArn": f"{arn}:$LATEST"}
    recursion = await world.call("GetFunctionRecursionConfig", FunctionName="f")
    assert recursion == {"RecursiveLoop": "Terminate"}
