"""The table from opcode to the function that answers it."""

from __future__ import annotations

from functools import cache

from cloudlet.couchbase.kv import dcp, mutations, reads, scans, sessions, stats
from cloudlet.couchbase.kv.frame import Handler
from cloudlet.couchbase.kv.protocol import Opcode
from cloudlet.couchbase.kv.subdoc import lookup, mutation


@cache
def handlers() -> list[Handler | None]:
    """256 places, None where the server does not know the command."""
    table: list[Handler | None] = [None] * 256
    for opcode, handler in _VERBS.items():
        table[opcode] = handler
    return table


_VERBS: dict[int, Handler] = {
    Opcode.GET: reads.get,
    Opcode.GETQ: reads.get_quiet,
    Opcode.GETK: reads.get_with_key,
    Opcode.SET: mutations.upsert,
    Opcode.ADD: mutations.insert,
    Opcode.REPLACE: mutations.replace,
    Opcode.DELETE: mutations.delete,
    Opcode.INCREMENT: mutations.count,
    Opcode.DECREMENT: mutations.count,
    Opcode.APPEND: mutations.extend,
    Opcode.PREPEND: mutations.extend,
    Opcode.TOUCH: reads.touch,
    Opcode.GET_AND_TOUCH: reads.get_and_touch,
    Opcode.GET_LOCKED: reads.get_locked,
    Opcode.UNLOCK: reads.unlock,
    Opcode.GET_META: reads.get_meta,
    Opcode.GET_REPLICA: reads.get_replica,
    Opcode.OBSERVE: reads.observe,
    Opcode.OBSERVE_SEQNO: reads.observe_seqno,
    Opcode.QUIT: sessions.quit_connection,
    Opcode.NOOP: sessions.noop,
    Opcode.VERSION: sessions.version,
    Opcode.STAT: stats.stat,
    Opcode.HELLO: sessions.hello,
    Opcode.SASL_LIST_MECHS: sessions.list_mechanisms,
    Opcode.SASL_AUTH: sessions.authenticate,
    Opcode.SASL_STEP: sessions.step,
    Opcode.SELECT_BUCKET: sessions.select_bucket,
    Opcode.GET_ERROR_MAP: sessions.get_error_map,
    Opcode.GET_CLUSTER_CONFIG: sessions.get_cluster_config,
    Opcode.GET_COLLECTIONS_MANIFEST: sessions.get_collections_manifest,
    Opcode.GET_COLLECTION_ID: sessions.get_collection_id,
    Opcode.GET_SCOPE_ID: sessions.get_scope_id,
    Opcode.GET_ALL_VBUCKET_SEQNOS: dcp.get_all_vbucket_seqnos,
    Opcode.DCP_OPEN: dcp.open_connection,
    Opcode.DCP_CONTROL: dcp.control,
    Opcode.DCP_STREAM_REQUEST: dcp.request_stream,
    Opcode.DCP_CLOSE_STREAM: dcp.close_stream,
    Opcode.DCP_GET_FAILOVER_LOG: dcp.get_failover_log,
    Opcode.DCP_BUFFER_ACKNOWLEDGEMENT: dcp.acknowledge,
    Opcode.DCP_NOOP: dcp.noop,
    Opcode.RANGE_SCAN_CREATE: scans.create,
    Opcode.RANGE_SCAN_CONTINUE: scans.go_on,
    Opcode.RANGE_SCAN_CANCEL: scans.cancel,
    Opcode.SUBDOC_GET: lookup.lookup_one,
    Opcode.SUBDOC_EXISTS: lookup.lookup_one,
    Opcode.SUBDOC_GET_COUNT: lookup.lookup_one,
    Opcode.SUBDOC_DICT_ADD: mutation.mutate_one,
    Opcode.SUBDOC_DICT_UPSERT: mutation.mutate_one,
    Opcode.SUBDOC_DELETE: mutation.mutate_one,
    Opcode.SUBDOC_REPLACE: mutation.mutate_one,
    Opcode.SUBDOC_ARRAY_PUSH_LAST: mutation.mutate_one,
    Opcode.SUBDOC_ARRAY_PUSH_FIRST: mutation.mutate_one,
    Opcode.SUBDOC_ARRAY_INSERT: mutation.mutate_one,
    Opcode.SUBDOC_ARRAY_ADD_UNIQUE: mutation.mutate_one,
    Opcode.SUBDOC_COUNTER: mutation.mutate_one,
    Opcode.SUBDOC_MULTI_LOOKUP: lookup.lookup_several,
    Opcode.SUBDOC_MULTI_MUTATION: mutation.mutate_several,
}
