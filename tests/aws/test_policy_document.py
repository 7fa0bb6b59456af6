from __future__ import annotations

import contextlib
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.aws.policy import MalformedPolicy, Policy

ALLOW = {"Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}
TRUST = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"AWS": "111122223333"}}


def document(*statements: Any, **more: Any) -> dict[str, Any]:
    return {"Version": "2012-10-17", "Statement": list(statements), **more}


def without(statement: dict[str, Any], *keys: str, **more: Any) -> dict[str, Any]:
    return {k: v for k, v in statement.items() if k not in keys} | more


@pytest.mark.parametrize(
    ("given_document", "message"),
    [
        ("not json", "Syntax errors in policy."),
        ("[]", "Syntax errors in policy."),
        ({"Version": "2012-10-17"}, "Syntax errors in policy."),
        ({"Version": "2020-01-01", "Statement": [ALLOW]}, "Syntax errors in policy."),
        (document(ALLOW, Extra=1), "Syntax errors in policy."),
        (document(without(ALLOW, "Effect")), "Syntax errors in policy."),
        (document(without(ALLOW, Effect="allow")), "Syntax errors in policy."),
        (document(without(ALLOW, NotAction="s3:*")), "Syntax errors in policy."),
        (document(without(ALLOW, Condition={"Foo": {"a": "b"}})), "Syntax errors in policy."),
        (document(without(ALLOW, "Action")), "Policy statement must contain actions."),
        (document(without(ALLOW, Action=[])), "Policy statement must contain actions."),
        (document(without(ALLOW, "Resource")), "Policy statement must contain resources."),
        (
            document(without(ALLOW, Action="GetObject")),
            "Actions/Conditions must be prefaced by a vendor, e.g., iam, sdb, ec2, etc.",
        ),
        (
            document(without(ALLOW, Action="s3:Get:Object")),
            "Actions/Condition can contain only one colon.",
        ),
        (document(without(ALLOW, Action="s 3:GetObject")), "Vendor s 3 is not valid"),
        (
            document(without(ALLOW, Resource="bucket")),
            'Resource bucket must be in ARN format or "*".',
        ),
        (
            document(without(ALLOW, Resource="arn:azure:s3:::b")),
            'Partition "azure" is not valid for resource "arn:azure:s3:::b".',
        ),
        (
            document(without(ALLOW, Principal="*")),
            "Policy document should not specify a principal.",
        ),
        (
            document(without(ALLOW, Sid="a"), without(ALLOW, Sid="a")),
            "Statement IDs (SID) in a single policy must be unique.",
        ),
    ],
)
def test_a_malformed_identity_policy_gets_awss_message(given_document: Any, message: str) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        Policy.parse(given_document)
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (without(TRUST, Resource="*"), "Has prohibited field Resource"),
        (without(TRUST, "Principal"), "AssumeRole policy must contain principals."),
        (
            without(TRUST, Action="s3:GetObject"),
            "AssumeRole policy may only specify STS AssumeRole actions.",
        ),
        (
            without(TRUST, Principal={"AWS": "arn:aws:iam::111122223333:user/*"}),
            'Invalid principal in policy: "AWS":"arn:aws:iam::111122223333:user/*"',
        ),
        (
            without(TRUST, Principal={"Who": "me"}),
            'Invalid principal in policy: "Who"',
        ),
    ],
)
def test_a_malformed_trust_policy_gets_awss_message(
    statement: dict[str, Any], message: str
) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        Policy.parse_trust(document(statement))
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("statement", "message"),
    [
        (ALLOW, "Missing required field Principal"),
        (without(ALLOW, "Resource", Principal="*"), "Missing required field Resource"),
        (without(ALLOW, "Effect", Principal="*"), "Missing required field Effect"),
        (without(ALLOW, Principal={"AWS": "nobody"}), "Invalid principal in policy"),
        (without(ALLOW, Principal="*", Action="get"), "Policy has invalid action"),
        (
            without(ALLOW, Principal="*", Condition={"Foo": {"a": "b"}}),
            "Invalid Condition type : Foo",
        ),
    ],
)
def test_a_malformed_resource_policy_gets_s3s_message(
    statement: dict[str, Any], message: str
) -> None:
    with pytest.raises(MalformedPolicy) as caught:
        Policy.parse(document(statement), resource_based=True)
    assert str(caught.value) == message


def test_one_statement_needs_no_list_and_text_is_as_good_as_a_document() -> None:
    policy = {"Version": "2012-10-17", "Statement": ALLOW}
    assert len(Policy.parse(policy).statements) == 1
    assert len(Policy.parse(msgspec.json.encode(policy).decode()).statements) == 1


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["Version", "Statement", "Effect", "Action", "Resource", "Principal",
                         "Condition", "StringEquals", "Sid", "AWS"]),
        inner,
        max_size=5,
    ),
    max_leaves=12,
)  # fmt: skip


@given(json_values, st.booleans())
def test_no_document_raises_anything_else(value: Any, resource_based: bool) -> None:
    for given_document in (value, {"Statement": value}, {"Statement": [value]}):
        with contextlib.suppress(MalformedPolicy):
            Policy.parse(given_document, resource_based=resource_based)
        with contextlib.suppress(MalformedPolicy):
            Policy.parse_trust(given_document)


def test_deep_nesting_is_a_syntax_error() -> None:
    with pytest.raises(MalformedPolicy):
        Policy.parse("[" * 100_000)
