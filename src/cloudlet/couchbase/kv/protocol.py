"""The names of the binary protocol's numbers (Couchbase's BinaryProtocol document)."""

from __future__ import annotations

import zlib
from typing import Final


class Magic:
    """First byte of a frame; the alternative ones carry framing extras."""

    REQUEST: Final = 0x80
    RESPONSE: Final = 0x81
    ALT_REQUEST: Final = 0x08
    ALT_RESPONSE: Final = 0x18
    #: A request that the server sends.
    SERVER_REQUEST: Final = 0x82


class Opcode:
    """Requests this server answers."""

    GET: Final = 0x00
    SET: Final = 0x01
    ADD: Final = 0x02
    REPLACE: Final = 0x03
    DELETE: Final = 0x04
    INCREMENT: Final = 0x05
    DECREMENT: Final = 0x06
    QUIT: Final = 0x07
    GETQ: Final = 0x09
    NOOP: Final = 0x0A
    VERSION: Final = 0x0B
    GETK: Final = 0x0C
    APPEND: Final = 0x0E
    PREPEND: Final = 0x0F
    STAT: Final = 0x10
    TOUCH: Final = 0x1C
    GET_AND_TOUCH: Final = 0x1D
    HELLO: Final = 0x1F
    SASL_LIST_MECHS: Final = 0x20
    SASL_AUTH: Final = 0x21
    SASL_STEP: Final = 0x22
    GET_REPLICA: Final = 0x83
    SELECT_BUCKET: Final = 0x89
    OBSERVE_SEQNO: Final = 0x91
    OBSERVE: Final = 0x92
    GET_LOCKED: Final = 0x94
    UNLOCK: Final = 0x95
    GET_META: Final = 0xA0
    GET_CLUSTER_CONFIG: Final = 0xB5
    GET_COLLECTIONS_MANIFEST: Final = 0xBA
    GET_COLLECTION_ID: Final = 0xBB
    GET_SCOPE_ID: Final = 0xBC
    SUBDOC_GET: Final = 0xC5
    SUBDOC_EXISTS: Final = 0xC6
    SUBDOC_DICT_ADD: Final = 0xC7
    SUBDOC_DICT_UPSERT: Final = 0xC8
    SUBDOC_DELETE: Final = 0xC9
    SUBDOC_REPLACE: Final = 0xCA
    SUBDOC_ARRAY_PUSH_LAST: Final = 0xCB
    SUBDOC_ARRAY_PUSH_FIRST: Final = 0xCC
    SUBDOC_ARRAY_INSERT: Final = 0xCD
    SUBDOC_ARRAY_ADD_UNIQUE: Final = 0xCE
    SUBDOC_COUNTER: Final = 0xCF
    SUBDOC_MULTI_LOOKUP: Final = 0xD0
    SUBDOC_MULTI_MUTATION: Final = 0xD1
    SUBDOC_GET_COUNT: Final = 0xD2
    SUBDOC_REPLACE_BODY_WITH_XATTR: Final = 0xD3
    RANGE_SCAN_CREATE: Final = 0xDA
    RANGE_SCAN_CONTINUE: Final = 0xDB
    RANGE_SCAN_CANCEL: Final = 0xDC
    GET_ERROR_MAP: Final = 0xFE
    GET_ALL_VBUCKET_SEQNOS: Final = 0x48
    DCP_OPEN: Final = 0x50
    DCP_ADD_STREAM: Final = 0x51
    DCP_CLOSE_STREAM: Final = 0x52
    DCP_STREAM_REQUEST: Final = 0x53
    DCP_GET_FAILOVER_LOG: Final = 0x54
    DCP_STREAM_END: Final = 0x55
    DCP_SNAPSHOT_MARKER: Final = 0x56
    DCP_MUTATION: Final = 0x57
    DCP_DELETION: Final = 0x58
    DCP_NOOP: Final = 0x5C
    DCP_BUFFER_ACKNOWLEDGEMENT: Final = 0x5D
    DCP_CONTROL: Final = 0x5E


#: In a frame of the server's own: the configuration has changed.
CLUSTERMAP_CHANGE: Final = 0x01


