from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.services.cloudformation.fakes import Setup, World, thing

from cloudlet.aws.errors import AWSError
from cloudlet.services.cloudformation.api import stacks
from cloudlet.services.cloudformation.model import Operation


def said(events: list[tuple[str, str, str | None]], name: str) -> list[tuple[str, str | None]]:
    return [(status, reason) for logical, status, reason in events if logical == name]


async def test_resources_are_made_in_order_and_deleted_in_reverse(cfn: Setup, world: World) -> None:
    resources = {"A": thing(["B"]), "B": thing(Size="{}"), "C": thing(Note={"Ref": "A"})}
    resources["B"] = thing(Note={"Fn::Sub": "${AWS::StackName}"})
    assert await cfn.create("s", resources) == "CREATE_COMPLETE"
    made = [each for each in world.log if each.startswith("create")]
    assert made == ["create B", "create A", "create C"]
    assert said(await cfn.events("s"), "B") == [
        ("CREATE_IN_PROGRESS", None),
        ("CREATE_IN_PROGRESS", "Resource creation Initiated"),
        ("CREATE_COMPLETE", None),
    ]
    assert said(await cfn.events("s"), "s")[0] == ("CREATE_IN_PROGRESS", "User Initiated")
    physical = (await cfn.resources("s"))["B"]["PhysicalResourceId"]
    assert physical.startswith("s-B-")
    assert world.things[physical]["Note"] == "s"
    world.log.clear()
    assert await cfn.delete("s") == "DELETE_COMPLETE"
    assert world.log == ["delete C", "delete A", "delete B"]
    assert not world.things


async def test_what_may_is_made_in_parallel(cfn: Setup, world: World) -> None:
    resources = {f"R{n}": thing() for n in range(20)}
    assert await cfn.create("s", resources) == "CREATE_COMPLETE"
    assert 2 <= world.most_at_once <= 8


async def test_a_failed_creation_is_rolled_back(cfn: Setup, world: World) -> None:
    world.failing = {"create B"}
    resources = {"A": thing(), "B": thing(["A"]), "C": thing(["B"])}
    assert await cfn.create("s", resources) == "ROLLBACK_COMPLETE"
    assert not world.things
    events = await cfn.events("s")
    assert (
        "s",
        "ROLLBACK_IN_PROGRESS",
        "The following resource(s) failed to create: [B]. Rollback requested by user.",
    ) in events
    failed = [reason for name, status, reason in events if (name, status) == ("B", "CREATE_FAILED")]
    assert failed[0]
    assert failed[0].startswith('Resource handler returned message: "It broke.')
    assert not said(events, "C")
    with pytest.raises(AWSError, match="is in ROLLBACK_COMPLETE state and can not be updated"):
        await cfn.update("s", {"A": thing(Size=2)})
    assert await cfn.delete("s") == "DELETE_COMPLETE"


@pytest.mark.parametrize(
    ("members", "status", "left"),
    [
        ({"DisableRollback": True}, "CREATE_FAILED", 2),
        ({"OnFailure": "DO_NOTHING"}, "CREATE_FAILED", 2),
        ({"OnFailure": "ROLLBACK"}, "ROLLBACK_COMPLETE", 0),
    ],
)
async def test_on_failure(
    cfn: Setup, world: World, members: dict[str, object], status: str, left: int
) -> None:
    world.failing = {"create B"}
    assert await cfn.create("s", {"A": thing(), "B": thing(["A"])}, **members) == status
    assert len(world.things) == left
    assert await cfn.delete("s") == "DELETE_COMPLETE"
    assert not world.things


async def test_a_name_that_is_taken_is_not_deleted_by_the_rollback(
    cfn: Setup, world: World
) -> None:
    world.things["mine"] = {"by": "hand"}
    assert await cfn.create("s", {"A": thing(Name="mine")}) == "ROLLBACK_COMPLETE"
    assert world.things == {"mine": {"by": "hand"}}
    assert ("A", "CREATE_FAILED", "mine already exists") in await cfn.events("s")


