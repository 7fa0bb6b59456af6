from __future__ import annotations

import base64
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from cloudlet.aws.body import Body
from cloudlet.aws.errors import AWSError
from cloudlet.services.s3.checksums import Expectation
from cloudlet.services.s3.receiving import MAX_BODY_BYTES, receive
from cloudlet.storage.objects import ObjectStore

CONTENT = b"content"
CRC = base64.b64encode(zlib.crc32(CONTENT).to_bytes(4, "big")).decode()
NOTHING = Expectation(None, "CRC64NVME", chosen=False, value=None)


@pytest.fixture
async def objects(tmp_path: Path) -> AsyncIterator[ObjectStore]:
    store = ObjectStore(tmp_path)
    yield store
    await store.close()


def body(**trailers: str) -> Body:
    made = Body.of(CONTENT)
    made.trailers.update({f"x-amz-checksum-{name}": value for name, value in trailers.items()})
    return made


async def test_a_trailer_chooses_the_algorithm(objects: ObjectStore) -> None:
    received, algorithm, checksum = await receive(objects, body(crc32=CRC), NOTHING)
    assert (algorithm, checksum) == ("CRC32", CRC)
    assert received.checksums == {"CRC32": CRC}


async def test_without_one_the_default_is_kept(objects: ObjectStore) -> None:
    received, algorithm, _ = await receive(objects, body(), NOTHING)
    assert algorithm == "CRC64NVME"
    assert set(received.checksums) == {"CRC64NVME"}


@pytest.mark.parametrize("trailers", [{"crc32": "AAAAAA=="}, {"sha1": "unannounced"}])
async def test_a_wrong_trailer(
    objects: ObjectStore, tmp_path: Path, trailers: dict[str, str]
) -> None:
    with pytest.raises(AWSError) as caught:
        await receive(objects, body(**trailers), NOTHING, part=True)
    assert caught.value.code == "BadDigest"
    await objects.close()  # waits for the removal
    assert not list((tmp_path / "incoming").iterdir())


@pytest.mark.parametrize(
    ("length", "code"), [(None, "MissingContentLength"), (MAX_BODY_BYTES + 1, "EntityTooLarge")]
)
async def test_the_length_must_be_known_and_not_too_large(
    objects: ObjectStore, length: int | None, code: str
) -> None:
    made = body()
    made.length = length
    with pytest.raises(AWSError) as caught:
        await receive(objects, made, NOTHING)
    assert caught.value.code == code
