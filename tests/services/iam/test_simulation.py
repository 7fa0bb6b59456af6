from __future__ import annotations

from tests.services.iam.harness import House, policy

KEY = "arn:aws:s3:::b/k"


async def test_a_principals_policies_are_simulated(house: House) -> None:
    bob = await house.user("bob", policy("s3:Get*"), policy("s3:GetObject", KEY, "Deny"))
    answer = await house.iam(
        "SimulatePrincipalPolicy",
        PolicySourceArn=bob.arn,
        ActionNames=["s3:GetObject", "s3:PutObject"],
        ResourceArns=[KEY, "arn:aws:s3:::b/other"],
    )
    decisions = [result["EvalDecision"] for result in answer["EvaluationResults"]]
    assert decisions == ["explicitDeny", "allowed", "implicitDeny", "implicitDeny"]
    matched = answer["EvaluationResults"][0]["MatchedStatements"]
    assert matched == [{"SourcePolicyId": "user_bob_p1", "SourcePolicyType": "user"}]


async def test_custom_policies_are_simulated_with_context(house: House) -> None:
    document = policy("s3:*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}})
    for address, decision in (("10.1.1.1", "allowed"), ("11.1.1.1", "implicitDeny")):
        answer = await house.iam(
            "SimulateCustomPolicy",
            PolicyInputList=[document],
            ActionNames=["s3:GetObject"],
            ContextEntries=[
                {
                    "ContextKeyName": "aws:SourceIp",
                    "ContextKeyValues": [address],
                    "ContextKeyType": "ip",
                }
            ],
        )
        assert answer["EvaluationResults"][0]["EvalDecision"] == decision
