"""The plan of a zygote's jail: which parts of the machine it sees, and where."""

from __future__ import annotations

import os
from dataclasses import dataclass
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from cloudlet.compute import jvm
from cloudlet.compute.corner import allowed, corner
from cloudlet.compute.names import name_servers
from cloudlet.compute.runtimes import Runtime

SDK_DISTRIBUTIONS = (
    "boto3", "botocore", "s3transfer", "jmespath", "python-dateutil", "six", "urllib3",
)  # fmt: skip
SDK_PRELOAD = ("boto3", "botocore.session", "botocore.client", "botocore.httpsession")
PRELOAD = (
    "json", "logging", "decimal", "datetime", "base64", "uuid", "re", "time", "asyncio",
    "urllib.request", "urllib.parse", "http.client", "hashlib", "random", "functools",
    "collections", "contextlib", "dataclasses", "typing", "enum", "traceback", "tempfile",
    "subprocess", "concurrent.futures", "ssl", "encodings.idna", "importlib.metadata",
)  # fmt: skip
_INSIDE = Path(__file__).parent / "inside"
# What the interpreter runs where it is executed (Python: under a wrapper script only), and the
# variables that it reads at its own start only.
_BOOTSTRAPS = {
    "python": _INSIDE / "bootstrap.py",
    "node": _INSIDE / "bootstrap.js",
    "java": jvm.BOOTSTRAP,
}
_BARE_PARTS = ("kernel", "confinement", "learning", "snapstart", "python")  # see bootstrap.py
_OPTIONS = {
    "node": ("NODE_OPTIONS",),
    "java": ("JAVA_TOOL_OPTIONS", "_JAVA_OPTIONS", "JDK_JAVA_OPTIONS"),
}
# The module of inside/ that is an environment's main, the ones beside it, and those of the
# Runtime API, which the built-in runtimes load where an environment needs it.
_MAINS = {"python": "python", "provided": "launcher", "node": "prestarted", "java": "prestarted"}
_PARTS = {
    "python": ("learning", "snapstart", "template", "peers", "doorbell"),
    "node": ("peers", "doorbell"),
    "java": ("peers", "doorbell"),
}
_API = (
    "http", "peers", "outlets", "delivery", "telemetry", "extensions", "framed", "builtin", "api",
)  # fmt: skip
STORE = "/var/lib/store"
# An unprivileged identity that no distribution hands out; taken when cloudlet runs as root.
SANDBOX_ID = 245_660
_ETC = (
    "resolv.conf", "nsswitch.conf", "host.conf", "gai.conf", "services", "protocols",
    "localtime", "mime.types", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "ssl", "pki",
    "ca-certificates", "alternatives", "crypto-policies",
)  # fmt: skip
_USERS = (
    "root:x:0:0:root:/root:/sbin/nologin\n"
    "sbx_user1051:x:993:990::/home/sbx_user1051:/sbin/nologin\n"
)
_HIDDEN = ("lib/python3*/site-packages", "lib/python3*/dist-packages", "src", "games")


def _etc() -> list[Path]:
    """What of /etc a function sees: no users, no secrets; a JVM's configuration, where it is."""
    named = [Path("/etc") / name for name in _ETC]
    return [path for path in [*named, *Path("/etc").glob("java-*")] if path.exists()]


def _hosts() -> str:
    """The machine's names, and those by which an environment calls itself ("Specifying a
    destination protocol", on the Telemetry API).
    """
    try:
        own = Path("/etc/hosts").read_text()
    except OSError:
        own = "127.0.0.1 localhost\n"
    return f"127.0.0.1 sandbox.localdomain sandbox\n{own}"


@cache
def sdk_entries() -> tuple[tuple[str, str], ...]:
    """(path on the machine, name in /var/runtime) of the AWS SDK and what it needs."""
    entries: dict[str, str] = {}
    for name in SDK_DISTRIBUTIONS:
        try:
            distribution = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for file in distribution.files or ():
            top = file.parts[0]
            if top in ("..", "__pycache__") or top in entries:
                continue
            entries[top] = str(distribution.locate_file(top))
    return tuple((path, name) for name, path in sorted(entries.items()))


def _hidden() -> list[str]:
    """Installed packages of the machine, which are none of a function's business."""
    roots = (Path("/usr"), Path("/usr/local"))
    return [os.fspath(path) for root in roots for glob in _HIDDEN for path in root.glob(glob)]


def sdk_modules() -> list[str]:
    """The top-level modules of the SDK."""
    names = (name.removesuffix(".py") for _, name in sdk_entries())
    return [name for name in names if name.isidentifier()]


def open_to_all(*folders: Path) -> bool:
    """Whether any identity may pass to these folders; those yet to be made will be open."""
    parts = {part for folder in folders for part in (folder.resolve(), *folder.resolve().parents)}
    return all(part.stat().st_mode & 0o001 for part in parts if part.exists())


