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
