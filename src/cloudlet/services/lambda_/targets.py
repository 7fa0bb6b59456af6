"""What an invocation needs to know of a function, compiled once and kept until it changes."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from cloudlet.aws import authorisation
from cloudlet.aws.cloud import Cloud
from cloudlet.aws.functions import EventSource
from cloudlet.aws.policy import Policy, Question, evaluate
from cloudlet.aws.principal import Principal, service
from cloudlet.compute.environment import EnvironmentSpec
from cloudlet.metering.counters import Meter
from cloudlet.services.lambda_ import permissions
from cloudlet.services.lambda_.asynchronous import EventSettings
from cloudlet.services.lambda_.code import CodeStore
from cloudlet.services.lambda_.concurrency import AccountConcurrency, FunctionConcurrency
from cloudlet.services.lambda_.configuration import log_group
from cloudlet.services.lambda_.errors import (
    AccessDenied,
    LambdaError,
    ResourceConflict,
    ResourceNotFound,
    SnapStartNotReady,
)
from cloudlet.services.lambda_.model import ConfigurationRecord
from cloudlet.services.lambda_.names import LATEST, FunctionName, from_arn
from cloudlet.services.lambda_.roles import VALID_S, as_role, credentials_of
from cloudlet.services.lambda_.store import Store

INVOKE = "lambda:InvokeFunction"
#: Sources whose permission a target remembers before it starts afresh.
_REMEMBERED = 4096


@dataclass(slots=True)
class Target:
    """A function, version or alias as invocations see it; never changed, only replaced.

    `versions` are what may run with the upper bounds of their shares of [0, 1).
    """

    name: FunctionName
    arn: str
    policy: Policy | None
    versions: tuple[tuple[float, EnvironmentSpec], ...]
    concurrency: FunctionConcurrency
    events: EventSettings
    may_loop: bool  # recursive loops are allowed
    meters: Mapping[str, Meter]  # by version
    state: str = "Active"  # else there are no versions to run: "Pending", "Failed"
    _allowed: set[tuple[str, str, str]] = field(default_factory=set)

    def event_settings(self) -> EventSettings:
        """How events are to be processed now."""
        if self.concurrency.reserved == 0:
            return replace(self.events, disabled=True)
        return self.events

    def choose(self) -> EnvironmentSpec:
        """The version that runs this time; raises AWS's error where it is not ready to."""
        if len(self.versions) == 1:
            return self.versions[0][1]
        if not self.versions:
            raise not_invocable(self.state)
        share = random.random()  # noqa: S311 - not a secret
        return next(spec for bound, spec in self.versions if share < bound)

    def check(self, cloud: Cloud, source: EventSource) -> None:
        """Raise `AccessDenied` unless the source may invoke.

        A service is allowed by the resource policy, which is fixed for this target, so a positive
        answer is remembered; a role's permission is looked up every time.
        """
        if source.role_arn is None:
            known = (source.principal, source.source_arn, source.source_account)
            if known in self._allowed:
                return
            self._decide(cloud, service(source.principal, source.source_account), source)
            if len(self._allowed) >= _REMEMBERED:
                self._allowed.clear()
            self._allowed.add(known)
        else:
            self._decide(cloud, as_role(source.role_arn, "BackplaneAssumeRoleSession"), source)

    def _decide(self, cloud: Cloud, principal: Principal, source: EventSource) -> None:
        decision = evaluate(
            Question(
                principal,
                INVOKE,
                self.arn,
                self.name.account,
                {
                    "aws:sourcearn": source.source_arn,
                    "aws:sourceaccount": source.source_account,
                    "aws:requestedregion": self.name.region,
                },
            ),
            identity=cloud.identities.policies(principal),
            resource=self.policy,
            boundary=cloud.identities.boundary(principal),
        )
        if not decision.allowed:
            raise AccessDenied(authorisation.message(principal, INVOKE, self.arn, decision))


def invocable(configuration: ConfigurationRecord) -> str:
    """The State of a version, "Active" if it can be invoked."""
    status = configuration.snapshot.status if configuration.snapshot else "on"
    return {"pending": "Pending", "failed": "Failed"}.get(status, "Active")


def not_invocable(state: str) -> LambdaError:
    """The error of an invocation of a version that is not Active ("Troubleshooting SnapStart")."""
    if state == "Pending":
        return SnapStartNotReady(
            "Lambda is initializing your function. It will be ready to invoke once your function"
            " state becomes ACTIVE."
        )
    return not_now(state)


def not_now(state: str) -> ResourceConflict:
    """The error of an operation that needs an active version."""
    return ResourceConflict(
        "The operation cannot be performed at this time. The function is currently in the following"
        f" state: {state}"
    )


