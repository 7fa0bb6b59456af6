"""Versions of objects by boto3 against a live server, and the buckets of SAM and CDK."""

from __future__ import annotations

import hashlib
import json
import threading
from typing import Any

import boto3
import pytest
from tests.clients.live import Live
from tests.clients.test_s3 import fetch, refused

pytestmark = pytest.mark.clients

ENABLED = {"Status": "Enabled"}


@pytest.fixture
def s3(server: Live) -> Any:
    return server.client("s3")


@pytest.fixture
def bucket(s3: Any, request: pytest.FixtureRequest) -> str:
    name = "v-" + hashlib.md5(request.node.nodeid.encode()).hexdigest()
    s3.create_bucket(Bucket=name)
    s3.put_bucket_versioning(Bucket=name, VersioningConfiguration=ENABLED)
    return name


def test_headers_of_versions_on_the_wire(server: Live, s3: Any, bucket: str) -> None:
    keys = {"Bucket": bucket, "Key": "a b"}
    first = s3.put_object(**keys, Body=b"1")["VersionId"]
    marker = s3.delete_object(**keys)["VersionId"]
    url = s3.generate_presigned_url("get_object", Params=keys)
    status, headers, text = fetch(url)
    assert (status, headers["x-amz-delete-marker"]) == (404, "true")
    assert (headers["x-amz-version-id"], b"<Code>NoSuchKey</Code>" in text) == (marker, True)
    url = s3.generate_presigned_url("get_object", Params={**keys, "VersionId": marker})
    status, headers, text = fetch(url)
    assert (status, headers["allow"], headers["x-amz-delete-marker"]) == (405, "DELETE", "true")
    assert "GMT" in headers["last-modified"]
    assert b"<Code>MethodNotAllowed</Code>" in text
    url = s3.generate_presigned_url("get_object", Params={**keys, "VersionId": first})
    assert fetch(url)[2] == b"1"
    assert refused(s3.head_object, **keys, VersionId=marker)[0] == 405


def test_a_multipart_upload_makes_a_version(s3: Any, bucket: str) -> None:
    keys = {"Bucket": bucket, "Key": "k"}
    old = s3.put_object(**keys, Body=b"old")["VersionId"]
    upload = s3.create_multipart_upload(**keys)["UploadId"]
    part = s3.upload_part(**keys, UploadId=upload, PartNumber=1, Body=b"new")
    parts = {"Parts": [{"PartNumber": 1, "ETag": part["ETag"]}]}
    done = s3.complete_multipart_upload(**keys, UploadId=upload, MultipartUpload=parts)
    assert s3.get_object(**keys)["VersionId"] == done["VersionId"]
    assert s3.get_object(**keys, VersionId=old)["Body"].read() == b"old"


def test_boto3_empties_a_bucket_of_versions(server: Live, s3: Any, bucket: str) -> None:
    """Its collection deletes each page of versions before it asks for the next one."""
    for n in range(30):
        s3.put_object(Bucket=bucket, Key=f"k{n % 3}", Body=b"x")
    for n in range(3):
        s3.delete_object(Bucket=bucket, Key=f"k{n}")
    assert refused(s3.delete_bucket, Bucket=bucket) == (409, "BucketNotEmpty")
    resource = boto3.resource(
        "s3",
        endpoint_url=server.endpoint,
        region_name="us-east-1",
        aws_access_key_id=server.describe["access_key_id"],
        aws_secret_access_key=server.describe["secret_access_key"],
    )
    resource.Bucket(bucket).object_versions.page_size(7).delete()
    s3.delete_bucket(Bucket=bucket)


