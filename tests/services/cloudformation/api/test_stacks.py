from __future__ import annotations

from typing import Any

import pytest
from tests.services.cloudformation.fakes import Setup, body, thing

from cloudlet.aws.errors import AWSError


@pytest.mark.parametrize(
    ("members", "code", "message"),
    [
        ({}, "ValidationError", "Either Template URL or Template Body must be specified."),
        ({"TemplateBody": "{}"}, "ValidationError", "At least one Resources member"),
        ({"TemplateBody": "A: ["}, "ValidationError", "YAML not well-formed"),
        ({"TemplateBody": " " * 51_201}, "ValidationError", "51200"),
        (
            {"TemplateBody": body({"A": thing()}), "OnFailure": "DELETE", "DisableRollback": True},
            "ValidationError",
            "You cannot specify both DisableRollback and OnFailure.",
        ),
        (
            {
                "TemplateBody": body(
                    {"Resources": {"A": thing()}, "Transform": "AWS::LanguageExtensions"}
                )
            },
            "InsufficientCapabilitiesException",
            "Requires capabilities : [CAPABILITY_AUTO_EXPAND]",
        ),
        (
            {"TemplateBody": body({"A": thing(Note={"Fn::ImportValue": "none"})})},
            "ValidationError",
            "No export named none found.",
        ),
        (
            {"TemplateBody": body({"A": thing()}), "Tags": [{"Key": "aws:x", "Value": "1"}]},
            "ValidationError",
            "aws: prefixed tag key names are not allowed",
        ),
    ],
)
async def test_what_create_stack_refuses(
    cfn: Setup, members: dict[str, Any], code: str, message: str
) -> None:
    if "ImportValue" in str(members):  # known only when the resource is made
        await cfn.call("CreateStack", StackName="s", **members)
        await cfn.idle()
        assert await cfn.status("s") == "ROLLBACK_COMPLETE"
        assert message in str(await cfn.events("s"))
        return
    with pytest.raises(AWSError) as caught:
        await cfn.call("CreateStack", StackName="s", **members)
    assert caught.value.code == code
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("operation", "members", "message"),
    [
        ("DescribeStacks", {}, "Stack with id none does not exist"),
        ("UpdateStack", {"TemplateBody": "x"}, "Stack [none] does not exist"),
        ("DescribeStackEvents", {}, "Stack [none] does not exist"),
        ("DescribeStackResources", {}, "Stack with id none does not exist"),
        ("DescribeStackResource", {"LogicalResourceId": "A"}, "Stack 'none' does not exist"),
        ("GetTemplate", {}, "Stack with id none does not exist"),
        ("CancelUpdateStack", {}, "Stack [none] does not exist"),
    ],
)
async def test_a_stack_that_is_not_there(
    cfn: Setup, operation: str, members: dict[str, Any], message: str
) -> None:
    with pytest.raises(AWSError) as caught:
        await cfn.call(operation, StackName="none", **members)
    assert (caught.value.code, caught.value.message) == ("ValidationError", message)


async def test_the_life_of_a_name(cfn: Setup) -> None:
    await cfn.create("s", {"A": thing()})
    first = (await cfn.describe("s"))["StackId"]
    with pytest.raises(AWSError, match=r"Stack \[s\] already exists") as caught:
        await cfn.create("s", {"A": thing()})
    assert caught.value.code == "AlreadyExistsException"
    await cfn.delete("s")
    await cfn.call("DeleteStack", StackName="s")
    await cfn.create("s", {"A": thing()})
    assert await cfn.status(first) == "DELETE_COMPLETE"
    assert (await cfn.describe("s"))["StackId"] != first
    assert len((await cfn.call("DescribeStacks"))["Stacks"]) == 1
    assert len((await cfn.call("ListStacks"))["StackSummaries"]) == 2


