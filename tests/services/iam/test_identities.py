from __future__ import annotations

from pathlib import Path

import pytest
from tests.services.iam.harness import House, policy

from cloudlet.config import AccountSettings, Settings
from cloudlet.services.iam.identities import IdentityStore
from cloudlet.storage.records import Records


@pytest.mark.parametrize(
    ("key", "secret", "account"),
    [
        ("cloudlet", "cloudlet", "000000000000"),
        ("test", "test", "000000000000"),
        ("123456789012", "test", "123456789012"),
        ("mine", "secret", "444455556666"),
    ],
)
def test_the_roots_keys_on_loopback(tmp_path: Path, key: str, secret: str, account: str) -> None:
    accounts = (AccountSettings(id="444455556666", keys={"mine": "secret"}),)
    house = House(tmp_path, Settings(data=tmp_path, accounts=accounts))
    credential = house.identities.credential(key)
    assert credential is not None
    assert credential.secret_key == secret
    assert (credential.principal.kind, credential.principal.account) == ("root", account)
    house.records.close()


@pytest.mark.parametrize("key", ["cloudlet", "test", "123456789012"])
def test_no_default_key_is_honoured_off_loopback(tmp_path: Path, key: str) -> None:
    house = House(tmp_path, Settings(data=tmp_path, host="0.0.0.0"))
    assert house.identities.credential(key) is None
    house.records.close()


@pytest.mark.parametrize(
    "key", ["", "AKIA", "ASIAAAAAAAAAAAAAAAAA", "AKIA????????????????", "x" * 9]
)
def test_unknown_keys_are_nobodys(house: House, key: str) -> None:
    assert house.identities.credential(key) is None
    assert house.identities.credential(key, "token") is None


async def test_keys_and_policies_survive_a_restart(house: House) -> None:
    bob = await house.user("bob", policy("iam:ListUsers"))
    house.restart()
    id_ = (await house.iam("ListAccessKeys", UserName="bob"))["AccessKeyMetadata"][0]["AccessKeyId"]
    credential = house.identities.credential(id_)
    assert credential is not None
    assert credential.principal == bob
    assert await house.iam("ListUsers", as_=bob)


async def test_a_reset_forgets_everyone(house: House) -> None:
    bob = await house.user("bob", policy("*"))
    assert house.identities.policies(bob)
    await house.records.clear()
    reset = house.cloud.services["iam"].reset
    assert reset is not None
    await reset()
    assert house.identities.policies(bob) == ()


def test_the_sealing_key_is_its_owners_only(house: House) -> None:
    assert (house.data / "iam" / "seal.key").stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("key", ["test", "cloudlet", "123456789012"])
def test_the_local_conventions_take_any_session_token(tmp_path: Path, key: str) -> None:
    records = Records(tmp_path / "records.db")
    store = IdentityStore(records, Settings(data=tmp_path))
    found = store.credential(key, "test")
    assert found is not None
    assert found.session_token == "test"
    assert found.principal.kind == "root"
    public = IdentityStore(records, Settings(data=tmp_path, host="10.0.0.1"))
    assert public.credential(key, "test") is None
    records.close()
