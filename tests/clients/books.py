"""The sample microservice, deployed to a live server, and a small HTTP client for it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import urllib3
from tests.clients.live import Live

from cloudlet.cli.connection import Connection
from cloudlet.cli.demo import SAMPLE, upload_site
from cloudlet.cli.deploy import deploy_template, reachable


@dataclass(frozen=True)
class Books:
    """Where the deployed sample is."""

    api: str
    site: str
    bucket: str

    def request(self, method: str, url: str, body: object = None) -> tuple[int, bytes]:
        """Send a request to a `*.localhost` URL, whatever the resolver knows."""
        scheme, _, rest = url.partition("://")
        host, slash, path = rest.partition("/")
        port = host.rpartition(":")[2]
        content = None if body is None else json.dumps(body).encode()
        answer = urllib3.request(
            method,
            f"{scheme}://127.0.0.1:{port}{slash}{path}",
            headers={"Host": host, "Content-Type": "application/json"},
            body=content,
            timeout=30,
            retries=False,
        )
        return answer.status, answer.data

    def create(self, title: str) -> str:
        """Add a book through the API; its id."""
        book = {"title": title, "author": "A. Uthor", "year": 2026}
        status, answer = self.request("POST", f"{self.api}/books", book)
        assert status == 201, answer
        return str(json.loads(answer)["id"])

    def list(self) -> list[dict[str, Any]]:
        """The books as the API lists them, page after page."""
        found: list[dict[str, Any]] = []
        while True:
            url = f"{self.api}/books?limit=1000&offset={len(found)}"
            status, answer = self.request("GET", url)
            assert status == 200, answer
            page: list[dict[str, Any]] = json.loads(answer)
            found += page
            if len(page) < 1000:
                return found


def deploy_books(live: Live, stack: str = "books") -> Books:
    """Deploy the sample as `cloudlet demo` does."""
    described = live.describe
    couchbase = described["couchbase"]
    found = Connection(
        endpoint=live.endpoint,
        region=described["region"],
        access_key_id=described["access_key_id"],
        secret_access_key=described["secret_access_key"],
        couchbase=couchbase,
    )
    parameters = {
        "CouchbaseConnectionString": couchbase["connection_string"],
        "CouchbaseBucket": "default",
    }
    outputs = deploy_template(
        found, SAMPLE / "template.yml", stack, parameters, lambda _line: None
    ).outputs
    api = reachable(found, outputs["ApiUrl"])
    upload_site(found.client("s3"), outputs["SiteBucket"], api)
    return Books(api, reachable(found, outputs["SiteUrl"]).rstrip("/"), outputs["SiteBucket"])
