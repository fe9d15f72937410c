"""Passwords and operators' codes are covered in every frame that may carry them, and the frame can still be read."""

import pytest

from drivers.dlt645.explain import explain
from drivers.dlt645.frame import READ, Frame, encode
from drivers.dlt645.secrecy import covered, only_frames

ADDRESS = "000000000042"
PASSWORD, OPERATOR = "765432", "91827364"
NEW_PASSWORD = "135790"
LEVEL_02 = "02" + "325476" + "64738291"  # as it is on the wire, before 33H is added
BEARERS = {
    "writing a parameter": (0x14, "030e0004" + LEVEL_02 + "3025"),
    "writing a password": (0x14, "030c0004" + LEVEL_02 + "02905713"),
    "a new password": (0x18, "030c0004" + "02325476" + "02905713"),
    "the answer to it": (0x98, "02905713"),
    "clearing the demand": (0x19, LEVEL_02),
    "clearing the meter": (0x1A, LEVEL_02),
    "clearing events": (0x1B, LEVEL_02 + "ffffffff"),
    "tripping the relay": (0x1C, LEVEL_02 + "1a00595923221126"),
    "writing, edition 1997": (0x04, "11c0" + "02325476" + "303008"),
    "a new password, edition 1997": (0x0F, "02325476" + "02905713"),
    "clearing the demand, edition 1997": (0x10, "02325476"),
}


def secrets(data: bytes) -> bool:
    """Whether a stretch of bytes gives any secret away, plain or as a line carries it."""
    lifted = bytes(byte - 0x33 & 0xFF for byte in data)
    wanted = [bytes.fromhex(text)[::-1] for text in (PASSWORD, OPERATOR, NEW_PASSWORD)]
    return any(secret in told for told in (data, lifted) for secret in wanted)


def bearer(control: int, data: str) -> bytes:
    return encode(Frame(ADDRESS, control, bytes.fromhex(data)))


@pytest.mark.parametrize(("control", "data"), BEARERS.values(), ids=BEARERS.keys())
def test_a_secret_is_covered_and_the_frame_stays_one(control: int, data: str) -> None:
    raw = bearer(control, data)
    shown = covered(b"\xfe\xfe" + raw + b"\x00")
    assert secrets(raw)
    assert not secrets(shown)
    assert len(shown) == len(raw) + 3
    [told] = explain(shown)
    assert told.fields["function"] == explain(raw)[0].fields["function"]
    assert not any(text in repr(told.fields) for text in (PASSWORD, OPERATOR, NEW_PASSWORD))


def test_a_secret_behind_a_false_start_is_covered_too() -> None:
    """Bytes that look like one harmless frame may hold another one."""
    inside = bearer(*BEARERS["tripping the relay"])
    false = bytes.fromhex("68 00 00 00 00 00 00 68 11") + bytes([len(inside) + 1]) + inside + b"\x00\x00\x16"
    assert not secrets(covered(false))


def test_what_is_commanded_can_still_be_read() -> None:
    [told] = explain(covered(bearer(*BEARERS["tripping the relay"])))
    assert told.summary == f"to meter {ADDRESS}: relay: trip"
    assert {told.fields[key] for key in ("password", "operator")} == {"hidden"}
    assert told.fields["password_level"] == "02"


@pytest.mark.parametrize(
    "raw",
    [
        encode(Frame(ADDRESS, READ, bytes.fromhex("00010000"))),
        encode(Frame(ADDRESS, 0xDC, b"\x04")),
        encode(Frame(ADDRESS, 0x1C, b"\x02")),
        bytes.fromhex("01 04 00 00 00 01 31 ca"),
        b"",
    ],
    ids=["a read", "a refusal", "a command that is cut short", "Modbus", "nothing"],
)
def test_what_holds_no_secret_is_left_as_it_is(raw: bytes) -> None:
    assert covered(raw) is raw


@pytest.mark.parametrize("lost", [0, 1, 9, 20], ids=["whole", "without its start", "without its head", "its tail"])
def test_an_echo_gives_nothing_away_however_much_of_it_is_lost(lost: int) -> None:
    said = bearer(*BEARERS["tripping the relay"])
    answer = encode(Frame(ADDRESS, 0x9C))
    shown = only_frames(said[lost:] + answer)
    assert not secrets(shown)
    assert shown.endswith(answer)