async def test_a_retry_with_the_same_token_is_the_same_stack(cfn: Setup) -> None:
    members = {
        "StackName": "s",
        "TemplateBody": body({"A": thing()}),
        "ClientRequestToken": "token",
    }
    assert await cfn.call("CreateStack", **members) == await cfn.call("CreateStack", **members)
    with pytest.raises(AWSError) as caught:
        await cfn.call("UpdateStack", **members)
    assert caught.value.code == "TokenAlreadyExistsException"


async def test_termination_protection(cfn: Setup) -> None:
    await cfn.create("s", {"A": thing()}, EnableTerminationProtection=True)
    with pytest.raises(AWSError, match="cannot be deleted while TerminationProtection is enabled"):
        await cfn.call("DeleteStack", StackName="s")
    await cfn.call("UpdateTerminationProtection", StackName="s", EnableTerminationProtection=False)
    assert await cfn.delete("s") == "DELETE_COMPLETE"


async def test_previous_template_and_values(cfn: Setup) -> None:
    template = {
        "Parameters": {"Size": {"Type": "Number"}, "Note": {"Type": "String", "Default": "n"}},
        "Resources": {"A": thing(Size={"Ref": "Size"}, Note={"Ref": "Note"})},
        "Outputs": {"Size": {"Value": {"Fn::GetAtt": ["A", "Size"]}}},
    }
    await cfn.create("s", template, Parameters=[{"ParameterKey": "Size", "ParameterValue": "1"}])
    await cfn.call(
        "UpdateStack",
        StackName="s",
        UsePreviousTemplate=True,
        Parameters=[
            {"ParameterKey": "Size", "UsePreviousValue": True},
            {"ParameterKey": "Note", "ParameterValue": "m"},
        ],
    )
    await cfn.idle()
    stack = await cfn.describe("s")
    assert stack["StackStatus"] == "UPDATE_COMPLETE"
    assert {p["ParameterKey"]: p["ParameterValue"] for p in stack["Parameters"]} == {
        "Size": "1",
        "Note": "m",
    }
    assert stack["Outputs"] == [{"OutputKey": "Size", "OutputValue": "1"}]


async def test_templates_are_read_back_and_summarised(cfn: Setup) -> None:
    text = (
        "Parameters: {P: {Type: String, Default: d, AllowedValues: [d, e]}}\n"
        "Resources: {A: {Type: AWS::IAM::Role, Properties: {AssumeRolePolicyDocument: {}}}}\n"
    )
    summary = await cfn.call("GetTemplateSummary", TemplateBody=text)
    assert summary["ResourceTypes"] == ["AWS::IAM::Role"]
    assert summary["Capabilities"] == ["CAPABILITY_IAM"]
    assert summary["Parameters"][0]["ParameterConstraints"] == {"AllowedValues": ["d", "e"]}
    validated = await cfn.call("ValidateTemplate", TemplateBody=text)
    assert validated["Parameters"] == [{"ParameterKey": "P", "DefaultValue": "d", "NoEcho": False}]
    await cfn.create("s", {"A": thing()})
    assert (await cfn.call("GetTemplate", StackName="s"))["TemplateBody"] == body({"A": thing()})


async def test_stack_policies_are_kept(cfn: Setup) -> None:
    await cfn.create("s", {"A": thing()})
    with pytest.raises(AWSError, match="Error validating stack policy"):
        await cfn.call("SetStackPolicy", StackName="s", StackPolicyBody="nope")
    policy = '{"Statement": []}'
    await cfn.call("SetStackPolicy", StackName="s", StackPolicyBody=policy)
    assert (await cfn.call("GetStackPolicy", StackName="s"))["StackPolicyBody"] == policy


async def test_what_cloudlet_cannot_do_says_so(cfn: Setup) -> None:
    with pytest.raises(AWSError) as caught:
        await cfn.call("EstimateTemplateCost", TemplateBody=body({"A": thing()}))
    assert caught.value.code == "NotImplemented"
