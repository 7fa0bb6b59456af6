"""One client's connection: frames in, answers out in order, bounded in memory and time."""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from typing import Any, Final, cast

from cloudlet.couchbase.kv import durations, large
from cloudlet.couchbase.kv.client import PERSISTING, Client
from cloudlet.couchbase.kv.context import Service
from cloudlet.couchbase.kv.dcp import Producer
from cloudlet.couchbase.kv.errors import status_of
from cloudlet.couchbase.kv.frame import (
    BODY_LIMIT,
    HEADER,
    HEADER_BYTES,
    UNAUTHENTICATED_BODY_LIMIT,
    Answer,
    Handler,
    Request,
    StatusError,
    read_framing,
    response,
)
from cloudlet.couchbase.kv.large import LARGE_VALUE
from cloudlet.couchbase.kv.protocol import SNAPPY, Magic, Opcode, Status
from cloudlet.couchbase.kv.scram import ScramServer
from cloudlet.storage.documents import Collection, Document, DocumentError

_LOG = logging.getLogger(__name__)

_REQUEST: Final = Magic.REQUEST

#: What a client may ask before it has authenticated.
BEFORE_AUTHENTICATION: Final = frozenset(
    {
        Opcode.NOOP,
        Opcode.QUIT,
        Opcode.VERSION,
        Opcode.HELLO,
        Opcode.SASL_LIST_MECHS,
        Opcode.SASL_AUTH,
        Opcode.SASL_STEP,
        Opcode.GET_ERROR_MAP,
    }
)

#: How long a client may take to authenticate, in seconds.
AUTHENTICATION_S: Final = 30.0

#: Requests handled before other connections get their turn: under 5 ms.
SLICE_REQUESTS: Final = 256

#: Input above this is taken apart in place rather than copied first.
LARGE_BYTES: Final = 256 * 1024

#: Bytes of answers put together before they are written.
SLICE_BYTES: Final = 1024 * 1024

#: Answers that wait for the disk; above this the connection is not read.
HELD_LIMIT: Final = 8 * 1024 * 1024