class Status:
    """Answers, all of them known to the SDKs: another number can abort the C++ core."""

    SUCCESS: Final = 0x00
    NOT_FOUND: Final = 0x01
    EXISTS: Final = 0x02
    TOO_BIG: Final = 0x03
    INVALID: Final = 0x04
    NOT_STORED: Final = 0x05
    DELTA_INVALID: Final = 0x06
    NOT_MY_VBUCKET: Final = 0x07
    NO_BUCKET: Final = 0x08
    LOCKED: Final = 0x09
    NOT_LOCKED: Final = 0x0E
    AUTH_ERROR: Final = 0x20
    AUTH_CONTINUE: Final = 0x21
    RANGE: Final = 0x22
    ROLLBACK: Final = 0x23
    NO_ACCESS: Final = 0x24
    UNKNOWN_FRAME_INFO: Final = 0x80
    UNKNOWN_COMMAND: Final = 0x81
    NO_MEMORY: Final = 0x82
    NOT_SUPPORTED: Final = 0x83
    INTERNAL: Final = 0x84
    BUSY: Final = 0x85
    TEMPORARY_FAILURE: Final = 0x86
    XATTR_INVALID: Final = 0x87
    UNKNOWN_COLLECTION: Final = 0x88
    UNKNOWN_SCOPE: Final = 0x8C
    DURABILITY_INVALID_LEVEL: Final = 0xA0
    DURABILITY_IMPOSSIBLE: Final = 0xA1
    SYNC_WRITE_IN_PROGRESS: Final = 0xA2
    RANGE_SCAN_CANCELLED: Final = 0xA5
    RANGE_SCAN_MORE: Final = 0xA6
    RANGE_SCAN_COMPLETE: Final = 0xA7
    VBUCKET_UUID_DIFFERS: Final = 0xA8
    PATH_NOT_FOUND: Final = 0xC0
    PATH_MISMATCH: Final = 0xC1
    PATH_INVALID: Final = 0xC2
    PATH_TOO_BIG: Final = 0xC3
    DOCUMENT_TOO_DEEP: Final = 0xC4
    VALUE_CANNOT_INSERT: Final = 0xC5
    DOCUMENT_NOT_JSON: Final = 0xC6
    NUMBER_RANGE: Final = 0xC7
    SUBDOC_DELTA_INVALID: Final = 0xC8
    PATH_EXISTS: Final = 0xC9
    VALUE_TOO_DEEP: Final = 0xCA
    INVALID_COMBINATION: Final = 0xCB
    MULTI_PATH_FAILURE: Final = 0xCC
    SUCCESS_DELETED: Final = 0xCD
    XATTR_INVALID_FLAGS: Final = 0xCE
    XATTR_INVALID_KEYS: Final = 0xCF
    XATTR_UNKNOWN_MACRO: Final = 0xD0
    XATTR_UNKNOWN_VIRTUAL: Final = 0xD1
    XATTR_CANNOT_MODIFY_VIRTUAL: Final = 0xD2
    MULTI_PATH_FAILURE_DELETED: Final = 0xD3
    XATTR_INVALID_ORDER: Final = 0xD4
    XATTR_UNKNOWN_VIRTUAL_MACRO: Final = 0xD5
    ONLY_DELETED_CAN_BE_REVIVED: Final = 0xD6


class Feature:
    """What HELLO negotiates."""

    TCP_NODELAY: Final = 0x03
    MUTATION_SEQNO: Final = 0x04
    XATTR: Final = 0x06
    XERROR: Final = 0x07
    SELECT_BUCKET: Final = 0x08
    SNAPPY: Final = 0x0A
    JSON: Final = 0x0B
    DUPLEX: Final = 0x0C
    CLUSTERMAP_CHANGE: Final = 0x0D
    TRACING: Final = 0x0F
    ALT_REQUEST: Final = 0x10
    SYNC_REPLICATION: Final = 0x11
    COLLECTIONS: Final = 0x12
    PRESERVE_TTL: Final = 0x14
    VIRTUAL_ATTRIBUTES: Final = 0x15
    CREATE_AS_DELETED: Final = 0x17
    REPLACE_BODY_WITH_XATTR: Final = 0x19


#: What a HELLO may get. Unordered answers are not among them: answers come in order.
SERVED_FEATURES: Final = frozenset(
    {
        Feature.TCP_NODELAY,
        Feature.MUTATION_SEQNO,
        Feature.XATTR,
        Feature.XERROR,
        Feature.SELECT_BUCKET,
        Feature.SNAPPY,
        Feature.JSON,
        Feature.DUPLEX,
        Feature.CLUSTERMAP_CHANGE,
        Feature.TRACING,
        Feature.ALT_REQUEST,
        Feature.SYNC_REPLICATION,
        Feature.COLLECTIONS,
        Feature.PRESERVE_TTL,
        Feature.VIRTUAL_ATTRIBUTES,
        Feature.CREATE_AS_DELETED,
        Feature.REPLACE_BODY_WITH_XATTR,
    }
)

#: vbuckets of every bucket: a power of two; small, as each SDK connection polls the whole map.
VBUCKETS: Final = 64

#: The datatype bit of a value compressed by snappy.
SNAPPY: Final = 0x02


def vbucket_of(key: bytes) -> int:
    """The vbucket that clients reckon a key to."""
    return (zlib.crc32(key) >> 16) & 0x7FFF & (VBUCKETS - 1)
