"""The document server's certificate: the user's own, or a self-signed one made once."""

from __future__ import annotations

import ipaddress
import shutil
import ssl
import subprocess
from pathlib import Path
from typing import Final

_DAYS: Final = "825"


class CertificateError(Exception):
    """TLS is wanted, and there is no certificate and no way to make one."""


def context(certificate: Path, key: Path) -> ssl.SSLContext:
    """What the ports for TLS serve with: TLS 1.2 and newer."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    made.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        made.load_cert_chain(certificate, key)
    except (OSError, ssl.SSLError) as error:
        raise CertificateError(f"the certificate {certificate} is not usable: {error}") from None
    return made


def ensure_certificate(folder: Path, host: str) -> tuple[Path, Path]:
    """The self-signed certificate for `host` and its key in `folder`, made if it is not there.

    Needs the `openssl` command; `CertificateError` says so where it is missing.
    """
    certificate, key = folder / "certificate.pem", folder / "key.pem"
    if certificate.exists() and key.exists():
        return certificate, key
    openssl = shutil.which("openssl")
    if openssl is None:
        raise CertificateError(
            "TLS needs a certificate: install openssl to have one made, or name yours in the"
            " settings tls_certificate and tls_key"
        )
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    made = subprocess.run(
        [
            openssl, "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1",
            "-nodes", "-days", _DAYS, "-subj", "/CN=cloudlet document server",
            "-addext", f"subjectAltName={_names(host)}", "-keyout", str(key), "-out",
            str(certificate),
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    if made.returncode:
        raise CertificateError(f"openssl could not make a certificate: {made.stderr.strip()}")
    key.chmod(0o600)
    return certificate, key


def _names(host: str) -> str:
    names = ["DNS:localhost", "IP:127.0.0.1", "IP:::1"]
    try:
        names.append(f"IP:{ipaddress.ip_address(host)}")
    except ValueError:
        names.append(f"DNS:{host}")
    return ",".join(dict.fromkeys(names))
