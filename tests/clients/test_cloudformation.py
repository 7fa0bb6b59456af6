"""CloudFormation by boto3 and the AWS CLI on a live server."""

from __future__ import annotations

import io
import json
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from tests.clients.live import Live

pytestmark = pytest.mark.clients

AWS = str(Path(sys.executable).with_name("aws"))

APP = """
import json, os
def handler(event, context):
    return {"statusCode": 200, "body": json.dumps({"greeting": os.environ["GREETING"]})}
"""
TEMPLATE = """
AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Parameters:
  Greeting: {Type: String, Default: hello}
Resources:
  Api:
    Type: AWS::Serverless::Api
    Properties: {StageName: prod, Cors: "'*'"}
  Hello:
    Type: AWS::Serverless::Function
    Properties:
      Runtime: python3.11
      Handler: app.handler
      CodeUri: src/
      Environment: {Variables: {GREETING: !Ref Greeting}}
      Events:
        Get: {Type: Api, Properties: {RestApiId: !Ref Api, Path: /hello, Method: GET}}
  Site:
    Type: AWS::S3::Bucket
    Properties:
      WebsiteConfiguration: {IndexDocument: index.html}
Outputs:
  ApiId: {Value: !Ref Api}
  Site: {Value: !Ref Site}
"""


def name(prefix: str) -> str:
    return f"{prefix}-{uuid.uuid4().hex[:8]}"


def outputs(stack: dict[str, Any]) -> dict[str, str]:
    return {o["OutputKey"]: o["OutputValue"] for o in stack.get("Outputs", [])}


def settled(cfn: Any, stack: str, timeout_s: float = 60) -> dict[str, Any]:
    """The stack when its operation has ended; the waiters would sleep for half a minute."""
    deadline = time.monotonic() + timeout_s
    while time.monotonic() < deadline:
        found: dict[str, Any] = cfn.describe_stacks(StackName=stack)["Stacks"][0]
        if not found["StackStatus"].endswith("_IN_PROGRESS"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{stack} does not settle: {found['StackStatus']}")


def events(cfn: Any, stack: str) -> str:
    found = cfn.describe_stack_events(StackName=stack)["StackEvents"]
    return "\n".join(
        f"{e['LogicalResourceId']} {e['ResourceStatus']} {e.get('ResourceStatusReason', '')}"
        for e in found
    )


def create(cfn: Any, stack: str, resources: dict[str, Any], **members: Any) -> dict[str, Any]:
    answer = cfn.create_stack(
        StackName=stack,
        TemplateBody=json.dumps(
            resources if "Resources" in resources else {"Resources": resources}
        ),
        Capabilities=["CAPABILITY_NAMED_IAM", "CAPABILITY_AUTO_EXPAND"],
        **members,
    )
    return settled(cfn, answer["StackId"])


def aws(server: Live, folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [AWS, *arguments],
        env=server.environment(),
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        timeout=90,
    )


def test_the_aws_cli_deploys_updates_and_deletes_a_sam_application(
    server: Live, tmp_path: Path
) -> None:
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text(APP)
    (tmp_path / "template.yml").write_text(TEMPLATE)
    stack, bucket = name("sam"), name("code")
    assert aws(server, tmp_path, "s3", "mb", f"s3://{bucket}").returncode == 0
    packaged = aws(
        server, tmp_path, "cloudformation", "package", "--template-file", "template.yml",
        "--s3-bucket", bucket, "--output-template-file", "packaged.yml",
    )  # fmt: skip
    assert packaged.returncode == 0, packaged.stderr
    deploy = ["cloudformation", "deploy", "--template-file", "packaged.yml", "--stack-name", stack]
    refused = aws(server, tmp_path, *deploy)
    assert "(InsufficientCapabilitiesException)" in refused.stderr
    deploy += ["--capabilities", "CAPABILITY_IAM"]
    deployed = aws(server, tmp_path, *deploy)
    assert f"Successfully created/updated stack - {stack}" in deployed.stdout, deployed.stderr

    cfn = server.client("cloudformation")
    found = outputs(settled(cfn, stack))
    url = f"{server.endpoint}/_aws/execute-api/{found['ApiId']}/prod/hello"
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer) == {"greeting": "hello"}

    again = aws(server, tmp_path, *deploy)
    assert f"No changes to deploy. Stack {stack} is up to date" in again.stdout + again.stderr
    changed = aws(
        server, tmp_path, *deploy, "--parameter-overrides", "Greeting=ahoy",
        "--s3-bucket", bucket, "--force-upload",
    )  # fmt: skip
    assert changed.returncode == 0, changed.stderr
    with urllib.request.urlopen(url) as answer:
        assert json.load(answer) == {"greeting": "ahoy"}

    id_ = cfn.describe_stacks(StackName=stack)["Stacks"][0]["StackId"]
    assert (
        aws(server, tmp_path, "cloudformation", "delete-stack", "--stack-name", stack).returncode
        == 0
    )
    assert settled(cfn, id_)["StackStatus"] == "DELETE_COMPLETE", events(cfn, id_)
    with pytest.raises(ClientError, match=f"Stack with id {stack} does not exist"):
        cfn.describe_stacks(StackName=stack)
    left = [
        *(f["FunctionName"] for f in server.client("lambda").list_functions()["Functions"]),
        *(r["RoleName"] for r in server.client("iam").list_roles()["Roles"]),
        *(b["Name"] for b in server.client("s3").list_buckets()["Buckets"]),
        *(a["name"] for a in server.client("apigateway").get_rest_apis()["items"]),
    ]
    assert not [each for each in left if each.startswith(stack)]


