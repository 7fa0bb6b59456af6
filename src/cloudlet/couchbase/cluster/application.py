"""The management interface's ASGI application: authentication, routes, errors."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from cloudlet.couchbase.cluster.buckets import Buckets
from cloudlet.couchbase.cluster.http import (
    Answer,
    HttpError,
    Receive,
    Request,
    Routes,
    Scope,
    Send,
    basic_credentials,
    read_body,
    read_form,
    send_answer,
)
from cloudlet.couchbase.cluster.keyspaces import ScopesAndCollections
from cloudlet.couchbase.cluster.pools import Pools
from cloudlet.couchbase.cluster.rbac import Rbac
from cloudlet.couchbase.cluster.settings import ClusterSettings
from cloudlet.couchbase.cluster.topology import Topology
from cloudlet.couchbase.cluster.users import Principal, Users
from cloudlet.storage.documents import (
    BadNameError,
    DocumentStore,
    NameTakenError,
    NotThereError,
)

_LOG = logging.getLogger(__name__)

#: What may be asked without credentials, as the server allows it.
_PUBLIC = frozenset({"/", "/pools", "/versions"})


class ManagementService:
    """Port 8091: every request is answered, unknown paths with 404 at once."""

    def __init__(
        self,
        store: DocumentStore,
        users: Users,
        topology: Topology,
        reset: Callable[[], Awaitable[None]],
    ) -> None:
        self._users = users
        self._reset = reset
        self._routes = routes = Routes()
        Pools(store, topology).route(routes)
        Buckets(store, topology).route(routes)
        ScopesAndCollections(store).route(routes)
        Rbac(users).route(routes)
        ClusterSettings(store).route(routes)
        routes.add("POST", "/_cloudlet/reset", self._handle_reset)
        routes.add("GET", "/whoami", self._whoami)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            answer = await self._answer(scope, receive)
        except HttpError as error:
            answer = Answer(error.body, error.status)
        except NotThereError as error:
            answer = Answer({"errors": {"_": str(error)}}, 404)
        except (NameTakenError, BadNameError) as error:
            answer = Answer({"errors": {"_": str(error)}}, 400)
        except Exception:
            _LOG.exception("%s %s failed", scope["method"], scope["path"])
            answer = Answer(["Unexpected server error, request logged."], 500)
        await send_answer(receive, send, answer)

    async def _answer(self, scope: Scope, receive: Receive) -> Answer:
        path = scope["raw_path"].decode("latin-1").split("?")[0]
        principal = await self._authenticate(scope)
        if principal is None and path not in _PUBLIC:
            raise HttpError(401, None)
        found = self._routes.find(scope["method"], path)
        if isinstance(found, int):
            text = "Requested resource not found.\r\n" if found == 404 else "Method Not Allowed"
            raise HttpError(found, text)
        handler, names = found
        if principal is not None and not _may(principal, scope["method"], path):
            raise HttpError(
                403, {"message": "Forbidden. User needs the following permissions",
                      "permissions": ["cluster.admin!write"]}
            )  # fmt: skip
        form = read_form(scope, await read_body(receive))
        return await handler(Request(scope["method"], path, names, form, principal))

    async def _authenticate(self, scope: Scope) -> Principal | None:
        credentials = basic_credentials(scope)
        if credentials is None:
            return None
        principal = self._users.remembered(*credentials)
        if principal is not None:
            return principal
        # A derivation takes milliseconds: not on the loop.
        principal = await asyncio.to_thread(self._users.check, *credentials)
        if principal is None:
            raise HttpError(401, None)
        return principal

    async def _handle_reset(self, request: Request) -> Answer:
        del request
        await self._reset()
        return Answer()

    async def _whoami(self, request: Request) -> Answer:
        principal = request.principal
        assert principal is not None
        roles = [{"role": role.role} for role in principal.roles]
        return Answer({"id": principal.name, "domain": "local", "roles": roles})


#: Roles that may change the cluster; everybody authenticated may look.
_CHANGING_ROLES = frozenset({"admin", "cluster_admin"})


def _may(principal: Principal, method: str, path: str) -> bool:
    if any(role.role in _CHANGING_ROLES for role in principal.roles):
        return path != "/_cloudlet/reset" or principal.is_administrator
    if path.startswith("/settings/rbac"):
        return any(role.role in ("security_admin", "ro_admin") for role in principal.roles)
    return method == "GET"
