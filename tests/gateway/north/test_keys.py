"""Keys of operators: in files of their own, of two kinds, never shown and never written over."""

import stat
import sys
from pathlib import Path

import pytest

from gateway.north.keys import KeyFileError, Kind, new_key, read_key, write_key

KINDS: tuple[Kind, ...] = ("hmac-sha256", "ed25519-private")


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_goes_through_its_file_and_is_never_shown(tmp_path: Path, kind: Kind) -> None:
    key = new_key(kind)
    write_key(tmp_path / "a.key", key)
    assert stat.S_IMODE((tmp_path / "a.key").stat().st_mode) == 0o600
    assert read_key(str(tmp_path / "a.key")) == key
    assert key.secret.hex() not in repr(key)
    with pytest.raises(FileExistsError):
        write_key(tmp_path / "a.key", key)


def test_where_the_library_for_pairs_is_missing_it_is_said_and_secrets_work(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for kind in KINDS:
        write_key(tmp_path / kind, new_key(kind))
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric", None)
    with pytest.raises(KeyFileError, match="pip install"):
        read_key(str(tmp_path / "ed25519-private"))
    assert read_key(str(tmp_path / "hmac-sha256")).sign(b"m")


def test_a_public_key_checks_and_cannot_sign() -> None:
    private = new_key("ed25519-private")
    assert private.public().signed(b"m", private.sign(b"m"))
    assert not private.public().signed(b"n", private.sign(b"m"))
    with pytest.raises(KeyFileError, match="cannot sign"):
        private.public().sign(b"m")


BAD_FILES: dict[str, tuple[str, int, str]] = {
    "one that others can read": (f"hmac-sha256 {'ab' * 32}\n", 0o604, "chmod g-w,o= "),
    "a public one that others can change": (f"ed25519-public {'ab' * 32}\n", 0o646, "chmod g-w,o= "),
    "one that a group can change": (f"hmac-sha256 {'ab' * 32}\n", 0o620, "chmod g-w,o= "),
    "one that holds something else": ("hunter2\n", 0o600, "holds no key"),
    "one whose key is too short": ("hmac-sha256 abcd\n", 0o600, "holds no key"),
    "an empty one": ("", 0o600, "holds no key"),
}


@pytest.mark.parametrize(("text", "mode", "says"), BAD_FILES.values(), ids=BAD_FILES.keys())
def test_a_key_file_that_cannot_be_used_is_refused(tmp_path: Path, text: str, mode: int, says: str) -> None:
    path = tmp_path / "a.key"
    path.write_text(text)
    path.chmod(mode)
    with pytest.raises(KeyFileError, match=says) as refused:
        read_key(str(path))
    assert "hunter2" not in str(refused.value)
