"""What a line can do to an answer, and what the driver makes of it."""

import random
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.api import Conversation, Driver, Reading
from drivers.errors import BadReplyError, DriverError
from drivers.modbus.driver import ModbusRtu, ModbusTcp
from tests.drivers.modbus.profiles import METER, answer, rtu

REQUEST = rtu("07 04 00 00 00 07")
ANSWER = answer(7, 4, 2305, 0, 4250, 0, 0, 1, 2)
VALUES = {"voltage": 230.5, "current": 4.25, "energy_import": 655.38}
DLT645 = bytes.fromhex("FEFEFEFE 68 07 04 0E 07 04 0E 68 91 06 33 34 34 35 38 56 D7 16")

LINES = {
    "whole": [ANSWER],
    "one byte at a time": [bytes([byte]) for byte in ANSWER],
    "noise in front": [b"\x00\xff\x07", ANSWER],
    "noise that begins like the answer": [b"\x07\x04\x0e", ANSWER],
    "echo in a read of its own": [REQUEST, ANSWER],
    "echo and answer in one read": [REQUEST + ANSWER],
    "echo and answer byte by byte": [bytes([byte]) for byte in REQUEST + ANSWER],
    "noise behind": [ANSWER + b"\x07\x04\x00"],
    "another unit's answer before": [answer(8, 4, 1, 2, 3, 4, 5, 6, 7), ANSWER],
    "another unit's answer and ours in one read": [answer(8, 4, 1, 2, 3, 4, 5, 6, 7) + ANSWER],
    "another function's answer before": [answer(7, 3, 1, 2, 3, 4, 5, 6, 7), ANSWER],
    "an answer to a shorter read before": [answer(7, 4, 999, 999), ANSWER],
    "an answer to a longer read before": [answer(7, 4, *range(9)), ANSWER],
    "a DL/T 645 frame before": [DLT645, ANSWER],
    "a DL/T 645 frame in the same read": [DLT645 + ANSWER],
    "the same answer twice": [ANSWER + ANSWER],
    "a broken one before, in the same read": [ANSWER[:-1] + b"\x00" + ANSWER],
    "another unit's exception before": [rtu("08 84 02"), ANSWER],
}


def begin() -> Conversation:
    talk = ModbusRtu().converse(METER, "7", tuple(METER.points))
    assert talk.next_request() == REQUEST
    return talk


def hear(talk: Conversation, chunks: Sequence[bytes]) -> dict[str, object] | None:
    for chunk in chunks:
        readings = talk.feed(chunk)
        if readings is not None:
            return by_point(readings)
    return None


def by_point(readings: Sequence[Reading]) -> dict[str, object]:
    return {reading.point: reading.value for reading in readings}


@pytest.mark.parametrize("chunks", LINES.values(), ids=LINES.keys())
def test_the_answer_survives_the_line(chunks: list[bytes]) -> None:
    assert hear(begin(), chunks) == VALUES


SILENCE = {
    "nothing but the echo": [REQUEST],
    "a cut answer": [ANSWER[:-1]],
    "another unit": [answer(8, 4, 1, 2, 3, 4, 5, 6, 7)],
    "unit 0": [answer(0, 4, 1, 2, 3, 4, 5, 6, 7)],
    "another function": [answer(7, 3, 1, 2, 3, 4, 5, 6, 7)],
    "another length": [answer(7, 4, 1, 2, 3, 4, 5, 6)],
    "a request of another master to the same unit": [rtu("07 04 00 10 00 07")],
    "a DL/T 645 frame": [DLT645],
}


@pytest.mark.parametrize("chunks", SILENCE.values(), ids=SILENCE.keys())
def test_what_is_no_answer_is_passed_over(chunks: list[bytes]) -> None:
    assert hear(begin(), chunks) is None


def test_a_wrong_checksum_is_a_bad_answer_and_asking_again_heals_it() -> None:
    talk = begin()
    with pytest.raises(BadReplyError, match="checksum"):
        talk.feed(ANSWER[:-1] + b"\x00")
    assert talk.next_request() == REQUEST
    assert hear(talk, [ANSWER]) == VALUES


def test_of_two_different_answers_none_is_taken() -> None:
    late = answer(7, 4, 2200, 0, 1, 0, 0, 0, 0)
    with pytest.raises(BadReplyError, match="late"):
        begin().feed(late + ANSWER)