def test_versions_survive_a_kill(own_server: Live) -> None:
    """Every acknowledged write is a version after `kill -9`, and the latest is one of the last."""
    s3 = own_server.start().client("s3")
    s3.create_bucket(Bucket="kept")
    s3.put_bucket_versioning(Bucket="kept", VersioningConfiguration=ENABLED)
    written: list[list[tuple[str, bytes | None]]] = [[] for _ in range(4)]
    enough = threading.Event()

    def write(place: int) -> None:
        client, n = own_server.client("s3"), 0
        try:
            while True:
                n += 1
                body = b"%d" % n * (1 if n % 4 else 20_000)
                if n % 5 == 0:
                    made = client.delete_object(Bucket="kept", Key=f"k{place}")
                else:
                    made = client.put_object(Bucket="kept", Key=f"k{place}", Body=body)
                written[place].append((made["VersionId"], None if n % 5 == 0 else body))
                if sum(map(len, written)) > 120:
                    enough.set()
        except Exception:
            return

    threads = [threading.Thread(target=write, args=(place,)) for place in range(4)]
    for thread in threads:
        thread.start()
    assert enough.wait(30)
    own_server.kill()
    for thread in threads:
        thread.join()
    s3 = own_server.start().client("s3")
    for place, made in enumerate(written):
        keys = {"Bucket": "kept", "Key": f"k{place}"}
        listed = s3.list_object_versions(Bucket="kept", Prefix=f"k{place}")
        both = [*listed.get("Versions", []), *listed.get("DeleteMarkers", [])]
        latest = [one["VersionId"] for one in both if one["IsLatest"]]
        assert len(latest) == 1
        assert {version for version, _ in made} <= {one["VersionId"] for one in both}
        assert len(both) <= len(made) + 1  # one may have been written and not acknowledged
        for version, body in made:
            if body is not None:
                assert s3.get_object(**keys, VersionId=version)["Body"].read() == body


SAM_BUCKET: dict[str, Any] = {
    "Type": "AWS::S3::Bucket",
    "Properties": {
        "PublicAccessBlockConfiguration": {
            "BlockPublicPolicy": "true",
            "BlockPublicAcls": "true",
            "IgnorePublicAcls": "true",
            "RestrictPublicBuckets": "true",
        },
        "BucketEncryption": {
            "ServerSideEncryptionConfiguration": [
                {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms"}}
            ]
        },
        "VersioningConfiguration": {"Status": "Enabled"},
    },
}


def _template(status: str | None) -> str:
    """A bucket with the settings of SAM's managed one and the policy that demands TLS."""
    properties = {**SAM_BUCKET["Properties"]}
    if status is None:
        del properties["VersioningConfiguration"]
    else:
        properties["VersioningConfiguration"] = {"Status": status}
    arn = {"Fn::Sub": "arn:${AWS::Partition}:s3:::${Source}/*"}
    deny = {
        "Effect": "Deny", "Action": ["s3:*"], "Principal": "*", "Resource": [arn],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }  # fmt: skip
    policy = {"Bucket": {"Ref": "Source"}, "PolicyDocument": {"Statement": [deny]}}
    resources = {
        "Source": {"Type": "AWS::S3::Bucket", "Properties": properties},
        "Policy": {"Type": "AWS::S3::BucketPolicy", "Properties": policy},
    }
    return json.dumps({"Resources": resources, "Outputs": {"Name": {"Value": {"Ref": "Source"}}}})


def test_a_template_keeps_versions_and_stops(server: Live, s3: Any) -> None:
    formation, name = server.client("cloudformation"), {"StackName": "versions-of-a-bucket"}
    formation.create_stack(**name, TemplateBody=_template("Enabled"))
    quick = {"Delay": 1, "MaxAttempts": 30}
    formation.get_waiter("stack_create_complete").wait(**name, WaiterConfig=quick)
    outputs = formation.describe_stacks(**name)["Stacks"][0]["Outputs"]
    bucket = outputs[0]["OutputValue"]
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    stored = s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert stored["ServerSideEncryption"] == "aws:kms"
    formation.update_stack(**name, TemplateBody=_template(None))
    formation.get_waiter("stack_update_complete").wait(**name, WaiterConfig=quick)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Suspended"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=stored["VersionId"])
    formation.delete_stack(**name)
    formation.get_waiter("stack_delete_complete").wait(**name, WaiterConfig=quick)
    assert refused(s3.head_bucket, Bucket=bucket)[0] == 404