async def test_updates_in_place_by_replacement_and_removal(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Size=1), "B": thing(Kind="x"), "C": thing()})
    before = await cfn.resources("s")
    world.log.clear()
    resources = {
        "A": thing(Size="2"),
        "B": thing(Kind="y"),
        "D": thing(Note={"Fn::GetAtt": ["B", "Arn"]}),
    }
    assert await cfn.update("s", resources) == "UPDATE_COMPLETE"
    after = await cfn.resources("s")
    assert set(after) == {"A", "B", "D"}
    assert after["A"]["PhysicalResourceId"] == before["A"]["PhysicalResourceId"]
    assert world.things[after["A"]["PhysicalResourceId"]]["Size"] == 2
    assert after["B"]["PhysicalResourceId"] != before["B"]["PhysicalResourceId"]
    assert world.things[after["D"]["PhysicalResourceId"]]["Note"].endswith(
        after["B"]["PhysicalResourceId"]
    )
    assert set(world.things) == {each["PhysicalResourceId"] for each in after.values()}
    assert world.log.index("create D") < world.log.index("delete B")
    statuses = [status for status, _ in said(await cfn.events("s"), "s")]
    assert statuses[-3:] == [
        "UPDATE_IN_PROGRESS",
        "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
        "UPDATE_COMPLETE",
    ]


async def test_a_failed_update_restores_everything(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Size=1), "B": thing(Kind="x"), "C": thing()})
    before, things = await cfn.resources("s"), dict(world.things)
    world.failing = {"create Z"}
    resources = {
        "A": thing(Size=2),
        "B": thing(Kind="y"),
        "D": thing(),
        "Z": thing(["A", "B", "D"]),
    }
    assert await cfn.update("s", resources) == "UPDATE_ROLLBACK_COMPLETE"
    after = await cfn.resources("s")
    assert {n: r["PhysicalResourceId"] for n, r in after.items()} == {
        n: r["PhysicalResourceId"] for n, r in before.items()
    }
    assert world.things == things
    reasons = [r for status, r in said(await cfn.events("s"), "s") if "ROLLBACK_IN" in status]
    assert reasons == ["The following resource(s) failed to create: [Z]. "]
    world.failing.clear()
    assert await cfn.update("s", resources) == "UPDATE_COMPLETE"


async def test_a_rollback_that_fails_can_be_continued(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Size=1)})
    world.failing = {"create Z"}
    world.hanging = {"begin Z"}
    call = cfn.call(
        "UpdateStack",
        StackName="s",
        TemplateBody='{"Resources": {"A": {"Type": "Test::Thing", "Properties": {"Size": 2}},'
        '"Z": {"Type": "Test::Thing", "DependsOn": "A"}}}',
    )
    task = asyncio.create_task(call)
    await world.hung.wait()
    world.failing.add("update A")
    world.go.set()
    await task
    await cfn.idle()
    assert await cfn.status("s") == "UPDATE_ROLLBACK_FAILED"
    world.failing.clear()
    await cfn.call("ContinueUpdateRollback", StackName="s")
    await cfn.idle()
    assert await cfn.status("s") == "UPDATE_ROLLBACK_COMPLETE"
    assert [each["Size"] for each in world.things.values()] == [1]


async def test_an_update_without_rollback_can_be_mended(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Kind="x")})
    world.failing = {"create Z"}
    resources = {"A": thing(Kind="y"), "Z": thing(["A"])}
    assert await cfn.update("s", resources, DisableRollback=True) == "UPDATE_FAILED"
    world.failing.clear()
    resources["A"] = thing(Kind="z")
    assert await cfn.update("s", resources) == "UPDATE_COMPLETE"
    assert sorted(each.get("Kind", "") for each in world.things.values()) == ["", "z"]


async def test_an_update_without_rollback_can_be_rolled_back(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Kind="x")})
    world.failing = {"create Z"}
    resources = {"A": thing(Kind="y"), "Z": thing(["A"])}
    assert await cfn.update("s", resources, DisableRollback=True) == "UPDATE_FAILED"
    await cfn.call("RollbackStack", StackName="s")
    await cfn.idle()
    assert await cfn.status("s") == "UPDATE_ROLLBACK_COMPLETE"
    assert [each["Kind"] for each in world.things.values()] == ["x"]


