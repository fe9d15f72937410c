"""A certificate authority of the tests' own, made by openssl: servers, clients, and those that must be refused."""

import subprocess
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Pair:
    certificate: Path
    key: Path


def _openssl(*words: str) -> None:
    subprocess.run(["openssl", *words], check=True, capture_output=True)


class Authority:
    """Signs certificates in a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self.folder = folder
        self.pair = Pair(folder / f"{name}.pem", folder / f"{name}.key")
        usage = "keyUsage=critical,keyCertSign,cRLSign"  # Python 3.13 takes no authority without it
        subject = ("-subj", f"/CN=test {name}", "-days", "2", "-addext", usage)
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(self.pair.key))
        _openssl("req", "-x509", *key, *subject, "-out", str(self.pair.certificate))

    def sign(self, name: str, address: str = "IP:127.0.0.1", expired: bool = False, days: int = 2) -> Pair:
        """A certificate for an address and so many days; `expired`: it ended in the past."""
        pair = Pair(self.folder / f"{name}.pem", self.folder / f"{name}.key")
        request = self.folder / f"{name}.csr"
        extra = self.folder / f"{name}.ext"
        extra.write_text(f"subjectAltName={address}\nauthorityKeyIdentifier=keyid\nsubjectKeyIdentifier=hash\n")
        key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", str(pair.key))
        _openssl("req", *key, "-subj", f"/CN={name}", "-out", str(request))
        signer = ("-CA", str(self.pair.certificate), "-CAkey", str(self.pair.key), "-CAcreateserial")
        _openssl(
            "x509",
            "-req",
            "-in",
            str(request),
            *signer,
            "-days",
            "-1" if expired else str(days),
            "-extfile",
            str(extra),
            "-out",
            str(pair.certificate),
        )
        return pair
