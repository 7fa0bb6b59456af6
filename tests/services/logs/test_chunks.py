from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cloudlet.services.logs import chunks
from cloudlet.services.logs.model import Event, GroupRecord
from cloudlet.services.logs.store import MIGRATIONS, Store
from cloudlet.storage.database import Database
from cloudlet.storage.records import Records

Batch = list[tuple[int, str]]


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    records = Records(tmp_path / "records.db")
    found = Store(records, tmp_path / "logs.db")
    yield found
    found.database.close()
    records.close()


def test_a_chunk_is_bounded_in_time_count_and_bytes() -> None:
    events = [(n // 3, "x" * 100) for n in range(9000)] + [(9000, "ä" * 200_000), (0, "late")]
    packed = list(chunks.pack(events))
    assert all(c.last_ms - c.first_ms <= chunks.SPAN_MS for c in packed)
    assert all(c.size <= chunks.MOST_BYTES for c in packed[:-2])
    assert packed[-2].size == 400_000 + chunks.EVENT_OVERHEAD_BYTES
    assert sum(c.size for c in packed) == sum(chunks.event_bytes(text) for _, text in events)


times = st.integers(0, 5000)
batches = st.lists(
    st.tuples(st.sampled_from(["a", "b"]), st.lists(st.tuples(times, st.just("m")), max_size=8)),
    max_size=8,
)


@settings(max_examples=60, deadline=None)
@given(batches, times, times, st.integers(1, 7))
async def test_pages_give_every_event_once_in_order(
    tmp_path_factory: pytest.TempPathFactory,
    written: list[tuple[str, Batch]],
    start: int,
    end: int,
    limit: int,
) -> None:
    folder = tmp_path_factory.mktemp("logs")
    records = Records(folder / "records.db")
    store = Store(records, folder / "logs.db")
    try:
        await store.create_group("1", "r", "g")
        group = store.group("1", "r", "g")
        expected = await write(store, group, written, start, end)
        for scope in (("grp", group.number), ("stream", store.stream(group, "a").number)):
            wanted = [e for s, *e in expected if scope[0] == "grp" or s == "a"]
            assert await pages(store, scope, start, end, limit, forward=True) == wanted
            assert await pages(store, scope, start, end, limit, forward=False) == wanted
    finally:
        store.database.close()
        records.close()


async def write(
    store: Store, group: GroupRecord, written: list[tuple[str, Batch]], start: int, end: int
) -> list[tuple[str, int, str]]:
    for name in ("a", "b"):
        await store.create_stream(group, name)
    kept = []
    for count, (name, batch) in enumerate(written):
        events = [(at, f"{count}.{n}") for n, (at, _) in enumerate(batch)]
        await store.append(group, name, events)
        kept += [(name, at, text) for at, text in events if start <= at < end]
    return sorted(kept, key=lambda event: event[1])


async def pages(
    store: Store, scope: tuple[str, int], start: int, end: int, limit: int, *, forward: bool
) -> list[list[object]]:
    found: list[Event] = []
    edge: tuple[int, int] | None = None if forward else (1 << 61, 0)
    while True:
        position = {"after": edge} if forward else {"before": edge}
        page = await store.events(scope, start_ms=start, end_ms=end, limit=limit, **position)
        if not page:
            return [[event.timestamp_ms, event.message] for event in found]
        found = found + page if forward else page + found
        last = page[-1] if forward else page[0]
        edge = (last.timestamp_ms, last.number)


def test_events_of_the_first_version_are_kept(tmp_path: Path) -> None:
    old = Database(tmp_path / "logs.db", MIGRATIONS[:1])
    row = "INSERT INTO event (grp, stream, timestamp_ms, ingested_ms, message) VALUES (1,2,?,9,?)"
    old.submit(lambda c: c.executemany(row, [(5, 'a "quoted" ä'), (4, "b")])).result()
    old.close()
    new = Database(tmp_path / "logs.db", MIGRATIONS)
    found = chunks.forward(new.reader, chunks.Span("grp", 1, 0, 100), 10)
    new.close()
    assert [(e.timestamp_ms, e.message) for e in found] == [(4, "b"), (5, 'a "quoted" ä')]
