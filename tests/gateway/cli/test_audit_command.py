"""`taiqu audit`, `taiqu key` and `taiqu sign`: what people see, and the exit status that programs see."""

import json
import stat
from collections.abc import Sequence
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from gateway.cli.main import app
from gateway.clock import SystemClock
from gateway.control.audit import AuditFile
from gateway.north.commands import Asked
from gateway.north.keys import read_key
from gateway.north.signature import Seen, Signatures
from gateway.settings.models import CommandSettings, Operator
from tests.gateway.south.site import write_site


def run(*words: str) -> Result:
    return CliRunner().invoke(app, list(words))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A site whose gateway wrote three records down."""
    log = AuditFile(tmp_path, SystemClock(), 1_000_000)
    log.open()
    log.append("armed", operator="li", request="r1", action="disconnect", device="m1", reason="arrears 4711")
    log.append("executing", operator="li", request="r2", action="disconnect", device="m1", armed=1)
    log.append("executed", operator="li", request="r2", action="disconnect", device="m1", result="done", says="")
    log.close()
    write_site(tmp_path, "/dev/ttyS9")
    return tmp_path


def head(folder: Path) -> str:
    last = json.loads(run("audit", str(folder / "audit-1.log"), "--json").output.splitlines()[-1])
    return str(last["hash"])


def test_the_log_is_listed_and_found_whole(folder: Path) -> None:
    result = run("audit", "--config", str(folder / "gateway.toml"))
    lines = result.output.splitlines()
    assert result.exit_code == 0, result.output
    assert lines[0].endswith("Z  armed        li  disconnect  m1  request=r1  reason=arrears 4711")
    assert lines[3] == f"3 records, each follows the one before; head {head(folder)}"


def test_a_hash_that_was_published_has_to_stand_in_it(folder: Path) -> None:
    path = str(folder / "audit-1.log")
    assert run("audit", path, "--anchor", head(folder)).exit_code == 0
    result = run("audit", path, "--anchor", "ab" * 32)
    assert (result.exit_code, "written anew, or its end was cut off" in result.output) == (1, True)
    result = run("audit", path, "--anchor", "zz")
    assert (result.exit_code, result.output) == (2, "--anchor zz: is no hash; one has 64 hexadecimal digits\n")


def test_the_first_broken_line_is_named(folder: Path) -> None:
    path = folder / "audit-1.log"
    path.write_text(path.read_text().replace("arrears 4711", "arrears 4712"))
    result = run("audit", str(path))
    assert result.exit_code == 1
    assert "audit-1.log:2: does not follow the record before it: one of the two was changed" in result.output


def test_a_log_without_a_record_is_no_good_log(tmp_path: Path) -> None:
    (tmp_path / "audit-1.log").write_bytes(b"")
    result = run("audit", str(tmp_path / "audit-1.log"))
    assert (result.exit_code, "there is no record in it" in result.output) == (1, True)


def test_a_log_that_is_not_there_is_a_wrong_question(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    assert run("audit", str(folder / "audit-9.log")).exit_code == 2
    other = tmp_path_factory.mktemp("other")
    result = run("audit", "--config", str(write_site(other, "/dev/ttyS9")))
    assert (result.exit_code, "holds no audit log" in result.output) == (2, True)


@pytest.mark.parametrize("kind", ["ed25519", "hmac-sha256"])
def test_a_key_that_was_made_signs_what_the_gateway_takes(tmp_path: Path, kind: str) -> None:
    made = run("key", str(tmp_path / "li.key"), "--kind", kind)
    given = tmp_path / ("li.key.pub" if kind == "ed25519" else "li.key")
    assert made.exit_code == 0, made.output
    assert stat.S_IMODE((tmp_path / "li.key").stat().st_mode) == 0o600
    assert read_key(str(tmp_path / "li.key")).secret.hex() not in made.output
    assert f'key_file = "{given.name}"' in made.output

    words = ["read", "device=m1", 'points:=["voltage"]', "--operator", "li", "--key", str(tmp_path / "li.key")]
    signed = run("sign", *words, "--gateway", "gw1", "--id", "r1")
    assert signed.exit_code == 0, signed.output
    settings = CommandSettings(operator=(Operator("li", str(given)),))
    check = Signatures("gw1", settings, SystemClock(), Seen({}, lambda _: None)).check
    assert check("read", json.loads(signed.output)) == Asked({"device": "m1", "points": ["voltage"], "id": "r1"}, "li")


def test_a_key_is_never_written_over(tmp_path: Path) -> None:
    run("key", str(tmp_path / "li.key"))
    before = (tmp_path / "li.key").read_text()
    assert run("key", str(tmp_path / "li.key")).exit_code == 2
    assert (tmp_path / "li.key").read_text() == before


BAD: dict[str, tuple[Sequence[str], str]] = {
    "nobody who signs": (["read", "--gateway", "g"], "Say --operator NAME --key FILE"),
    "a verb that is not there": (
        ["raed", "--operator", "li", "--key", "K", "--gateway", "g"],
        "there is no verb 'raed'",
    ),
    "an argument that is none": (
        ["read", "m1", "--operator", "li", "--key", "K", "--gateway", "g"],
        "write NAME=VALUE",
    ),
    "an argument said twice": (
        ["read", "device=a", "device=b", "--operator", "li", "--key", "K", "--gateway", "g"],
        "'device' is said twice",
    ),
    "a number that is none": (["read", "x:=y", "--operator", "li", "--key", "K", "--gateway", "g"], "'y' is no JSON"),
    "a key that is not there": (
        ["read", "--operator", "li", "--key", "gone", "--gateway", "g"],
        "gone: there is no such",
    ),
    "no gateway": (["read", "--operator", "li", "--key", "K", "--config", "gone.toml"], "say which gateway is meant"),
}


@pytest.mark.parametrize(("words", "says"), BAD.values(), ids=BAD.keys())
def test_what_cannot_be_signed_is_said(tmp_path: Path, words: Sequence[str], says: str) -> None:
    run("key", str(tmp_path / "K"))
    result = run("sign", *(str(tmp_path / "K") if word == "K" else word for word in words))
    assert (result.exit_code, says in result.output) == (2, True), result.output
