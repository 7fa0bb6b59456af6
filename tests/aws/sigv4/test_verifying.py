"""Signatures made by botocore are verified; what is not as it was signed gets AWS's own errors."""

from __future__ import annotations

import datetime
import time
from typing import Any

import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials
from tests.aws.standin import USER, Keys, request_of

from cloudlet.aws.errors import AWSError
from cloudlet.aws.http import Request
from cloudlet.aws.sigv4 import Family, Verified, claim_of, verify
from cloudlet.aws.sigv4.verifying import canonical_path

HOST = "http://localhost:4566"
PATHS = ["/", "/b/key", "/b/a%20b%2B~.txt", "/b//x/../y", "/b/%C3%BC/", "/b/k%281%29%21%2A%27"]
QUERIES = ["", "?uploads", "?list-type=2&prefix=a%2Fb%20c&empty=", "?b=2&a=2&a=1&A=0&~=x"]


def keys() -> Keys:
    found = Keys()
    found.add("AKID", "secret", principal=USER)
    found.add("ASIA", "other", session_token="token", expires_at=time.time() + 60, principal=USER)
    found.add("ASIAOLD", "other", session_token="token", expires_at=time.time() - 60)
    found.add("AKOFF", "secret", active=False)
    return found


def signed(
    url: str,
    *,
    auth: type = S3SigV4Auth,
    service: str = "s3",
    credentials: Credentials | None = None,
    method: str = "GET",
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    expires: int | None = None,
) -> Request:
    request = AWSRequest(method, HOST + url, headers=headers or {}, data=body)
    request.context["payload_signing_enabled"] = True
    more = {} if expires is None else {"expires": expires}
    signer = auth(credentials or Credentials("AKID", "secret"), service, "eu-west-1", **more)
    signer.add_auth(request)
    prepared = request.prepare()
    given = {k: v.decode() if isinstance(v, bytes) else v for k, v in prepared.headers.items()}
    return request_of(method, prepared.url, given, body)


def check(request: Request, family: Family = Family.S3, payload: str | None = None) -> Verified:
    claim = claim_of(request)
    assert claim is not None
    payload = payload or request.headers.get("x-amz-content-sha256") or "UNSIGNED-PAYLOAD"
    return verify(request, claim, family, keys(), payload)


def refusal(request: Request, family: Family = Family.S3, **more: Any) -> AWSError:
    with pytest.raises(AWSError) as caught:
        check(request, family, **more)
    return caught.value


def change(request: Request, **headers: str) -> Request:
    """The request with headers changed after it was signed."""
    given = dict(request.headers.items)
    given.update({name.replace("_", "-"): value for name, value in headers.items()})
    url = f"http://localhost:4566{request.raw_path}"
    return request_of(request.method, f"{url}?{request.raw_query}", given)


EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", PATHS)
def test_headers_that_botocore_signs_for_s3_are_verified(path: str, query: str) -> None:
    found = check(signed(path + query, headers={"X-Amz-Meta-A": "  a   b ", "Range": "bytes=0-"}))
    assert found.principal is USER
    assert (found.scope.region, found.scope.service) == ("eu-west-1", "s3")


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("path", PATHS)
def test_urls_that_botocore_signs_for_s3_are_verified(path: str, query: str) -> None:
    assert check(signed(path + query, auth=S3SigV4QueryAuth, expires=60)).principal is USER


@pytest.mark.parametrize("path", [*PATHS, "/2015-03-31/functions/arn%3Aaws%3Alambda/x"])
@pytest.mark.parametrize("auth", [SigV4Auth, SigV4QueryAuth])
def test_other_services_sign_the_path_twice_encoded(path: str, auth: type) -> None:
    request = signed(path + "?Marker=a%20b", auth=auth, service="lambda")
    assert check(request, Family.REST_JSON, EMPTY).principal is USER


def test_a_session_token_is_part_of_the_signature() -> None:
    request = signed("/b/k", credentials=Credentials("ASIA", "other", "token"))
    assert check(request).principal is USER


@pytest.mark.parametrize(
    ("family", "code"),
    [
        (Family.S3, "SignatureDoesNotMatch"),
        (Family.QUERY, "SignatureDoesNotMatch"),
        (Family.JSON, "InvalidSignatureException"),
        (Family.REST_JSON, "InvalidSignatureException"),
    ],
)
def test_a_wrong_secret_is_a_mismatch(family: Family, code: str) -> None:
    request = signed("/", credentials=Credentials("AKID", "wrong"))
    assert refusal(request, family).code == code


def test_s3_shows_what_it_would_have_signed() -> None:
    found = refusal(signed("/b/k", credentials=Credentials("AKID", "wrong")))
    assert found.fields["StringToSign"].startswith("AWS4-HMAC-SHA256\n")
    assert "\n/b/k\n" in found.fields["CanonicalRequest"]


@pytest.mark.parametrize("key", ["NOBODY", "AKOFF"])
@pytest.mark.parametrize(
    ("family", "code"),
    [
        (Family.S3, "InvalidAccessKeyId"),
        (Family.QUERY, "InvalidClientTokenId"),
        (Family.REST_JSON, "UnrecognizedClientException"),
    ],
)
def test_an_unknown_or_inactive_key_is_refused(key: str, family: Family, code: str) -> None:
    assert refusal(signed("/", credentials=Credentials(key, "secret")), family).code == code


