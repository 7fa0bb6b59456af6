"""boto3 against a live server: users, roles and sessions may do what their policies say."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.clients.live import Live

pytestmark = pytest.mark.clients

ACCOUNT = "000000000000"
LAMBDA = "lambda.amazonaws.com"


def document(action: Any, resource: Any = "*", **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal: dict[str, str]) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def keys(credentials: dict[str, Any]) -> dict[str, str]:
    """The arguments of a client with these credentials."""
    return {
        "aws_access_key_id": credentials["AccessKeyId"],
        "aws_secret_access_key": credentials["SecretAccessKey"],
        "aws_session_token": credentials.get("SessionToken"),
    }


def refused(call: Callable[..., Any], *arguments: Any, **named: Any) -> tuple[str, str, int]:
    with pytest.raises(ClientError) as caught:
        call(*arguments, **named)
    answer = caught.value.response
    error = answer["Error"]
    return error["Code"], error["Message"], answer["ResponseMetadata"]["HTTPStatusCode"]


def user(server: Live, name: str, *documents: str) -> dict[str, str]:
    iam = server.client("iam")
    iam.create_user(UserName=name)
    for number, text in enumerate(documents):
        iam.put_user_policy(UserName=name, PolicyName=f"p{number}", PolicyDocument=text)
    return keys(iam.create_access_key(UserName=name)["AccessKey"])


def test_the_root_is_who_it_is(server: Live) -> None:
    identity = server.client("sts").get_caller_identity()
    assert identity["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
    other = server.client("sts", aws_access_key_id="123456789012", aws_secret_access_key="test")
    assert other.get_caller_identity()["Account"] == "123456789012"


def test_a_user_may_do_only_what_its_policies_say(server: Live) -> None:
    root = server.client("s3")
    for bucket in ("iam-mine", "iam-other"):
        root.create_bucket(Bucket=bucket)
    mine = "arn:aws:s3:::iam-mine"
    bob = user(
        server,
        "iam-bob",
        document("s3:ListBucket", mine),
        document(["s3:PutObject", "s3:GetObject"], f"{mine}/${{aws:username}}/*"),
    )
    s3 = server.client("s3", **bob)
    s3.put_object(Bucket="iam-mine", Key="iam-bob/a", Body=b"content")
    assert s3.get_object(Bucket="iam-mine", Key="iam-bob/a")["Body"].read() == b"content"
    assert s3.list_objects_v2(Bucket="iam-mine")["KeyCount"] == 1
    arn = f"arn:aws:iam::{ACCOUNT}:user/iam-bob"
    wording = (
        f"User: {arn} is not authorized to perform: s3:GetObject on resource: "
        '"arn:aws:s3:::iam-other/a" because no identity-based policy allows the s3:GetObject '
        "action"
    )
    answer = refused(s3.get_object, Bucket="iam-other", Key="a")
    assert answer == ("AccessDenied", wording, 403)
    assert refused(s3.delete_object, Bucket="iam-mine", Key="iam-bob/a")[0] == "AccessDenied"
    # A refusal comes before the body is sent; the same connection must still serve what follows.
    assert refused(s3.put_object, Bucket="iam-other", Key="a", Body=b"x")[0] == "AccessDenied"
    assert s3.get_object(Bucket="iam-mine", Key="iam-bob/a")["Body"].read() == b"content"
    code, message, status = refused(server.client("lambda", **bob).list_functions)
    assert (code, status) == ("AccessDeniedException", 403)
    assert message.startswith(f"User: {arn} is not authorized to perform: lambda:ListFunctions")
    assert refused(server.client("iam", **bob).create_user, UserName="x")[0] == "AccessDenied"


def test_a_role_is_assumed_by_whom_it_trusts_and_limited_by_the_session(server: Live) -> None:
    iam = server.client("iam")
    bob = user(server, "iam-assumer", document("sts:AssumeRole"))
    eve = user(server, "iam-eve", document("sts:AssumeRole"))
    arn = f"arn:aws:iam::{ACCOUNT}:user/iam-assumer"
    role = iam.create_role(RoleName="iam-reader", AssumeRolePolicyDocument=trust({"AWS": arn}))[
        "Role"
    ]
    assert role["AssumeRolePolicyDocument"]["Statement"][0]["Principal"] == {"AWS": arn}
    iam.attach_role_policy(
        RoleName="iam-reader", PolicyArn="arn:aws:iam::aws:policy/IAMReadOnlyAccess"
    )
    request = {"RoleArn": role["Arn"], "RoleSessionName": "session"}
    code, message, status = refused(server.client("sts", **eve).assume_role, **request)
    assert (code, status) == ("AccessDenied", 403)
    assert message.startswith(
        f"User: arn:aws:iam::{ACCOUNT}:user/iam-eve is not authorized to perform: "
        f"sts:AssumeRole on resource: {role['Arn']}"
    )
    sts = server.client("sts", **bob)
    session = keys(sts.assume_role(**request)["Credentials"])
    identity = server.client("sts", **session).get_caller_identity()
    assert identity["Arn"] == f"arn:aws:sts::{ACCOUNT}:assumed-role/iam-reader/session"
    assert identity["UserId"] == f"{role['RoleId']}:session"
    assert server.client("iam", **session).get_role(RoleName="iam-reader")
    assert refused(server.client("iam", **session).delete_role, RoleName="iam-reader")[0] == (
        "AccessDenied"
    )
    limited = keys(sts.assume_role(**request, Policy=document("iam:ListUsers"))["Credentials"])
    assert server.client("iam", **limited).list_users()
    assert (
        "because no session policy allows the iam:ListRoles action"
        in (refused(server.client("iam", **limited).list_roles)[1])
    )


def test_wrong_credentials_get_awss_errors(server: Live) -> None:
    bob = user(server, "iam-wrong")
    code, _, status = refused(
        server.client("sts", **{**bob, "aws_secret_access_key": "x"}).get_caller_identity
    )
    assert (code, status) == ("SignatureDoesNotMatch", 403)
    unknown = server.client("sts", **{**bob, "aws_access_key_id": "AKIAAAAAAAAAAAAAAAAA"})
    assert refused(unknown.get_caller_identity)[::2] == ("InvalidClientTokenId", 403)
    session = keys(server.client("sts", **bob).get_session_token()["Credentials"])
    assert server.client("sts", **session).get_caller_identity()
    for token in ("forged", None):
        forged = server.client("sts", **{**session, "aws_session_token": token})
        assert refused(forged.get_caller_identity)[::2] == ("InvalidClientTokenId", 403)
    s3 = server.client("s3", **{**session, "aws_session_token": "forged"})
    assert refused(s3.list_buckets)[0] == "InvalidToken"


def test_a_key_that_is_turned_off_opens_nothing(server: Live) -> None:
    bob = user(server, "iam-off")
    sts = server.client("sts", **bob)
    sts.get_caller_identity()
    server.client("iam").update_access_key(
        UserName="iam-off", AccessKeyId=bob["aws_access_key_id"], Status="Inactive"
    )
    assert refused(sts.get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_bucket_policy_gives_to_a_user_of_another_account(server: Live) -> None:
    there = {"aws_access_key_id": "444455556666", "aws_secret_access_key": "test"}
    iam = server.client("iam", **there)
    arn = iam.create_user(UserName="guest")["User"]["Arn"]
    guest = keys(iam.create_access_key(UserName="guest")["AccessKey"])
    root = server.client("s3")
    root.create_bucket(Bucket="iam-shared")
    root.put_object(Bucket="iam-shared", Key="k", Body=b"shared")
    s3 = server.client("s3", **guest)
    get = {"Bucket": "iam-shared", "Key": "k"}
    iam.put_user_policy(UserName="guest", PolicyName="p", PolicyDocument=document("s3:GetObject"))
    assert "because no resource-based policy allows" in refused(s3.get_object, **get)[1]
    assert refused(server.client("s3", **there).get_object, **get)[0] == "AccessDenied"
    policy = document("s3:GetObject", "arn:aws:s3:::iam-shared/*", Principal={"AWS": arn})
    root.put_bucket_policy(Bucket="iam-shared", Policy=policy)
    assert s3.get_object(**get)["Body"].read() == b"shared"
    iam.delete_user_policy(UserName="guest", PolicyName="p")
    assert "because no identity-based policy allows" in refused(s3.get_object, **get)[1]


def test_boto3s_shapes_paginators_and_errors(server: Live) -> None:
    iam = server.client("iam")
    for number in range(5):
        iam.create_role(
            RoleName=f"iam-page-{number}",
            Path="/iam-pages/",
            AssumeRolePolicyDocument=trust({"Service": LAMBDA}),
        )
    pages = iam.get_paginator("list_roles").paginate(
        PathPrefix="/iam-pages/", PaginationConfig={"PageSize": 2}
    )
    names = [role["RoleName"] for page in pages for role in page["Roles"]]
    assert names == [f"iam-page-{number}" for number in range(5)]
    iam.get_waiter("role_exists").wait(RoleName="iam-page-0")
    with pytest.raises(iam.exceptions.NoSuchEntityException, match="cannot be found"):
        iam.get_role(RoleName="iam-nobody")
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="iam-page-0", AssumeRolePolicyDocument=trust({"Service": LAMBDA}))
    with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
        iam.create_policy(PolicyName="iam-bad", PolicyDocument="{}")
    arn = iam.create_policy(PolicyName="iam-good", PolicyDocument=document("s3:*"))["Policy"]["Arn"]
    version = iam.get_policy_version(PolicyArn=arn, VersionId="v1")["PolicyVersion"]
    assert version["Document"]["Statement"][0]["Action"] == "s3:*"
    assert refused(iam.create_login_profile, UserName="x", Password="y")[0] == "NotImplemented"


def test_temporary_credentials_outlive_a_kill(own_server: Live) -> None:
    own_server.start()
    session = keys(own_server.client("sts").get_session_token()["Credentials"])
    bob = user(own_server, "iam-durable", document("iam:ListUsers"))
    own_server.kill()
    own_server.start()
    for who in (session, bob):
        assert own_server.client("iam", **who).list_users()["Users"][0]["UserName"] == "iam-durable"
