"""`cloudlet demo`: the sample microservice, deployed and running, from nothing."""

from __future__ import annotations

import asyncio
import json
import mimetypes
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cloudlet.cli import screen
from cloudlet.cli.connection import Connection
from cloudlet.cli.problem import Problem
from cloudlet.cli.up import announce, run, settings_from, until_signal

if TYPE_CHECKING:
    from cloudlet.app import App

SAMPLE = Path(__file__).resolve().parent.parent / "samples" / "books"
STACK = "books"
BOOKS = (
    {"title": "A Wizard of Earthsea", "author": "Ursula K. Le Guin", "year": 1968},
    {"title": "Kindred", "author": "Octavia E. Butler", "year": 1979},
    {"title": "The Invincible", "author": "Stanisław Lem", "year": 1964},
)


def demo(
    check: Annotated[
        bool, typer.Option("--check", help="Walk through it once, then stop: exit status 0 or 1.")
    ] = False,
    port: Annotated[
        int | None, typer.Option("--port", help="Port of the AWS services; 0: every port is free.")
    ] = None,
    data: Annotated[Path | None, typer.Option("--data", help="Keep the state here.")] = None,
) -> None:
    """Start cloudlet, deploy the sample microservice, upload its site and add three books."""
    temporary = None if data else Path(tempfile.mkdtemp(prefix="cloudlet-demo-"))
    settings = settings_from(
        port=0 if check and port is None else port,
        data=data or temporary,
        couchbase__buckets=["default", "books"],
    )

    async def work(app: App) -> int:
        announce(app, app.describe())
        screen.say()
        walk = await asyncio.to_thread(_deploy, app.describe())
        if check:
            return await asyncio.to_thread(walk.check)
        screen.say(f"\n{screen.styled('The books are open', 'bold', 'green')}")
        screen.table([("Site", walk.site), ("API", f"{walk.api}/books")])
        screen.say("\nStop with Ctrl-C" + ("; the state is then deleted." if temporary else "."))
        return await until_signal()

    try:
        status = run(settings, work)
    finally:
        if temporary:
            shutil.rmtree(temporary, ignore_errors=True)
    raise typer.Exit(status)


def _deploy(description: dict[str, Any]) -> Walk:
    from cloudlet.cli.deploy import deploy_template, reachable

    couchbase = description["couchbase"]
    found = Connection(
        endpoint=description["endpoint"],
        region=description["region"],
        access_key_id=description["access_key_id"],
        secret_access_key=description["secret_access_key"],
        couchbase=couchbase,
    )
    parameters = {
        "CouchbaseConnectionString": couchbase["connection_string"],
        "CouchbaseUsername": couchbase["username"],
        "CouchbasePassword": couchbase["password"],
        "CouchbaseBucket": "books",
    }
    deployment = deploy_template(found, SAMPLE / "template.yml", STACK, parameters, screen.say)
    api = reachable(found, deployment.outputs["ApiUrl"])
    site = reachable(found, deployment.outputs["SiteUrl"])
    upload_site(found.client("s3"), deployment.outputs["SiteBucket"], api)
    walk = Walk(site=site.rstrip("/"), api=api)
    for book in BOOKS:
        walk.request("POST", f"{api}/books", book, expect=201)
    return walk


def upload_site(s3: Any, bucket: str, api: str) -> None:
    """Put the sample's site into `bucket`, told where its API is."""
    for path in sorted((SAMPLE / "site").iterdir()):
        content = path.read_bytes()
        if path.name == "config.js":
            content = f"window.BOOKS_API = {json.dumps(api)};\n".encode()
        kind = mimetypes.guess_type(path.name)[0] or "application/octet-stream"
        s3.put_object(Bucket=bucket, Key=path.name, Body=content, ContentType=kind)


@dataclass(frozen=True, slots=True)
class Walk:
    """The way from the site to the document, as a browser goes it."""

    site: str
    api: str

    def request(
        self, method: str, url: str, body: object = None, *, expect: int = 200
    ) -> tuple[bytes, float]:
        """Send a request as a browser would; its answer and milliseconds, or a `Problem`."""
        from urllib.parse import urlsplit

        import urllib3

        address = urlsplit(url)
        host = address.hostname or ""
        # Not every resolver knows that *.localhost is this machine; browsers do.
        reached = "127.0.0.1" if host.endswith(".localhost") else host
        target = address._replace(netloc=f"{reached}:{address.port}").geturl()
        headers = {"Host": address.netloc, "Content-Type": "application/json"}
        content = None if body is None else json.dumps(body).encode()
        started = time.perf_counter()
        answer = urllib3.request(
            method, target, headers=headers, body=content, timeout=60, retries=False
        )
        took_ms = (time.perf_counter() - started) * 1000
        if answer.status != expect:
            raise Problem(
                f"{method} {url} answered {answer.status}, not {expect}:"
                f" {answer.data.decode(errors='replace')[:400]}"
            )
        return answer.data, took_ms

    def check(self) -> int:
        """Walk site, API, function and document once; 0 if every step holds."""
        book = {"title": "Walk", "author": "The check", "year": 2026}
        page, took = self.request("GET", f"{self.site}/")
        self._step("site: index.html from S3", took, b"<title>Books</title>" in page)
        script, took = self.request("GET", f"{self.site}/config.js")
        self._step("site: knows its API", took, self.api.encode() in script)
        # 403, not 404: S3 says that a key is missing only to those who may list the bucket.
        page, took = self.request("GET", f"{self.site}/nowhere", expect=403)
        self._step("site: error document", took, b"Not found" in page)
        made, took = self.request("POST", f"{self.api}/books", book, expect=201)
        key = json.loads(made)["id"]
        self._step("API -> function -> document: create", took, bool(key))
        got, took = self.request("GET", f"{self.api}/books/{key}")
        self._step("API -> function -> document: get", took, json.loads(got)["title"] == "Walk")
        self.request("PUT", f"{self.api}/books/{key}", {**book, "title": "Walked"})
        listed, took = self.request("GET", f"{self.api}/books")
        titles = [b["title"] for b in json.loads(listed)]
        wanted = [*(str(b["title"]) for b in BOOKS), "Walked"]
        self._step("API -> function -> query: list", took, titles == sorted(wanted))
        _, took = self.request("DELETE", f"{self.api}/books/{key}", expect=204)
        self._step("API -> function -> document: delete", took, holds=True)
        self.request("GET", f"{self.api}/books/{key}", expect=404)
        screen.say(screen.styled("\nEvery step holds.", "bold", "green"))
        return 0

    @staticmethod
    def _step(name: str, took_ms: float, holds: bool) -> None:
        if not holds:
            raise Problem(f"{name}: the answer is not what was expected.")
        screen.say(f"  {screen.styled('ok', 'green')}  {took_ms:8.1f} ms  {name}")