def everything(stack: str, code: str, bucket: str, *, changed: bool) -> dict[str, Any]:
    """A template with a resource of every type, in a first and in a changed form."""
    trust = {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Effect": "Allow",
                "Principal": {"Service": "lambda.amazonaws.com"},
                "Action": "sts:AssumeRole",
            }
        ],
    }
    allow = {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Allow", "Action": "logs:*", "Resource": "*"}],
    }
    word = "two" if changed else "one"
    integration = {
        "Type": "MOCK",
        "RequestTemplates": {"application/json": '{"statusCode": 200}'},
        "IntegrationResponses": [{"StatusCode": "200"}],
    }
    found = {
        "Bucket": (
            "AWS::S3::Bucket",
            {
                "CorsConfiguration": {
                    "CorsRules": [{"AllowedMethods": ["GET"], "AllowedOrigins": [f"http://{word}"]}]
                },
                "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
                "BucketEncryption": {
                    "ServerSideEncryptionConfiguration": [
                        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
                    ]
                },
                "Tags": [{"Key": "word", "Value": word}],
            },
        ),
        "BucketPolicy": (
            "AWS::S3::BucketPolicy",
            {
                "Bucket": {"Ref": "Bucket"},
                "PolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [
                        {
                            "Effect": "Allow",
                            "Principal": {"AWS": {"Fn::GetAtt": ["Role", "Arn"]}},
                            "Action": "s3:GetObject",
                            "Resource": {"Fn::Sub": "${Bucket.Arn}/" + word + "/*"},
                        }
                    ],
                },
            },
        ),
        "Role": (
            "AWS::IAM::Role",
            {
                "AssumeRolePolicyDocument": trust,
                "Description": word,
                "Policies": [{"PolicyName": word, "PolicyDocument": allow}],
                "ManagedPolicyArns": [
                    "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
                ],
            },
        ),
        "Policy": (
            "AWS::IAM::Policy",
            {"PolicyName": word, "PolicyDocument": allow, "Roles": [{"Ref": "Role"}]},
        ),
        "Managed": (
            "AWS::IAM::ManagedPolicy",
            {
                "PolicyDocument": {**allow, "Statement": [{**allow["Statement"][0], "Sid": word}]},  # type: ignore[dict-item]
                "Groups": [{"Ref": "Group"}],
            },
        ),
        "Group": ("AWS::IAM::Group", {"Policies": [{"PolicyName": word, "PolicyDocument": allow}]}),
        "User": ("AWS::IAM::User", {"Groups": [{"Ref": "Group"}] if changed else []}),
        "Key": (
            "AWS::IAM::AccessKey",
            {"UserName": {"Ref": "User"}, "Status": "Inactive" if changed else "Active"},
        ),
        "Logs": (
            "AWS::Logs::LogGroup",
            {"LogGroupName": f"/{stack}/logs", "RetentionInDays": 7 if changed else 1},
        ),
        "Layer": (
            "AWS::Lambda::LayerVersion",
            {"Content": {"S3Bucket": bucket, "S3Key": code}, "Description": word},
        ),
        "Function": (
            "AWS::Lambda::Function",
            {
                "Runtime": "python3.11",
                "Handler": "index.handler",
                "Role": {"Fn::GetAtt": ["Role", "Arn"]},
                "Code": {"ZipFile": f"def handler(event, context):\n    return {word!r}\n"},
                "Timeout": "5" if changed else "4",
                "Layers": [{"Ref": "Layer"}],
                "RecursiveLoop": "Allow" if changed else "Terminate",
                "RuntimeManagementConfig": {
                    "UpdateRuntimeOn": "FunctionUpdate" if changed else "Auto"
                },
                **({} if changed else {"CodeSigningConfigArn": {"Ref": "Signing"}}),
            },
        ),
        "Signing": (
            "AWS::Lambda::CodeSigningConfig",
            {
                "AllowedPublishers": {
                    "SigningProfileVersionArns": [
                        "arn:aws:signer:us-east-1:000000000000:/signing-profiles/p/v"
                    ]
                },
                "Description": word,
                "Tags": [{"Key": word, "Value": word}],
            },
        ),
        "LayerPermission": (
            "AWS::Lambda::LayerVersionPermission",
            {
                "Action": "lambda:GetLayerVersion",
                "LayerVersionArn": {"Ref": "Layer"},
                "Principal": "*",
            },
        ),
        "Version": (
            "AWS::Lambda::Version",
            {
                "FunctionName": {"Ref": "Function"},
                "Description": word,
                "RuntimePolicy": {"UpdateRuntimeOn": "Auto"},
            },
        ),
        "Retries": (
            "AWS::Lambda::EventInvokeConfig",
            {
                "FunctionName": {"Ref": "Function"},
                "Qualifier": "live",
                "MaximumRetryAttempts": 1 if changed else 0,
            },
        ),
        "Url": (
            "AWS::Lambda::Url",
            {
                "TargetFunctionArn": {"Ref": "Function"},
                "Qualifier": "live",
                "AuthType": "AWS_IAM" if changed else "NONE",
                **({} if changed else {"InvokeMode": "RESPONSE_STREAM"}),
            },
        ),
        "Alias": (
            "AWS::Lambda::Alias",
            {
                "FunctionName": {"Ref": "Function"},
                "Name": "live",
                "FunctionVersion": {"Fn::GetAtt": ["Version", "Version"]},
                "ProvisionedConcurrencyConfig": {"ProvisionedConcurrentExecutions": 1},
            },
        ),
        "Permission": (
            "AWS::Lambda::Permission",
            {
                "FunctionName": {"Ref": "Alias"},
                "Action": "lambda:InvokeFunction",
                "Principal": "apigateway.amazonaws.com",
            },
        ),
        "Api": ("AWS::ApiGateway::RestApi", {"Name": f"{stack}-{word}"}),
        "Path": (
            "AWS::ApiGateway::Resource",
            {
                "RestApiId": {"Ref": "Api"},
                "ParentId": {"Fn::GetAtt": ["Api", "RootResourceId"]},
                "PathPart": "mock",
            },
        ),
        "Method": (
            "AWS::ApiGateway::Method",
            {
                "RestApiId": {"Ref": "Api"},
                "ResourceId": {"Ref": "Path"},
                "HttpMethod": "GET",
                "AuthorizationType": "NONE",
                "OperationName": word,
                "Integration": integration,
                "MethodResponses": [{"StatusCode": "200"}],
            },
        ),
        "Deployment": (
            "AWS::ApiGateway::Deployment",
            {"RestApiId": {"Ref": "Api"}, "Description": word},
        ),
        "Stage": (
            "AWS::ApiGateway::Stage",
            {
                "RestApiId": {"Ref": "Api"},
                "DeploymentId": {"Ref": "Deployment"},
                "StageName": "live",
                "Variables": {"word": word},
            },
        ),
        "Handle": ("AWS::CloudFormation::WaitConditionHandle", {}),
        "Metadata": ("AWS::CDK::Metadata", {"Analytics": word}),
    }
    resources: dict[str, Any] = {
        logical: {"Type": type_, "Properties": properties}
        for logical, (type_, properties) in found.items()
    }
    resources["Deployment"]["DependsOn"] = "Method"
    resources["Retries"]["DependsOn"] = resources["Url"]["DependsOn"] = "Alias"
    return {
        "Resources": resources,
        "Outputs": {
            "Alias": {"Value": {"Ref": "Alias"}},
            "Role": {"Value": {"Ref": "Role"}},
            "Snap": {"Value": {"Fn::GetAtt": ["Function", "SnapStartResponse.ApplyOn"]}},
        },
    }


