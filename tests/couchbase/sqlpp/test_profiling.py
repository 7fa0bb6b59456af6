"""`profile`: phases, counts and timings in the response, and completed requests."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from tests.couchbase.sqlpp.test_service import ask

from cloudlet.couchbase.sqlpp import activity
from cloudlet.couchbase.sqlpp.service import QueryService

QUERY = (
    "SELECT b.n % 3 AS k, COUNT(*) AS c FROM b JOIN b AS x ON b.n = x.n WHERE b.n >= 990"
    " GROUP BY b.n % 3 ORDER BY c DESC"
)


async def test_phases(service: QueryService) -> None:
    answer = (await ask(service, QUERY, profile="phases")).json
    assert list(answer)[-2:] == ["metrics", "profile"]
    profile = answer["profile"]
    assert {"parse", "plan", "run", "stream", "primaryScan", "hashJoin", "group", "sort"} <= set(
        profile["phaseTimes"]
    )
    assert profile["phaseCounts"] == {
        "fetch": 1010, "hashJoin": 10, "primaryScan": 1010, "sort": 3,
    }  # fmt: skip
    assert profile["phaseOperators"]["primaryScan"] == 2
    assert "executionTimings" not in profile


async def test_timings_show_the_plan_with_its_steps_figures(service: QueryService) -> None:
    answer = (await ask(service, QUERY, profile="timings")).json
    timings = answer["profile"]["executionTimings"]
    steps = timings["~child"]["~children"]
    found = {step["#operator"]: step["#stats"] for step in steps}
    assert found["Order"]["#itemsIn"] == found["Order"]["#itemsOut"] == 3
    assert found["InitialProject"]["#itemsOut"] == 3
    assert all("execTime" in stats for stats in found.values())


@pytest.mark.parametrize(
    "query",
    [
        "SELECT RAW 1",
        "WITH w AS (SELECT RAW n FROM b) SELECT RAW COUNT(*) FROM w AS x",
        "SELECT n FROM b UNION SELECT n FROM b",
        "SELECT ROW_NUMBER() OVER (ORDER BY n) AS r FROM b LIMIT 2",
        (
            "SELECT x.n FROM (SELECT n FROM b) AS x WHERE EXISTS (SELECT 1 FROM b WHERE b.n = x.n)"
            " LIMIT 2"
        ),
        "UPDATE b SET m = 1 WHERE n = 3 RETURNING m",
        "EXPLAIN SELECT 1",
    ],
)
async def test_a_profile_changes_no_answer(service: QueryService, query: str) -> None:
    plain: Any = (await ask(service, query)).json
    watched = (await ask(service, query, profile="timings")).json
    assert watched["status"] == "success", watched
    assert watched["results"] == plain["results"]


async def test_an_unknown_profile_is_refused(service: QueryService) -> None:
    answer = (await ask(service, "SELECT 1", profile="all")).json
    assert answer["errors"][0]["code"] == 1030


async def test_long_requests_are_kept(
    service: QueryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "_LONG_S", 0.0)
    await ask(service, "SELECT RAW 7", client_context_id="mine")
    found = (await ask(service, "SELECT RAW r FROM system:completed_requests AS r")).json
    (one,) = found["results"]
    assert (one["clientContextID"], one["statement"]) == ("mine", "SELECT RAW 7")
    assert (one["state"], one["resultCount"], one["users"]) == ("completed", 1, "user")


async def test_requests_and_prepared_statements_are_ended_by_deletes(
    service: QueryService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(activity, "_LONG_S", 0.0)
    numbers = "ARRAY_RANGE(0, 99999)"
    endless = f"SELECT RAW COUNT(*) FROM {numbers} AS a JOIN {numbers} AS b ON a < b"
    running = asyncio.create_task(ask(service, endless, client_context_id="endless"))
    where = "clientContextID = 'endless'"
    await asyncio.sleep(0)  # the request's first turn
    running_now = f"SELECT RAW 1 FROM system:active_requests WHERE {where}"
    assert (await ask(service, running_now)).json["results"] == [1]
    await ask(service, f"DELETE FROM system:active_requests WHERE {where}")
    assert (await running).json["status"] == "stopped"
    ended = f"SELECT RAW state FROM system:completed_requests WHERE {where}"
    assert (await ask(service, ended)).json["results"] == ["stopped"]
    await ask(service, f"DELETE FROM system:completed_requests WHERE {where}")
    assert (await ask(service, ended)).json["results"] == []
    await ask(service, "PREPARE p FROM SELECT 1")
    await ask(service, "DELETE FROM system:prepareds WHERE name = 'p'")
    assert (await ask(service, "EXECUTE p")).json["errors"][0]["code"] == 4040
    denied = (await ask(service, "DELETE FROM system:buckets")).json
    assert denied["errors"][0]["code"] == 11003
