from __future__ import annotations

from pathlib import Path

import pytest

from cloudlet import config
from cloudlet.config import ConfigurationError


def test_flags_win_over_the_environment_over_the_file(tmp_path: Path) -> None:
    path = tmp_path / "c.toml"
    path.write_text('port = 1\nregion = "eu-west-1"\n[couchbase]\nkv_port = 2\nquery_port = 3\n')
    environment = {"CLOUDLET_PORT": "10", "CLOUDLET_COUCHBASE_KV_PORT": "20"}
    settings = config.load(path, environment, port=100)
    assert (settings.port, settings.region) == (100, "eu-west-1")
    assert (settings.couchbase.kv_port, settings.couchbase.query_port) == (20, 3)


def test_a_flag_that_is_not_given_changes_nothing(tmp_path: Path) -> None:
    settings = config.load(None, {}, port=None, data=tmp_path)
    assert settings.port == 4566
    assert settings.data == tmp_path


def test_lists_in_the_environment_are_separated_by_commas() -> None:
    settings = config.load(None, {"CLOUDLET_COUCHBASE_BUCKETS": "default,books"})
    assert settings.couchbase.buckets == ("default", "books")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("prot = 1", "prot"),
        ('port = "many"', "port"),
        ("[couchbase]\nkv_prt = 1", "kv_prt"),
        ("port = ", "not valid TOML"),
    ],
)
def test_what_cannot_be_is_refused_by_name(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "c.toml"
    path.write_text(text)
    with pytest.raises(ConfigurationError, match=message):
        config.load(path, {})


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot read"):
        config.load(tmp_path / "none.toml", {})
