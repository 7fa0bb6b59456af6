from __future__ import annotations

from pathlib import Path

from cloudlet import config
from cloudlet.credentials import credentials_for


def test_loopback_has_the_documented_defaults(tmp_path: Path) -> None:
    found = credentials_for(config.load(None, {}, data=tmp_path))
    assert found.root_key == ("cloudlet", "cloudlet")
    assert found.account == "000000000000"
    assert found.settings.couchbase.password == "password"


def test_beyond_loopback_keys_are_generated_once_and_kept_private(tmp_path: Path) -> None:
    settings = config.load(None, {}, data=tmp_path, host="0.0.0.0")
    first, second = credentials_for(settings), credentials_for(settings)
    assert first == second
    assert first.root_key[0].startswith("AKIA")
    assert first.root_key[1] not in ("cloudlet", "test")
    assert first.settings.couchbase.password != "password"
    assert dict([first.root_key]) == first.settings.accounts[0].keys
    assert (tmp_path / "credentials.json").stat().st_mode & 0o077 == 0


def test_configured_accounts_come_first(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('[[accounts]]\nid = "111122223333"\nkeys = {AKIAX = "s"}\n')
    found = credentials_for(config.load(path, {}, data=tmp_path))
    assert (found.account, found.root_key) == ("111122223333", ("AKIAX", "s"))
