from __future__ import annotations

import asyncio
import base64
from typing import Any
from urllib.parse import urlencode

import msgspec
import pytest

from cloudlet.couchbase.sqlpp.service import QueryService

GOOD = "Basic " + base64.b64encode(b"user:word").decode()


class Answer:
    def __init__(self) -> None:
        self.status = 0
        self.parts: list[bytes] = []

    @property
    def text(self) -> str:
        return b"".join(self.parts).decode()

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.text)


async def call(
    service: QueryService,
    method: str = "POST",
    path: str = "/query/service",
    body: bytes = b"",
    kind: str = "application/json",
    query: str = "",
    authorization: str = GOOD,
    gone: asyncio.Event | None = None,
) -> Answer:
    answer = Answer()
    messages = [{"type": "http.request", "body": body, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if messages:
            return messages.pop()
        await (gone or asyncio.Event()).wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            answer.status = message["status"]
        else:
            answer.parts.append(message["body"])

    headers = [(b"content-type", kind.encode()), (b"authorization", authorization.encode())]
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(),
        "headers": headers,
    }  # fmt: skip
    await service(scope, receive, send)
    return answer


async def ask(service: QueryService, statement: str, **parameters: Any) -> Answer:
    return await call(service, body=msgspec.json.encode({"statement": statement, **parameters}))


async def test_fields_come_in_the_order_old_clients_read(service: QueryService) -> None:
    answer = await ask(service, "SELECT RAW n FROM b LIMIT 2", client_context_id="c")
    assert answer.status == 200
    assert list(answer.json) == [
        "requestID", "clientContextID", "signature", "results", "status", "metrics",
    ]  # fmt: skip
    assert '" :' not in answer.text
    assert answer.json["results"] == [0, 1]
    assert answer.json["metrics"]["resultCount"] == 2
    assert answer.json["metrics"]["resultSize"] == 2


async def test_form_bodies_and_addresses(service: QueryService) -> None:
    form = urlencode({"statement": "SELECT RAW [$1, $x]", "args": "[1]", "$x": '"two"'})
    kind = "application/x-www-form-urlencoded"
    answer = await call(service, body=form.encode(), kind=kind)
    assert answer.json["results"] == [[1, "two"]]
    answer = await call(service, "GET", "/query", query=form)
    assert answer.json["results"] == [[1, "two"]]


async def test_get_is_read_only(service: QueryService) -> None:
    query = urlencode({"statement": "DELETE FROM b", "readonly": "false"})
    answer = await call(service, "GET", query=query)
    assert (answer.status, answer.json["errors"][0]["code"]) == (403, 1000)


@pytest.mark.parametrize(
    ("parameters", "status", "code"),
    [
        ({}, 400, 1050),
        ({"statement": "SELECT 1", "nonsense": 1}, 400, 1065),
        ({"statement": "SELECT 1", "timeout": "soon"}, 400, 1040),
        ({"statement": "SELECT 1", "scan_consistency": "never"}, 400, 1030),
        ({"statement": "SELECT 1", "args": {}}, 400, 1070),
        ({"statement": 1}, 400, 1070),
        ({"statement": "SELCT"}, 400, 3000),
        ({"statement": "SELECT * FROM nope"}, 404, 12003),
        ({"prepared": "nope"}, 400, 4040),
        ({"statement": "SELECT 1", "query_context": "a.b.c.d"}, 400, 10201),
    ],
)
async def test_requests_out_of_order(
    service: QueryService, parameters: dict[str, Any], status: int, code: int
) -> None:
    answer = await call(service, body=msgspec.json.encode(parameters))
    assert answer.status == status
    assert answer.json["errors"][0]["code"] == code
    assert answer.json["status"] == "fatal"


async def test_parameters_without_effect_on_one_node_are_tolerated(service: QueryService) -> None:
    answer = await ask(service, "SELECT 1", use_cbo=True, max_parallelism="4", profile="timings")
    assert answer.json["status"] == "success"


@pytest.mark.parametrize("authorization", ["", "Basic !!", "Basic dXNlcjpubw==", "Bearer x"])
async def test_wrong_credentials(service: QueryService, authorization: str) -> None:
    answer = await call(service, authorization=authorization)
    assert (answer.status, answer.json["errors"][0]["code"]) == (401, 13014)


async def test_ping_needs_no_credentials(service: QueryService) -> None:
    answer = await call(service, "GET", "/admin/ping", authorization="")
    assert answer.status == 200


async def test_large_results_are_streamed(service: QueryService) -> None:
    answer = await ask(service, "SELECT b.* FROM b")
    assert len(answer.parts) > 3
    assert len(answer.json["results"]) == 1000


async def test_prepared_by_name_and_by_encoded_plan(service: QueryService) -> None:
    answer = await ask(service, "PREPARE p FROM SELECT RAW n FROM b WHERE n = $1")
    (row,) = answer.json["results"]
    assert row["name"] == "p"
    found = await call(service, body=msgspec.json.encode({"prepared": "p", "args": [3]}))
    assert found.json["results"] == [3]
    assert "prepared" not in found.json
    service.engine.prepared.clear()
    parameters = {"prepared": "p", "encoded_plan": row["encoded_plan"], "args": [4]}
    found = await call(service, body=msgspec.json.encode(parameters))
    assert found.json["results"] == [4]
    found = await ask(service, "EXECUTE p USING [5]")
    assert found.json["results"] == [5]


async def test_auto_execute_runs_and_names_what_it_prepared(service: QueryService) -> None:
    answer = await ask(service, "PREPARE SELECT RAW $1", auto_execute=True, args=[7])
    assert answer.json["results"] == [7]
    again = {"prepared": answer.json["prepared"], "args": [8]}
    assert (await call(service, body=msgspec.json.encode(again))).json["results"] == [8]


LONG = "SELECT COUNT(*) FROM b x, b y WHERE x.n + y.n < 0"


async def test_a_query_ends_at_its_timeout(service: QueryService) -> None:
    answer = await ask(service, LONG, timeout="50ms")
    assert answer.json["status"] == "timeout"
    assert answer.json["errors"][0] == {"code": 1080, "msg": "Timeout 50ms exceeded", "retry": True}


async def test_a_long_query_leaves_the_loop_free_and_ends_with_its_client(
    service: QueryService,
) -> None:
    gone = asyncio.Event()
    body = msgspec.json.encode({"statement": LONG})
    running = asyncio.create_task(call(service, body=body, gone=gone))
    loop = asyncio.get_running_loop()
    turns = 0
    until = loop.time() + 0.2
    while loop.time() < until:
        await asyncio.sleep(0)
        turns += 1
    assert turns > 10
    assert not running.done()
    gone.set()
    answer = await asyncio.wait_for(running, 2)
    assert answer.json["status"] == "stopped"


async def test_an_administrator_stops_a_request(service: QueryService) -> None:
    running = asyncio.create_task(ask(service, LONG))
    await asyncio.sleep(0.05)
    listed = await call(service, "GET", "/admin/active_requests")
    (active,) = listed.json
    assert active["statement"] == LONG
    stopped = await call(service, "DELETE", f"/admin/active_requests/{active['requestId']}")
    assert stopped.status == 200
    assert (await asyncio.wait_for(running, 2)).json["status"] == "stopped"


async def test_an_error_among_the_rows_ends_the_response_in_order(service: QueryService) -> None:
    answer = await ask(service, "SELECT RAW REPEAT('a', n * 2000) FROM b")
    assert answer.json["status"] == "errors"
    assert answer.json["errors"][0]["code"] == 5035
