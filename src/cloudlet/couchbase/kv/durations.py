"""Server durations: how long a request took, in the framing extras of its answer.

Two bytes hold the microseconds in Couchbase's compressed form, `(2 * us) ** (1 / 1.74)`: exact
to some per cent from 1 microsecond to 2 minutes.
"""

from __future__ import annotations

import struct
from typing import Final

from cloudlet.couchbase.kv.protocol import Magic

_EXPONENT: Final = 1 / 1.74
_HEAD: Final = struct.Struct(">BBHBBHIIQ")
#: Frame id 0 (server duration) with two bytes.
_FRAMING: Final = struct.Struct(">BH")
_SHORT: Final = struct.Struct(">H")


def encoded(seconds: float) -> int:
    """The two bytes' number."""
    number: float = (seconds * 2_000_000) ** _EXPONENT
    return min(round(number), 0xFFFF)


def timed(answer: bytes, seconds: float) -> bytes:
    """The same answer, saying how long it took; several frames at once are left as they are."""
    head = _HEAD.unpack_from(answer)
    magic, opcode, key, extras, datatype, status, body, opaque, cas = head
    if magic != Magic.RESPONSE or key > 0xFF or len(answer) != _HEAD.size + body:
        return answer
    size = _FRAMING.size
    return b"".join(
        (
            _HEAD.pack(
                Magic.ALT_RESPONSE, opcode, size << 8 | key, extras, datatype, status,
                body + size, opaque, cas,
            ),
            _FRAMING.pack(0x02, encoded(seconds)),
            memoryview(answer)[_HEAD.size :],
        )
    )  # fmt: skip


def restamp(answers: bytes, seconds: float) -> bytes:
    """Answers that were held, with how long they took in the end."""
    out = bytearray(answers)
    at = 0
    while at < len(out):
        if out[at] == Magic.ALT_RESPONSE:
            _SHORT.pack_into(out, at + _HEAD.size + 1, encoded(seconds))
        at += _HEAD.size + int.from_bytes(out[at + 8 : at + 12], "big")
    return bytes(out)
