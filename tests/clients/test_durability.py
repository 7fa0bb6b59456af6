from __future__ import annotations

import threading
import time

import pytest
from tests.clients.books import Books, deploy_books
from tests.clients.live import Live

KILLS = 50
WRITERS = 3

pytestmark = [pytest.mark.clients, pytest.mark.timeout(400)]


class Writer(threading.Thread):
    """Adds books through the API until the server is gone; keeps the ids it got an answer for."""

    def __init__(self, books: Books, name: str) -> None:
        super().__init__(name=name)
        self.books = books
        self.acknowledged: list[str] = []
        self.first = threading.Event()

    def run(self) -> None:
        for number in range(1000):
            try:
                self.acknowledged.append(self.books.create(f"{self.name}-{number}"))
            except Exception:
                return  # killed under the request: not acknowledged
            self.first.set()


def test_every_acknowledged_book_survives_fifty_kills(own_server: Live) -> None:
    own_server.start()
    ports = own_server.describe
    books = deploy_books(own_server)
    fixed = [
        "--port", str(own_server.port),
        "--config", str(_configuration(own_server, ports["couchbase"])),
    ]  # fmt: skip
    acknowledged: set[str] = set()
    for round_ in range(KILLS):
        writers = [Writer(books, f"{round_}-{n}") for n in range(WRITERS)]
        for writer in writers:
            writer.start()
        assert writers[0].first.wait(30), own_server.log()
        time.sleep(0.01 * (round_ % 7))
        own_server.kill()
        for writer in writers:
            writer.join()
            acknowledged.update(writer.acknowledged)
        own_server.arguments = fixed
        own_server.start()
    found = {book["id"] for book in books.list()}
    assert len(acknowledged) >= KILLS
    lost = acknowledged - found
    assert not lost, f"{len(lost)} of {len(acknowledged)} acknowledged books are lost"


def _configuration(live: Live, couchbase: dict[str, str]) -> object:
    """A configuration with the ports of the first start, which the functions were told."""
    path = live.data.parent / "cloudlet.toml"
    ports = {
        "kv_port": couchbase["connection_string"].rpartition(":")[2],
        "management_port": couchbase["management"].rpartition(":")[2],
        "query_port": couchbase["query"].rpartition(":")[2],
    }
    lines = [f"{name} = {port}" for name, port in ports.items()]
    path.write_text("[couchbase]\n" + "\n".join(lines) + "\n")
    return path
