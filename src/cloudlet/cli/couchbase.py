"""`cloudlet couchbase`: the document server alone, and documents in and out of a cluster."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Coroutine
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal, TypeVar

import typer

from cloudlet import config
from cloudlet.cli import connection, screen
from cloudlet.cli.problem import Problem
from cloudlet.cli.up import settings_from

if TYPE_CHECKING:
    from cloudlet.couchbase.client import Documents
    from cloudlet.couchbase.options import DocumentServerOptions, Ports

T = TypeVar("T")

couchbase = typer.Typer(
    help="The document server alone; or `import`, `export` and `sample` documents.",
    invoke_without_command=True,
)

ConnectionString = Annotated[
    str | None,
    typer.Option("--cluster", help="couchbase://host:port; default: the cloudlet that runs."),
]
Username = Annotated[str | None, typer.Option("--username", help="Its user.")]
Password = Annotated[str | None, typer.Option("--password", help="Its user's password.")]
Keyspace = Annotated[
    str, typer.Option("--into", help="bucket, or bucket.scope.collection.", show_default=True)
]
Format = Annotated[str, typer.Option("--format", help="lines (one document a line) or list.")]


@couchbase.callback()
def serve(
    context: typer.Context,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the key-value service; 0: all are free.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Where documents are kept.")] = None,
    bucket: Annotated[
        list[str] | None, typer.Option("--bucket", help="A bucket to create; may be repeated.")
    ] = None,
    tls: Annotated[bool, typer.Option("--tls", help="Serve TLS too.")] = False,
    remote: Annotated[
        str | None, typer.Option("--remote", help="Have cloudlet use this cluster instead.")
    ] = None,
    username: Username = None,
    password: Password = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object when ready.")
    ] = False,
) -> None:
    """Serve documents in the foreground until Ctrl-C, without the rest of cloudlet."""
    if context.invoked_subcommand is not None:
        return
    if remote is not None:
        use_remote(remote, username or "Administrator", password or "password")
        return
    from cloudlet.couchbase.__main__ import run
    from cloudlet.couchbase.options import options_for
    from cloudlet.credentials import credentials_for

    settings = settings_from(
        port=0 if port == 0 else None,
        data=data,
        couchbase__kv_port=port,
        couchbase__buckets=bucket,
        couchbase__tls=tls or None,
        couchbase__username=username,
        couchbase__password=password,
    )
    settings = credentials_for(settings).settings
    raise typer.Exit(run(options_for(settings), None, described if as_json else announced))


def _addresses(options: DocumentServerOptions, ports: Ports) -> dict[str, str]:
    host = f"[{options.host}]" if ":" in options.host else options.host
    found = {
        "connection_string": f"couchbase://{host}:{ports.kv}",
        "management": f"http://{host}:{ports.management}",
        "query": f"http://{host}:{ports.query}",
    }
    if ports.kv_tls:
        found |= {
            "secure_connection_string": f"couchbases://{host}:{ports.kv_tls}",
            "secure_management": f"https://{host}:{ports.management_tls}",
            "secure_query": f"https://{host}:{ports.query_tls}",
        }
    return found


def described(options: DocumentServerOptions, ports: Ports) -> str:
    """What `--json` prints."""
    return json.dumps(
        {
            **_addresses(options, ports),
            "username": options.username,
            "password": options.password,
            "buckets": list(options.buckets),
            "data": str(options.data),
        }
    )


def announced(options: DocumentServerOptions, ports: Ports) -> str:
    """What a person reads."""
    rows = [
        (name.replace("_", " ").capitalize(), text)
        for name, text in _addresses(options, ports).items()
    ]
    rows += [
        ("Credentials", f"{options.username} / {options.password}"),
        ("Buckets", ", ".join(options.buckets)),
        ("Data", str(options.data)),
    ]
    width = max(len(name) for name, _ in rows)
    lines = [f"  {screen.styled(name.ljust(width), 'dim')}  {text}" for name, text in rows]
    return "\n".join(
        [screen.styled("cloudlet: document server ready", "bold"), *lines, "\nStop with Ctrl-C."]
    )


def use_remote(address: str, username: str, password: str) -> None:
    """See that the cluster answers, and write it into cloudlet.toml in the working directory."""
    from cloudlet.couchbase.client import Address, Node

    async def look() -> None:
        node = await Node.connect(Address.parse(address), username, password, None)
        await node.close()

    _run(look())
    path = Path("cloudlet.toml")
    lines = "".join(
        f"{name} = {json.dumps(value)}\n"
        for name, value in (
            ("remote", address), ("remote_username", username), ("remote_password", password),
        )
    )  # fmt: skip
    text = path.read_text() if path.exists() else ""
    if "[couchbase]" in text:
        raise Problem(
            f"{path} has a section [couchbase] already.", f"Put these lines into it:\n{lines}"
        )
    path.write_text(f"{text}{'' if text.endswith(chr(10)) or not text else chr(10)}"
                    f"[couchbase]\n{lines}")  # fmt: skip
    path.chmod(0o600)
    screen.say(f"{address} answers; {path} names it, and `cloudlet up` uses it from now on.")


@couchbase.command("import")
def import_(
    file: Annotated[Path, typer.Argument(help="JSON documents.")],
    keyspace: Keyspace = "default",
    form: Format = "lines",
    key: Annotated[
        str, typer.Option("--key", help="Pattern of keys: %field%, #UUID#, #MONO_INCR#.")
    ] = "#UUID#",
    cluster: ConnectionString = None,
    username: Username = None,
    password: Password = None,
) -> None:
    """Store the documents of a file."""
    from cloudlet.couchbase.transfer import documents, key_maker

    if not file.is_file():
        raise Problem(f"There is no file {file}.")
    make = key_maker(key)
    found = ((make(one), one) for one in documents(file, _form(form)))

    async def work() -> int:
        target = await _open(cluster, username, password, keyspace)
        try:
            return await _store(target, found)
        finally:
            await target.close()

    screen.say(f"{_run(work())} documents are in {keyspace}.")


@couchbase.command("export")
def export(
    file: Annotated[Path, typer.Argument(help="Where to; it is replaced.")],
    keyspace: Annotated[
        str, typer.Option("--from", help="bucket, or bucket.scope.collection.")
    ] = "default",
    form: Format = "lines",
    include_key: Annotated[
        str | None, typer.Option("--include-key", help="The field to put the key into.")
    ] = None,
    cluster: ConnectionString = None,
    username: Username = None,
    password: Password = None,
) -> None:
    """Write a collection's documents to a file."""
    from cloudlet.couchbase.transfer import Writer

    wanted = _form(form)

    async def work() -> int:
        source = await _open(cluster, username, password, keyspace)
        temporary = file.with_name(f"{file.name}.part")
        progress = Progress()
        try:
            with temporary.open("wb") as out:
                writer = Writer(out, wanted, include_key)
                count = 0
                async for name, value in source.everything():
                    writer.add(name, value)
                    count += 1
                    progress.at(count)
                writer.finish()
            temporary.replace(file)
        finally:
            temporary.unlink(missing_ok=True)
            progress.end()
            await source.close()
        return count

    screen.say(f"{_run(work())} documents are in {file}.")


