from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cloudlet.aws.policy import Decision, Policy, Question, canonical_user, evaluate
from cloudlet.aws.principal import ANONYMOUS, Principal, root, service

HERE, THERE = "111122223333", "444455556666"
BOB = Principal("user", HERE, f"arn:aws:iam::{HERE}:user/bob", "AIDAABCDEFGHIJKLMNOPQ", "bob")
ROLE_ARN = f"arn:aws:iam::{HERE}:role/worker"
SESSION = Principal(
    "assumed-role",
    HERE,
    f"arn:aws:sts::{HERE}:assumed-role/worker/s1",
    "AROAABCDEFGHIJKLMNOPQ:s1",
    "worker",
    ROLE_ARN,
)
GET, KEY = "s3:GetObject", "arn:aws:s3:::bucket/key"


def policy(*statements: dict[str, Any], resource_based: bool = False) -> Policy:
    document = {"Version": "2012-10-17", "Statement": list(statements)}
    return Policy.parse(document, resource_based=resource_based)


def allow(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: Any = "*", resource: Any = "*", **more: Any) -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource, **more}


def on_bucket(principal: Any, effect: str = "Allow", element: str = "Principal") -> Policy:
    statement = {"Effect": effect, element: principal, "Action": "s3:*", "Resource": "*"}
    return policy(statement, resource_based=True)


def decide(who: Principal = BOB, account: str = HERE, **policies: Any) -> Decision:
    conditions = policies.pop("conditions", {})
    return evaluate(Question(who, GET, KEY, account, conditions), **policies)


