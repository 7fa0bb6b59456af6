"""The documentation says what the code does: settings, commands and addresses are all described."""

from __future__ import annotations

from pathlib import Path

import pytest

from cloudlet import config
from cloudlet.cli import application
from cloudlet.front.routing import by_path

ROOT = Path(__file__).resolve().parent.parent
SECTIONS = (config.Settings, config.CouchbaseSettings, config.LambdaSettings)


def names() -> list[str]:
    return sorted({f.removesuffix("_") for section in SECTIONS for f in section.__struct_fields__})


@pytest.mark.parametrize("setting", names())
def test_every_setting_is_in_the_configurations_page(setting: str) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    assert f"\n{setting} = " in text or f"[{setting}]" in text or f"[[{setting}]]" in text


def test_the_configurations_example_is_a_configuration(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    example = text.partition("```toml\n")[2].partition("```")[0]
    path = tmp_path / "cloudlet.toml"
    path.write_text(example)
    settings = config.load(path, {})
    assert settings.accounts[0].id == "111122223333"
    defaults = config.CouchbaseSettings()
    assert (settings.couchbase.kv_port, settings.couchbase.cache_mb) == (
        defaults.kv_port,
        defaults.cache_mb,
    )


def test_every_command_is_in_the_readme() -> None:
    text = (ROOT / "README.md").read_text()
    for command in application.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert f"cloudlet {name}" in text, name


@pytest.mark.parametrize(
    ("path", "door"),
    [
        ("/_aws/execute-api/x/prod/a", "execute-api"),
        ("/restapis/x/prod/_user_request_/a", "execute-api"),
        ("/_aws/s3-website/b/", "s3-website"),
        ("/_aws/lambda-url/u/", "lambda-url"),
    ],
)
def test_the_plain_paths_of_the_clients_page_lead_somewhere(path: str, door: str) -> None:
    form = path.split("/")[1:3]
    assert (
        "/".join(form)[: path.rfind("/")].split("/x")[0]
        in (ROOT / "docs" / "clients.md").read_text()
    )
    found = by_path(path)
    assert found is not None
    assert found[0] == door


def test_no_room_is_over_the_wall() -> None:
    too_long = {
        str(path.relative_to(ROOT)): lines
        for folder in ("src", "tests", "bench", "scripts")
        for path in (ROOT / folder).rglob("*.py")
        if (lines := path.read_text().count("\n")) > 700
    }
    assert too_long == {}