@couchbase.command("sample")
def sample(
    name: Annotated[str, typer.Argument(help="Which: travel.")] = "travel",
    cluster: ConnectionString = None,
    username: Username = None,
    password: Password = None,
) -> None:
    """Load a made-up data set to learn with, into a bucket of its own."""
    from cloudlet.samples import travel

    if name != "travel":
        raise Problem(f"There is no sample {name}.", "There is one: travel.")
    address, user, secret = _cluster(cluster, username, password)

    async def work() -> int:
        total = 0
        for collection in travel.COLLECTIONS:
            keyspace = f"{travel.BUCKET}.{travel.SCOPE}.{collection}"
            target = await _open(address, user, secret, keyspace)
            found = (
                (key.encode(), json.dumps(value, ensure_ascii=False).encode())
                for where, key, value in travel.documents()
                if where == collection
            )
            try:
                total += await _store(target, found)
            finally:
                await target.close()
        return total

    _make_keyspaces(address, user, secret, travel.BUCKET, travel.SCOPE, travel.COLLECTIONS)
    screen.say(f"{_run(work())} documents are in {travel.BUCKET}.{travel.SCOPE}.")


def _make_keyspaces(
    address: str, user: str, password: str, bucket: str, scope: str, collections: tuple[str, ...]
) -> None:
    """Make what is not there yet, through the SDK's own way: the management interface."""
    import urllib3

    from cloudlet.couchbase.client import Address, Node

    async def management() -> tuple[str, int]:
        parsed = Address.parse(address)
        node = await Node.connect(parsed, user, password, None)
        try:
            from cloudlet.couchbase.kv.protocol import Opcode

            reply = await node.ask(Opcode.GET_CLUSTER_CONFIG)
        finally:
            await node.close()
        services = json.loads(reply.value)["nodesExt"][0]["services"]
        scheme = "https" if parsed.secure else "http"
        return f"{scheme}://{parsed.host}", services["mgmtSSL" if parsed.secure else "mgmt"]

    base, port = _run(management())
    headers = urllib3.make_headers(basic_auth=f"{user}:{password}")
    pool = urllib3.PoolManager(cert_reqs="CERT_NONE")

    def post(path: str, **fields: str) -> None:
        answer = pool.request_encode_body(
            "POST", f"{base}:{port}{path}", fields=fields, headers=headers, encode_multipart=False
        )
        text = answer.data.decode(errors="replace")
        if answer.status >= 400 and "already exists" not in text:
            raise Problem(f"The cluster does not make {path} ({answer.status}): {text[:300]}")

    post("/pools/default/buckets", name=bucket, ramQuotaMB="256", bucketType="couchbase",
         flushEnabled="1")  # fmt: skip
    base_path = f"/pools/default/buckets/{bucket}/scopes"
    for _ in range(100):
        if pool.request("GET", f"{base}:{port}{base_path}", headers=headers).status == 200:
            break
        time.sleep(0.1)
    post(base_path, name=scope)
    for collection in collections:
        post(f"{base_path}/{scope}/collections", name=collection)


