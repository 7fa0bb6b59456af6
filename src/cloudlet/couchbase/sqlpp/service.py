"""The query service's HTTP door (port 8093): requests in, streamed results out."""

from __future__ import annotations

import asyncio
import base64
import binascii
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, MutableMapping
from functools import partial
from typing import Any, Final, TypeVar

import msgspec

from cloudlet.couchbase.sqlpp import errors
from cloudlet.couchbase.sqlpp import statements as s
from cloudlet.couchbase.sqlpp.activity import Active, Activity
from cloudlet.couchbase.sqlpp.administration import ChangeRoles
from cloudlet.couchbase.sqlpp.context import Context, StoppedError
from cloudlet.couchbase.sqlpp.decoding import LARGE_BYTES
from cloudlet.couchbase.sqlpp.encoding import is_large
from cloudlet.couchbase.sqlpp.engine import Compiled, Engine
from cloudlet.couchbase.sqlpp.execute import parameters_of
from cloudlet.couchbase.sqlpp.keyspace import Keyspaces
from cloudlet.couchbase.sqlpp.pausing import dissolve, driven
from cloudlet.couchbase.sqlpp.planner.catalog import Catalog
from cloudlet.couchbase.sqlpp.profiling import Profile
from cloudlet.couchbase.sqlpp.request import Request, read_request
from cloudlet.couchbase.sqlpp.response import ResponseBody
from cloudlet.couchbase.sqlpp.rights import Caller, check
from cloudlet.couchbase.sqlpp.system import SystemKeyspaces
from cloudlet.couchbase.sqlpp.transactions import Transactions
from cloudlet.couchbase.sqlpp.transactions.registry import KEY_VALUE, key_value_right

_log = logging.getLogger(__name__)

_T = TypeVar("_T")

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

# Rows are sent when this much is ready; before that the status line can still tell of errors.
_FLUSH_BYTES: Final = 32_768
_BODY_LIMIT_BYTES: Final = 64 * 1024 * 1024
_JSON: Final = b"application/json; version=7.6.0"


