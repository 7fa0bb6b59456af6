from __future__ import annotations

import pytest

from cloudlet.services.cloudformation.api.sources import object_of
from cloudlet.services.cloudformation.errors import ValidationError


@pytest.mark.parametrize(
    ("url", "bucket", "key", "version"),
    [
        ("https://b.s3.amazonaws.com/k/x.yml", "b", "k/x.yml", None),
        ("https://b.s3.us-east-1.amazonaws.com/k", "b", "k", None),
        ("https://b.s3-us-west-2.amazonaws.com/k", "b", "k", None),
        ("https://my.dotted.bucket.s3.amazonaws.com/k", "my.dotted.bucket", "k", None),
        ("https://s3.amazonaws.com/b/k%20x?versionId=v", "b", "k x", "v"),
        ("https://s3.eu-west-1.amazonaws.com/b/k", "b", "k", None),
        ("http://127.0.0.1:4566/b/k/deep", "b", "k/deep", None),
        ("http://localhost:4566/b/k", "b", "k", None),
        ("http://b.s3.localhost:4566/k", "b", "k", None),
        ("http://b.s3.localhost.localstack.cloud:4566/k", "b", "k", None),
        ("s3://b/k", "b", "k", None),
    ],
)
def test_every_style_of_url(url: str, bucket: str, key: str, version: str | None) -> None:
    assert object_of(url) == (bucket, key, version)


@pytest.mark.parametrize(
    "url", ["ftp://b/k", "file:///etc/passwd", "b/k", "https://s3.amazonaws.com/b"]
)
def test_other_urls_are_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="TemplateURL must"):
        object_of(url)
