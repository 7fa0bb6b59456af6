from __future__ import annotations

import uuid

from cloudlet.aws.request_ids import new_request_id


def test_a_request_id_is_a_random_uuid() -> None:
    made = [new_request_id() for _ in range(1000)]
    assert len(set(made)) == 1000
    assert {uuid.UUID(text).version for text in made} == {4}
    assert {uuid.UUID(text).variant for text in made} == {uuid.RFC_4122}
    assert all(str(uuid.UUID(text)) == text for text in made)
