from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from cloudlet.aws.errors import AWSError
from cloudlet.services.lambda_.names import from_arn, function_name, layer_name

CONTEXT = cast("Any", SimpleNamespace(account="000000000000", region="us-east-1"))
ARN = "arn:aws:lambda:us-east-1:111111111111:function:f"


@pytest.mark.parametrize(
    ("text", "account", "qualifier"),
    [
        ("f", "000000000000", None),
        ("f:live", "000000000000", "live"),
        ("f:$LATEST", "000000000000", "$LATEST"),
        ("function:f:3", "000000000000", "3"),
        ("111111111111:function:f", "111111111111", None),
        (ARN, "111111111111", None),
        (f"{ARN}:live", "111111111111", "live"),
    ],
)
def test_every_form_of_a_name_is_read(text: str, account: str, qualifier: str | None):
    name = function_name(CONTEXT, text)
    assert (name.account, name.name, name.qualifier) == (account, "f", qualifier)
    assert name.arn == f"arn:aws:lambda:us-east-1:{account}:function:f"


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (ARN.replace("us-east-1", "eu-west-1"), "ResourceNotFoundException"),
        ("x" * 65, "ValidationException"),
        ("a b", "ValidationException"),
        ("a.b", "ValidationException"),
    ],
)
def test_other_names_are_refused(text: str, code: str):
    with pytest.raises(AWSError) as refused:
        function_name(CONTEXT, text)
    assert refused.value.code == code


@pytest.mark.parametrize("text", ["f", "arn:aws:s3:::bucket", "111111111111:function:f", ""])
def test_only_a_whole_arn_is_an_arn(text: str):
    assert from_arn(text) is None


def test_a_layers_version_may_stand_in_its_arn():
    name = layer_name(CONTEXT, "arn:aws:lambda:us-east-1:111111111111:layer:l:7")
    assert (name.account, name.name, name.version) == ("111111111111", "l", 7)
    assert layer_name(CONTEXT, "l", 2).version == 2
