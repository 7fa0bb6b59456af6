"""What API Gateway keeps: APIs with their resources and methods, deployments, stages."""

from __future__ import annotations

import msgspec


class IntegrationResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a MOCK integration answers for a status code."""

    status_code: str
    selection_pattern: str | None = None
    response_parameters: dict[str, str] = {}
    response_templates: dict[str, str] = {}
    content_handling: str | None = None


class Integration(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a method calls: a function (AWS_PROXY) or nothing (MOCK)."""

    type: str
    http_method: str | None = None
    uri: str | None = None
    credentials: str | None = None
    timeout_ms: int = 29_000
    passthrough_behavior: str = "WHEN_NO_MATCH"
    content_handling: str | None = None
    request_parameters: dict[str, str] = {}
    request_templates: dict[str, str] = {}
    responses: dict[str, IntegrationResponse] = {}
    cache_namespace: str | None = None
    cache_key_parameters: tuple[str, ...] = ()


class MethodResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """A status code that a method declares."""

    status_code: str
    response_parameters: dict[str, bool] = {}
    response_models: dict[str, str] = {}


class Method(msgspec.Struct, frozen=True, omit_defaults=True):
    """A verb of a resource."""

    http_method: str
    authorization_type: str = "NONE"
    api_key_required: bool = False
    operation_name: str | None = None
    request_parameters: dict[str, bool] = {}
    request_models: dict[str, str] = {}
    responses: dict[str, MethodResponse] = {}
    integration: Integration | None = None


class Resource(msgspec.Struct, frozen=True, omit_defaults=True):
    """A path of an API with its methods by verb (`ANY` is one)."""

    id: str
    path: str
    path_part: str | None = None
    parent_id: str | None = None
    methods: dict[str, Method] = {}


class GatewayResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """An API's own wording of an answer that the gateway itself gives."""

    type: str
    status_code: str | None = None
    response_parameters: dict[str, str] = {}
    response_templates: dict[str, str] = {}


class RestApi(msgspec.Struct, frozen=True, omit_defaults=True):
    """An API as it is being edited; stages serve the snapshots of its deployments."""

    id: str
    name: str
    created: float
    root_resource_id: str
    description: str | None = None
    version: str | None = None
    binary_media_types: tuple[str, ...] = ()
    minimum_compression_size: int | None = None
    api_key_source: str = "HEADER"
    endpoint_types: tuple[str, ...] = ("EDGE",)
    policy: str | None = None
    disable_execute_api_endpoint: bool = False
    tags: dict[str, str] = {}
    resources: dict[str, Resource] = {}
    gateway_responses: dict[str, GatewayResponse] = {}
    warnings: tuple[str, ...] = ()


class Deployment(msgspec.Struct, frozen=True, omit_defaults=True):
    """A snapshot of an API: what a stage serves does not change with later edits."""

    id: str
    api_id: str
    created: float
    api: RestApi
    description: str | None = None


class MethodSetting(msgspec.Struct, frozen=True, omit_defaults=True):
    """A stage's settings for `resource/VERB` or `*/*`; logging is what cloudlet honours."""

    metrics_enabled: bool = False
    logging_level: str = "OFF"
    data_trace_enabled: bool = False


class Stage(msgspec.Struct, frozen=True, omit_defaults=True):
    """A name under which a deployment is served."""

    name: str
    api_id: str
    deployment_id: str
    created: float
    updated: float
    description: str | None = None
    variables: dict[str, str] = {}
    tags: dict[str, str] = {}
    method_settings: dict[str, MethodSetting] = {}
    tracing_enabled: bool = False
