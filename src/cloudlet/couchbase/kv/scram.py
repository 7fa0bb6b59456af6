"""SCRAM (RFC 5802) from the server's side, over stored verifiers: no password is kept."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from typing import Final

import msgspec

#: PBKDF2 rounds of new verifiers: a few milliseconds of work, done once a password.
ITERATIONS: Final = 4096

#: Mechanisms by strength and their hashes.
MECHANISMS: Final = {"SCRAM-SHA512": "sha512", "SCRAM-SHA256": "sha256", "SCRAM-SHA1": "sha1"}


class Verifier(msgspec.Struct, frozen=True):
    """What proves a password under one hash without telling it."""

    salt: bytes
    iterations: int
    stored_key: bytes
    server_key: bytes


def make_verifier(password: str, hash_name: str) -> Verifier:
    """The verifier of a password under a fresh salt."""
    return _derive(password, hash_name, os.urandom(32), ITERATIONS)


def _derive(password: str, hash_name: str, salt: bytes, iterations: int) -> Verifier:
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, iterations)
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    server_key = hmac.digest(salted, b"Server Key", hash_name)
    return Verifier(salt, iterations, hashlib.new(hash_name, client_key).digest(), server_key)


def proves(password: str, verifier: Verifier, hash_name: str) -> bool:
    """Whether this is the verifier's password; takes as long as making one."""
    derived = _derive(password, hash_name, verifier.salt, verifier.iterations)
    return hmac.compare_digest(derived.stored_key, verifier.stored_key)


class ScramError(Exception):
    """The exchange is malformed or the proof is wrong."""


def username(client_first: bytes) -> str:
    """The name in a client-first-message."""
    try:
        parts = client_first.decode().split(",", 3)
    except UnicodeDecodeError:
        raise ScramError("not UTF-8") from None
    if len(parts) < 4 or parts[0] not in ("n", "y") or not parts[2].startswith("n="):
        raise ScramError("malformed client-first-message")
    return parts[2][2:].replace("=2C", ",").replace("=3D", "=")


class ScramServer:
    """One exchange: `first` makes the challenge, `final` checks the proof."""

    def __init__(self, hash_name: str, user: str, verifier: Verifier | None) -> None:
        self.user = user
        self._hash = hash_name
        self._known = verifier is not None
        # An unknown user gets a challenge like anybody's, and fails at the proof.
        self._verifier = verifier or _stranger(user, hash_name)
        self._messages = b""
        self._nonce = ""

    def first(self, client_first: bytes) -> bytes:
        """The server-first-message."""
        bare = client_first.split(b",", 2)[2]
        fields = _fields(bare)
        client_nonce = fields.get("r")
        if not client_nonce:
            raise ScramError("no nonce")
        self._nonce = client_nonce + secrets.token_urlsafe(24)
        salt = base64.b64encode(self._verifier.salt).decode()
        answer = f"r={self._nonce},s={salt},i={self._verifier.iterations}".encode()
        self._messages = bare + b"," + answer
        return answer

    def final(self, client_final: bytes) -> bytes:
        """The server-final-message of a right proof; `ScramError` for a wrong one."""
        without_proof, _, proof_text = client_final.rpartition(b",p=")
        fields = _fields(without_proof)
        if not self._nonce or fields.get("r") != self._nonce:
            raise ScramError("wrong nonce")
        try:
            proof = base64.b64decode(proof_text, validate=True)
        except binascii.Error:
            raise ScramError("malformed proof") from None
        messages = self._messages + b"," + without_proof
        signature = hmac.digest(self._verifier.stored_key, messages, self._hash)
        if len(proof) != len(signature):
            raise ScramError("malformed proof")
        client_key = bytes(a ^ b for a, b in zip(proof, signature, strict=True))
        stored_key = hashlib.new(self._hash, client_key).digest()
        if not (hmac.compare_digest(stored_key, self._verifier.stored_key) and self._known):
            raise ScramError("wrong proof")
        server_signature = hmac.digest(self._verifier.server_key, messages, self._hash)
        return b"v=" + base64.b64encode(server_signature)


_SECRET: Final = os.urandom(32)


def _stranger(user: str, hash_name: str) -> Verifier:
    """A stable salt for a name nobody has, so that names cannot be probed."""
    salt = hmac.digest(_SECRET, user.encode(), "sha256")
    size = hashlib.new(hash_name).digest_size
    return Verifier(salt, ITERATIONS, os.urandom(size), os.urandom(size))


def _fields(message: bytes) -> dict[str, str]:
    try:
        text = message.decode()
    except UnicodeDecodeError:
        raise ScramError("not UTF-8") from None
    return {part[0]: part[2:] for part in text.split(",") if part[1:2] == "="}