async def test_a_custom_named_resource_is_not_replaced_by_itself(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Name="mine", Kind="x")})
    status = await cfn.update("s", {"A": thing(Name="mine", Kind="y")})
    assert status == "UPDATE_ROLLBACK_COMPLETE"
    assert world.things["mine"]["Kind"] == "x"
    reasons = [reason for _, status, reason in await cfn.events("s") if status == "UPDATE_FAILED"]
    assert reasons[0]
    assert "custom-named resource requires replacing. Rename mine" in reasons[0]


async def test_deletion_policies(cfn: Setup, world: World) -> None:
    await cfn.create(
        "s",
        {
            "A": thing(DeletionPolicy="Retain"),
            "B": thing(Kind="x", UpdateReplacePolicy="Retain"),
            "C": thing(DeletionPolicy="RetainExceptOnCreate"),
        },
    )
    await cfn.update(
        "s",
        {"A": thing(DeletionPolicy="Retain"), "B": thing(Kind="y", UpdateReplacePolicy="Retain")},
    )
    assert sorted(x.get("Kind", "") for x in world.things.values()) == ["", "", "x", "y"]
    assert await cfn.delete("s") == "DELETE_COMPLETE"
    assert sorted(x.get("Kind", "") for x in world.things.values()) == ["", "", "x"]
    assert ("A", "DELETE_SKIPPED", None) in await cfn.events(
        (await cfn.call("ListStacks"))["StackSummaries"][0]["StackId"]
    )


async def test_a_deletion_that_fails_can_be_retried_or_retained(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(), "B": thing(["A"])})
    world.failing = {"delete B"}
    assert await cfn.delete("s") == "DELETE_FAILED"
    stack = await cfn.describe("s")
    assert stack["StackStatusReason"] == "The following resource(s) failed to delete: [B]. "
    assert len(world.things) == 2
    assert await cfn.delete("s", RetainResources=["B"]) == "DELETE_COMPLETE"
    assert len(world.things) == 1


async def test_stack_tags_reach_the_resources(cfn: Setup, world: World) -> None:
    tags = [{"Key": "a", "Value": "1"}, {"Key": "b", "Value": "2"}]
    own = [{"Key": "b", "Value": "own"}]
    await cfn.create("s", {"A": thing(Tags=own)}, Tags=tags)
    (made,) = world.things.values()
    assert made["Tags"] == [{"Key": "b", "Value": "own"}, {"Key": "a", "Value": "1"}]


async def test_a_property_that_the_type_lacks_fails_the_resource(cfn: Setup) -> None:
    assert await cfn.create("s", {"A": thing(Colour="red")}) == "ROLLBACK_COMPLETE"
    reasons = [reason for _, status, reason in await cfn.events("s") if status == "CREATE_FAILED"]
    lines = (
        "Properties validation failed for resource A with message:",
        "#: extraneous key [Colour] is not permitted",
    )
    assert reasons == ["\n".join(lines)]


async def test_exports_and_imports(cfn: Setup) -> None:
    def exporting(size: int) -> dict[str, object]:
        return {
            "Resources": {"A": thing(Size=size)},
            "Outputs": {"O": {"Value": {"Fn::GetAtt": ["A", "Size"]}, "Export": {"Name": "x"}}},
        }

    await cfn.create("one", exporting(1))
    await cfn.create("two", {"B": thing(Note={"Fn::ImportValue": "x"})})
    assert (await cfn.call("ListExports"))["Exports"][0]["Value"] == "1"
    assert (await cfn.call("ListImports", ExportName="x"))["Imports"] == ["two"]
    assert await cfn.update("one", exporting(2)) == "UPDATE_ROLLBACK_COMPLETE"
    assert await cfn.delete("one") == "UPDATE_ROLLBACK_COMPLETE"
    assert "Cannot delete export x as it is in use by two." in str((await cfn.events("one"))[-1])
    assert await cfn.create("three", exporting(1)) == "ROLLBACK_COMPLETE"
    await cfn.delete("two")
    assert await cfn.delete("one") == "DELETE_COMPLETE"


