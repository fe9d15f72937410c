"""Secrets stand in files of their own, or are handed over by systemd; they are read when they are needed."""

import os
from pathlib import Path

CREDENTIAL = "credential:"

OTHERS = 0o027
"""Bits of a file's mode by which others than its owner read it, or others at all may change it."""


def secret(name: str) -> str:
    """What a file holds, without the line's end; '' for no name. Raises OSError that names the file."""
    path = secret_path(name)
    return path.read_text(encoding="utf-8").strip() if path is not None else ""


def secret_path(name: str) -> Path | None:
    """Where a secret lies: `credential:NAME` is what LoadCredential= of the unit made. Raises OSError when nowhere."""
    if not name:
        return None
    path = Path(name)
    if name.startswith(CREDENTIAL):
        path = Path(os.environ.get("CREDENTIALS_DIRECTORY", "/run/credentials")) / name.removeprefix(CREDENTIAL)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: there is no such file")
    return path


def private(name: str, others: int = OTHERS) -> str:
    """As `secret`, of a file that must be its owner's alone: one that others can read is no secret any more.

    `others`: the bits that its mode must not have. Raises PermissionError that says what to do.
    """
    path = secret_path(name)
    if path is not None and path.stat().st_mode & others:
        raise PermissionError(f"{path}: others can read or change it: chmod g-w,o= {path}")
    return secret(name)
