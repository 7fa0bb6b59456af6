"""The documents that a Lambda proxy integration and its function exchange, as JSON has them.

Source: "Input format of a Lambda function for proxy integration" and "Output format ..."
(API Gateway developer guide).
"""

from __future__ import annotations

from typing import Any

import msgspec


class Identity(msgspec.Struct, rename="camel"):
    """`requestContext.identity`; nobody is known here but the address."""

    source_ip: str
    user_agent: str | None
    cognito_identity_pool_id: None = None
    account_id: None = None
    cognito_identity_id: None = None
    caller: None = None
    principal_org_id: None = None
    access_key: None = None
    cognito_authentication_type: None = None
    cognito_authentication_provider: None = None
    user_arn: None = None
    user: None = None


class Context(msgspec.Struct, rename="camel"):
    """`requestContext`."""

    resource_id: str
    resource_path: str
    http_method: str
    extended_request_id: str
    request_time: str
    path: str
    account_id: str
    protocol: str
    stage: str
    domain_prefix: str
    request_time_epoch: int
    request_id: str
    identity: Identity
    domain_name: str
    deployment_id: str
    api_id: str
    operation_name: str | msgspec.UnsetType


class Event(msgspec.Struct, rename="camel"):
    """The event's members, in AWS's order."""

    resource: str
    path: str
    http_method: str
    headers: dict[str, str]
    multi_value_headers: dict[str, list[str]]
    query_string_parameters: dict[str, str] | None
    multi_value_query_string_parameters: dict[str, list[str]] | None
    path_parameters: dict[str, str] | None
    stage_variables: dict[str, str] | None
    request_context: Context
    body: str | None
    is_base64_encoded: bool


class Answer(msgspec.Struct, rename="camel"):
    """What of a function's answer counts; each may be anything until it was looked at."""

    status_code: Any = None
    headers: Any = None
    multi_value_headers: Any = None
    body: Any = None
    is_base64_encoded: Any = False
