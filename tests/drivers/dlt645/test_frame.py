"""Frames on a noisy line: every good one comes out once, nothing else does."""

import random
from collections.abc import Iterable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dlt645.frame import Frame, FrameBuffer, encode, frames, parse
from drivers.errors import RequestError

REPLY = Frame("123456789012", 0x91, bytes.fromhex("00 01 01 02 05 23"))
WIRE = encode(REPLY)
ECHO = encode(Frame("123456789012", 0x11, bytes.fromhex("00 01 01 02")), wake=4)
FOREIGN = encode(Frame("000000000042", 0x91, bytes.fromhex("00 01 01 02 99 21")))
TRICKY = encode(Frame("681668FE1668", 0x91, bytes.fromhex("35 E3 CB 35 E3 CB 16 68 FE")))  # 68, 16 and FE on the wire
FALSE_START = b"\x68\x01\x02\x03\x04\x05\x06\x68\x91\x02"  # looks like the head of a frame with two data bytes
LONG_CUT = encode(Frame("000000000042", 0x91, bytes(200)))[:40]


def drain(*chunks: bytes, patient: bool = False) -> list[Frame]:
    """What comes out when the bytes arrive in these pieces; impatient knows that it waits for REPLY."""
    buffer, found = FrameBuffer(), []
    for chunk in chunks:
        buffer.feed(chunk)
        while frame := buffer.next_frame(None if patient else REPLY.__eq__):
            found.append(frame)
    return found


def single(data: bytes) -> list[bytes]:
    return [bytes([byte]) for byte in data]


LINES = {
    "whole": [WIRE],
    "one byte at a time": single(WIRE),
    "in two halves": [WIRE[:9], WIRE[9:]],
    "after a preamble of seven": [b"\xfe" * 7 + WIRE],
    "after noise that has a start byte": [b"\x00\x68\x55", WIRE],
    "after a false start with a plausible length": [FALSE_START + WIRE],
    "after its own echo": [ECHO + WIRE],
    "after a foreign frame": [FOREIGN + WIRE],
    "before a foreign frame": [WIRE + FOREIGN],
    "twice in one read": [WIRE + WIRE],
    "after one with a broken checksum": [WIRE[:-2] + b"\x00\x16" + WIRE],
    "after one that was cut": [WIRE[:11] + WIRE],
    "after a long one that was cut": [LONG_CUT, WIRE],
    "after a long one that was cut, byte by byte": single(LONG_CUT + WIRE),
    "after one with a wrong end byte": [WIRE[:-1] + b"\x17" + WIRE],
    "in the midst of start bytes": [b"\x68" * 30 + WIRE + b"\x68" * 30],
    "after a frame full of 68, 16 and FE": [TRICKY + WIRE],
}


@pytest.mark.parametrize("chunks", LINES.values(), ids=LINES.keys())
def test_a_good_frame_survives_the_line(chunks: list[bytes]) -> None:
    assert REPLY in drain(*chunks)


def test_68_16_and_fe_inside_a_frame_are_data() -> None:
    assert encode(Frame("681668FE1668", 0x91, bytes.fromhex("35 E3 CB 35 E3 CB 16 68 FE"))).count(b"\x68\x16\xfe") >= 1
    assert drain(*single(TRICKY)) == [parse(TRICKY)]


def test_a_cut_frame_holds_back_what_follows_only_until_its_length_is_there() -> None:
    assert drain(LONG_CUT, WIRE, patient=True) == []
    assert drain(LONG_CUT, *[WIRE] * 12, patient=True).count(REPLY) == 12


BROKEN = {
    "a wrong checksum": WIRE[:-2] + bytes([WIRE[-2] ^ 1, WIRE[-1]]),
    "a wrong end": WIRE[:-1] + b"\x00",
    "a wrong second start": WIRE[:7] + b"\x00" + WIRE[8:],
    "a length too long": WIRE[:9] + b"\x07" + WIRE[10:],
    "a length too short": WIRE[:9] + b"\x05" + WIRE[10:],
    "the last byte missing": WIRE[:-1],
    "nothing": b"",
    "an end alone": b"\x16",
}