@dataclass(frozen=True, slots=True)
class JailPlan:
    """All that a zygote needs to know; `config()` is its first message."""

    runtime: Runtime
    code_root: Path
    staging: Path
    sdk_view: Path  # where the SDK is without mounts: a folder of symbolic links
    namespaces: bool
    leave_root: bool
    nproc: int

    def config(self, *, own_network: bool = False) -> dict[str, Any]:
        """The zygote's configuration (see inside/zygote.py)."""
        binds, links = self._machine()
        files = {
            "/etc/passwd": _USERS,
            "/etc/hosts": _hosts(),
            "/etc/group": "root:x:0:\nsbx_user1051:x:990:\n",
        }
        resolver = Path("/etc/resolv.conf")
        if own_network and resolver.exists():
            binds = [bind for bind in binds if bind[1] != os.fspath(resolver)]
            files[os.fspath(resolver)] = name_servers(resolver.read_text(errors="replace"))
        binds += [(path, f"/var/runtime/{name}") for path, name in sdk_entries()]
        binds.append((os.fspath(self.code_root), STORE))
        stdlib = list(self.runtime.stdlib)
        sdk = "/var/runtime" if self.namespaces else os.fspath(self.sdk_view)
        bootstrap = ""
        if (own := _BOOTSTRAPS.get(self.runtime.family)) is not None:
            bootstrap = f"/var/runtime/{own.name}" if self.namespaces else os.fspath(own)
            binds.append((os.fspath(own), bootstrap))
        python, provided = (self.runtime.family == name for name in ("python", "provided"))
        if python and self.namespaces:
            binds += [
                (os.fspath(_INSIDE / f"{name}.py"), f"/var/runtime/.bootstrap/{name}.py")
                for name in _BARE_PARTS
            ]
        return {
            "mode": "namespaces" if self.namespaces else "plain",
            "family": self.runtime.family,
            "main": _MAINS[self.runtime.family],
            "parts": _API if provided else _PARTS[self.runtime.family],
            "late": () if provided else (*_API, "launcher"),
            "staging": os.fspath(self.staging),
            "directories": [
                "/proc",
                "/dev/shm",  # noqa: S108 - inside the jail
                "/tmp",  # noqa: S108
                "/var/task",
                "/var/runtime",
                "/opt",
                "/etc",
                "/home/sbx_user1051",
                "/run",
                STORE,
            ],
            "links": links,
            "binds": binds,
            "files": files,
            "command": self._command(bootstrap),
            "options": _OPTIONS.get(self.runtime.family, ()),
            "own_folder": self.namespaces and self.runtime.family == "java",
            "leave_root": self.leave_root,
            "hidden": [*_hidden(), *(f"{path}/site-packages" for path in stdlib)],
            "store": STORE,
            "uid": SANDBOX_ID,
            "gid": SANDBOX_ID,
            "nproc": self.nproc,
            "processors": allowed(),
            "corner": corner(),
            "sys_path": [sdk, *stdlib],
            "preload": PRELOAD if python else (),
            "sdk_preload": SDK_PRELOAD if python else (),
            "sdk": sdk_modules(),
            "sdk_path": sdk,
            "readable": [
                "/usr",
                "/lib",
                "/lib64",
                "/bin",
                "/etc/hosts",
                *(os.fspath(path) for path in _etc()),
                *self.runtime.prefixes,
                sdk,
                *(path for path, _ in sdk_entries()),
                *([bootstrap] if bootstrap else []),
                *(os.fspath(_INSIDE / f"{name}.py") for name in _BARE_PARTS if python),
            ],
            "devices": ["/dev/null", "/dev/zero", "/dev/urandom", "/dev/random", "/dev/full"],
        }

    def _command(self, bootstrap: str) -> list[str]:
        """How a runtime is started where it is executed."""
        if self.runtime.family == "java":
            return jvm.command(self.runtime.executable, self.runtime.memory_mb, bootstrap)
        if self.runtime.family == "python":  # in the jail, the machine's packages are hidden
            option = [] if self.namespaces else ["-S"]
            return [self.runtime.executable, *option, bootstrap]
        return [self.runtime.executable, "--no-warnings", bootstrap]

    def build_sdk_view(self) -> None:
        """Make the folder of links; for use without mounts."""
        self.sdk_view.mkdir(parents=True, exist_ok=True)
        for path, name in sdk_entries():
            link = self.sdk_view / name
            if not link.is_symlink() or str(link.readlink()) != path:
                link.unlink(missing_ok=True)
                link.symlink_to(path)

    def _machine(self) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        """(binds, symbolic links) of the machine's own files."""
        binds: list[tuple[str, str]] = [("/usr", "/usr")]
        links: list[tuple[str, str]] = []
        for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
            path = Path("/") / name
            if path.is_symlink():
                links.append((f"/{name}", str(path.readlink())))
            elif path.is_dir():
                binds.append((f"/{name}", f"/{name}"))
        binds += [(os.path.realpath(path), os.fspath(path)) for path in _etc()]
        shown = ("/usr/", "/etc/")
        elsewhere = [p for p in self.runtime.prefixes if p != "/usr" and not p.startswith(shown)]
        binds += [(prefix, prefix) for prefix in elsewhere]
        return binds, links
