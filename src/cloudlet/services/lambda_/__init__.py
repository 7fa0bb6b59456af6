"""Lambda: functions, their versions and policies, and their invocation."""

from __future__ import annotations

from cloudlet.aws.event_sources import EventSources
from cloudlet.aws.function_report import FunctionReports
from cloudlet.aws.functions import Functions
from cloudlet.aws.service import Service, operations_of
from cloudlet.services.lambda_.api import (
    aliases,
    code_signing,
    event_configs,
    event_sources,
    functions,
    invoke,
    layer_policies,
    layers,
    limits,
    policies,
    provisioned,
    resource_policies,
    settings,
    streaming,
    tags,
    updates,
    urls,
    versions,
)
from cloudlet.services.lambda_.asynchronous import Events
from cloudlet.services.lambda_.code import CodeStore
from cloudlet.services.lambda_.destinations import Destinations
from cloudlet.services.lambda_.download import Download
from cloudlet.services.lambda_.function_url.door import FunctionUrl
from cloudlet.services.lambda_.invoker import Invoker
from cloudlet.services.lambda_.reports import Reports
from cloudlet.services.lambda_.sources.pollers import Pollers
from cloudlet.services.lambda_.state import LambdaService
from cloudlet.services.lambda_.store import Store
from cloudlet.services.lambda_.targets import Targets
from cloudlet.services.parts import Parts
from cloudlet.storage.queue import Queue


def build(parts: Parts) -> Service[LambdaService]:
    """The Lambda service; it offers `Functions` to the services that invoke functions."""
    store = Store(parts.records)
    code = CodeStore(parts.data)
    targets = Targets(store, code, parts.cloud)
    events = Events(Queue(parts.data / "events.db"))
    invoker = Invoker(targets, parts.compute, events, parts.cloud, parts.usage)
    destinations = Destinations(parts.cloud, invoker)
    pollers = Pollers(store, parts.cloud, invoker.run_batch, destinations)
    state = LambdaService(
        store,
        code,
        targets,
        parts.compute,
        events,
        invoker,
        destinations,
        pollers,
        strict_runtimes=parts.settings.lambda_.strict_runtimes,
    )
    parts.offer(Functions, invoker)  # type: ignore[type-abstract]
    parts.offer(EventSources, pollers)  # type: ignore[type-abstract]
    reports = Reports(store, parts.compute, parts.usage)
    parts.offer(FunctionReports, reports)  # type: ignore[type-abstract]

    async def start() -> None:
        await state.start()
        parts.usage.start(reports.provisioned)

    return Service(
        name="lambda",
        state=state,
        operations=operations_of(
            aliases,
            code_signing,
            event_configs,
            event_sources,
            functions,
            invoke,
            layer_policies,
            layers,
            limits,
            policies,
            provisioned,
            resource_policies,
            settings,
            streaming,
            tags,
            updates,
            urls,
            versions,
        ),
        doors={
            "lambda-code": Download(state),
            "lambda-url": FunctionUrl(state, parts.cloud),
        },
        start=start,
        stop=state.stop,
        reset=state.reset,
    )
