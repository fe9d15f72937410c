"""Where secrets come from."""

from pathlib import Path

import pytest

from gateway.north.secret import secret


def test_a_secret_is_the_file_without_its_end(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("open sesame\n")
    assert secret(str(tmp_path / "token")) == "open sesame"
    assert secret("") == ""


def test_a_credential_is_what_systemd_hands_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(tmp_path))
    (tmp_path / "broker").write_text("open sesame")
    assert secret("credential:broker") == "open sesame"
    with pytest.raises(FileNotFoundError, match=f"{tmp_path}/other"):
        secret("credential:other")