def _form(text: str) -> Literal["lines", "list"]:
    if text == "lines":
        return "lines"
    if text == "list":
        return "list"
    raise Problem(f"There is no format {text}.", "There are two: lines, list.")


def _cluster(
    address: str | None, username: str | None, password: str | None
) -> tuple[str, str, str]:
    """What to connect to: as named, as configured, or the document server that runs."""
    known: dict[str, str] = {}
    if address is None:
        remote = config.load().couchbase
        if remote.remote:
            known = {"connection_string": remote.remote, "username": remote.remote_username,
                     "password": remote.remote_password}  # fmt: skip
        else:
            known = connection.find().couchbase
        if not known:
            raise Problem("The cloudlet that runs has no document server.", "Name a --cluster.")
    return (
        address or known["connection_string"],
        username or known.get("username", "Administrator"),
        password or known.get("password", "password"),
    )


async def _open(
    address: str | None, username: str | None, password: str | None, keyspace: str
) -> Documents:
    from cloudlet.couchbase.client import Address, Documents

    address, username, password = _cluster(address, username, password)
    parts = keyspace.split(".")
    if len(parts) == 1:
        parts += ["_default", "_default"]
    if len(parts) != 3 or not all(parts):
        raise Problem(f"{keyspace} is not a bucket or bucket.scope.collection.")
    return await Documents.open(
        Address.parse(address), username, password, (parts[0], parts[1], parts[2])
    )


async def _store(target: Documents, found: Any) -> int:
    progress = Progress()
    count = 0
    try:
        async for count in target.upsert_all(found):
            progress.at(count)
    finally:
        progress.end()
    return count


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Run on uvloop; the cluster's and the file's problems are told as such."""
    import uvloop

    from cloudlet.couchbase.client import ClientError
    from cloudlet.couchbase.transfer import TransferError

    try:
        return uvloop.run(work)
    except (ClientError, TransferError) as error:
        raise Problem(f"{error}.") from None
    except TimeoutError:
        raise Problem("The cluster did not take a document for half a minute.") from None


class Progress:
    """A line that tells how many documents have gone, on a terminal only."""

    def __init__(self) -> None:
        self._started = self._told = time.monotonic()
        self._shown = sys.stderr.isatty()

    def at(self, count: int) -> None:
        """Tell, at most five times a second."""
        now = time.monotonic()
        if self._shown and now - self._told > 0.2:
            self._told = now
            rate = count / (now - self._started)
            sys.stderr.write(f"\r  {count} documents, {rate:.0f}/s ")
            sys.stderr.flush()

    def end(self) -> None:
        """Leave the line."""
        if self._shown:
            sys.stderr.write("\r\033[K")
