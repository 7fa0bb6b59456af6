"""Resource types, one module each. A new type is a new module and one line here."""

from __future__ import annotations

from cloudlet.services.cloudformation.resources.apigateway_deployment import Deployment
from cloudlet.services.cloudformation.resources.apigateway_method import Method
from cloudlet.services.cloudformation.resources.apigateway_resource import Resource
from cloudlet.services.cloudformation.resources.apigateway_rest_api import RestApi
from cloudlet.services.cloudformation.resources.apigateway_stage import Stage
from cloudlet.services.cloudformation.resources.cdk_metadata import CdkMetadata
from cloudlet.services.cloudformation.resources.cloudformation_stack import NestedStack
from cloudlet.services.cloudformation.resources.cloudformation_wait_condition_handle import (
    WaitConditionHandle,
)
from cloudlet.services.cloudformation.resources.iam_access_key import AccessKey
from cloudlet.services.cloudformation.resources.iam_group import Group
from cloudlet.services.cloudformation.resources.iam_managed_policy import ManagedPolicy
from cloudlet.services.cloudformation.resources.iam_policy import InlinePolicy
from cloudlet.services.cloudformation.resources.iam_role import Role
from cloudlet.services.cloudformation.resources.iam_user import User
from cloudlet.services.cloudformation.resources.kind import ResourceType
from cloudlet.services.cloudformation.resources.lambda_alias import Alias
from cloudlet.services.cloudformation.resources.lambda_code_signing_config import (
    CodeSigningConfig,
)
from cloudlet.services.cloudformation.resources.lambda_event_invoke_config import (
    EventInvokeConfig,
)
from cloudlet.services.cloudformation.resources.lambda_event_source_mapping import (
    EventSourceMapping,
)
from cloudlet.services.cloudformation.resources.lambda_function import Function
from cloudlet.services.cloudformation.resources.lambda_layer_version import LayerVersion
from cloudlet.services.cloudformation.resources.lambda_layer_version_permission import (
    LayerVersionPermission,
)
from cloudlet.services.cloudformation.resources.lambda_permission import Permission
from cloudlet.services.cloudformation.resources.lambda_url import Url
from cloudlet.services.cloudformation.resources.lambda_version import Version
from cloudlet.services.cloudformation.resources.logs_log_group import LogGroup
from cloudlet.services.cloudformation.resources.s3_bucket import Bucket
from cloudlet.services.cloudformation.resources.s3_bucket_policy import BucketPolicy

_CLASSES: tuple[type[ResourceType], ...] = (
    AccessKey, Alias, Bucket, BucketPolicy, CdkMetadata, CodeSigningConfig, Deployment,
    EventInvokeConfig, EventSourceMapping, Function, Group, InlinePolicy, LayerVersion,
    LayerVersionPermission, LogGroup, ManagedPolicy, Method, NestedStack, Permission, Resource,
    RestApi, Role, Stage, Url, User, Version, WaitConditionHandle,
)  # fmt: skip

#: Every known type by its name.
TYPES: dict[str, ResourceType] = {each.name: each() for each in _CLASSES}