async def test_cancelling_an_update_rolls_it_back(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Size=1)})
    world.hanging = {"begin Z"}
    update = asyncio.create_task(cfn.update("s", {"A": thing(Size=2), "Z": thing(["A"])}))
    await world.hung.wait()
    await cfn.call("CancelUpdateStack", StackName="s")
    world.go.set()
    assert await update == "UPDATE_ROLLBACK_COMPLETE"
    assert [each["Size"] for each in world.things.values()] == [1]


async def test_deleting_a_stack_that_is_being_made(cfn: Setup, world: World) -> None:
    world.hanging = {"create A"}
    create = asyncio.create_task(cfn.create("s", {"A": thing(), "B": thing(["A"])}))
    await world.hung.wait()
    asyncio.get_running_loop().call_later(0.05, world.go.set)
    assert await cfn.delete("s") == "DELETE_COMPLETE"
    assert not world.things
    await asyncio.gather(create, return_exceptions=True)
    assert "create B" not in world.log


async def test_hidden_values_stay_out_of_answers_and_events(cfn: Setup) -> None:
    template = {
        "Parameters": {"P": {"Type": "String", "NoEcho": True}},
        "Resources": {"A": thing(Note={"Ref": "P"})},
    }
    parameters = [{"ParameterKey": "P", "ParameterValue": "secret-word"}]
    await cfn.create("s", template, Parameters=parameters)
    told = [await cfn.call("DescribeStackEvents", StackName="s"), await cfn.describe("s")]
    assert "secret-word" not in str(told)
    assert "****" in str(told)


async def test_a_stack_policy_is_enforced(cfn: Setup, world: World) -> None:
    deny = {"Effect": "Deny", "Action": "Update:Replace", "Principal": "*", "Resource": "*"}
    keep = {"Effect": "Deny", "Action": "Update:Delete", "Principal": "*", "Resource": "*/B"}
    allow = {"Effect": "Allow", "Action": "Update:*", "Principal": "*", "Resource": "*"}
    policy = json.dumps({"Statement": [deny, keep, allow]})
    await cfn.create(
        "s", {"A": thing(Kind="x"), "B": thing(), "C": thing()}, StackPolicyBody=policy
    )
    changed = {"A": thing(Kind="y"), "B": thing()}
    assert await cfn.update("s", changed) == "UPDATE_ROLLBACK_COMPLETE"
    assert (
        "Action denied by stack policy: Statement [#1] does not allow [Update:Replace] for"
        in str(await cfn.events("s"))
    )
    assert await cfn.update("s", {"A": thing(Kind="x"), "C": thing()}) == "UPDATE_ROLLBACK_COMPLETE"
    assert await cfn.update("s", {"A": thing(Kind="x", Size=2), "B": thing()}) == "UPDATE_COMPLETE"
    once = json.dumps({"Statement": [allow]})
    assert await cfn.update("s", changed, StackPolicyDuringUpdateBody=once) == "UPDATE_COMPLETE"


async def test_an_update_that_failed_half_way_is_undone(cfn: Setup, world: World) -> None:
    await cfn.create("s", {"A": thing(Size=1)})
    world.failing_once = {"update A"}
    assert await cfn.update("s", {"A": thing(Size=2)}) == "UPDATE_ROLLBACK_COMPLETE"
    assert world.seen == [({"Size": 1}, {"Size": 2}), ({"Size": 2}, {"Size": 1})]
    assert [each["Size"] for each in world.things.values()] == [1]


async def test_a_creation_that_takes_too_long_is_rolled_back(
    cfn: Setup, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def impatient(**fields: Any) -> Operation:
        return Operation(**{**fields, "timeout_s": 0.05})

    monkeypatch.setattr(stacks, "Operation", impatient)
    world.hanging = {"create A"}
    assert await cfn.create("s", {"A": thing()}, TimeoutInMinutes=1) == "ROLLBACK_COMPLETE"
    assert not world.things
    assert any(
        "exceeded the specified timeout" in str(reason) for *_, reason in await cfn.events("s")
    )
