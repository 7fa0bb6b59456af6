"""How API Gateway's records persist, and where a request finds the API that it names."""

from __future__ import annotations

import secrets
import string
import time
from dataclasses import dataclass
from typing import Any

from cloudlet.aws.context import Context
from cloudlet.aws.functions import Functions
from cloudlet.services.apigateway.errors import NotFound
from cloudlet.services.apigateway.model import Deployment, RestApi, Stage
from cloudlet.services.parts import Parts
from cloudlet.storage.records import Change, Table

ALPHABET = string.ascii_lowercase + string.digits


def new_id(length: int = 10) -> str:
    """An id of API Gateway's form: lower-case letters and digits, a letter first."""
    rest = "".join(secrets.choice(ALPHABET) for _ in range(length - 1))
    return secrets.choice(string.ascii_lowercase) + rest


@dataclass(frozen=True, slots=True)
class Home:
    """Where an API lives."""

    account: str
    region: str


class ApiGateway:
    """The state of the service: APIs by id, their deployments and stages by `api/id`."""

    def __init__(self, parts: Parts) -> None:
        self.parts = parts
        self.apis: Table[RestApi] = parts.records.table("apigateway.restapi", RestApi)
        self.deployments: Table[Deployment] = parts.records.table(
            "apigateway.deployment", Deployment
        )
        self.stages: Table[Stage] = parts.records.table("apigateway.stage", Stage)
        self._homes: dict[str, Home] | None = None

    @property
    def functions(self) -> Functions:
        """The way to Lambda."""
        found: Functions = self.parts.wanted(Functions)  # type: ignore[type-abstract]
        return found

    def home(self, api_id: str) -> Home | None:
        """The account and region of an API, whichever they are."""
        if self._homes is None:
            self._homes = {id_: Home(a, r) for a, r, id_, _ in self.apis.everywhere()}
        return self._homes.get(api_id)

    async def forget(self) -> None:
        """Drop what was derived from records that a reset has wiped."""
        self._homes = None

    def api(self, ctx: Context[Any], api_id: str) -> RestApi:
        """The API, or NotFoundException."""
        found = self.apis.get(ctx.account, ctx.region, api_id)
        if found is None:
            raise NotFound("Invalid API identifier specified " + f"{ctx.account}:{api_id}")
        return found

    def deployment(self, ctx: Context[Any], api_id: str, id_: str) -> Deployment:
        """The deployment, or NotFoundException."""
        self.api(ctx, api_id)
        found = self.deployments.get(ctx.account, ctx.region, f"{api_id}/{id_}")
        if found is None:
            raise NotFound("Invalid Deployment identifier specified")
        return found

    def stage(self, ctx: Context[Any], api_id: str, name: str) -> Stage:
        """The stage, or NotFoundException."""
        self.api(ctx, api_id)
        found = self.stages.get(ctx.account, ctx.region, f"{api_id}/{name}")
        if found is None:
            raise NotFound("Invalid stage identifier specified")
        return found

    async def save(self, ctx: Context[Any], api: RestApi) -> RestApi:
        """Write an API; on disk when it returns."""
        await self.apis.put(ctx.account, ctx.region, api.id, api)
        if self._homes is not None:
            self._homes[api.id] = Home(ctx.account, ctx.region)
        return api

    async def remove(self, ctx: Context[Any], api: RestApi) -> None:
        """Delete an API with its deployments and stages, in one commit."""
        changes = [Change(self.apis, ctx.account, ctx.region, api.id, None)]
        for table in (self.deployments, self.stages):
            changes += [
                Change(table, ctx.account, ctx.region, id_, None)
                for id_, _ in table.scan(ctx.account, ctx.region, f"{api.id}/")
            ]
        await self.parts.records.commit(*changes)
        if self._homes is not None:
            self._homes.pop(api.id, None)


def now() -> float:
    """Seconds since the epoch, whole as API Gateway gives them."""
    return float(int(time.time()))


def api_arn(ctx: Context[Any], path: str) -> str:
    """The ARN of a control plane path, such as /restapis/abc/stages/prod."""
    return f"arn:aws:apigateway:{ctx.region}::{path}"
