"""CloudWatch Logs: log groups, streams and events, and the sink that functions write to."""

from __future__ import annotations

from cloudlet.aws.service import Service, operations_of
from cloudlet.compute.environment import LogSink
from cloudlet.services.logs.api import events, groups, search, streams, tags
from cloudlet.services.logs.sink import Sink
from cloudlet.services.logs.state import LogsService
from cloudlet.services.logs.store import Store
from cloudlet.services.parts import Parts


def build(parts: Parts) -> Service[LogsService]:
    """The Logs service; it offers `LogSink` to whoever builds compute."""
    store = Store(parts.records, parts.data / "logs.db")
    sink = Sink(store, parts.cloud)
    parts.offer(LogSink, sink)  # type: ignore[type-abstract]
    state = LogsService(store, sink)
    return Service(
        name="logs",
        state=state,
        operations=operations_of(events, groups, search, streams, tags),
        start=state.start,
        stop=state.stop,
        reset=state.reset,
    )
