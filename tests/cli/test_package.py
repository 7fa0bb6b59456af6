from __future__ import annotations

import io
import zipfile
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from cloudlet.cli.package import Packager, archive
from cloudlet.cli.problem import Problem


class FakeS3:
    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}

    def head_object(self, Bucket: str, Key: str) -> None:
        if Key not in self.objects:
            raise ClientError({"Error": {"Code": "404"}}, "HeadObject")

    def put_object(self, Bucket: str, Key: str, Body: bytes) -> None:
        self.objects[Key] = Body


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "app.py").write_text(f"# {name}")
    return tmp_path


def package(folder: Path, template: dict[str, Any]) -> tuple[dict[str, Any], FakeS3]:
    s3 = FakeS3()
    return Packager(s3, "bucket", folder, lambda _: None).package(template), s3


def test_local_code_becomes_addresses_uploaded_once(folder: Path) -> None:
    sam = {"Type": "AWS::Serverless::Function", "Properties": {"Runtime": "nodejs20.x"}}
    template = {
        "Globals": {"Function": {"CodeUri": "a/"}},
        "Resources": {
            "One": {**sam, "Properties": {**sam["Properties"]}},  # type: ignore[dict-item]
            "Two": {**sam, "Properties": {**sam["Properties"]}},  # type: ignore[dict-item]
            "Plain": {"Type": "AWS::Lambda::Function", "Properties": {"Code": "b"}},
        },
    }
    packaged, s3 = package(folder, template)
    resources = packaged["Resources"]
    one = resources["One"]["Properties"]["CodeUri"]
    assert one.startswith("s3://bucket/")
    assert resources["Two"]["Properties"]["CodeUri"] == one
    assert resources["Plain"]["Properties"]["Code"]["S3Bucket"] == "bucket"
    assert "CodeUri" not in packaged["Globals"]["Function"]
    assert len(s3.objects) == 2


@pytest.mark.parametrize(
    "properties",
    [{"InlineCode": "x"}, {"CodeUri": "s3://b/k"}, {"CodeUri": {"Bucket": "b", "Key": "k"}}],
)
def test_other_code_is_left_alone(folder: Path, properties: dict[str, Any]) -> None:
    template = {"Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": properties}}}
    packaged, s3 = package(folder, template)
    assert packaged["Resources"]["F"]["Properties"] == properties
    assert s3.objects == {}


def test_a_path_that_is_not_there_is_named(folder: Path) -> None:
    template = {
        "Resources": {"F": {"Type": "AWS::Serverless::Function", "Properties": {"CodeUri": "c"}}}
    }
    with pytest.raises(Problem, match="F refers to c"):
        package(folder, template)


def test_the_same_content_gives_the_same_archive(folder: Path) -> None:
    first = archive(folder)
    (folder / "a" / "app.py").touch()
    assert archive(folder) == first
    assert zipfile.ZipFile(io.BytesIO(first)).namelist() == ["a/app.py", "b/app.py"]
