from __future__ import annotations

from typing import Any

import pytest
from tests.services.lambda_.world import ACCOUNT, ROLE, World, package

from cloudlet.aws.errors import AWSError
from cloudlet.aws.policy import Policy
from cloudlet.aws.principal import Principal

USER = Principal("user", ACCOUNT, f"arn:aws:iam::{ACCOUNT}:user/ann", "AIDA", "ann")


async def test_a_new_function_is_pending_in_the_answer_and_active_at_the_next_look(world: World):
    created = await world.create(Environment={"Variables": {"COLOUR": "red"}}, Tags={"team": "a"})
    assert created["State"] == "Pending"
    assert created["FunctionArn"] == f"arn:aws:lambda:us-east-1:{ACCOUNT}:function:f"
    found = await world.call("GetFunction", FunctionName=created["FunctionArn"])
    configuration = found["Configuration"]
    assert configuration["State"] == "Active"
    assert configuration["LastUpdateStatus"] == "Successful"
    assert configuration["CodeSize"] == len(package())
    assert configuration["Environment"] == {"Variables": {"COLOUR": "red"}}
    assert found["Tags"] == {"team": "a"}
    assert found["Code"]["RepositoryType"] == "S3"


async def test_the_code_is_unpacked_read_only_and_compiled(world: World):
    await world.create()
    await world.call("Invoke", FunctionName="f")
    spec, _ = world.compute.invocations[0]
    assert (spec.code / "app.py").read_text().startswith("def handler")
    assert (spec.code / "app.py").stat().st_mode & 0o777 == 0o444
    assert [path.suffix for path in (spec.code / "__pycache__").iterdir()] == [".pyc"]


async def test_code_comes_from_s3(world: World):
    await world.create(Code={"S3Bucket": "bucket", "S3Key": "code.zip"})
    with pytest.raises(AWSError, match="S3 Error Code: NoSuchKey") as refused:
        await world.create("g", Code={"S3Bucket": "bucket", "S3Key": "nothing.zip"})
    assert refused.value.code == "InvalidParameterValueException"


@pytest.mark.parametrize(
    ("given", "code", "words"),
    [
        ({"MemorySize": 64}, "ValidationError", "greater than or equal to 128"),
        ({"MemorySize": 10241}, "ValidationException", "less than or equal to 10240"),
        ({"Timeout": 901}, "ValidationException", "less than or equal to 900"),
        ({"Runtime": "ruby3.3"}, "InvalidParameterValueException", "not run the runtime ruby3.3"),
        ({"Runtime": None}, "InvalidParameterValueException", "mandatory parameters"),
        (
            {"Role": f"arn:aws:iam::{ACCOUNT}:role/missing"},
            "InvalidParameterValueException",
            "The role defined for the function cannot be assumed by Lambda.",
        ),
        (
            {"Role": "arn:aws:iam::111111111111:role/other"},
            "AccessDeniedException",
            "Cross-account pass role is not allowed.",
        ),
        (
            {"Environment": {"Variables": {"AWS_REGION": "x"}}},
            "InvalidParameterValueException",
            "Reserved keys used in this request: AWS_REGION",
        ),
        (
            {"Environment": {"Variables": {"LONG": "x" * 4096}}},
            "InvalidParameterValueException",
            "exceeded the 4KB limit",
        ),
        ({"Code": {"ZipFile": b"no zip"}}, "InvalidParameterValueException", "Could not unzip"),
        ({"Code": {}}, "InvalidParameterValueException", "Please provide a source"),
        ({"PackageType": "Image"}, "InvalidParameterValueException", "container images"),
        ({"Layers": ["arn:aws:lambda:us-east-1:000000000000:layer:l:1"]},
         "InvalidParameterValueException", "does not exist"),
        ({"DeadLetterConfig": {"TargetArn": "arn:aws:sqs:us-east-1:000000000000:q"}},
         "InvalidParameterValueException", "no SQS service yet"),
    ],
)  # fmt: skip
async def test_bad_requests_are_refused(world: World, given: dict[str, Any], code: str, words: str):
    with pytest.raises(AWSError, match=words.replace("(", r"\(")) as refused:
        await world.create(**given)
    assert refused.value.code == code
    assert (await world.call("ListFunctions"))["Functions"] == []


async def test_a_function_is_created_once(world: World):
    await world.create()
    with pytest.raises(AWSError, match="Function already exist: f") as refused:
        await world.create()
    assert (refused.value.code, refused.value.status) == ("ResourceConflictException", 409)


async def test_the_role_must_be_passable(world: World):
    allow = {"Effect": "Allow", "Action": "lambda:*", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [allow]}
    world.identities.given[USER.arn] = (Policy.parse(document),)
    world.principal = USER
    with pytest.raises(AWSError, match=f"iam:PassRole on resource: {ROLE}"):
        await world.create()


async def test_deleting_a_function_removes_its_parts_and_its_code(world: World):
    await world.create(Publish=True)
    await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    key = (await world.call("GetFunction", FunctionName="f"))["Configuration"]["RevisionId"]
    await world.call("DeleteFunction", FunctionName="f")
    assert any(retired.endswith(key) for retired in world.compute.retired)
    with pytest.raises(AWSError, match="Function not found: arn:aws:lambda") as missing:
        await world.call("GetFunction", FunctionName="f")
    assert missing.value.status == 404
    await world.state.sweep()
    assert list(world.state.code.trees.iterdir()) == []
    assert list(world.state.code.packages.iterdir()) == []
    await world.create()
    with pytest.raises(AWSError):
        await world.call("GetAlias", FunctionName="f", Name="live")


async def test_a_sweep_spares_code_that_another_function_uses(world: World):
    await world.create("f")
    await world.create("g")
    await world.call("DeleteFunction", FunctionName="f")
    await world.state.sweep()
    await world.call("Invoke", FunctionName="g")
    assert (world.compute.invocations[0][0].code / "app.py").exists()


async def test_functions_are_listed_in_pages(world: World):
    for name in ("c", "a", "b"):
        await world.create(name, Publish=name == "a")
    first = await world.call("ListFunctions", MaxItems=2)
    assert [f["FunctionName"] for f in first["Functions"]] == ["a", "b"]
    rest = await world.call("ListFunctions", MaxItems=2, Marker=first["NextMarker"])
    assert [f["FunctionName"] for f in rest["Functions"]] == ["c"]
    assert "NextMarker" not in rest
    every = await world.call("ListFunctions", FunctionVersion="ALL")
    assert [(f["FunctionName"], f["Version"]) for f in every["Functions"]] == [
        ("a", "$LATEST"), ("a", "1"), ("b", "$LATEST"), ("c", "$LATEST"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    "given",
    [
        {"KMSKeyArn": "arn:aws:kms:us-east-1:000000000000:key/k"},
        {"Code": {"ZipFile": package(), "SourceKMSKeyArn": "arn:aws:kms:us-east-1:0:key/k"}},
    ],
)
async def test_a_key_that_does_not_exist_is_refused_in_awss_words(
    world: World, given: dict[str, Any]
):
    with pytest.raises(AWSError, match=r"KMS Message: Key 'arn:aws:kms.*' does not exist") as error:
        await world.create(**given)
    assert error.value.code == "InvalidParameterValueException"
    await world.create(KMSKeyArn="")