@pytest.mark.parametrize(
    ("key", "token", "codes"),
    [
        ("ASIAOLD", "token", ("ExpiredToken", "ExpiredToken", "ExpiredTokenException")),
        ("ASIA", None, ("InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException")),
        ("ASIA", "bad", ("InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException")),
        ("AKID", "any", ("InvalidToken", "InvalidClientTokenId", "UnrecognizedClientException")),
    ],
)
def test_tokens_must_be_the_keys_own_and_in_time(key: str, token: Any, codes: Any) -> None:
    request = signed("/", credentials=Credentials(key, "other", token))
    families = (Family.S3, Family.QUERY, Family.REST_JSON)
    assert tuple(refusal(request, family).code for family in families) == codes


@pytest.mark.parametrize("minutes", [-16, 16])
@pytest.mark.parametrize(
    ("family", "code"),
    [
        (Family.S3, "RequestTimeTooSkewed"),
        (Family.QUERY, "SignatureDoesNotMatch"),
        (Family.REST_JSON, "InvalidSignatureException"),
    ],
)
def test_a_clock_off_by_more_than_15_minutes_is_refused(
    minutes: int, family: Family, code: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    request = signed("/")
    claim = claim_of(request)
    assert claim is not None
    with pytest.raises(AWSError) as caught:
        verify(request, claim, family, keys(), EMPTY, now=time.time() + minutes * 60)
    assert caught.value.code == code
    if family is not Family.S3:
        wording = "expired" if minutes > 0 else "not yet current"
        assert caught.value.message.startswith(f"Signature {wording}: ")


def test_an_expired_url_is_refused_in_s3s_words() -> None:
    request = signed("/b/k", auth=S3SigV4QueryAuth, expires=60)
    claim = claim_of(request)
    assert claim is not None
    with pytest.raises(AWSError, match="Request has expired") as caught:
        verify(request, claim, Family.S3, keys(), "UNSIGNED-PAYLOAD", now=time.time() + 62)
    assert caught.value.code == "AccessDenied"
    assert caught.value.fields["X-Amz-Expires"] == 60


@pytest.mark.parametrize(
    ("expires", "message"),
    [(604801, "less than a week"), (-1, "non-negative"), ("soon", "should be a number")],
)
def test_a_url_lives_a_week_at_most(expires: Any, message: str) -> None:
    found = refusal(signed("/b/k", auth=S3SigV4QueryAuth, expires=expires))
    assert found.code == "AuthorizationQueryParametersError"
    assert message in found.message


def test_s3_wants_every_amz_header_signed() -> None:
    found = refusal(change(signed("/b/k"), x_amz_acl="public-read"))
    assert found.fields["HeadersNotSigned"] == "x-amz-acl"


@pytest.mark.parametrize(
    ("authorization", "code"),
    [
        ("AWS AKID:c2ln", "InvalidRequest"),
        ("AWS4-ECDSA-P256-SHA256 Credential=A/20260101/s3/aws4_request", "InvalidRequest"),
        ("AWS4-HMAC-SHA256 Credential=AKID, SignedHeaders=host", "AuthorizationHeaderMalformed"),
        ("AWS4-HMAC-SHA256", "AuthorizationHeaderMalformed"),
    ],
)
def test_malformed_authorisation_is_refused(authorization: str, code: str) -> None:
    request = request_of("GET", HOST + "/", {"authorization": authorization})
    assert refusal(request).code == code


def test_an_incomplete_header_says_what_is_missing() -> None:
    request = request_of("GET", HOST, {"authorization": "AWS4-HMAC-SHA256 Credential=AKID"})
    found = refusal(request, Family.QUERY)
    assert found.code == "IncompleteSignature"
    assert "requires 'Credential' parameter" in found.message
    assert "requires 'Signature' parameter" in found.message


def test_other_authorisation_is_no_claim() -> None:
    assert claim_of(request_of("GET", HOST, {"authorization": "Bearer abc"})) is None


def test_the_virtual_host_path_is_what_was_signed() -> None:
    request = signed("/key")
    request.signed_path, request.raw_path = request.raw_path, "/bucket/key"
    assert check(request).principal is USER


@pytest.mark.parametrize(
    ("raw", "canonical"),
    [("/a//b/./c/../d", "/a/b/d"), ("/a%2Fb", "/a%252Fb"), ("/x/", "/x/"), ("", "/")],
)
def test_paths_of_other_services_are_normalised(raw: str, canonical: str) -> None:
    assert canonical_path(raw, Family.REST_JSON) == canonical


def test_a_date_header_serves_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    request = signed("/b/k", headers={"Date": "Thu, 01 Jan 1970 00:00:00 GMT"})
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y%m%d")
    claim = claim_of(request)
    assert claim is not None
    assert claim.stamp.startswith(stamp)  # botocore signs X-Amz-Date or rewrites Date


def test_header_bytes_are_signed_as_they_are_sent() -> None:
    request = signed("/b/k", headers={"X-Amz-Meta-A": "ü€"})
    on_the_wire = "ü€".encode().decode("latin-1")
    assert check(change(request, x_amz_meta_a=on_the_wire)).principal is USER


@pytest.mark.parametrize("region", ["", "..x", "EU", "a b", "x" * 33])
def test_a_region_has_the_form_of_one(region: str) -> None:
    request = request_of(
        "GET", HOST, {"authorization": f"AWS4-HMAC-SHA256 Credential=A/20260101/{region}/s3/"
                      "aws4_request, SignedHeaders=host, Signature=0"},
    )  # fmt: skip
    assert refusal(request).code == "AuthorizationHeaderMalformed"
