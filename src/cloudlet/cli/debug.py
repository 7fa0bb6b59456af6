"""`cloudlet invoke --debug`: one invocation under a debugger.

A copy of the function is made for it and deleted after it: the same code with an entry that waits
for a debugger before the function is imported, the same role, layers, variables and log group, and
Lambda's longest time-out. The function itself, and who else calls it, notices nothing.
"""

from __future__ import annotations

import contextlib
import io
import socket
import threading
import uuid
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cloudlet.cli import build, screen
from cloudlet.cli.connection import Connection
from cloudlet.cli.package import archive
from cloudlet.cli.problem import Problem

#: Seconds that an invocation may take at most ("Lambda quotas"), so also one under a debugger.
LONGEST_S = 900
#: What a debugger needs besides the function, in MB.
MEMORY_MB = 512
DEBUGPY = "debugpy==1.8.22"
ENTRIES = Path(__file__).with_name("debugged")
#: Runtime family -> the entry's file, its handler, and the port that debuggers expect.
FAMILIES = {
    "python": ("cloudlet_debug.py", "cloudlet_debug.handler", 5678),
    "nodejs": ("cloudlet_debug.mjs", "cloudlet_debug.handler", 9229),
}
COPIED = ("Role", "Runtime", "EphemeralStorage", "Architectures", "VpcConfig")


@dataclass(frozen=True, slots=True)
class Copy:
    """A function's copy for one invocation, and where it will wait for a debugger."""

    name: str
    port: int
    debugger: str

    @contextlib.contextmanager
    def announced(self) -> Iterator[None]:
        """Say where to attach as soon as the function waits there."""
        ended = threading.Event()

        def watch() -> None:
            while not ended.wait(0.05):
                if _is_taken(self.port):
                    screen.note(f"Waiting for a debugger on 127.0.0.1:{self.port}"
                                f" ({self.debugger}); its working directory holds the code:"
                                " /var/task, where environments have mounts")  # fmt: skip
                    return

        watcher = threading.Thread(target=watch)
        watcher.start()
        try:
            yield
        finally:
            ended.set()
            watcher.join()


@contextlib.contextmanager
def under_debugger(found: Connection, function: str, port: int) -> Iterator[Copy]:
    """A copy of `function` that waits for a debugger on `port` (0: the usual one, or any that is
    free); it goes with the context.
    """
    client = found.client("lambda")
    try:
        original = client.get_function(FunctionName=function)
    except client.exceptions.ClientError as error:
        raise Problem(str(error)) from error
    settings = original["Configuration"]
    runtime = settings.get("Runtime", "")
    family = next((name for name in FAMILIES if runtime.startswith(name)), "")
    if not family:
        raise Problem(
            f"{function} runs on {runtime or 'an image'}: --debug knows Python and Node.js.",
            "Attach a debugger of that language to the process by hand.",
        )
    entry, handler, usual = FAMILIES[family]
    if port and _is_taken(port):
        raise Problem(f"Port {port} is in use.", "Choose another one with --debug-port.")
    port = port or _free(usual)
    layers = [layer["Arn"] for layer in settings.get("Layers", [])]
    if family == "python":
        layers.append(_debugpy(client, runtime))
    name = f"{settings['FunctionName'][:40]}-debug-{uuid.uuid4().hex[:8]}"
    variables = {
        **settings.get("Environment", {}).get("Variables", {}),
        "CLOUDLET_DEBUG_HANDLER": settings["Handler"],
        "CLOUDLET_DEBUG_PORT": str(port),
        "CLOUDLET_DEBUG_NAME": settings["FunctionName"],
        "CLOUDLET_DEBUG_ARN": settings["FunctionArn"],
    }
    bucket, key = _stage(found, _with_entry(original["Code"]["Location"], ENTRIES / entry))
    log_group = settings.get("LoggingConfig", {}).get("LogGroup")
    client.create_function(
        **{member: settings[member] for member in COPIED if member in settings},
        FunctionName=name,
        Handler=handler,
        Code={"S3Bucket": bucket, "S3Key": key},
        Layers=layers,
        Environment={"Variables": variables},
        Timeout=LONGEST_S,
        MemorySize=max(MEMORY_MB, settings["MemorySize"]),
        LoggingConfig={"LogGroup": log_group or f"/aws/lambda/{settings['FunctionName']}"},
    )
    try:
        client.get_waiter("function_active_v2").wait(FunctionName=name)
        yield Copy(name, port, "debugpy" if family == "python" else "inspector")
    finally:
        client.delete_function(FunctionName=name)
        found.client("s3").delete_object(Bucket=bucket, Key=key)


def _with_entry(location: str, entry: Path) -> bytes:
    """The function's archive with the entry added."""
    import urllib3

    answer = urllib3.request("GET", location)
    if answer.status != 200:
        raise Problem(f"The function's code cannot be had ({answer.status}) from {location}.")
    buffer = io.BytesIO(answer.data)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as target:
        target.write(entry, entry.name)
    return buffer.getvalue()


def _stage(found: Connection, content: bytes) -> tuple[str, str]:
    """The bucket and key where the copy's code is for the time being."""
    from cloudlet.cli.deploy import artifacts_bucket

    s3 = found.client("s3")
    bucket, key = artifacts_bucket(found, s3), f"debug-{uuid.uuid4().hex}.zip"
    s3.put_object(Bucket=bucket, Key=key, Body=content)
    return bucket, key


def _debugpy(client: Any, runtime: str) -> str:
    """The ARN of a layer version with debugpy for `runtime`, made at the first need."""
    name = f"cloudlet-debugpy-{runtime.replace('.', '-')}"
    known = client.list_layer_versions(LayerName=name)["LayerVersions"]
    if known:
        return str(known[0]["LayerVersionArn"])
    source = build.cache_directory() / "debugpy"
    source.mkdir(parents=True, exist_ok=True)
    (source / "requirements.txt").write_text(f"{DEBUGPY}\n")
    installed = build.dependencies(source, runtime)
    assert installed is not None
    published = client.publish_layer_version(
        LayerName=name, Content={"ZipFile": archive(installed, "python/")}
    )
    return str(published["LayerVersionArn"])


def _free(usual: int) -> int:
    """The usual port if it is free, else any."""
    if not _is_taken(usual):
        return usual
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _is_taken(port: int) -> bool:
    """Whether something listens there; asked without a connection, which a debugger would take
    for its client.
    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return True
    return False
