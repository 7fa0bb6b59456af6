from __future__ import annotations

import json

from botocore.eventstream import EventStreamBuffer

from cloudlet.aws.codec.eventstream import EventWriter, message
from cloudlet.aws.model import ServiceModel
from cloudlet.aws.models.lambda_ import (
    InvokeResponseStreamUpdate,
    InvokeWithResponseStreamCompleteEvent,
    InvokeWithResponseStreamResponseEvent,
)


def test_botocore_reads_a_message():
    buffer = EventStreamBuffer()
    buffer.add_data(message({":event-type": "PayloadChunk", "empty": ""}, b"abc"))
    (found,) = list(buffer)
    assert found.headers == {":event-type": "PayloadChunk", "empty": ""}
    assert found.payload == b"abc"


async def test_blobs_go_as_they_are_and_the_rest_as_json():
    model = ServiceModel.load("lambda")
    event = InvokeWithResponseStreamResponseEvent

    async def events():
        yield event(payload_chunk=InvokeResponseStreamUpdate(payload=b"\0\xff"))
        yield event(invoke_complete=InvokeWithResponseStreamCompleteEvent(error_code="Oops"))

    writer = EventWriter(model, model.shape("InvokeWithResponseStreamResponseEvent"))
    buffer = EventStreamBuffer()
    async for data in writer.encode(events()):
        buffer.add_data(data)
    chunk, complete = list(buffer)
    assert (chunk.headers[":event-type"], chunk.payload) == ("PayloadChunk", b"\0\xff")
    assert complete.headers[":message-type"] == "event"
    assert json.loads(complete.payload) == {"ErrorCode": "Oops"}
