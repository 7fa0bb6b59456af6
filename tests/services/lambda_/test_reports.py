from __future__ import annotations

from collections.abc import AsyncIterator

import pytest
from tests.services.lambda_.world import ACCOUNT, REGION, World, outcome

from cloudlet.aws.errors import AWSError
from cloudlet.aws.function_report import FunctionReports
from cloudlet.compute.environment import EnvironmentState, Outcome, TemplateState
from cloudlet.metering.counters import Meter
from cloudlet.services.lambda_.reports import Reports


@pytest.fixture
async def reports(world: World) -> AsyncIterator[FunctionReports]:
    yield world.parts.wanted(FunctionReports)  # type: ignore[type-abstract]
    await world.parts.usage.stop()


async def test_a_page_says_how_a_function_is_served_and_what_it_used(
    world: World, reports: FunctionReports
) -> None:
    world.compute.inexact.add("python3.12")
    made = await world.create(Runtime="python3.12", Publish=True)
    await world.call("Invoke", FunctionName="f")
    spec = world.compute.invocations[0][0]
    world.compute.environments.append(
        EnvironmentState(spec.key, "python3.12", "f", "$LATEST", "s", "idle", 1.0, 1, "zygote")
    )
    world.compute.learned.append(
        TemplateState(spec.key, "f", "$LATEST", "refused", "a socket is open", 3, 0.0)
    )

    async def fail(_invocation: object) -> Outcome:
        return outcome(b"{}", "Unhandled")

    world.compute.answer = fail
    await world.call("Invoke", FunctionName="f", Qualifier="1")
    await world.call("PutFunctionConcurrency", FunctionName="f", ReservedConcurrentExecutions=0)
    with pytest.raises(AWSError, match="Rate Exceeded"):
        await world.call("Invoke", FunctionName="f", Qualifier="1")
    page = await reports.function(ACCOUNT, REGION, "f")
    assert (page.function, page.arn) == ("f", made["FunctionArn"])
    assert (page.runtime.identifier, page.runtime.exact) == ("python3.12", False)
    assert page.last_used is not None
    used = page.last_hour
    assert (used.invocations, used.errors, used.throttles) == (2, 1, 1)
    assert (used.billed_ms, used.max_memory_mb, used.gb_s) == (2, 20, 0.00025)
    latest, first = page.versions
    assert (latest.version, first.version) == ("$LATEST", "1")
    assert (len(latest.environments), len(first.environments)) == (1, 0)
    assert latest.template is not None
    assert (latest.template.reason, first.template) == ("a socket is open", None)
    assert (latest.last_day.invocations, first.last_day.errors) == (1, 1)


async def test_another_accounts_environments_are_not_told(
    world: World, reports: FunctionReports
) -> None:
    for account in (ACCOUNT, "111111111111"):
        key = f"arn:aws:lambda:us-east-1:{account}:function:f:$LATEST:r"
        world.compute.environments.append(
            EnvironmentState(key, "python3.11", "f", "$LATEST", "s", "idle", 1.0, 1, "zygote")
        )
        world.compute.learned.append(TemplateState(key, "f", "$LATEST", "ready", "", 3, 9.0))
    report = await reports.compute(ACCOUNT)
    assert [state.key.split(":")[4] for state in report.environments] == [ACCOUNT]
    assert [state.key.split(":")[4] for state in report.templates] == [ACCOUNT]


async def test_a_function_that_is_not_there_has_no_page(reports: FunctionReports) -> None:
    with pytest.raises(AWSError) as refused:
        await reports.function(ACCOUNT, REGION, "nobody")
    assert refused.value.code == "ResourceNotFoundException"


async def test_what_is_kept_ready_is_counted_by_version(world: World) -> None:
    await world.create(Publish=True, MemorySize=256)
    await world.call("CreateAlias", FunctionName="f", Name="live", FunctionVersion="1")
    await world.call(
        "PutProvisionedConcurrencyConfig",
        FunctionName="f",
        Qualifier="live",
        ProvisionedConcurrentExecutions=2,
    )
    reports = world.parts.wanted(FunctionReports)  # type: ignore[type-abstract]
    assert isinstance(reports, Reports)
    assert list(reports.provisioned()) == [(Meter(ACCOUNT, REGION, "f", "1"), 512)]