def test_every_type_is_made_changed_and_deleted(server: Live) -> None:
    cfn, stack, bucket = server.client("cloudformation"), name("all"), name("layer")
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("python/extra.py", "x = 1\n")
    s3 = server.client("s3")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="layer.zip", Body=content.getvalue())
    tags = [{"Key": "owner", "Value": "test"}]
    made = create(cfn, stack, everything(stack, "layer.zip", bucket, changed=False), Tags=tags)
    assert made["StackStatus"] == "CREATE_COMPLETE", events(cfn, stack)
    answer = server.client("lambda").invoke(FunctionName=outputs(made)["Alias"])
    assert json.loads(answer["Payload"].read()) == "one"
    role = server.client("iam").get_role(RoleName=outputs(made)["Role"])["Role"]
    assert {"Key": "owner", "Value": "test"} in role["Tags"]

    cfn.update_stack(
        StackName=stack,
        TemplateBody=json.dumps(everything(stack, "layer.zip", bucket, changed=True)),
        Capabilities=["CAPABILITY_NAMED_IAM"],
    )
    changed = settled(cfn, stack)
    assert changed["StackStatus"] == "UPDATE_COMPLETE", events(cfn, stack)
    answer = server.client("lambda").invoke(FunctionName=outputs(changed)["Alias"])
    assert json.loads(answer["Payload"].read()) == "two"
    alias = {"FunctionName": outputs(changed)["Alias"].rpartition(":")[0], "Qualifier": "live"}
    lambda_ = server.client("lambda")
    retries = lambda_.get_function_event_invoke_config(**alias)["MaximumRetryAttempts"]
    url = lambda_.get_function_url_config(**alias)
    ready = lambda_.get_provisioned_concurrency_config(**alias)["Status"]
    assert (retries, url["AuthType"], url["InvokeMode"]) == (1, "AWS_IAM", "BUFFERED")
    assert (ready, outputs(changed)["Snap"]) == ("READY", "None")
    del alias["Qualifier"]
    assert lambda_.get_function_recursion_config(**alias)["RecursiveLoop"] == "Allow"
    signing = lambda_.get_function_code_signing_config(**alias)
    assert not signing.get("CodeSigningConfigArn")
    (config,) = [
        found["PhysicalResourceId"]
        for found in cfn.describe_stack_resources(StackName=stack)["StackResources"]
        if found["LogicalResourceId"] == "Signing"
    ]
    assert lambda_.list_tags(Resource=config)["Tags"]["two"] == "two"
    assert "one" not in lambda_.list_tags(Resource=config)["Tags"]

    cfn.delete_stack(StackName=stack)
    gone = settled(cfn, made["StackId"])
    assert gone["StackStatus"] == "DELETE_COMPLETE", events(cfn, made["StackId"])


