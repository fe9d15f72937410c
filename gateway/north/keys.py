"""Keys that requests are signed with: one line in a file, never in the configuration, never readable by others.

hmac-sha256 64-HEX-DIGITS        a secret that the operator and the gateway share
ed25519-private 64-HEX-DIGITS    the operator's alone; the gateway has
ed25519-public 64-HEX-DIGITS     of the same pair, which can check and cannot sign
"""

import hmac
import os
import re
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Literal

from gateway.north.secret import OTHERS, private, secret

Kind = Literal["hmac-sha256", "ed25519-private", "ed25519-public"]

_LINE = re.compile(r"(hmac-sha256|ed25519-private|ed25519-public) ([0-9a-f]{64})")
CHANGED_BY_OTHERS = 0o022
"""Bits of the mode of a public key's file: anybody may read it."""

NEEDS = "Ed25519 keys need the package cryptography: pip install 'taiqu-gateway[ed25519]'"


class KeyFileError(Exception):
    """A file holds no key that can be used: says which file, and what to do."""


@dataclass(frozen=True, slots=True)
class Key:
    """A key of one of the three kinds. Its bytes are never shown."""

    kind: Kind
    secret: bytes = field(repr=False)

    def sign(self, message: bytes) -> str:
        """The signature in hex. Raises KeyFileError for a public key, which cannot sign."""
        if self.kind == "hmac-sha256":
            return hmac.digest(self.secret, message, "sha256").hex()
        if self.kind == "ed25519-public":
            raise KeyFileError("a public key cannot sign; the operator signs with the private one")
        made: bytes = _ed25519().Ed25519PrivateKey.from_private_bytes(self.secret).sign(message)
        return made.hex()

    def signed(self, message: bytes, signature: str) -> bool:
        """Whether this key, or the other one of its pair, made this signature of this message."""
        try:
            given = bytes.fromhex(signature)
        except ValueError:
            return False
        if self.kind == "hmac-sha256":
            return hmac.compare_digest(hmac.digest(self.secret, message, "sha256"), given)
        from cryptography.exceptions import InvalidSignature

        try:
            _ed25519().Ed25519PublicKey.from_public_bytes(self.public().secret).verify(given, message)
        except InvalidSignature:
            return False
        return True

    def public(self) -> "Key":
        """What the gateway needs of a pair; a shared secret is the same on both sides."""
        if self.kind != "ed25519-private":
            return self
        return Key(
            "ed25519-public",
            _ed25519().Ed25519PrivateKey.from_private_bytes(self.secret).public_key().public_bytes_raw(),
        )

    def line(self) -> str:
        """As it stands in a file."""
        return f"{self.kind} {self.secret.hex()}\n"


def new_key(kind: Kind) -> Key:
    """A new key, from the system's own randomness."""
    return Key(kind, secrets.token_bytes(32))


def read_key(name: str) -> Key:
    """The key in a file, or in a systemd credential. Raises KeyFileError."""
    try:
        public = secret(name).startswith("ed25519-public")
        found = _LINE.fullmatch(private(name, CHANGED_BY_OTHERS if public else OTHERS))
    except OSError as error:
        raise KeyFileError(f"{error.filename}: {error.strerror}" if error.strerror else str(error)) from error
    if found is None:
        raise KeyFileError(f"{name}: holds no key; `taiqu key` makes one")
    kind: Kind = found[1]  # type: ignore[assignment]  # the expression has no others
    if kind != "hmac-sha256":
        _ed25519()  # what cannot be used is said now, not when somebody signs
    return Key(kind, bytes.fromhex(found[2]))


def write_key(path: Path, key: Key) -> None:
    """A new file that only its owner can read. Raises FileExistsError, OSError: a key is never written over."""
    mode = 0o644 if key.kind == "ed25519-public" else 0o600
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    with os.fdopen(file, "w", encoding="ascii") as out:
        out.write(key.line())


def _ed25519() -> ModuleType:
    """The library, loaded when such a key is used. Raises KeyFileError where it is not installed."""
    try:
        from cryptography.hazmat.primitives.asymmetric import ed25519
    except ImportError as error:
        raise KeyFileError(NEEDS) from error
    return ed25519