class QueryService:
    """An ASGI application answering `/query/service`, `/query`, `/admin/ping` and request admin.

    `authenticate(username, password)` says whether Basic credentials are good. `start` must be
    awaited before the first request and `close` after the last (it cancels what runs).
    """

    def __init__(
        self,
        keyspaces: Keyspaces,
        *,
        authenticate: Callable[[str, str], Caller | None],
        change_roles: ChangeRoles | None = None,
        memory_quota_mb: int = 512,
        version: str = "7.6.0-cloudlet",
    ) -> None:
        system = SystemKeyspaces(keyspaces, version=version)
        self._activity = Activity()
        activity = self._activity
        system.add("active_requests", activity.active_documents, activity.stop)
        system.add("completed_requests", activity.completed_documents, activity.forget)
        system.add("vitals", activity.vitals)
        system.add("prepareds", self._prepared_documents, self._forget_prepared)
        self.engine = Engine(Catalog(keyspaces, system), change_roles)
        self.transactions = Transactions(self.engine)
        system.add("transactions", self.transactions.documents)
        self.system = system
        self._memory_quota_mb = memory_quota_mb
        self._authenticate = authenticate
        self._idle = asyncio.Event()
        self._idle.set()
        self._closing = False

    async def start(self) -> None:
        """Make ready for requests."""
        self._closing = False
        self.engine.catalog.keeper.start()

    async def close(self) -> None:
        """Cancel the running requests and wait for their end."""
        self._closing = True
        for active in self._activity.active.values():
            if active.context is not None:
                active.context.stop()
        await self._idle.wait()
        await self.engine.catalog.keeper.close()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one HTTP request."""
        if scope["type"] != "http":
            return
        method, path = scope["method"], scope["path"]
        if path == "/admin/ping" and method == "GET":
            await _respond(send, 200, b'{"status":"OK"}')
        elif (caller := self._caller(scope)) is None:
            await _refuse(send)
        elif path in ("/query/service", "/query") and method in ("POST", "GET"):
            await self._query(scope, caller, receive, send)
        elif path.startswith("/admin/") and not caller.may_query("system_catalog"):
            await _refuse(send)
        elif path.startswith("/admin/active_requests"):
            await self._administer(method, path.removeprefix("/admin/active_requests"), send)
        elif path in ("/query/service", "/query"):
            error = errors.QueryError(1170, f"Unsupported method {method}")
            await _respond(send, 405, msgspec.json.encode({"errors": [error.body()]}))
        else:
            await _respond(send, 404, b'{"errors":[{"code":404,"msg":"Not found"}]}')

    def _caller(self, scope: Scope) -> Caller | None:
        username, password = _credentials(scope)
        return self._authenticate(username, password) if username else None

    async def _query(self, scope: Scope, caller: Caller, receive: Receive, send: Send) -> None:
        active = Active(str(uuid.uuid4()), "", None)
        self._activity.active[active.request_id] = active
        self._idle.clear()
        try:
            if self._closing:
                raise errors.QueryError(1180, "Service shutting down", http=503, fatal=True)
            body = await _body(receive)
            headers = dict(scope["headers"])
            read = partial(
                read_request,
                scope.get("query_string", b""),
                body,
                headers.get(b"content-type", b"").decode("latin-1"),
                readonly=scope["method"] == "GET",
            )
            request = read() if len(body) < LARGE_BYTES else await self._in_slices(read)
            del body, read
            request.user = _credentials(scope)[0]
            await self._answer(active, request, caller, receive, send)
        except errors.QueryError as error:
            await _respond(send, error.http, _failed(active, error))
        finally:
            del self._activity.active[active.request_id]
            if not self._activity.active:
                self._idle.set()

    async def _answer(
        self, active: Active, request: Request, caller: Caller, receive: Receive, send: Send
    ) -> None:
        active.text = request.statement or ""
        active.client_context_id = request.client_context_id
        active.user = request.user
        if request.profile != "off":
            active.profile = Profile(timings=request.profile == "timings")
        body = ResponseBody(active.request_id, request.client_context_id, metrics=request.metrics)
        prepared: str | None = None
        try:
            compiled = await self._compiled(request, active.profile)
            if request.auto_execute and isinstance(compiled.tree, s.Prepare):
                kept = self.engine.prepare(compiled.tree, compiled.text, request.query_context)
                compiled, prepared = kept.compiled, kept.name
            key_value = isinstance(compiled.tree, s.Execute) and compiled.tree.name in KEY_VALUE
            if isinstance(compiled.tree, s.Execute) and not key_value:
                parameters_of(compiled.tree, request)
                compiled = self.engine.find_prepared(compiled.tree.name, request.query_context)
            self._authorise(compiled, request, caller)
            if request.readonly and not compiled.readonly and not key_value:
                raise errors.QueryError(
                    1000,
                    "The server or request is read-only and cannot accept this write statement.",
                    http=403,
                    fatal=True,
                )
        except errors.QueryError as error:
            await _respond(send, error.http, body.head() + body.tail("fatal", [error], None))
            return
        active.text = compiled.text
        context = active.context = Context(
            self.engine.catalog,
            named=request.named,
            positional=request.positional,
            timeout_s=request.timeout_s,
            timeout_text=request.timeout_text,
            preserve_expiry=request.preserve_expiry,
            memory_quota_bytes=_quota(request.memory_quota_mb, self._memory_quota_mb),
            user=request.user,
            profile=active.profile,
        )
        context.authorise = partial(check, caller)
        watcher = asyncio.create_task(_watch(receive, context))
        try:
            signature = compiled.signature if request.signature else None
            values = self.transactions.run(compiled, request, context)
            head = body.head(signature, prepared)
            await self._stream(active, values, context, body, _Sender(send, head))
        finally:
            watcher.cancel()
            await asyncio.gather(watcher, return_exceptions=True)
            request.named, request.positional = {}, []
            await self._let_go(context.forgotten())

    def _authorise(self, compiled: Compiled, request: Request, caller: Caller) -> None:
        """Raise 13014 where the caller's roles do not allow the statement."""
        rights = self.engine.rights(compiled)
        tree = compiled.tree
        if isinstance(tree, s.Execute) and tree.name in KEY_VALUE:
            right = key_value_right(tree.name, request.positional)
            rights = frozenset((right,)) if right is not None else rights
        check(caller, rights)

    async def _compiled(self, request: Request, profile: Profile | None) -> Compiled:
        if request.prepared is not None:
            return self.engine.find_prepared(
                request.prepared, request.query_context, request.encoded_plan
            )
        turns = Context(
            self.engine.catalog, timeout_s=request.timeout_s, timeout_text=request.timeout_text
        )
        text = request.statement or ""
        return await self.engine.compile(text, request.query_context, profile, turns)

    async def _stream(
        self,
        active: Active,
        results: AsyncIterator[list[Any]],
        context: Context,
        body: ResponseBody,
        sender: _Sender,
    ) -> None:
        status = "success"
        body.running()
        large: list[Any] = []
        try:
            async for values in results:
                # The operators hold them until they are asked for the next ones.
                await self._let_go(large)
                if any(map(is_large, values)):
                    large = values
                    async for data in driven(body.pieces(values), context):
                        await sender.add(data)
                else:
                    await sender.add(body.batch(values))
        except StoppedError:
            status = "stopped"
        except errors.QueryError as error:
            status = "timeout" if error.code == 1080 else "fatal" if error.fatal else "errors"
            context.errors.append(error.with_traceback(None))  # it holds all of this
        except RecursionError:
            status = "errors"
            context.errors.append(errors.evaluation("expression", "nested too deeply"))
        except Exception:
            _log.exception("query failed: %s", active.text[:200])
            status = "errors"
            context.errors.append(errors.QueryError(5000, "Internal error", http=500))
        if context.errors and status == "success":
            status = "errors"
        del results
        await self._let_go(large)
        http = context.errors[0].http if context.errors else 200
        self._activity.completed(active, status, body.rows, body.size)
        await sender.finish(http, body.tail(status, context.errors, context))

    async def _in_slices(self, work: Callable[[], _T]) -> _T:
        """What the work gives, with turns for others in between."""
        async for found in driven((work() for _ in (0,)), Context(self.engine.catalog)):
            return found
        raise AssertionError

    async def _let_go(self, values: list[Any]) -> None:
        """Free values that are not used any more, with turns for others where that takes long."""
        if any(map(is_large, values)):
            # The request's own context may be stopped, or its time over.
            await self._in_slices(partial(dissolve, values))

    async def _administer(self, method: str, rest: str, send: Send) -> None:
        request_id = rest.strip("/")
        if not request_id and method == "GET":
            documents = [document for _, document in self._activity.active_documents()]
            await _respond(send, 200, msgspec.json.encode(documents))
            return
        active = self._activity.active.get(request_id)
        if active is None:
            await _respond(send, 404, b'{"errors":[{"code":404,"msg":"No such request"}]}')
        elif method == "GET":
            await _respond(send, 200, msgspec.json.encode(active.document()))
        elif method == "DELETE":
            if active.context is not None:
                active.context.stop()
            await _respond(send, 200, b"")
        else:
            await _respond(send, 405, b"")

    def _forget_prepared(self, name: str) -> None:
        for key in [key for key in self.engine.prepared if key[0] == name]:
            del self.engine.prepared[key]

    def _prepared_documents(self) -> Iterator[tuple[str, Any]]:
        for prepared in list(self.engine.prepared.values()):
            yield (
                prepared.name,
                {
                    "encoded_plan": prepared.encoded_plan(),
                    "name": prepared.name,
                    "namespace": "default",
                    "statement": prepared.text,
                    "uses": prepared.uses,
                },
            )


