from __future__ import annotations

import asyncio

import pytest
from tests.services.lambda_.world import World, outcome

from cloudlet.aws.errors import AWSError


async def test_reserved_concurrency_is_enforced(world: World):
    started, release = asyncio.Event(), asyncio.Event()

    async def wait(_invocation: object):
        started.set()
        await release.wait()
        return outcome()

    world.compute.answer = wait
    await world.create()
    await world.call("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=1)
    running = asyncio.create_task(world.call("Invoke", FunctionName="f"))
    await started.wait()
    with pytest.raises(AWSError, match=r"Rate Exceeded\.") as refused:
        await world.call("Invoke", FunctionName="f")
    assert (refused.value.code, refused.value.status) == ("TooManyRequestsException", 429)
    assert refused.value.fields["Reason"] == "ReservedFunctionConcurrentInvocationLimitExceeded"
    release.set()
    await running
    await world.call("Invoke", FunctionName="f")


async def test_a_reservation_is_taken_from_the_accounts_limit(world: World):
    await world.create()
    await world.create("g")
    await world.call("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=900)
    settings = await world.call("GetAccountSettings")
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 100
    assert settings["AccountUsage"]["FunctionCount"] == 2
    with pytest.raises(AWSError, match="below its minimum value of"):
        await world.call("PutFunctionConcurrency", FunctionName="g", ReservedConcurrentExecutions=1)
    shown = await world.call("GetFunctionConcurrency", FunctionName="f")
    assert shown == {"ReservedConcurrentExecutions": 900}
    await world.call("DeleteFunctionConcurrency", FunctionName="f")
    assert await world.call("GetFunctionConcurrency", FunctionName="f") == {}
    settings = await world.call("GetAccountSettings")
    assert settings["AccountLimit"]["UnreservedConcurrentExecutions"] == 1000


async def test_the_account_shares_what_is_not_reserved(world: World):
    account = world.state.targets.account("000000000000", "us-east-1")
    await world.create()
    account.running = 1000
    with pytest.raises(AWSError) as refused:
        await world.call("Invoke", FunctionName="f")
    assert refused.value.fields["Reason"] == "ConcurrentInvocationLimitExceeded"


async def test_there_is_no_provisioned_concurrency(world: World):
    await world.create(Publish=True)
    with pytest.raises(AWSError) as refused:
        await world.call("GetProvisionedConcurrencyConfig", FunctionName="f", Qualifier="1")
    assert refused.value.code == "ProvisionedConcurrencyConfigNotFoundException"
