from __future__ import annotations

import asyncio

from tests.couchbase.sqlpp.session import Session


async def test_a_cancelled_build_leaves_the_index_free_for_others(session: Session) -> None:
    values = ", ".join(f"('x{n}', {{'n': {n}}})" for n in range(3000))
    await session(f"INSERT INTO kinds VALUES {values}")
    await session("CREATE INDEX i ON kinds(n) WITH {'defer_build': true}")
    keeper = session.engine.catalog.keeper
    await session("BUILD INDEX ON kinds (i)")
    await asyncio.sleep(0)
    await keeper.close()
    (index,) = session.keyspaces.index_definitions()
    assert index.state == "building"
    await asyncio.wait_for(keeper.build(index), 5)
    assert await session("SELECT RAW COUNT(*) FROM kinds WHERE n >= 0") == [3000]


async def test_the_progress_of_a_build_is_shown_until_it_is_online(session: Session) -> None:
    values = ", ".join(f"('x{n}', {{'n': {n}}})" for n in range(20_000))
    await session(f"INSERT INTO kinds VALUES {values}")
    await session("CREATE INDEX i ON kinds(n) WITH {'defer_build': true}")
    await session("BUILD INDEX ON kinds (i)")
    shown: list[tuple[str, int]] = []
    while not shown or shown[-1][0] != "online":
        (row,) = await session("SELECT state, metadata.progress FROM system:indexes")
        shown.append((row["state"], row["progress"]))
        await asyncio.sleep(0)
    progress = [percent for _, percent in shown]
    assert progress == sorted(progress)
    assert shown[-1] == ("online", 100)
    assert any(state == "building" and 0 < percent < 100 for state, percent in shown)