@pytest.mark.parametrize("raw", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_frame_is_no_frame(raw: bytes) -> None:
    assert parse(raw) is None
    assert drain(raw) == []
    assert frames(raw) == []


def test_no_garbage_is_taken_for_a_frame() -> None:
    noise = random.Random(645).randbytes(200_000)
    assert drain(noise, patient=True) == []
    assert frames(noise) == []


def test_a_frame_is_written_as_the_standard_says() -> None:
    asked = encode(Frame("123456789012", 0x11, bytes.fromhex("00 00 01 00")), wake=4)
    assert asked.hex(" ").upper() == "FE FE FE FE 68 12 90 78 56 34 12 68 11 04 33 33 34 33 68 16"


@pytest.mark.parametrize(
    "frame",
    [
        Frame("12345", 0x11),
        Frame("12345678901G", 0x11),
        Frame("12345678901234", 0x11),
        Frame("1" * 12, 0x11, bytes(256)),
    ],
    ids=["odd digits", "no digit", "seven bytes", "too many data bytes"],
)
def test_what_no_frame_can_hold_is_a_request_error(frame: Frame) -> None:
    with pytest.raises(RequestError):
        encode(frame)


a_frame = st.builds(
    Frame,
    st.binary(min_size=6, max_size=6).map(lambda address: address.hex().upper()),
    st.integers(0, 255),
    st.binary(max_size=255),
)


@given(a_frame, st.integers(0, 8))
def test_every_frame_comes_back_as_it_was_written(frame: Frame, wake: int) -> None:
    assert drain(encode(frame, wake), patient=True) == [frame]


@given(st.lists(a_frame, min_size=1, max_size=4), st.lists(st.integers(1, 60), max_size=20))
def test_frames_in_a_row_come_out_in_order_however_they_are_split(sent: list[Frame], cuts: list[int]) -> None:
    assert drain(*pieces(b"".join(map(encode, sent)), cuts), patient=True) == sent


def pieces(data: bytes, sizes: Iterable[int]) -> list[bytes]:
    chunks, start = [], 0
    for size in sizes:
        chunks.append(data[start : start + size])
        start += size
    return [*chunks, data[start:]]


@given(st.binary(max_size=600))
def test_no_bytes_of_any_kind_raise(data: bytes) -> None:
    drain(data)
    frames(data)


def test_ten_thousand_nasty_streams_give_exactly_the_good_frames() -> None:
    chance = random.Random(20261122)
    for _ in range(10_000):
        sent = [
            Frame(
                f"{chance.randrange(10**12):012d}",
                chance.choice([0x91, 0xD1, 0x11]),
                chance.randbytes(chance.randrange(12)),
            )
            for _ in range(chance.randrange(1, 4))
        ]
        stream = b"".join(_noise(chance) + encode(frame, chance.randrange(5)) for frame in sent)
        expected = [frame for _, frame in frames(stream)]
        assert [frame for frame in expected if frame in sent] == sent
        assert len(expected) == len(sent)
        buffer, found = FrameBuffer(), []
        for chunk in pieces(stream + bytes(300), [chance.randrange(1, 40) for _ in range(5)]):
            buffer.feed(chunk)
            while frame := buffer.next_frame():
                found.append(frame)
        assert found == sent


def _noise(chance: random.Random) -> bytes:
    """Nothing, line noise, the head of a cut frame, or a frame with a flipped bit."""
    cut = encode(Frame("000000000042", 0x91, chance.randbytes(8)))
    flipped = bytearray(cut)
    flipped[chance.randrange(len(cut))] ^= 1 << chance.randrange(8)
    return chance.choice(
        [b"", chance.randbytes(chance.randrange(6)), cut[: chance.randrange(len(cut))], bytes(flipped)]
    )
