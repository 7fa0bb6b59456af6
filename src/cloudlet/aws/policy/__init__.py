"""AWS's policy language: documents compiled once, questions answered in microseconds.

A policy that speaks for a resource should be parsed with `owner`, the account of that resource,
wherever the resource's ARN does not name one (S3): evaluation decides by it whether the caller is
of the same account, or of another and so in need of a grant from both sides. A resource without a
policy has `Policy.none(owner)`.
"""

from __future__ import annotations

from cloudlet.aws.policy.document import MalformedPolicy, Policy, Statement
from cloudlet.aws.policy.evaluation import Decision, Question, evaluate
from cloudlet.aws.policy.principals import canonical_user

__all__ = [
    "Decision",
    "MalformedPolicy",
    "Policy",
    "Question",
    "Statement",
    "canonical_user",
    "evaluate",
]