class Targets:
    """Targets by ARN. Whatever changes a function calls `forget` after its commit."""

    def __init__(self, store: Store, code: CodeStore, cloud: Cloud) -> None:
        self._store, self._code, self._cloud = store, code, cloud
        self._by_arn: dict[str, Target] = {}
        self._arns: dict[tuple[str, str, str], set[str]] = {}
        self._accounts: dict[tuple[str, str], AccountConcurrency] = {}

    def of(self, arn: str) -> Target:
        """The target of a whole ARN; `ResourceNotFound` where there is no such function."""
        target = self._by_arn.get(arn)
        if target is None:
            name = from_arn(arn)
            if name is None:
                raise ResourceNotFound(f"Function not found: {arn}")
            target = self._compile(name)
            self._by_arn[arn] = target
            self._arns.setdefault(name.key, set()).add(arn)
        return target

    def forget(self, name: FunctionName) -> None:
        """Compile the function's targets anew at their next use."""
        for arn in self._arns.pop(name.key, ()):
            self._by_arn.pop(arn, None)

    def forget_all(self) -> None:
        """Forget every function, when all state is wiped."""
        self._by_arn.clear()
        self._arns.clear()
        self._accounts.clear()

    def account(self, account: str, region: str) -> AccountConcurrency:
        """The concurrency of an account in a region, with every function's reservation."""
        found = self._accounts.get((account, region))
        if found is None:
            found = self._accounts[account, region] = AccountConcurrency()
            for name, function in self._store.functions.scan(account, region):
                concurrency = found.functions[name] = FunctionConcurrency(found)
                concurrency.reserve(function.reserved_concurrency)
        return found

    def concurrency(self, name: FunctionName) -> FunctionConcurrency:
        """The function's concurrency."""
        account = self.account(name.account, name.region)
        found = account.functions.get(name.name)
        if found is None:
            found = account.functions[name.name] = FunctionConcurrency(account)
        return found

    def _compile(self, name: FunctionName) -> Target:
        qualifier = name.qualifier
        configuration = self._store.configuration(name)
        shares = [(1.0, configuration)]
        if qualifier is not None and qualifier != LATEST and not qualifier.isdigit():
            alias = self._store.alias(name, qualifier)
            for version, weight in alias.weights.items():
                shares = [(weight, self._store.version(name, version)), (1.0, configuration)]
        meters = {v.version: Meter(*name.key, v.version) for _, v in shares}
        state = next(
            (s for _, version in shares if (s := invocable(version)) != "Active"), "Active"
        )
        if state != "Active":
            shares = []
        config = self._store.event_config(name)
        return Target(
            name=name,
            arn=name.qualified_arn,
            policy=permissions.policy(self._store, name),
            versions=tuple((bound, self.spec(name, version)) for bound, version in shares),
            concurrency=self.concurrency(name),
            events=EventSettings(
                role=configuration.role,
                retries=config.retries if config else None,
                maximum_age_s=config.maximum_age_s if config else None,
                on_success=config.on_success if config else "",
                on_failure=config.on_failure if config else "",
                dead_letter=configuration.dead_letter,
            ),
            may_loop=self._store.function(name).recursion == "Allow",
            meters=meters,
            state=state,
        )

    def spec(self, name: FunctionName, configuration: ConfigurationRecord) -> EnvironmentSpec:
        """The execution environments of one version of the function."""
        group = log_group(name.name, configuration)
        group_arn = f"arn:aws:logs:{name.region}:{name.account}:log-group:{group}"
        role, runtime = configuration.role, configuration.runtime
        variables = self._variables(name, configuration, group)
        return EnvironmentSpec(
            key=environment_key(name, configuration),
            runtime=runtime,
            handler=configuration.handler,
            code=self._code.tree(configuration.code, runtime),
            layers=tuple(
                self._code.tree(use.code, runtime, "/opt") for use in configuration.layers
            ),
            memory_mb=configuration.memory_mb,
            timeout_s=float(configuration.timeout_s),
            tmp_mb=configuration.tmp_mb,
            variables=variables,
            credentials=credentials_of(self._cloud, name.account, name.region, role, name.name),
            # What the log sink of the Logs service reads: which group, and who writes.
            log_group=f"{group_arn} {role}",
            function_name=name.name,
            version=configuration.version,
            credentials_valid_s=float(VALID_S),
            account=name.account,
            system_log_level=configuration.system_log_level,
            snap_start=configuration.snapshot is not None
            and configuration.snapshot.status in ("pending", "on"),
        )

    def _variables(
        self, name: FunctionName, configuration: ConfigurationRecord, group: str
    ) -> dict[str, str]:
        """After "Defined runtime environment variables"; those of the sandbox are compute's."""
        reserved = {
            "_HANDLER": configuration.handler,
            "AWS_REGION": name.region,
            "AWS_DEFAULT_REGION": name.region,
            "AWS_EXECUTION_ENV": f"AWS_Lambda_{configuration.runtime}",
            "AWS_LAMBDA_FUNCTION_NAME": name.name,
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": str(configuration.memory_mb),
            "AWS_LAMBDA_FUNCTION_VERSION": configuration.version,
            "AWS_LAMBDA_INITIALIZATION_TYPE": "on-demand",
            "AWS_LAMBDA_LOG_GROUP_NAME": group,
            "LAMBDA_TASK_ROOT": "/var/task",
            "LAMBDA_RUNTIME_DIR": "/var/runtime",
        }
        if configuration.log_format == "JSON":
            reserved["AWS_LAMBDA_LOG_FORMAT"] = "JSON"
            reserved["AWS_LAMBDA_LOG_LEVEL"] = configuration.application_log_level
        defaults = {
            "AWS_ENDPOINT_URL": self._cloud.endpoint,
            "TZ": ":UTC",
            "LANG": "en_US.UTF-8",
        }
        return defaults | (configuration.variables or {}) | reserved


def environment_key(name: FunctionName, configuration: ConfigurationRecord) -> str:
    """Environments of the same key are interchangeable; every update makes a new one."""
    return f"{name.arn}:{configuration.version}:{configuration.revision_id}"