def test_a_failed_update_brings_the_old_function_back(server: Live) -> None:
    cfn, stack, bucket = server.client("cloudformation"), name("back"), name("layer")
    whole = everything(stack, "", bucket, changed=False)["Resources"]
    names = ("Role", "Function")
    resources = {n: whole[n] for n in names}
    for property_ in ("Layers", "CodeSigningConfigArn"):
        del resources["Function"]["Properties"][property_]
    template = {"Resources": resources, "Outputs": {"F": {"Value": {"Ref": "Function"}}}}
    made = create(cfn, stack, template)
    assert made["StackStatus"] == "CREATE_COMPLETE", events(cfn, stack)
    function = resources["Function"]["Properties"]
    function["Code"] = {"ZipFile": "def handler(event, context):\n    return 'two'\n"}
    resources["Taken"] = {
        "Type": "AWS::IAM::Role",
        "DependsOn": "Function",
        "Properties": {**resources["Role"]["Properties"], "RoleName": outputs(made)["F"]},
    }
    server.client("iam").create_role(
        RoleName=outputs(made)["F"],
        AssumeRolePolicyDocument=json.dumps(
            resources["Role"]["Properties"]["AssumeRolePolicyDocument"]
        ),
    )
    cfn.update_stack(
        StackName=stack, TemplateBody=json.dumps(template), Capabilities=["CAPABILITY_NAMED_IAM"]
    )
    assert settled(cfn, stack)["StackStatus"] == "UPDATE_ROLLBACK_COMPLETE", events(cfn, stack)
    answer = server.client("lambda").invoke(FunctionName=outputs(made)["F"])
    assert json.loads(answer["Payload"].read()) == "one"
    assert server.client("iam").get_role(RoleName=outputs(made)["F"])
    cfn.delete_stack(StackName=stack)
    assert settled(cfn, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_a_failed_creation_leaves_nothing(server: Live) -> None:
    cfn, stack, bucket = server.client("cloudformation"), name("fails"), name("taken")
    server.client("s3").create_bucket(Bucket=bucket)
    resources = {
        "First": {"Type": "AWS::S3::Bucket"},
        "Taken": {
            "Type": "AWS::S3::Bucket",
            "DependsOn": "First",
            "Properties": {"BucketName": bucket},
        },
    }
    made = create(cfn, stack, resources)
    assert made["StackStatus"] == "ROLLBACK_COMPLETE"
    assert f"Taken CREATE_FAILED {bucket} already exists" in events(cfn, stack)
    names = [b["Name"] for b in server.client("s3").list_buckets()["Buckets"]]
    assert bucket in names
    assert not [each for each in names if each.startswith(stack)]


def test_a_bucket_with_objects_is_not_deleted(server: Live) -> None:
    cfn, s3, stack = server.client("cloudformation"), server.client("s3"), name("full")
    made = create(
        cfn,
        stack,
        {
            "Resources": {"Bucket": {"Type": "AWS::S3::Bucket"}},
            "Outputs": {"B": {"Value": {"Ref": "Bucket"}}},
        },
    )
    bucket = outputs(made)["B"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    cfn.delete_stack(StackName=stack)
    assert settled(cfn, stack)["StackStatus"] == "DELETE_FAILED"
    assert "is not empty" in events(cfn, stack)
    s3.delete_object(Bucket=bucket, Key="k")
    cfn.delete_stack(StackName=stack)
    assert settled(cfn, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_resources_are_made_with_the_callers_rights_or_the_service_roles(server: Live) -> None:
    iam, stack = server.client("iam"), name("rights")
    user = name("deployer")
    iam.create_user(UserName=user)
    allowed = ["cloudformation:*", "iam:PassRole"]
    statement = [{"Effect": "Allow", "Action": allowed, "Resource": "*"}]
    iam.put_user_policy(
        UserName=user,
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}),
    )
    key = iam.create_access_key(UserName=user)["AccessKey"]
    cfn = server.client(
        "cloudformation",
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
    )
    resources = {"Bucket": {"Type": "AWS::S3::Bucket"}}
    assert create(cfn, stack, resources)["StackStatus"] == "ROLLBACK_COMPLETE"
    assert "HandlerErrorCode: AccessDenied" in events(cfn, stack)
    cfn.delete_stack(StackName=stack)

    trust = [
        {
            "Effect": "Allow",
            "Principal": {"Service": "cloudformation.amazonaws.com"},
            "Action": "sts:AssumeRole",
        }
    ]
    role = iam.create_role(
        RoleName=name("service"),
        AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": trust}),
    )["Role"]
    statement = [{"Effect": "Allow", "Action": ["s3:*"], "Resource": "*"}]
    iam.put_role_policy(
        RoleName=role["RoleName"],
        PolicyName="p",
        PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": statement}),
    )
    made = create(cfn, stack, resources, RoleARN=role["Arn"])
    assert made["StackStatus"] == "CREATE_COMPLETE", events(cfn, stack)
    cfn.delete_stack(StackName=stack)
    assert settled(cfn, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"


def test_a_nested_stack_from_a_template_in_s3(server: Live) -> None:
    cfn, s3, stack, bucket = (
        server.client("cloudformation"), server.client("s3"), name("parent"), name("templates"),
    )  # fmt: skip
    child = {
        "Parameters": {"Name": {"Type": "String"}},
        "Resources": {
            "Logs": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": {"Ref": "Name"}}}
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Logs", "Arn"]}}},
    }
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="child.json", Body=json.dumps(child).encode())
    template = {
        "Resources": {
            "Child": {
                "Type": "AWS::CloudFormation::Stack",
                "Properties": {
                    "TemplateURL": f"https://{bucket}.s3.amazonaws.com/child.json",
                    "Parameters": {"Name": f"/{stack}"},
                },
            }
        },
        "Outputs": {"Arn": {"Value": {"Fn::GetAtt": ["Child", "Outputs.Arn"]}}},
    }
    made = create(cfn, stack, template)
    assert made["StackStatus"] == "CREATE_COMPLETE", events(cfn, stack)
    assert outputs(made)["Arn"].endswith(f":log-group:/{stack}:*")
    cfn.delete_stack(StackName=stack)
    assert settled(cfn, made["StackId"])["StackStatus"] == "DELETE_COMPLETE"
    groups = server.client("logs").describe_log_groups(logGroupNamePrefix=f"/{stack}")
    assert groups["logGroups"] == []


def test_what_a_kill_cuts_off_is_rolled_back_at_the_next_start(own_server: Live) -> None:
    own_server.start()
    cfn, stack = own_server.client("cloudformation"), name("killed")
    # One after the other, so that the kill comes in the midst however fast the machine is.
    resources: dict[str, dict[str, str]] = {"B0": {"Type": "AWS::S3::Bucket"}}
    for n in range(1, 300):
        resources[f"B{n}"] = {"Type": "AWS::S3::Bucket", "DependsOn": f"B{n - 1}"}
    body = {"StackName": stack, "TemplateBody": json.dumps({"Resources": resources})}
    client = subprocess.Popen(
        [sys.executable, "-c", _CREATE, json.dumps(body)],
        env=own_server.environment(),
        stderr=subprocess.DEVNULL,
    )
    deadline = time.monotonic() + 20
    buckets = own_server.client("s3")
    while time.monotonic() < deadline:
        if buckets.list_buckets()["Buckets"]:
            break
    own_server.kill()
    client.wait(30)
    own_server.start()
    cfn = own_server.client("cloudformation")
    assert settled(cfn, stack)["StackStatus"] == "ROLLBACK_COMPLETE", events(cfn, stack)
    assert own_server.client("s3").list_buckets()["Buckets"] == []
    assert "cloudlet was stopped during the operation." in events(cfn, stack)


_CREATE = """
import boto3, json, sys
boto3.client("cloudformation").create_stack(**json.loads(sys.argv[1]))
"""