def test_no_noise_is_ever_taken_for_an_answer() -> None:
    noise = random.Random(485)
    for _ in range(300):
        talk = begin()
        try:
            assert talk.feed(noise.randbytes(400)) is None
        except BadReplyError:
            continue


def test_an_answer_is_found_behind_any_noise() -> None:
    noise = random.Random(7)
    for _ in range(300):
        talk = begin()
        talk.feed(noise.randbytes(noise.randrange(40)))
        assert hear(talk, [ANSWER]) == VALUES


# Modbus TCP: the transaction id of the request stands in its first two bytes.


def mbap(transaction: int, pdu: bytes, unit: int = 7, protocol: int = 0) -> bytes:
    header = transaction.to_bytes(2, "big") + protocol.to_bytes(2, "big") + (len(pdu) + 1).to_bytes(2, "big")
    return header + bytes([unit]) + pdu


PDU = ANSWER[1:-2]
OTHER_PDU = answer(7, 4, 9, 9, 9, 9, 9, 9, 9)[1:-2]

STREAMS = {
    "whole": lambda tid: [mbap(tid, PDU)],
    "one byte at a time": lambda tid: [bytes([byte]) for byte in mbap(tid, PDU)],
    "a late answer before": lambda tid: [mbap(tid - 1, OTHER_PDU), mbap(tid, PDU)],
    "a late answer in the same read": lambda tid: [mbap(tid - 1, OTHER_PDU) + mbap(tid, PDU)],
    "a late answer cut across reads": lambda tid: [
        mbap(tid - 1, OTHER_PDU)[:9],
        mbap(tid - 1, OTHER_PDU)[9:] + mbap(tid, PDU)[:3],
        mbap(tid, PDU)[3:],
    ],
    "another protocol before": lambda tid: [mbap(tid, OTHER_PDU, protocol=1), mbap(tid, PDU)],
    "noise in front": lambda tid: [b"\xff\xfe\xfd" + mbap(tid, PDU)],
    "noise like the header of a long frame": lambda tid: [b"\x00\x01\x00\x00\x00\xfd\x07" + mbap(tid, PDU)],
    "the rest of a cut late answer": lambda tid: [mbap(tid - 1, OTHER_PDU)[5:] + mbap(tid, PDU)],
}


@pytest.mark.parametrize("chunks", STREAMS.values(), ids=STREAMS.keys())
def test_the_tcp_answer_is_found_by_its_transaction(chunks) -> None:  # type: ignore[no-untyped-def]
    talk = ModbusTcp().converse(METER, "7", tuple(METER.points))
    request = talk.next_request() or b""
    transaction = int.from_bytes(request[:2], "big")
    assert request[2:] == bytes.fromhex("00 00 00 06 07 04 00 00 00 07")
    assert hear(talk, chunks(transaction)) == VALUES


BAD = {
    "another unit": lambda tid: mbap(tid, PDU, unit=8),
    "another function": lambda tid: mbap(tid, b"\x03" + PDU[1:]),
    "another length": lambda tid: mbap(tid, answer(7, 4, 1, 2)[1:-2]),
    "a byte count that lies": lambda tid: mbap(tid, PDU[:-2]),
}


@pytest.mark.parametrize("frame", BAD.values(), ids=BAD.keys())
def test_an_answer_with_our_transaction_that_does_not_fit_is_bad(frame) -> None:  # type: ignore[no-untyped-def]
    talk = ModbusTcp().converse(METER, "7", tuple(METER.points))
    transaction = int.from_bytes((talk.next_request() or b"")[:2], "big")
    with pytest.raises(BadReplyError):
        talk.feed(frame(transaction))


def test_a_repeated_request_has_a_transaction_of_its_own() -> None:
    talk = ModbusTcp().converse(METER, "7", tuple(METER.points))
    first = talk.next_request() or b""
    second = talk.next_request() or b""
    assert first[:2] != second[:2]
    assert talk.feed(mbap(int.from_bytes(first[:2], "big"), OTHER_PDU)) is None


@pytest.mark.parametrize("driver", [ModbusRtu(), ModbusTcp()], ids=["RTU", "TCP"])
@given(chunks=st.lists(st.binary(max_size=40), max_size=8))
def test_no_bytes_of_any_kind_raise_anything_but_a_driver_error(driver: Driver, chunks: list[bytes]) -> None:
    talk = driver.converse(METER, "7", tuple(METER.points))
    request = talk.next_request() or b""
    for chunk in chunks:
        try:
            talk.feed(request[:4] + chunk)
        except DriverError:
            return
