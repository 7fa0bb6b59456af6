from __future__ import annotations

import base64
import hashlib
import hmac

import pytest

from cloudlet.couchbase.kv.scram import (
    MECHANISMS,
    ScramError,
    ScramServer,
    make_verifier,
    username,
)


def converse(hash_name: str, server: ScramServer, password: str) -> bytes:
    """The client's side of RFC 5802."""
    bare = b"n=ann,r=fyko"
    first = server.first(b"n,," + bare)
    fields = {part[:1]: part[2:] for part in first.split(b",")}
    salt, rounds = base64.b64decode(fields[b"s"]), int(fields[b"i"])
    salted = hashlib.pbkdf2_hmac(hash_name, password.encode(), salt, rounds)
    without_proof = b"c=biws,r=" + fields[b"r"]
    messages = bare + b"," + first + b"," + without_proof
    client_key = hmac.digest(salted, b"Client Key", hash_name)
    stored_key = hashlib.new(hash_name, client_key).digest()
    signature = hmac.digest(stored_key, messages, hash_name)
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    final = server.final(without_proof + b",p=" + base64.b64encode(proof))
    server_key = hmac.digest(salted, b"Server Key", hash_name)
    expected = base64.b64encode(hmac.digest(server_key, messages, hash_name))
    assert final == b"v=" + expected
    return final


@pytest.mark.parametrize("hash_name", MECHANISMS.values())
def test_the_right_password_is_accepted_and_the_server_proves_itself(hash_name: str) -> None:
    verifier = make_verifier("secret", hash_name)
    converse(hash_name, ScramServer(hash_name, "ann", verifier), "secret")


@pytest.mark.parametrize("known", [True, False])
def test_a_wrong_password_and_an_unknown_user_fail_alike(known: bool) -> None:
    verifier = make_verifier("secret", "sha256") if known else None
    with pytest.raises(ScramError):
        converse("sha256", ScramServer("sha256", "ann", verifier), "guess")


@pytest.mark.parametrize(
    "message", [b"", b"n,,", b"n,,x=ann,r=1", b"p=tls,,n=ann,r=1", b"\xff\xff,,n=a,r=1"]
)
def test_malformed_first_messages_are_refused(message: bytes) -> None:
    with pytest.raises(ScramError):
        username(message)


@pytest.mark.parametrize("final", [b"", b"c=biws,r=other,p=AAAA", b"c=biws,p=!", b"\xff"])
def test_malformed_final_messages_are_refused(final: bytes) -> None:
    server = ScramServer("sha1", "ann", make_verifier("secret", "sha1"))
    server.first(b"n,,n=ann,r=fyko")
    with pytest.raises(ScramError):
        server.final(final)
