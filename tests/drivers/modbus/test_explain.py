"""Frames in words: whatever the bytes are, the explanation is right or there is none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.driver import ModbusRtu, ModbusTcp
from tests.drivers.modbus.profiles import answer, rtu

FRAMES: dict[str, tuple[bytes, dict[str, object]]] = {
    "a read request": (
        rtu("01 04 00 00 00 02"),
        {"address": "1", "control": 4, "direction": "request", "start": 0, "count": 2},
    ),
    "its answer": (
        bytes.fromhex("01 04 04 43 66 33 34 1B 38"),
        {"control": 4, "direction": "answer", "count": 2, "values": [0x4366, 0x3334]},
    ),
    "an exception": (rtu("11 83 02"), {"address": "17", "control": 3, "direction": "answer", "error": 2}),
    "coils": (rtu("01 01 02 CD 01"), {"direction": "answer", "values": [1, 0, 1, 1, 0, 0, 1, 1, 1] + [0] * 7}),
    "one register written": (rtu("01 06 00 01 00 03"), {"direction": "request or answer", "start": 1, "values": [3]}),
    "one coil written": (rtu("01 05 00 AC FF 00"), {"start": 0xAC, "values": [1]}),
    "registers written": (
        rtu("01 10 00 01 00 02 04 00 0A 01 02"),
        {"direction": "request", "start": 1, "count": 2, "values": [10, 258]},
    ),
    "registers written, the answer": (rtu("01 10 00 01 00 02"), {"direction": "answer", "start": 1, "count": 2}),
    "coils written": (
        rtu("01 0F 00 13 00 0A 02 CD 01"),
        {"direction": "request", "values": [1, 0, 1, 1, 0, 0, 1, 1, 1, 0]},
    ),
    "written and read": (
        rtu("01 17 00 03 00 06 00 0E 00 01 02 00 FF"),
        {"direction": "request", "start": 3, "count": 6, "write_start": 14, "values": [255]},
    ),
    "asked who it is": (rtu("01 2B 0E 01 00"), {"control": 43, "direction": "request", "kind": 1}),
    "who it is": (
        rtu("01 2B 0E 01 01 00 00 02 00 03 41 63 6D 01 02 4D 31"),
        {"direction": "answer", "values": {"vendor": "Acm", "product": "M1"}},
    ),
    "a frame to everybody": (rtu("00 06 00 01 00 03"), {"address": "0"}),
}


@pytest.mark.parametrize(("frame", "fields"), FRAMES.values(), ids=FRAMES.keys())
def test_a_frame_is_explained(frame: bytes, fields: dict[str, object]) -> None:
    [explanation] = ModbusRtu().explain(frame)
    assert explanation.raw == frame
    assert {key: explanation.fields.get(key) for key in fields} == fields


@pytest.mark.parametrize(("frame", "fields"), FRAMES.values(), ids=FRAMES.keys())
def test_the_same_is_explained_on_tcp(frame: bytes, fields: dict[str, object]) -> None:
    mbap = b"\x12\x34\x00\x00" + (len(frame) - 2).to_bytes(2, "big") + frame[:-2]
    [explanation] = ModbusTcp().explain(b"\xff" + mbap)
    wanted = {**fields, "transaction": 0x1234}
    assert {key: explanation.fields.get(key) for key in wanted} == wanted


def test_every_frame_of_a_stretch_is_found_between_noise() -> None:
    stretch = b"\x01\x04" + rtu("01 04 00 00 00 02") + b"\x00\xfe" + answer(1, 4, 1, 2) + b"\x68"
    assert [explanation.raw for explanation in ModbusRtu().explain(stretch)] == [
        rtu("01 04 00 00 00 02"),
        answer(1, 4, 1, 2),
    ]


def test_a_wrong_checksum_is_said() -> None:
    [explanation] = ModbusRtu().explain(bytes.fromhex("01 04 04 43 66 33 34 1B 39"))
    assert "checksum" in explanation.summary
    assert explanation.fields["broken"] == "crc"


def test_a_dlt645_frame_is_no_modbus_frame() -> None:
    frame = bytes.fromhex("FEFEFEFE 68 12 00 00 00 00 00 68 91 06 33 34 34 35 38 56 D7 16")
    assert ModbusRtu().explain(frame) == []
    assert ModbusTcp().explain(frame) == []


@given(st.binary(max_size=300))
def test_no_bytes_make_it_stumble(data: bytes) -> None:
    for driver in (ModbusRtu(), ModbusTcp()):
        for explanation in driver.explain(data):
            assert explanation.raw in data


@given(st.sampled_from([frame for frame, _ in FRAMES.values()]), st.integers(0, 30), st.integers(0, 255))
def test_a_changed_byte_is_noticed(frame: bytes, place: int, byte: int) -> None:
    place %= len(frame)
    changed = frame[:place] + bytes([byte]) + frame[place + 1 :]
    whole = [explanation for explanation in ModbusRtu().explain(changed) if "broken" not in explanation.fields]
    assert not any(explanation.raw == changed for explanation in whole) or changed == frame
