from __future__ import annotations

from typing import Any

import pytest
from tests.services.lambda_.world import World

from cloudlet.aws.errors import AWSError
from cloudlet.compute.environment import SnapshotState

SNAP: dict[str, Any] = {"SnapStart": {"ApplyOn": "PublishedVersions"}, "Runtime": "python3.12"}


async def settled(world: World, version: str = "1") -> dict[str, Any]:
    """The version once its snapshot is taken."""
    for task in list(world.state.snapshots._tasks):
        await task
    return await world.call("GetFunctionConfiguration", FunctionName="f", Qualifier=version)


async def test_a_version_is_pending_until_its_snapshot_is_taken(world: World) -> None:
    made = await world.create(**SNAP)
    assert made["SnapStart"] == {"ApplyOn": "PublishedVersions", "OptimizationStatus": "Off"}
    published = await world.call("PublishVersion", FunctionName="f")
    assert (published["State"], published["StateReasonCode"]) == ("Pending", "Creating")
    with pytest.raises(AWSError) as refused:
        await world.call("Invoke", FunctionName="f", Qualifier="1")
    assert (refused.value.code, refused.value.status) == ("SnapStartNotReadyException", 409)
    with pytest.raises(AWSError) as refused:
        await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    assert refused.value.code == "ResourceConflictException"
    version = await settled(world)
    assert (version["State"], version["LastUpdateStatus"]) == ("Active", "Successful")
    assert version["SnapStart"]["OptimizationStatus"] == "On"
    await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await world.call("Invoke", FunctionName="f", Qualifier="live")
    await world.call("Invoke", FunctionName="f")
    assert [spec.snap_start for spec, _ in world.compute.invocations] == [True, False]
    assert world.compute.invocations[0][0].key == world.compute.prepared[0]


async def test_the_same_code_is_not_published_again(world: World) -> None:
    await world.create(Publish=True, **SNAP)
    await settled(world)
    again = await world.call("PublishVersion", FunctionName="f")
    assert (again["Version"], again["State"]) == ("1", "Active")


@pytest.mark.parametrize(
    ("state", "shown", "code", "optimised"),
    [
        (SnapshotState(False, "2 threads run beside the first"), "Active", None, "Off"),
        (SnapshotState(False, "ValueError: no", "ValueError"), "Failed", "FunctionError", "Off"),
        (
            SnapshotState(False, "Sandbox.Timedout: late", "Sandbox.Timedout"),
            "Failed",
            "FunctionError.InitTimeout",
            "Off",
        ),
    ],
)
async def test_what_became_of_a_snapshot(
    world: World, state: SnapshotState, shown: str, code: str | None, optimised: str
) -> None:
    world.compute.snapshots["app.handler"] = state
    await world.create(Publish=True, **SNAP)
    version = await settled(world)
    assert (version["State"], version.get("StateReasonCode")) == (shown, code)
    assert state.reason in version["StateReason"]
    assert version["SnapStart"]["OptimizationStatus"] == optimised
    if shown == "Failed":
        with pytest.raises(AWSError) as refused:
            await world.call("Invoke", FunctionName="f", Qualifier="1")
        assert (refused.value.code, refused.value.status) == ("ResourceConflictException", 409)
        assert "state: Failed" in refused.value.message
    else:
        await world.call("Invoke", FunctionName="f", Qualifier="1")
        assert not world.compute.invocations[0][0].snap_start


async def test_pending_snapshots_are_taken_up_by_the_next_server(world: World) -> None:
    await world.create(Publish=True, **SNAP)
    await world.state.snapshots.stop()
    version = await world.call("GetFunctionConfiguration", FunctionName="f", Qualifier="1")
    assert version["State"] == "Pending"
    world.state.snapshots.start()
    assert (await settled(world))["State"] == "Active"


async def test_a_version_deleted_meanwhile_stays_deleted(world: World) -> None:
    await world.create(Publish=True, **SNAP)
    await world.call("DeleteFunction", FunctionName="f", Qualifier="1")
    with pytest.raises(AWSError, match="not found"):
        await settled(world)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"Runtime": "python3.11"}, "python3.11 is not supported for SnapStart"),
        ({"Runtime": "nodejs20.x"}, "nodejs20.x is not supported for SnapStart"),
        ({"EphemeralStorage": {"Size": 513}}, "Ephemeral storage greater than 512 MB"),
    ],
)
async def test_what_excludes_snap_start(world: World, given: dict[str, Any], message: str) -> None:
    with pytest.raises(AWSError, match=message) as refused:
        await world.create(**(SNAP | given))
    assert refused.value.code == "InvalidParameterValueException"
    await world.create(**({"Runtime": "python3.12"} | given))
    with pytest.raises(AWSError, match=message):
        await world.call(
            "UpdateFunctionConfiguration", FunctionName="f", SnapStart=SNAP["SnapStart"]
        )


async def test_provisioned_concurrency_excludes_snap_start(world: World) -> None:
    await world.create(Publish=True, **SNAP)
    await settled(world)
    with pytest.raises(AWSError, match="SnapStart enabled functions"):
        await world.call(
            "PutProvisionedConcurrencyConfig",
            FunctionName="f",
            Qualifier="1",
            ProvisionedConcurrentExecutions=1,
        )
