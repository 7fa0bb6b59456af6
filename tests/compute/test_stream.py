from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from tests.needs import needs_node

from cloudlet.compute.environment import EnvironmentSpec, Invocation, StreamedOutcome

pytestmark = needs_node
NODE = {"runtime": "nodejs20.x"}
STREAMING = """
exports.handler = awslambda.streamifyResponse(async (event, stream, context) => {
  %s
});
"""


async def open_stream(bench: Any, spec: EnvironmentSpec, event: Any = None) -> StreamedOutcome:
    invocation = Invocation("r-1", "arn", json.dumps(event).encode(), None, "")
    opened: StreamedOutcome = await bench.compute.invoke_stream(spec, invocation)
    return opened


async def test_chunks_come_while_the_function_runs(bench: Any) -> None:
    source = """
    stream.write('first');
    await new Promise((done) => setTimeout(done, 700));
    stream.write('second');
    stream.end();
    """
    spec = bench.function(STREAMING % source, **NODE)
    opened = await open_stream(bench, spec)
    assert opened.content_type == "application/octet-stream"
    assert await anext(aiter(opened.chunks)) == b"first"
    assert not opened.outcome.done()  # type: ignore[attr-defined]
    assert b"".join([chunk async for chunk in opened.chunks]) == b"second"
    assert (await opened.outcome).error is None


async def test_http_prelude(bench: Any) -> None:
    source = """
    stream = awslambda.HttpResponseStream.from(stream, {statusCode: 201, headers: {a: 'b'}});
    stream.end('body');
    """
    opened = await open_stream(bench, bench.function(STREAMING % source, **NODE))
    assert opened.content_type == "application/vnd.awslambda.http-integration-response"
    whole = b"".join([chunk async for chunk in opened.chunks])
    assert whole == b'{"statusCode":201,"headers":{"a":"b"}}' + bytes(8) + b"body"


async def test_an_error_in_mid_stream(bench: Any) -> None:
    source = "stream.write('half'); throw new TypeError('broke');"
    opened = await open_stream(bench, bench.function(STREAMING % source, **NODE))
    assert [chunk async for chunk in opened.chunks] == [b"half"]
    outcome = await opened.outcome
    assert outcome.error == "Unhandled"
    assert json.loads(outcome.payload)["errorType"] == "TypeError"


@pytest.mark.parametrize(
    ("body", "chunks", "error"),
    [("return {a: event};", [b'{"a":7}'], None), ("throw new Error('no');", [], "Unhandled")],
)
async def test_functions_that_do_not_stream(
    bench: Any, body: str, chunks: list[bytes], error: str | None
) -> None:
    spec = bench.function(f"exports.handler = async (event) => {{ {body} }}", **NODE)
    opened = await open_stream(bench, spec, 7)
    assert opened.content_type is None
    assert [chunk async for chunk in opened.chunks] == chunks
    assert (await opened.outcome).error == error


async def test_a_slow_reader_makes_the_function_wait_and_none_lets_it_finish(bench: Any) -> None:
    source = """
    for (let i = 0; i < 64; i++) {
      const more = stream.write(Buffer.alloc(1 << 17, i));
      if (!more) await new Promise((done) => stream.once('drain', done));
    }
    stream.end();
    """
    spec = bench.function(STREAMING % source, timeout_s=20.0, **NODE)
    opened = await open_stream(bench, spec)
    await asyncio.sleep(0.3)
    assert not opened.outcome.done()  # type: ignore[attr-defined]
    assert sum([len(chunk) async for chunk in opened.chunks]) == 8 << 20
    left = await open_stream(bench, spec)
    await left.chunks.aclose()  # type: ignore[attr-defined]
    assert (await left.outcome).error is None
    assert (await bench.invoke(spec)).payload[:11] == b'{"errorType'  # over six megabytes


async def test_a_buffered_invocation_of_a_streaming_function(bench: Any) -> None:
    spec = bench.function(STREAMING % "stream.write('a'); stream.end('b');", **NODE)
    assert (await bench.invoke(spec)).payload == b"ab"
    assert (await bench.invoke(spec)).payload == b"ab"
