"""A cloud with IAM and STS only, driven through the dispatch that services use."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from cloudlet.aws.cloud import Cloud
from cloudlet.aws.principal import Principal, root
from cloudlet.config import Settings
from cloudlet.services import iam, sts
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.services.parts import Parts
from cloudlet.storage.records import Records

ACCOUNT = "111122223333"
ROOT = root(ACCOUNT)


def policy(action: Any, resource: Any = "*", effect: str = "Allow", **more: Any) -> str:
    """The text of a policy of one statement."""
    statement = {"Effect": effect, "Action": action, "Resource": resource, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


def trust(principal: Any, **more: Any) -> str:
    """The text of a trust policy."""
    actions = ["sts:AssumeRole", "sts:TagSession", "sts:SetSourceIdentity"]
    statement = {"Effect": "Allow", "Principal": principal, "Action": actions, **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


class House:
    """The services on a data directory; `start` anew to see what is on the disk."""

    def __init__(self, data: Path, settings: Settings | None = None) -> None:
        self.data = data
        self.settings = settings or Settings(data=data)
        self.start()

    def start(self) -> None:
        self.records = Records(self.data / "records.db")
        self.identities = IdentityStore(self.records, self.settings)
        self.cloud = Cloud(self.identities)
        compute: Any = None
        self.parts = Parts(self.data, self.settings, self.records, self.cloud, compute)
        for package in (iam, sts):
            self.cloud.register(package.build(self.parts))

    def restart(self) -> None:
        self.records.close()
        self.start()

    async def iam(self, operation: str, as_: Principal = ROOT, **input_: Any) -> dict[str, Any]:
        return await self.cloud.call("iam", operation, input_, as_=as_, region="us-east-1")

    async def sts(self, operation: str, as_: Principal = ROOT, **input_: Any) -> dict[str, Any]:
        return await self.cloud.call("sts", operation, input_, as_=as_, region="us-east-1")

    async def user(self, name: str, *documents: str) -> Principal:
        """A new user with these inline policies, as the principal of its key."""
        await self.iam("CreateUser", UserName=name)
        for number, document in enumerate(documents):
            await self.iam(
                "PutUserPolicy", UserName=name, PolicyName=f"p{number}", PolicyDocument=document
            )
        key = (await self.iam("CreateAccessKey", UserName=name))["AccessKey"]
        credential = self.identities.credential(key["AccessKeyId"])
        assert credential is not None
        assert credential.secret_key == key["SecretAccessKey"]
        return credential.principal

    def principal(self, credentials: dict[str, Any]) -> Principal:
        """Whom temporary credentials stand for."""
        found = self.identities.credential(credentials["AccessKeyId"], credentials["SessionToken"])
        assert found is not None
        assert found.secret_key == credentials["SecretAccessKey"]
        return found.principal
