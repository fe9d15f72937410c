"""When certificates end, read from the certificates: somebody has to renew them before the link is dead."""

import contextlib
import ssl
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

from gateway.north.secret import secret_path
from gateway.settings.models import Tls

_EXPLICIT, _UTC_TIME = 0xA0, 0x17


def end_of(certificate: bytes) -> float:
    """Epoch second after which a DER certificate is worth nothing (RFC 5280, 4.1.2.5). Raises ValueError."""
    try:
        body = next(_fields(next(_fields(certificate))[1]))[1]
        # [version], serial number, algorithm, issuer, validity
        validity = [content for tag, content in _fields(body) if tag != _EXPLICIT][3]
        tag, text = list(_fields(validity))[1]
    except (IndexError, StopIteration) as error:
        raise ValueError("is no X.509 certificate") from error
    digits = text.decode("ascii").removesuffix("Z")
    if tag == _UTC_TIME:
        digits = ("20" if int(digits[:2]) < 50 else "19") + digits
    return datetime.strptime(digits, "%Y%m%d%H%M%S").replace(tzinfo=UTC).timestamp()


def files_end(tls: Tls) -> dict[str, float]:
    """When our own certificate ends, or what signed it; and the last of the authorities that we trust.

    A file that cannot be read is none of this function's business: the connection says so.
    """
    found = {}
    for name, file, which in (("client", tls.certificate, min), ("authority", tls.ca, max)):
        with contextlib.suppress(OSError, ValueError):
            if path := secret_path(file):
                found[name] = which(ends(path))
    return found


def ends(path: Path) -> list[float]:
    """Epoch seconds at which the certificates of a PEM file end. Raises OSError, and ValueError for other files."""
    begin, end = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
    parts = path.read_text(encoding="ascii", errors="replace").split(begin)[1:]
    if not parts:
        raise ValueError("holds no certificate in PEM")
    return [end_of(ssl.PEM_cert_to_DER_cert(f"{begin}{part.partition(end)[0]}{end}\n")) for part in parts]


def _fields(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Tag and content of each element. Raises IndexError for what is cut short."""
    at = 0
    while at < len(data):
        tag, length = data[at], data[at + 1]
        at += 2
        if length & 0x80:
            size = length & 0x7F
            length = int.from_bytes(data[at : at + size], "big")
            at += size
        if at + length > len(data):
            raise IndexError("cut short")
        yield tag, data[at : at + length]
        at += length
