"""`kill -9`, again and again: what was promised is there, and CAS never goes back."""

from __future__ import annotations

import os
import random
import signal
import socket
import struct
import subprocess
import sys
import time
from pathlib import Path

import msgspec
import pytest

from cloudlet.couchbase.kv.frame import HEADER
from cloudlet.couchbase.kv.protocol import Opcode, Status
from cloudlet.couchbase.options import Ports

#: A durable write of level 3 (persist to majority), and how long a default one may be at risk.
PERSIST = bytes((0x11, 3))
RISK_S = 1.0


class Raw:
    """One blocking connection."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), 10)
        self.file = self.socket.makefile("rb")
        self.ask(Opcode.SASL_AUTH, b"PLAIN", b"\0Administrator\0password")
        self.ask(Opcode.SELECT_BUCKET, b"default")

    def ask(
        self, opcode: int, key: bytes, value: bytes = b"", extras: bytes = b"", framing: bytes = b""
    ) -> tuple[int, int, bytes]:
        """Status, CAS and value of the answer."""
        status, cas, _, found = self.answer(opcode, key, value, extras, framing)
        return status, cas, found

    def expiry(self, key: bytes) -> int | None:
        """When a document expires, in seconds since the epoch; None where it is not."""
        status, _, extras, _ = self.answer(Opcode.GET_META, key)
        if status == Status.NOT_FOUND:
            return None
        assert status == 0
        deleted, _, expires, _ = struct.unpack_from(">IIIQ", extras)
        return None if deleted else expires

    def answer(
        self, opcode: int, key: bytes, value: bytes = b"", extras: bytes = b"", framing: bytes = b""
    ) -> tuple[int, int, bytes, bytes]:
        """Status, CAS, extras and value of the answer."""
        key_field = len(framing) << 8 | len(key) if framing else len(key)
        body = framing + extras + key + value
        magic = 0x08 if framing else 0x80
        head = HEADER.pack(magic, opcode, key_field, len(extras), 0, 0, len(body), 0, 0)
        self.socket.sendall(head + body)
        answer = HEADER.unpack(self._read(HEADER.size))
        found = self._read(answer[6])
        start = answer[2] >> 8 if answer[0] == 0x18 else 0
        end = start + answer[3]
        return answer[5], answer[8], found[start:end], found[answer[3] + answer[2] :]

    def _read(self, size: int) -> bytes:
        found = self.file.read(size)
        if len(found) != size:
            raise ConnectionError
        return found

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def start(data: Path) -> tuple[subprocess.Popen[bytes], int]:
    command = [sys.executable, "-m", "cloudlet.couchbase", "--data", str(data), "--json"]
    command += ["--acknowledge", "memory"]
    for port in ("kv", "management", "query"):
        command += [f"--{port}-port", "0"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE)
    assert process.stdout is not None
    return process, msgspec.json.decode(process.stdout.readline(), type=Ports).kv


def stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(10) == 0
    assert process.stdout is not None
    process.stdout.close()


def check_expiry(client: Raw, expiring: dict[bytes, int]) -> None:
    """What has its time left is there with it, what has not is gone."""
    for key, expires in expiring.items():
        found = client.expiry(key)
        if time.time() < expires - 1:
            assert found == expires, key
        elif time.time() > expires + 1:
            assert client.ask(Opcode.GET, key)[0] == Status.NOT_FOUND, key


def rounds(data: Path, count: int) -> None:
    dice = random.Random(7)
    persisted: dict[bytes, bytes] = {}
    old: dict[bytes, bytes] = {}
    expiring: dict[bytes, int] = {}
    cas = 0
    for number in range(count):
        process, port = start(data)
        client = Raw(port)
        recent: list[tuple[float, bytes, bytes]] = []
        try:
            for key, value in {**old, **persisted}.items():
                status, found, there = client.ask(Opcode.GET, key)
                assert (status, there) == (0, value), key
                cas = max(cas, found)
            check_expiry(client, expiring)
            for lifetime_s in (2, 3600):
                key = b"expiring-%d-%d" % (number, lifetime_s)
                extras = struct.pack(">II", 0, lifetime_s)
                assert client.ask(Opcode.SET, key, b"1", extras, PERSIST)[0] == 0
                expires = client.expiry(key)
                assert expires is not None
                assert abs(expires - time.time() - lifetime_s) <= 2
                expiring[key] = expires
            # A lock is gone with the process that gave it.
            status, found, _ = client.ask(Opcode.SET, b"locked", b"1", bytes(8))
            assert status == 0
            assert found > cas, "CAS went back"
            client.ask(Opcode.GET_LOCKED, b"locked", b"", struct.pack(">I", 30))
            until = time.monotonic() + dice.uniform(0.02, 0.25)
            step = 0
            killer = until
            while time.monotonic() < killer:
                step += 1
                value = b"%d-%d" % (number, step)
                key = b"durable-%d" % (step % 7)
                status, _, _ = client.ask(Opcode.SET, key, value, bytes(8), PERSIST)
                assert status == 0
                persisted[key] = value
                key = b"plain-%d-%d" % (number, step)
                status, _, _ = client.ask(Opcode.SET, key, value, bytes(8))
                assert status == 0
                recent.append((time.monotonic(), key, value))
        finally:
            os.kill(process.pid, signal.SIGKILL)
            killed = time.monotonic()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()
            client.close()
        old |= {key: value for at, key, value in recent if killed - at > RISK_S}
        # Every plain write is followed by a persisted one, but for the last.
        old |= {key: value for _, key, value in recent[:-1]}
        if len(old) > 400:
            old = dict(dice.sample(sorted(old.items()), 200))


def test_ten_kills_lose_nothing_promised(tmp_path: Path) -> None:
    rounds(tmp_path / "data", 10)


@pytest.mark.soak
@pytest.mark.timeout(900)
def test_a_hundred_kills_lose_nothing_promised(tmp_path: Path) -> None:
    rounds(tmp_path / "data", 100)


def test_a_flipped_byte_in_the_file_is_reported_and_nothing_else_suffers(tmp_path: Path) -> None:
    data = tmp_path / "data"
    process, port = start(data)
    client = Raw(port)
    balance = b'{"balance":"one hundred and one"}'
    for key, value in ((b"flipped", balance), (b"whole", b"1")):
        assert client.ask(Opcode.SET, key, value, bytes(8), PERSIST)[0] == 0
    client.close()
    stop(process)
    file = data / "documents.db"
    stored = bytearray(file.read_bytes())
    at = stored.index(balance)
    stored[at + balance.index(b"one h")] ^= 1
    file.write_bytes(stored)
    process, port = start(data)
    client = Raw(port)
    for _ in range(2):
        status, _, found = client.ask(Opcode.GET, b"flipped")
        assert (status, found) == (Status.INTERNAL, b"")
    assert client.ask(Opcode.GET, b"whole")[2] == b"1"
    client.close()
    stop(process)