class Connection(Client, asyncio.Protocol):
    """The state of one connection, and the loop that answers its frames.

    Requests are answered in their order. Answers to mutations (and those behind them) are held
    until the mutation is on disk where the server acknowledges only what is persisted.
    """

    def __init__(self, service: Service, handlers: list[Handler | None]) -> None:
        super().__init__(service)
        self._handlers = handlers
        self._transport: asyncio.Transport | None = None
        self._input = bytearray()
        self._need = HEADER_BYTES
        self._paused = False
        self._scheduled = False
        self._reading = True
        #: Answers waiting for a group of the journal: (group, bytes, since when).
        self._held: deque[tuple[int, bytes, float]] = deque()
        self._held_bytes = 0
        self._closing = False
        #: A verb that answers later; nothing behind it is handled meanwhile.
        self._later: asyncio.Task[None] | None = None
        self._writable: asyncio.Future[None] | None = None
        self._deadline: asyncio.TimerHandle | None = None
        #: The group the latest mutation of this slice belongs to.
        self._ticket = 0
        self.acknowledge_persisted = service.acknowledge_persisted
        self.xerror = False
        self.mutation_tokens = False
        self.snappy = False
        self.durations = False
        self.map_push = False
        #: Ended with the connection: a DCP producer's work.
        self.background: asyncio.Task[None] | None = None
        self.producer: Producer | None = None
        self.scram: ScramServer | None = None

    # What asyncio calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Take the transport."""
        self._transport = cast("asyncio.Transport", transport)
        self.service.connections.add(self)
        self._deadline = asyncio.get_running_loop().call_later(AUTHENTICATION_S, self._expire)

    def _expire(self) -> None:
        """Close on a client that has not authenticated in time."""
        if self.principal is None and self._transport is not None:
            self._transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget everything that was buffered."""
        del exc
        self._transport = None
        self.service.connections.discard(self)
        self._input.clear()
        self._held.clear()
        for task in (self._later, self.background):
            if task is not None:
                task.cancel()
        if self._deadline is not None:
            self._deadline.cancel()
        self.service.scans.forget(self)

    def pause_writing(self) -> None:
        """Stop answering a client that does not read."""
        self._paused = True
        self._update_reading()

    def resume_writing(self) -> None:
        """Go on answering."""
        self._paused = False
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)
        self._schedule()
        self._update_reading()

    def data_received(self, data: bytes) -> None:
        """Answer what is complete, and keep the rest."""
        if self._input or self._scheduled or self._later is not None:
            self._input += data
            if len(self._input) >= self._need and not self._scheduled and self._later is None:
                self._process()
        else:
            at = self._handle(data)
            if at < len(data):
                self._input += memoryview(data)[at:]

    # The loop.

    def close(self) -> None:
        """Close after what was written is sent."""
        self._closing = True
        if self._transport is not None:
            self._transport.close()

    def close_after_answers(self) -> None:
        """Handle nothing more, and close when all answers are written."""
        self._closing = True

    def push(self, frame: bytes) -> None:
        """Write a frame that answers nothing, or a part of an answer that comes later."""
        if self._transport is not None:
            self._transport.write(frame)

    async def writable(self) -> None:
        """Return when the client has read most of what was written."""
        while self._paused:
            self._writable = asyncio.get_running_loop().create_future()
            await self._writable

    def _schedule(self) -> None:
        if not self._scheduled and self._later is None:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._resume)

    def _resume(self) -> None:
        self._scheduled = False
        if self._transport is not None:
            self._process()

    def _update_reading(self) -> None:
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        want = not (
            self._paused
            or self._scheduled
            or self._later is not None
            or self._held_bytes > HELD_LIMIT
        )
        if want and not self._reading:
            transport.resume_reading()
        elif not want and self._reading:
            transport.pause_reading()
        self._reading = want

    def _process(self) -> None:
        """Answer what was kept."""
        if len(self._input) < LARGE_BYTES:
            at = self._handle(bytes(self._input))
        else:
            with memoryview(self._input) as view:
                at = self._handle(view)
        del self._input[:at]

    def _handle(self, data: bytes | memoryview) -> int:
        """Answer up to a slice of requests; how many bytes of `data` they were.

        The rest waits for the next turn of the loop.
        """
        out: list[bytes] = []
        out_bytes = at = 0
        size = len(data)
        self._need = HEADER_BYTES
        waits = self._paused or self._later is not None or self._held_bytes > HELD_LIMIT
        left = 0 if waits else SLICE_REQUESTS
        while size - at >= HEADER_BYTES and not self._closing:
            if not left:
                self._more(at, size)
                break
            left -= 1
            header = HEADER.unpack_from(data, at)
            body = header[6]
            end = at + HEADER_BYTES + body
            if body > UNAUTHENTICATED_BODY_LIMIT and not self._may_send(body):
                self._closing = True
                break
            if end > size:
                self._need = end - at
                break
            answer = self._answer(header, data, at + HEADER_BYTES, end)
            at = end
            if answer is not None:
                out.append(answer)
                out_bytes += len(answer)
                if out_bytes > SLICE_BYTES:
                    left = 0
            elif self._later is not None:
                left = 0
        if out:
            self._send(b"".join(out))
        if self._closing:
            self._end()
        else:
            self._update_reading()
        return at

    def _more(self, at: int, size: int) -> None:
        """Arrange for the unread rest, unless resuming is somebody else's turn."""
        self._need = 0 if size > at else HEADER_BYTES
        if not self._paused and self._held_bytes <= HELD_LIMIT:
            self._schedule()

    def _may_send(self, body: int) -> bool:
        return self.principal is not None and body <= BODY_LIMIT

    def _end(self) -> None:
        if self._transport is not None and not self._held:
            self._transport.close()

    def _send(self, answers: bytes) -> None:
        """Write answers, or hold them until the mutations among or before them are on disk."""
        transport = self._transport
        if transport is None:
            return
        journal = self.service.store.journal
        ticket = self._ticket
        if ticket <= journal.persisted and not self._held:
            transport.write(answers)
            return
        if self._held and self._held[-1][0] >= ticket:
            ticket = self._held[-1][0]
        self._held.append((ticket, answers, time.perf_counter()))
        self._held_bytes += len(answers)
        journal.when_persisted(ticket, self._release)

    def _release(self) -> None:
        """Write what was waiting for the groups that are on disk now."""
        persisted = self.service.store.journal.persisted
        ready = []
        held = self._held
        while held and held[0][0] <= persisted:
            _, answers, since = held.popleft()
            self._held_bytes -= len(answers)
            if self.durations:
                answers = durations.restamp(answers, time.perf_counter() - since)
            ready.append(answers)
        transport = self._transport
        if transport is None or not ready:
            return
        transport.write(b"".join(ready))
        if self._closing:
            self._end()
            return
        if self._need == 0:
            self._schedule()
        self._update_reading()

    def _answer(
        self, header: tuple[int, ...], data: bytes | memoryview, at: int, end: int
    ) -> bytes | None:
        """Answer one frame, whose body is from `at` to `end`."""
        magic, opcode, key_size, extras_size, datatype, vbucket, _, opaque, cas = header
        framing = b""
        if magic != _REQUEST:
            if magic != Magic.ALT_REQUEST:
                # A consumer answers what it was sent. Else the stream's framing is lost;
                # Couchbase closes the connection too.
                self._closing = magic != Magic.RESPONSE or self.producer is None
                return None
            framing_size, key_size = key_size >> 8, key_size & 0xFF
            framing = bytes(data[at : at + framing_size])
            at += framing_size
        key_at = at + extras_size
        value_at = key_at + key_size
        if value_at > end:
            self._closing = True
            return None
        if isinstance(data, bytes):
            extras, key, value = data[at:key_at], data[key_at:value_at], data[value_at:end]
        else:
            extras, key = bytes(data[at:key_at]), bytes(data[key_at:value_at])
            value = bytes(data[value_at:end])
        request = Request(opcode, extras, key, value, datatype, vbucket, opaque, cas)
        started = time.perf_counter() if self.durations else 0.0
        try:
            if framing:
                read_framing(request, framing)
            handler = self._handlers[opcode]
            if handler is None or self.principal is None:
                handler = self._admitted(opcode)
            if datatype & SNAPPY or end - value_at > LARGE_VALUE:
                answer = self._expanded(request, handler)
            else:
                answer = handler(self, request)
        except Exception as error:
            answer = self._refusal(request, error)
        if isinstance(answer, bytes):
            return durations.timed(answer, time.perf_counter() - started) if started else answer
        if answer is not None:
            # It comes later: then what is behind it waits.
            self._later = asyncio.get_running_loop().create_task(self._finish(request, answer))
        return None

    def _admitted(self, opcode: int) -> Handler:
        """The verb, where there is one and the client may ask for it by now."""
        if self.principal is None and opcode not in BEFORE_AUTHENTICATION:
            raise StatusError(Status.AUTH_ERROR)
        handler = self._handlers[opcode]
        if handler is None:
            raise StatusError(Status.UNKNOWN_COMMAND)
        return handler

    def _expanded(self, request: Request, handler: Handler) -> Answer:
        """The verb's answer to a value that is compressed or large."""
        if request.datatype & SNAPPY and not self.snappy:
            raise StatusError(Status.INVALID)
        if large.is_large(request):
            if request.opcode not in large.TAKING_DOCUMENTS:
                raise StatusError(Status.INVALID)
            return self._prepared(request, handler)
        large.expand(request)
        return handler(self, request)

    async def _prepared(self, request: Request, handler: Handler) -> bytes:
        await large.prepare(request)
        answer = handler(self, request)
        if isinstance(answer, Coroutine):
            return await answer
        return answer or b""

    async def _finish(self, request: Request, work: Coroutine[Any, Any, bytes]) -> None:
        try:
            answer = await work
        except Exception as error:
            answer = self._refusal(request, error)
        self._later = None
        if self._transport is None:
            return
        if answer:
            self._send(answer)
        self._process()

    def _refusal(self, request: Request, error: Exception) -> bytes:
        try:
            raise error
        except StatusError as error:
            return response(request, error.status, value=error.body, datatype=error.datatype)
        except DocumentError as error:
            return response(request, status_of(error, request.opcode, self.xerror))
        except Exception:
            _LOG.exception("KV request %#04x failed", request.opcode)
            return response(request, Status.INTERNAL)

    # What verbs call.

    def hold(self, request: Request, collection: Collection, document: Document) -> None:
        """Hold the answer until the mutation just made is on disk, where that was asked for.

        A mutation of a level that persists is seen by nobody before that.
        """
        bucket = collection.bucket
        if bucket.ephemeral:
            return
        level = request.durability
        if bucket.minimum_durability > level:
            level = bucket.minimum_durability
        if level >= PERSISTING and document.seqno == bucket.high_seqno:
            collection.conceal(request.key, document)
            self._ticket = self.service.store.journal.last_ticket
        elif self.acknowledge_persisted:
            self._ticket = self.service.store.journal.last_ticket
