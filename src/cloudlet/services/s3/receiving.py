"""Taking a request's body in: hashed, verified, and ready to be put."""

from __future__ import annotations

from dataclasses import replace

from cloudlet.aws.body import Body
from cloudlet.services.s3 import checksums
from cloudlet.services.s3.errors import BadDigest, EntityTooLarge, MissingContentLength
from cloudlet.storage.objects import ALGORITHMS, ObjectStore, Received

#: The largest body of one PutObject or UploadPart.
MAX_BODY_BYTES = 5 * 1024**3


async def receive(
    objects: ObjectStore,
    body: Body,
    expected: checksums.Expectation,
    *,
    part: bool = False,
    also: frozenset[str] = frozenset(),
) -> tuple[Received, str, str]:
    """The received content with the (algorithm, checksum) to keep, and those of `also`.

    `BadDigest` if it is not what the headers or the trailer promised, and then nothing is left.
    """
    if body.length is None:
        raise MissingContentLength
    if body.length > MAX_BODY_BYTES:
        raise EntityTooLarge(ProposedSize=body.length, MaxSizeAllowed=MAX_BODY_BYTES)
    take = objects.receive_part if part else objects.receive
    received = await take(body, expected.algorithms | also)
    try:
        for name in ALGORITHMS:
            if f"x-amz-checksum-{name.lower()}" in body.trailers and name not in received.checksums:
                # No header announced this algorithm, so it was not computed on the way.
                raise BadDigest(f"The {name} trailer was not announced by a header.")
        algorithm, checksum = checksums.verify(expected, received, body.trailers)
    except BaseException:
        objects.discard(received)
        raise
    kept = {name: received.checksums[name] for name in {algorithm} | also}
    return replace(received, checksums=kept), algorithm, checksum
