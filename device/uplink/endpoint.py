"""Where the broker is and how it is trusted: URL, password and certificates.

The broker's certificate is always verified, its chain and its name. Only the *time* in it cannot always be: most single-board computers
have no battery clock, and after a power cut with no network time every certificate seems not yet valid, also to the connection that
would have brought the time. So where the wall clock is behind the clock floor (the newest time that is known to have passed: the build, or
the last journalled event), and so is known to be wrong, the validity times of the chain are not compared with it; instead the broker's
own certificate must not have expired before the floor. With a clock that may be right, nothing is left out.
"""

from __future__ import annotations

import os
import ssl
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from device.domain.record import record
from device.errors import UplinkDown

_NO_CHECK_TIME = 0x200000
"""X509_V_FLAG_NO_CHECK_TIME of OpenSSL's x509_vfy.h, which Python's ssl has no name for."""


@record
class Endpoint:
    """Where a broker listens."""

    host: str
    port: int
    tls: bool


def endpoint_of(url: str) -> Endpoint:
    """``mqtt://HOST[:PORT]`` (1883) or ``mqtts://HOST[:PORT]`` (8883). Raises ValueError where it is neither."""
    parts = urlsplit(url)
    if parts.scheme not in ("mqtt", "mqtts") or not parts.hostname:
        raise ValueError(f"{url}: mqtt://HOST:PORT or mqtts://HOST:PORT")
    tls = parts.scheme == "mqtts"
    return Endpoint(parts.hostname, parts.port or (8883 if tls else 1883), tls)


def locate(path: Path, environ: Mapping[str, str] = os.environ) -> Path:
    """Where a secret is: the file itself, or else the systemd credential of that name (systemd.exec(5), LoadCredential=)."""
    credentials = environ.get("CREDENTIALS_DIRECTORY")
    if path.exists() or not credentials:
        return path
    credential = Path(credentials, path.name)
    return credential if credential.exists() else path


def read_password(path: Path | None) -> str | None:
    """The first line of a password file. Raises UplinkDown where it cannot be read."""
    if path is None:
        return None
    try:
        return locate(path).read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        raise UplinkDown(f"password file {path}: {error}") from None


def tls_context(ca_file: Path | None, cert_file: Path | None, key_file: Path | None, check_times: bool = True) -> ssl.SSLContext:
    """A context that verifies the broker, and shows a client certificate where there is one.

    Without ``ca_file`` the system's authorities are trusted. The files are read anew for each connection, so renewed certificates are
    taken up. Raises UplinkDown where a file cannot be used.
    """
    try:
        context = ssl.create_default_context(cafile=locate(ca_file) if ca_file else None)
        if cert_file is not None:
            context.load_cert_chain(locate(cert_file), locate(key_file) if key_file else None, password=_no_passphrase)
    except (OSError, ValueError) as error:
        files = ", ".join(str(path) for path in (ca_file, cert_file, key_file) if path)
        raise UplinkDown(f"certificates ({files}): {error}") from None
    if not check_times:
        context.verify_flags |= _NO_CHECK_TIME
    return context


def _no_passphrase() -> str:
    raise ValueError("the key is encrypted, and there is nobody to ask for its passphrase")


def expired_before(certificate: Mapping[str, object], floor: float) -> bool:
    """Whether a certificate (as of ``SSLSocket.getpeercert``) had already expired at ``floor`` (Unix time)."""
    return ssl.cert_time_to_seconds(str(certificate["notAfter"])) < floor
