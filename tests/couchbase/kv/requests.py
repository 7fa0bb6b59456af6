"""A well-formed request of every opcode that the server answers, and broken ones made of them."""

from __future__ import annotations

import random
import struct
from collections.abc import Iterator

import msgspec
from tests.couchbase.kv.raw import FLAGS, frame

from cloudlet.couchbase.kv.protocol import Opcode

#: In the default collection, for clients that named collections at HELLO.
KEY = b"\0key"

_SUBDOC_READS = (Opcode.SUBDOC_GET, Opcode.SUBDOC_EXISTS, Opcode.SUBDOC_GET_COUNT)
_SUBDOC_WRITES = (
    Opcode.SUBDOC_DICT_ADD,
    Opcode.SUBDOC_DICT_UPSERT,
    Opcode.SUBDOC_REPLACE,
    Opcode.SUBDOC_ARRAY_PUSH_LAST,
    Opcode.SUBDOC_ARRAY_PUSH_FIRST,
    Opcode.SUBDOC_ARRAY_INSERT,
    Opcode.SUBDOC_ARRAY_ADD_UNIQUE,
    Opcode.SUBDOC_COUNTER,
)

#: Key, value, extras and CAS by opcode.
_FORMS: dict[int, tuple[bytes, bytes, bytes, int]] = {
    **dict.fromkeys(
        (Opcode.GET, Opcode.GETQ, Opcode.GETK, Opcode.DELETE, Opcode.GET_META, Opcode.GET_REPLICA),
        (KEY, b"", b"", 0),
    ),
    **dict.fromkeys((Opcode.SET, Opcode.ADD, Opcode.REPLACE), (KEY, b'{"a":[1]}', FLAGS, 0)),
    **dict.fromkeys(
        (Opcode.INCREMENT, Opcode.DECREMENT), (b"\0n", b"", struct.pack(">QQI", 1, 5, 0), 0)
    ),
    **dict.fromkeys((Opcode.APPEND, Opcode.PREPEND), (KEY, b" ", b"", 0)),
    **dict.fromkeys(
        (Opcode.TOUCH, Opcode.GET_AND_TOUCH, Opcode.GET_LOCKED), (KEY, b"", bytes(4), 0)
    ),
    Opcode.UNLOCK: (KEY, b"", b"", 7),
    Opcode.OBSERVE: (b"", struct.pack(">HH", 0, len(KEY)) + KEY, b"", 0),
    Opcode.OBSERVE_SEQNO: (b"", bytes(8), b"", 0),
    **dict.fromkeys(
        (
            Opcode.QUIT,
            Opcode.NOOP,
            Opcode.VERSION,
            Opcode.STAT,
            Opcode.SASL_LIST_MECHS,
            Opcode.GET_CLUSTER_CONFIG,
            Opcode.GET_COLLECTIONS_MANIFEST,
            Opcode.GET_ALL_VBUCKET_SEQNOS,
            Opcode.DCP_CLOSE_STREAM,
            Opcode.DCP_GET_FAILOVER_LOG,
            Opcode.DCP_NOOP,
        ),
        (b"", b"", b"", 0),
    ),
    Opcode.HELLO: (b"raw", bytes((0, 0x0B, 0, 0x12)), b"", 0),
    Opcode.SASL_AUTH: (b"SCRAM-SHA1", b"n,,n=Administrator,r=abc", b"", 0),
    Opcode.SASL_STEP: (b"SCRAM-SHA1", b"c=biws,r=abc,p=AAAA", b"", 0),
    Opcode.SELECT_BUCKET: (b"default", b"", b"", 0),
    Opcode.GET_ERROR_MAP: (b"", b"\0\2", b"", 0),
    Opcode.GET_COLLECTION_ID: (b"", b"_default._default", b"", 0),
    Opcode.GET_SCOPE_ID: (b"", b"_default", b"", 0),
    Opcode.DCP_OPEN: (b"raw", b"", struct.pack(">II", 0, 1), 0),
    Opcode.DCP_CONTROL: (b"connection_buffer_size", b"1000", b"", 0),
    Opcode.DCP_STREAM_REQUEST: (
        b"",
        b'{"collections":["0"]}',
        struct.pack(">IIQQQQQ", 0, 0, 0, 2**64 - 1, 0, 0, 0),
        0,
    ),
    Opcode.DCP_BUFFER_ACKNOWLEDGEMENT: (b"", b"", struct.pack(">I", 100), 0),
    Opcode.RANGE_SCAN_CREATE: (
        b"",
        msgspec.json.encode({"collection": "0", "sampling": {"seed": 1, "samples": 2}}),
        b"",
        0,
    ),
    Opcode.RANGE_SCAN_CONTINUE: (b"", b"", bytes(16) + struct.pack(">III", 10, 0, 0), 0),
    Opcode.RANGE_SCAN_CANCEL: (b"", b"", bytes(16), 0),
    **dict.fromkeys(_SUBDOC_READS, (KEY, b"a", struct.pack(">HB", 1, 0), 0)),
    **dict.fromkeys(_SUBDOC_WRITES, (KEY, b"a[0]7", struct.pack(">HB", 4, 0), 0)),
    Opcode.SUBDOC_DELETE: (KEY, b"a[0]", struct.pack(">HB", 4, 0), 0),
    Opcode.SUBDOC_MULTI_LOOKUP: (
        KEY,
        b"".join(struct.pack(">BBH", one, 0, 1) + b"a" for one in _SUBDOC_READS),
        b"",
        0,
    ),
    Opcode.SUBDOC_MULTI_MUTATION: (
        KEY,
        b"".join(
            struct.pack(">BBHI", Opcode.SUBDOC_DICT_UPSERT, 0, 1, 1) + one for one in (b"b1", b"c2")
        ),
        b"",
        0,
    ),
}

#: Opcodes that have a form; those of DCP need a connection that was opened for it.
FORMED = frozenset(_FORMS)
STREAMING = frozenset(
    number for name, number in vars(Opcode).items() if name.startswith("DCP_")
) - {Opcode.DCP_OPEN, Opcode.DCP_GET_FAILOVER_LOG}


def well_formed(opcode: int, opaque: int = 0) -> bytes:
    """A request that the server understands, though there may be nothing to do for it."""
    key, value, extras, cas = _FORMS.get(opcode, (KEY, b"value", bytes(8), 0))
    return frame(opcode, key, value, extras, cas=cas, opaque=opaque)


def broken_frames(opcode: int) -> Iterator[bytes]:
    """The request cut short in four places and garbled in eight ways, always the same."""
    dice = random.Random(opcode)
    whole = well_formed(opcode)
    yield from (whole[:cut] for cut in sorted({1, 23, min(25, len(whole) - 1), len(whole) - 1}))
    for number in range(8):
        broken = bytearray(whole)
        # Half of them in the body only, which then is read to where it is wrong.
        low = 24 if number % 2 and len(whole) > 28 else 1
        for at in dice.sample(range(low, len(broken)), min(4, len(broken) - low)):
            broken[at] = dice.randrange(256)
        yield bytes(broken)