def _credentials(scope: Scope) -> tuple[str, str]:
    """The user and password of Basic authentication; empty without."""
    header = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
    kind, _, encoded = header.partition(" ")
    if kind.lower() != "basic":
        return "", ""
    try:
        text = base64.b64decode(encoded.strip(), validate=True).decode()
    except (binascii.Error, ValueError):
        return "", ""
    username, _, password = text.partition(":")
    return username, password


def _quota(asked_mb: int, server_mb: int) -> int:
    """The smaller of the request's and the server's memory quota in bytes; 0 for none."""
    given = [quota for quota in (asked_mb, server_mb) if quota > 0]
    return min(given, default=0) * 1024 * 1024


class _Sender:
    """Collects the body; the status line goes out with the first full buffer or at the end."""

    def __init__(self, send: Send, head: bytes) -> None:
        self._send = send
        self._buffer = bytearray(head)
        self._started = False

    async def add(self, data: bytes) -> None:
        """Some more of the body."""
        self._buffer += data
        if len(self._buffer) >= _FLUSH_BYTES:
            await self._flush(200, more=True)

    async def finish(self, status: int, tail: bytes) -> None:
        """The end of the body; the status counts only where nothing is sent yet."""
        self._buffer += tail
        await self._flush(status, more=False)

    async def _flush(self, status: int, *, more: bool) -> None:
        if not self._started:
            self._started = True
            headers = [(b"content-type", _JSON)]
            if not more:
                headers.append((b"content-length", str(len(self._buffer)).encode()))
            await self._send({"type": "http.response.start", "status": status, "headers": headers})
        data = bytes(self._buffer)
        self._buffer.clear()
        await self._send({"type": "http.response.body", "body": data, "more_body": more})


async def _watch(receive: Receive, context: Context) -> None:
    """Stop the run when the client goes away."""
    while (await receive())["type"] != "http.disconnect":
        pass
    context.stop()


async def _body(receive: Receive) -> bytes | bytearray:
    parts = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return b""
        parts += message.get("body", b"")
        if len(parts) > _BODY_LIMIT_BYTES:
            raise errors.QueryError(
                1193, "User has exceeded input network traffic limit", http=413, fatal=True
            )
        if not message.get("more_body", False):
            return parts


def _failed(active: Active, error: errors.QueryError) -> bytes:
    body = ResponseBody(active.request_id, active.client_context_id, metrics=True)
    return body.head() + body.tail("fatal", [error], None)


async def _refuse(send: Send) -> None:
    error = errors.QueryError(
        13014,
        "User does not have credentials to run queries. "
        "Check the user name and password, or add the role query_select.",
    )
    active = Active(str(uuid.uuid4()), "", None)
    headers = [(b"www-authenticate", b'Basic realm="Couchbase Server"')]
    await _respond(send, 401, _failed(active, error), headers)


async def _respond(
    send: Send, status: int, body: bytes, headers: list[tuple[bytes, bytes]] | None = None
) -> None:
    fields = [
        (b"content-type", _JSON),
        (b"content-length", str(len(body)).encode()),
        *(headers or []),
    ]
    await send({"type": "http.response.start", "status": status, "headers": fields})
    await send({"type": "http.response.body", "body": body, "more_body": False})
