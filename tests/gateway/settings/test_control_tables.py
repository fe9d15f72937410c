"""[commands] and [control]: every fault is told with its line, and no fault tells a secret."""

from pathlib import Path

import pytest

from gateway.settings import check, load
from tests.gateway.south.site import write_site

SECRET = "hmac-sha256 " + "5a" * 32
GOOD = """
[commands]
[[commands.operator]]
name = "li"
key_file = "li.key"

[control]
[[control.permit]]
operators = ["li"]
devices = ["m*"]
actions = ["disconnect", "write"]
parameters = ["04000E0?"]
[[control.meters]]
devices = ["m1"]
switch_file = "relay.password"
"""
BEGIN = 14  # lines of the rest of the file


def site_file(folder: Path, text: str) -> Path:
    path = write_site(folder, "/dev/ttyS9")
    path.write_text(path.read_text() + text)
    for name, secret in (
        ("li.key", SECRET),
        ("relay.password", "123456 00000042"),
        ("own.key", "ed25519-private " + "5a" * 32),
    ):
        (folder / name).write_text(secret + "\n")
        (folder / name).chmod(0o600)
    return path


def faults(folder: Path, text: str) -> list[str]:
    return [str(fault).removeprefix(f"{folder}/") for fault in check(site_file(folder, text))[1]]


def test_good_tables_are_taken_with_paths_that_work_from_anywhere(tmp_path: Path) -> None:
    site = load(site_file(tmp_path, GOOD))
    assert site.control is not None
    assert site.commands.operator[0].key_file == str(tmp_path / "li.key")
    assert site.control.meters[0].switch_file == str(tmp_path / "relay.password")
    assert site.control.meters[0].write_file == ""


FAULTY: dict[str, tuple[str, str, str]] = {
    "an operator who is not there": (
        '["li"]',
        '["lu"]',
        "control.permit[1].operators: there is no operator 'lu'; there is 'li'",
    ),
    "devices that are not there": (
        '["m*"]',
        '["x*"]',
        "control.permit[1].devices: 'x*' fits no device; there is 'm1', 'm2'",
    ),
    "an action that is not there": (
        '"disconnect"',
        '"explode"',
        "control.permit[1].actions[1]: 'explode' is not one of",
    ),
    "writing without parameters": (
        'parameters = ["04000E0?"]',
        "",
        "control.permit[1].parameters: and the action write go together",
    ),
    "a parameter that is none": ("04000E0?", "voltage", "control.permit[1].parameters: 'voltage' is no identifier"),
    "nobody who permits": ('operators = ["li"]', "operators = []", "control.permit[1].operators: []"),
    "a key that is not there": ('"li.key"', '"lu.key"', "lu.key: there is no such file"),
    "an operator's own key": (
        '"li.key"',
        '"own.key"',
        "is the operator's private key, which the gateway must not have",
    ),
    "a file without a key": ('"li.key"', '"relay.password"', "relay.password: holds no key"),
    "a file without a password": (
        '"relay.password"',
        '"li.key"',
        "control.meters[1].switch_file: 'li.key' does not hold six digits",
    ),
    "a password that is not there": ('"relay.password"', '"gone"', "gone: there is no such file"),
    "an operator twice": (
        "[control]",
        '[[commands.operator]]\nname = "li"\nkey_file = "li.key"\n[control]',
        "commands.operator[2].name: 'li' stands twice",
    ),
    "a verb that is not there": (
        'name = "li"',
        'name = "li"\nverbs = ["raed"]',
        "commands.operator[1].verbs: there is no verb 'raed'; did you mean 'read'?",
    ),
    "control that nobody can sign for": (
        '[[commands.operator]]\nname = "li"\nkey_file = "li.key"',
        "",
        "control: needs somebody who signs",
    ),
    "a token that lives for ever": ("[control]", "[control]\ntoken_s = 3600", "control.token_s: 3600"),
    "a misspelt key": ("[control]", "[control]\ntokens = 3", "control.tokens: is not known here"),
}


@pytest.mark.parametrize(("old", "new", "says"), FAULTY.values(), ids=FAULTY.keys())
def test_a_fault_is_told_with_its_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    assert old in GOOD
    found = faults(tmp_path, GOOD.replace(old, new, 1))
    assert any(says in fault for fault in found), found
    assert all(fault.startswith("gateway.toml:") and int(fault.split(":")[1]) > BEGIN for fault in found), found
    assert not any("5a5a" in fault or "123456" in fault for fault in found)


@pytest.mark.parametrize("name", ["li.key", "relay.password"])
def test_a_secret_that_others_can_read_is_a_fault(tmp_path: Path, name: str) -> None:
    path = site_file(tmp_path, GOOD)
    (tmp_path / name).chmod(0o644)
    [fault] = check(path)[1]
    assert "others can read or change it: chmod g-w,o=" in str(fault)


@pytest.mark.parametrize(
    ("name", "says"),
    [("gone", "gone: there is no such file"), ("li.key", "'li.key' does not hold six digits")],
    ids=["that is not there", "that is none"],
)
def test_the_password_of_the_clocks_is_looked_at_too(tmp_path: Path, name: str, says: str) -> None:
    [fault] = faults(tmp_path, f'[clock]\nset = true\npassword_file = "{name}"\n')
    assert fault.startswith("gateway.toml:16: clock.password_file: ")
    assert says in fault


def test_secrets_from_systemd_are_there_only_when_the_service_runs(tmp_path: Path) -> None:
    text = GOOD.replace('"li.key"', '"credential:li"').replace('"relay.password"', '"credential:relay"')
    assert faults(tmp_path, text) == []
