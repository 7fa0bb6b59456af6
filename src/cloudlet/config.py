"""Every setting, once: from the configuration file, the environment and flags, in that order."""

from __future__ import annotations

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import msgspec

#: Access key id -> secret of the default root keys, honoured on loopback only.
DEFAULT_KEYS = {"cloudlet": "cloudlet", "test": "test"}
DEFAULT_ACCOUNT = "000000000000"
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})


class ConfigurationError(ValueError):
    """A setting is unknown or its value cannot be; the message says where and what is expected."""


class AccountSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """An account with its root's access keys (id -> secret)."""

    id: str
    keys: dict[str, str] = {}


class CouchbaseSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The document server. `kv_port` 0 takes any free port."""

    enabled: bool = True
    kv_port: int = 11210
    management_port: int = 8091
    query_port: int = 8093
    username: str = "Administrator"
    password: str = "password"  # noqa: S105 - the documented default, refused off loopback
    buckets: tuple[str, ...] = ("default",)
    #: When a mutation is answered: "persisted" after its group commit, "memory" at once.
    acknowledge: Literal["persisted", "memory"] = "persisted"
    cache_mb: int = 256
    #: For clients of 2016: a bucket's name opens it without a password. On loopback only.
    bucket_names_authenticate: bool = False
    #: Serve TLS too, on ports of its own; without PEM files a self-signed certificate is made.
    tls: bool = False
    kv_tls_port: int = 11207
    management_tls_port: int = 18091
    query_tls_port: int = 18093
    tls_certificate: Path | None = None
    tls_key: Path | None = None
    #: A real cluster's connection string in place of the embedded server, and its credentials.
    remote: str = ""
    remote_username: str = ""
    remote_password: str = ""


class LambdaSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Execution environments."""

    idle_s: float = 300.0
    max_environments: int = 200
    #: Refuse functions whose exact runtime version this machine lacks, instead of the nearest.
    strict_runtimes: bool = False
    #: Whether functions have a network of their own: "isolated" runs none without, "host" has them
    #: share this machine's, "auto" isolates where the machine allows it.
    network: Literal["auto", "isolated", "host"] = "auto"
    #: Ports of this machine's loopback that isolated functions reach besides the platform's.
    loopback_ports: tuple[int, ...] = ()


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The settings of one `cloudlet up`. Relative paths are relative to the working directory."""

    host: str = "127.0.0.1"
    port: int = 4566
    data: Path = Path()
    region: str = "us-east-1"
    accounts: tuple[AccountSettings, ...] = ()
    couchbase: CouchbaseSettings = CouchbaseSettings()
    lambda_: LambdaSettings = msgspec.field(name="lambda", default_factory=LambdaSettings)

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the server."""
        return self.host in LOOPBACK


def default_data() -> Path:
    """The user's data directory for cloudlet, after the XDG Base Directory Specification."""
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    return Path(home) / "cloudlet"


def load(
    path: Path | None = None,
    environment: Mapping[str, str] | None = None,
    **flags: Any,
) -> Settings:
    """The settings in force; later sources win: file (TOML), `CLOUDLET_*` variables, `flags`.

    Without `path`, `cloudlet.toml` in the working directory is read if it is there. A variable
    names a setting with underscores (`CLOUDLET_COUCHBASE_KV_PORT`); a flag of None is not given,
    and a nested setting's flag is written `couchbase__kv_port`. Raises `ConfigurationError`.
    """
    document: dict[str, Any] = {"data": str(default_data())}
    source = path or Path("cloudlet.toml")
    if path is not None or source.exists():
        try:
            _merge(document, tomllib.loads(source.read_text()))
        except OSError as error:
            raise ConfigurationError(f"cannot read {source}: {error.strerror}") from error
        except tomllib.TOMLDecodeError as error:
            raise ConfigurationError(f"{source} is not valid TOML: {error}") from error
    _merge(document, _from_environment(os.environ if environment is None else environment))
    for flag, value in flags.items():
        if value is not None:
            _place(document, flag.split("__"), value)
    try:
        settings = msgspec.convert(document, Settings, strict=False, dec_hook=_convert)
    except msgspec.ValidationError as error:
        raise ConfigurationError(
            f"{error} (settings are described in docs/configuration.md)"
        ) from error
    if not all(0 < port < 65536 for port in settings.lambda_.loopback_ports):
        raise ConfigurationError("lambda.loopback_ports: a port is a number from 1 to 65535")
    if settings.couchbase.bucket_names_authenticate and not settings.is_loopback:
        raise ConfigurationError(
            f"couchbase.bucket_names_authenticate lets anybody in who reaches {settings.host}:"
            " it is for loopback only"
        )
    return settings


def _convert(wanted: type, value: Any) -> Any:
    if wanted is Path and isinstance(value, str | Path):
        return Path(value).expanduser()
    raise msgspec.ValidationError(f"Expected a {wanted.__name__}, got {value!r}")


def _merge(into: dict[str, Any], other: Mapping[str, Any]) -> None:
    for key, value in other.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            _merge(into[key], value)
        else:
            into[key] = dict(value) if isinstance(value, Mapping) else value


def _place(document: dict[str, Any], names: list[str], value: Any) -> None:
    for name in names[:-1]:
        document = document.setdefault(name, {})
    document[names[-1]] = value


def _from_environment(environment: Mapping[str, str]) -> dict[str, Any]:
    """The settings that `CLOUDLET_*` variables name; sections by their prefix."""
    document: dict[str, Any] = {}
    sections = {"couchbase": CouchbaseSettings, "lambda": LambdaSettings}
    scalars = {"host", "port", "data", "region"}
    for variable, value in environment.items():
        name = variable.lower().removeprefix("cloudlet_")
        if name == variable.lower():
            continue
        section, _, rest = name.partition("_")
        if name in scalars:
            document[name] = value
        elif section in sections and rest in sections[section].__struct_fields__:
            given: Any = value.split(",") if rest in ("buckets", "loopback_ports") else value
            _place(document, [section, rest], given)
    return document
