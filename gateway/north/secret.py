"""Secrets stand in files of their own, or are handed over by systemd; they are read when they are needed."""

import os
from pathlib import Path

CREDENTIAL = "credential:"


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
