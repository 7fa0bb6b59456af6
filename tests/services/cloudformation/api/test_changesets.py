from __future__ import annotations

from typing import Any

import pytest
from tests.services.cloudformation.fakes import Setup, World, body, thing

from cloudlet.aws.errors import AWSError


async def change(cfn: Setup, resources: Any, kind: str, **members: Any) -> dict[str, Any]:
    made = await cfn.call(
        "CreateChangeSet",
        StackName="s",
        ChangeSetName="c",
        ChangeSetType=kind,
        TemplateBody=body(resources),
        **members,
    )
    return await cfn.call("DescribeChangeSet", ChangeSetName=made["Id"])


async def test_a_stack_stands_in_review_until_its_change_set_is_executed(cfn: Setup) -> None:
    found = await change(cfn, {"A": thing(), "B": thing()}, "CREATE")
    assert (found["Status"], found["ExecutionStatus"]) == ("CREATE_COMPLETE", "AVAILABLE")
    assert [c["ResourceChange"]["Action"] for c in found["Changes"]] == ["Add", "Add"]
    assert await cfn.status("s") == "REVIEW_IN_PROGRESS"
    await cfn.call("ExecuteChangeSet", ChangeSetName="c", StackName="s")
    await cfn.idle()
    stack = await cfn.describe("s")
    assert stack["StackStatus"] == "CREATE_COMPLETE"
    assert stack["ChangeSetId"] == found["ChangeSetId"]
    with pytest.raises(AWSError, match="cannot be executed in its current status") as caught:
        await cfn.call("ExecuteChangeSet", ChangeSetName=found["ChangeSetId"])
    assert caught.value.code == "InvalidChangeSetStatus"


async def test_changes_say_what_they_need(cfn: Setup) -> None:
    await cfn.create("s", {"A": thing(Size=1), "B": thing(Kind="x"), "C": thing(), "D": thing()})
    found = await change(
        cfn,
        {
            "A": thing(Size=2),
            "B": thing(Kind="y"),
            "C": thing(Note={"Ref": "B"}),
            "E": thing(),
        },
        "UPDATE",
    )
    changes = {
        c["ResourceChange"]["LogicalResourceId"]: c["ResourceChange"] for c in found["Changes"]
    }
    assert {n: (c["Action"], c.get("Replacement")) for n, c in changes.items()} == {
        "A": ("Modify", "False"),
        "B": ("Modify", "True"),
        "C": ("Modify", "False"),
        "D": ("Remove", None),
        "E": ("Add", None),
    }
    assert changes["A"]["Details"] == [
        {
            "Target": {"Attribute": "Properties", "Name": "Size", "RequiresRecreation": "Never"},
            "Evaluation": "Static",
            "ChangeSource": "DirectModification",
        }
    ]
    (dynamic,) = changes["C"]["Details"]
    assert (dynamic["Evaluation"], dynamic["ChangeSource"], dynamic["CausingEntity"]) == (
        "Dynamic",
        "ResourceReference",
        "B",
    )


async def test_no_changes_fail_the_change_set(cfn: Setup) -> None:
    await cfn.create("s", {"A": thing(Size=1)})
    found = await change(cfn, {"A": thing(Size="1")}, "UPDATE")
    assert found["Status"] == "FAILED"
    assert found["StatusReason"].startswith("The submitted information didn't contain changes.")
    with pytest.raises(AWSError, match=r"No updates are to be performed\."):
        await cfn.update("s", {"A": thing(Size=1)})


async def test_changes_come_in_pages(cfn: Setup) -> None:
    found = await change(cfn, {f"R{n:03}": thing() for n in range(150)}, "CREATE")
    rest = await cfn.call(
        "DescribeChangeSet", ChangeSetName="c", StackName="s", NextToken=found["NextToken"]
    )
    assert (len(found["Changes"]), len(rest["Changes"])) == (100, 50)
    assert "NextToken" not in rest


@pytest.mark.parametrize(
    ("kind", "resources", "code", "message"),
    [
        ("CREATE", {"A": {"Type": "AWS::Foo::Bar"}}, "ValidationError",
         "Template format error: Unrecognized resource types: [AWS::Foo::Bar]"),
        ("UPDATE", {"A": thing()}, "ValidationError", "Stack [s] does not exist"),
        ("IMPORT", {"A": thing()}, "ValidationError", "does not import"),
        ("CREATE", {"A": {"Type": "AWS::IAM::Role", "Properties": {}}},
         "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]"),
        ("CREATE", {"A": {"Type": "AWS::IAM::Role", "Properties": {"RoleName": "r"}}},
         "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_NAMED_IAM]"),
    ],
)  # fmt: skip
async def test_what_is_refused_at_once(
    cfn: Setup, kind: str, resources: Any, code: str, message: str
) -> None:
    with pytest.raises(AWSError) as caught:
        await change(cfn, resources, kind)
    assert (caught.value.code, message in caught.value.message) == (code, True)
    assert (await cfn.call("DescribeStacks"))["Stacks"] == []


async def test_a_change_set_of_a_stack_that_exists_cannot_create_it(cfn: Setup) -> None:
    await cfn.create("s", {"A": thing()})
    with pytest.raises(AWSError, match=r"Stack \[s\] already exists and cannot be created again"):
        await change(cfn, {"A": thing()}, "CREATE")


async def test_change_sets_are_deleted_and_listed(cfn: Setup, world: World) -> None:
    await change(cfn, {"A": thing()}, "CREATE")
    assert len((await cfn.call("ListChangeSets", StackName="s"))["Summaries"]) == 1
    with pytest.raises(AWSError, match="ChangeSet c already exists"):
        await change(cfn, {"A": thing()}, "CREATE")
    await cfn.call("DeleteChangeSet", ChangeSetName="c", StackName="s")
    assert (await cfn.call("ListChangeSets", StackName="s"))["Summaries"] == []
    with pytest.raises(AWSError, match=r"ChangeSet \[c\] does not exist") as caught:
        await cfn.call("DescribeChangeSet", ChangeSetName="c", StackName="s")
    assert (caught.value.code, caught.value.status) == ("ChangeSetNotFound", 404)
    await cfn.call("DeleteStack", StackName="s")
    assert not world.log


async def test_an_update_makes_change_sets_obsolete(cfn: Setup) -> None:
    await cfn.create("s", {"A": thing(Size=1)})
    await change(cfn, {"A": thing(Size=2)}, "UPDATE")
    await cfn.update("s", {"A": thing(Size=3)})
    with pytest.raises(AWSError, match=r"current execution status of \[OBSOLETE\]"):
        await cfn.call("ExecuteChangeSet", ChangeSetName="c", StackName="s")