@pytest.mark.parametrize(
    ("statements", "allowed"),
    [
        ([], False),
        ([allow()], True),
        ([allow("s3:GetObject")], True),
        ([allow("S3:getobject")], True),
        ([allow("s3:Get*")], True),
        ([allow("s3:G?tObject")], True),
        ([allow("s3:Put*")], False),
        ([allow(["iam:*", "s3:GetObject"])], True),
        ([allow(resource="arn:aws:s3:::bucket/*")], True),
        ([allow(resource="arn:aws:s3:::other/*")], False),
        ([allow(), deny("s3:GetObject")], False),
        ([allow(), deny("s3:PutObject")], True),
        ([{"Effect": "Allow", "NotAction": "iam:*", "Resource": "*"}], True),
        ([{"Effect": "Allow", "NotAction": "s3:*", "Resource": "*"}], False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::bucket/*"}], False),
        ([{"Effect": "Allow", "Action": "*", "NotResource": "arn:aws:s3:::other/*"}], True),
        ([allow(Condition={"StringEquals": {"aws:username": "bob"}})], True),
        ([allow(Condition={"StringEquals": {"aws:username": "ann"}})], False),
        ([allow(resource="arn:aws:s3:::bucket/${aws:username}")], False),
    ],
)
def test_identity_policies(statements: list[dict[str, Any]], allowed: bool) -> None:
    identity = tuple(policy(statement) for statement in statements)
    assert decide(identity=identity).allowed is allowed


def test_a_denial_says_which_kind_of_policy_it_was() -> None:
    nothing = policy(allow("iam:*"))
    everything = policy(allow())
    refusing = policy(deny())
    reasons = {
        "because no identity-based policy allows the s3:GetObject action": decide(),
        "with an explicit deny in an identity-based policy": decide(
            identity=[everything, refusing]
        ),
        "because no permissions boundary allows the s3:GetObject action": decide(
            identity=[everything], boundary=nothing
        ),
        "with an explicit deny in a permissions boundary": decide(
            identity=[everything], boundary=refusing
        ),
        "because no session policy allows the s3:GetObject action": decide(
            SESSION, identity=[everything], session=[nothing]
        ),
        "with an explicit deny in a session policy": decide(
            SESSION, identity=[everything], session=[everything, refusing]
        ),
        "because no resource-based policy allows the s3:GetObject action": decide(
            identity=[everything], account=THERE
        ),
        "with an explicit deny in a resource-based policy": decide(
            identity=[everything], resource=on_bucket("*", "Deny")
        ),
    }
    for wording, decision in reasons.items():
        assert not decision.allowed
        assert decision.because(GET) == wording


# After "Policy evaluation for requests within a single account": who is named decides which
# implicit denials the resource's policy overrides.
@pytest.mark.parametrize(
    ("who", "named", "bounded", "limited", "allowed"),
    [
        (BOB, {"AWS": BOB.arn}, False, False, True),
        (BOB, {"AWS": BOB.user_id}, False, False, True),
        (BOB, {"AWS": BOB.arn}, True, False, True),
        (BOB, {"AWS": HERE}, False, False, False),
        (BOB, {"AWS": f"arn:aws:iam::{HERE}:root"}, False, False, False),
        (BOB, "*", False, False, True),
        (BOB, {"AWS": "*"}, True, False, True),
        (BOB, {"AWS": f"arn:aws:iam::{HERE}:user/ann"}, False, False, False),
        (SESSION, {"AWS": ROLE_ARN}, False, False, True),
        (SESSION, {"AWS": "AROAABCDEFGHIJKLMNOPQ"}, False, False, True),
        (SESSION, {"AWS": ROLE_ARN}, True, False, False),
        (SESSION, {"AWS": ROLE_ARN}, False, True, False),
        (SESSION, {"AWS": SESSION.arn}, True, True, True),
        (SESSION, {"AWS": f"arn:aws:sts::{HERE}:assumed-role/worker/s2"}, False, False, False),
        (SESSION, {"AWS": HERE}, False, False, False),
    ],
)
def test_a_resource_policy_of_the_same_account(
    who: Principal, named: Any, bounded: bool, limited: bool, allowed: bool
) -> None:
    nothing = policy(allow("iam:*"))
    decision = decide(
        who,
        resource=on_bucket(named),
        boundary=nothing if bounded else None,
        session=[nothing] if limited else [],
    )
    assert decision.allowed is allowed


@pytest.mark.parametrize(
    ("named", "by_identity", "allowed"),
    [
        (HERE, True, True),
        (BOB.arn, True, True),
        ("*", True, True),
        (BOB.arn, False, False),
        (THERE, True, False),
    ],
)
def test_across_accounts_both_sides_must_allow(
    named: str, by_identity: bool, allowed: bool
) -> None:
    identity = [policy(allow())] if by_identity else []
    decision = decide(account=THERE, identity=identity, resource=on_bucket({"AWS": named}))
    assert decision.allowed is allowed


def test_the_root_may_do_everything_in_its_account_and_nothing_in_another() -> None:
    assert decide(root(HERE)).allowed
    assert not decide(root(HERE), account=THERE).allowed
    assert decide(root(HERE), account=THERE, resource=on_bucket({"AWS": HERE})).allowed


def test_a_bucket_policy_can_deny_the_root_but_not_lock_it_out() -> None:
    closed = on_bucket("*", "Deny")
    assert not decide(root(HERE), resource=closed).allowed
    delete = Question(root(HERE), "s3:DeleteBucketPolicy", "arn:aws:s3:::bucket", HERE)
    assert evaluate(delete, resource=closed).allowed
    assert not evaluate(replace(delete, principal=BOB), resource=closed).allowed


def test_services_and_strangers_have_resource_policies_only() -> None:
    events = service("events.amazonaws.com", HERE)
    everything = [policy(allow())]
    assert not decide(events, identity=everything).allowed
    assert decide(events, resource=on_bucket({"Service": "events.amazonaws.com"})).allowed
    assert not decide(events, resource=on_bucket({"Service": "sns.amazonaws.com"})).allowed
    assert not decide(events, resource=on_bucket({"AWS": HERE})).allowed
    assert decide(ANONYMOUS, resource=on_bucket("*")).allowed
    assert decide(ANONYMOUS, resource=on_bucket({"AWS": "*"})).allowed
    assert not decide(ANONYMOUS, resource=on_bucket({"AWS": HERE})).allowed
    assert not decide(ANONYMOUS, identity=everything).allowed


def test_a_service_is_held_to_its_source() -> None:
    condition = {
        "StringEquals": {"aws:SourceAccount": HERE},
        "ArnLike": {"aws:SourceArn": f"arn:aws:execute-api:*:{HERE}:api/*"},
    }
    statement = allow("s3:*", Principal={"Service": "x.amazonaws.com"}, Condition=condition)
    resource = policy(statement, resource_based=True)
    keys = {
        "aws:sourceaccount": HERE,
        "aws:sourcearn": f"arn:aws:execute-api:r:{HERE}:api/prod/GET/",
    }
    who = service("x.amazonaws.com", HERE)
    assert decide(who, resource=resource, conditions=keys).allowed
    assert not decide(who, resource=resource, conditions={**keys, "aws:sourceaccount": "x"}).allowed
    assert not decide(who, resource=resource).allowed


def test_a_canonical_user_is_an_account() -> None:
    resource = on_bucket({"CanonicalUser": canonical_user(HERE)})
    assert decide(account=THERE, identity=[policy(allow())], resource=resource).allowed
    assert not decide(replace(BOB, account=THERE), account=THERE, resource=resource).allowed


def test_not_principal_spares_only_whom_it_names_with_their_account() -> None:
    ann = replace(BOB, arn=f"arn:aws:iam::{HERE}:user/ann", name="ann")
    resource = on_bucket({"AWS": [BOB.arn, HERE]}, "Deny", "NotPrincipal")
    everything = [policy(allow())]
    assert decide(BOB, identity=everything, resource=resource).allowed
    assert not decide(ann, identity=everything, resource=resource).allowed
    assert not decide(ANONYMOUS, resource=resource).allowed


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("aws:PrincipalArn", BOB.arn),
        ("aws:PrincipalAccount", HERE),
        ("aws:PrincipalType", "User"),
        ("aws:userid", BOB.user_id),
        ("aws:username", "bob"),
        ("aws:PrincipalTag/Team", "yellow"),
        ("aws:PrincipalIsAWSService", "false"),
    ],
)
def test_the_principals_condition_keys(key: str, value: str) -> None:
    who = replace(BOB, tags={"Team": "yellow"})
    statement = allow(Condition={"StringEquals": {key: value}})
    assert decide(who, identity=[policy(statement)]).allowed


def test_a_sessions_principal_arn_is_its_roles() -> None:
    statement = allow(Condition={"ArnEquals": {"aws:PrincipalArn": ROLE_ARN}})
    assert decide(SESSION, identity=[policy(statement)]).allowed


def test_a_condition_on_the_clock() -> None:
    past, future = "2020-01-01T00:00:00Z", "2999-01-01T00:00:00Z"
    condition = {"DateGreaterThan": {"aws:CurrentTime": past}}
    assert decide(identity=[policy(allow(Condition=condition))]).allowed
    condition = {"DateGreaterThan": {"aws:CurrentTime": future}}
    assert not decide(identity=[policy(allow(Condition=condition))]).allowed


actions = st.sampled_from(["s3:GetObject", "s3:Get*", "s3:PutObject", "*", "iam:*"])
resources = st.sampled_from([KEY, "arn:aws:s3:::bucket/*", "arn:aws:s3:::other/*", "*"])
statements = st.builds(
    lambda effect, action, resource: {"Effect": effect, "Action": action, "Resource": resource},
    st.sampled_from(["Allow", "Deny"]),
    actions,
    resources,
)
policies = st.lists(st.builds(policy, statements, statements), max_size=3)
named = st.sampled_from(["*", {"AWS": HERE}, {"AWS": BOB.arn}, {"AWS": ROLE_ARN}])
callers = st.sampled_from([BOB, SESSION, replace(BOB, account=THERE)])


@given(callers, policies, policies, named, st.integers(0, 3))
def test_a_deny_always_wins(
    who: Principal, identity: list[Policy], session: list[Policy], principal: Any, where: int
) -> None:
    refusing = policy(deny(GET, KEY))
    placed: dict[str, Any] = {
        "identity": [*identity, *([refusing] if where == 0 else [])],
        "session": [*session, *([refusing] if where == 1 else [])],
        "boundary": refusing if where == 2 else None,
        "resource": on_bucket(principal, "Deny" if where == 3 else "Allow"),
    }
    named_by_it = where != 3 or placed["resource"].statements[0].grip(who)
    if named_by_it:
        assert not decide(who, **placed).allowed


@given(callers, policies, policies, named, statements.filter(lambda s: s["Effect"] == "Allow"))
def test_another_allow_never_takes_away(
    who: Principal,
    identity: list[Policy],
    session: list[Policy],
    principal: Any,
    statement: dict[str, Any],
) -> None:
    resource = on_bucket(principal)
    before = decide(who, identity=identity, session=session, resource=resource).allowed
    more = [*identity, policy(statement)]
    after = decide(who, identity=more, session=session, resource=resource).allowed
    assert after or not before


@given(callers, policies, policies)
def test_a_boundary_never_gives(who: Principal, identity: list[Policy], more: list[Policy]) -> None:
    unbounded = decide(who, identity=identity).allowed
    for boundary in more:
        assert unbounded or not decide(who, identity=identity, boundary=boundary).allowed
