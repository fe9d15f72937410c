"""Frames in words: every published frame means what its author says it means."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.dlt645.explain import explain
from drivers.dlt645.frame import Frame, encode
from drivers.dlt645.load import write_block

VECTORS: list[dict[str, Any]] = json.loads(Path(__file__).with_name("vectors.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("vector", VECTORS, ids=[f"{row['frame'][-8:]} {row['origin'][:60]}" for row in VECTORS])
def test_a_frame_means_what_is_said_of_it(vector: dict[str, Any]) -> None:
    [frame] = explain(bytes.fromhex(vector["frame"]))
    assert {key: frame.fields.get(key) for key in vector["means"]} == vector["means"]
    assert frame.raw.hex() == vector["frame"]


@pytest.mark.parametrize("vector", VECTORS[::7], ids=[row["frame"][-8:] for row in VECTORS[::7]])
def test_a_frame_is_found_after_a_preamble_and_noise(vector: dict[str, Any]) -> None:
    stream = b"\x68\x00\xfe\xfe\xfe\xfe" + bytes.fromhex(vector["frame"])
    assert [frame.raw.hex() for frame in explain(stream)] == [vector["frame"]]


STREAMS = {
    "an echo in front of the answer": (
        "fefefefe68129078563412681104333334336816fefe6812907856341268910833333433896745335416",
        [
            "to meter 123456789012: read 00010000 (active energy imported, total)",
            "meter 123456789012 answers read 00010000 (active energy imported, total) = 1234.56 kWh",
        ],
    ),
    "two devices, and a vendor's own frame between them": (
        "6820111221063668810563e9333333db166820111221063668c503e9016385166820110600415668810643c33c3333330016",
        [
            "meter 360621121120 answers read B630 (active power, total) = 0.0000 kW",
            "meter 360621121120 refuses function 05 of the vendor's own: refused",
            "meter 564100061120 answers read 9010 (active energy imported, total) = 0.09 kWh",
        ],
    ),
}


@pytest.mark.parametrize(("stream", "says"), STREAMS.values(), ids=STREAMS.keys())
def test_every_frame_of_a_stream_is_explained_in_order(stream: str, says: list[str]) -> None:
    assert [frame.summary for frame in explain(bytes.fromhex(stream))] == says


BROKEN = {
    "a wrong checksum": ("6812907856341268910833333433896745335516", "checksum", "is 55 and should be 54"),
    "published with a wrong checksum": ("68160000001520681104 3533B335 8516", "checksum", "is 85 and should be"),
    "a cut frame": ("68129078563412689108333334", "cut", "7 bytes are missing"),
    "a wrong end": ("6812907856341268910833333433896745335417", "end", "does not end with 16"),
}


@pytest.mark.parametrize(("raw", "kind", "says"), BROKEN.values(), ids=BROKEN.keys())
def test_a_frame_that_is_nearly_one_is_named_with_its_fault(raw: str, kind: str, says: str) -> None:
    [frame] = explain(bytes.fromhex(raw))
    assert frame.fields["broken"] == kind
    assert says in frame.summary


LOAD = write_block("2026-11-22T09:15", [[], [], [], [], [], ["1.25", None]])

SENTENCES = {
    "a status word, bit by bit": (
        "6861100130121568910636383337 8333BE16",
        "= 0050 (relay open, relay told to open)",
    ),
    "a record, value by value": (
        "681290785634126891103433443663483c55445938493c5544599016",
        "= start 2026-11-22T09:15:30, end 2026-11-22T09:16:05",
    ),
    "no value": ("681290785634126891063334343532325116", "= no value"),
    "the reasons of a refusal": ("6812907856341268d101399116", "no such data, wrong password or not authorised"),
    "a relay command with its end": ("68129078563412681c1035896745665544334d338c8c565544592e16", "relay: trip"),
    "a recorded moment of the load profile": (
        encode(Frame("000000000042", 0x91, bytes.fromhex("01000206") + LOAD)).hex(),
        "= at 2026-11-22T09:15, demand 1.2500, reactive_demand no value",
    ),
    "a wildcard": ("68aaaaaaaaaaaa68110433333433ae16", "to any meter"),
    "the broadcast": ("6899999999999968080663483c5544594d16", "to everyone: broadcast time: 2026-11-22T09:15:30"),
}


@pytest.mark.parametrize(("raw", "says"), SENTENCES.values(), ids=SENTENCES.keys())
def test_the_sentence_says(raw: str, says: str) -> None:
    assert says in explain(bytes.fromhex(raw))[0].summary


@given(st.integers(0, 255), st.binary(max_size=40))
def test_no_frame_of_any_content_raises(control: int, data: bytes) -> None:
    [frame] = explain(encode(Frame("123456789012", control, data)))
    assert frame.fields["data"] == data.hex(" ").upper()


@given(st.sampled_from([0x91, 0xB1, 0x11, 0x14, 0x81, 0x01]), st.sampled_from(VECTORS), st.binary(max_size=60))
def test_no_data_behind_a_known_identifier_raise(control: int, vector: dict[str, Any], data: bytes) -> None:
    identifier = bytes.fromhex(vector["means"].get("identifier", "06010001"))[::-1]
    assert explain(encode(Frame("123456789012", control, identifier + data)))


@given(st.binary(max_size=80))
def test_no_bytes_raise(data: bytes) -> None:
    explain(data)
    explain(b"\x68\x12\x90\x78\x56\x34\x12\x68" + data)


def in_frames(identifier: str, data: bytes, room: int, old: bool = False) -> list[bytes]:
    """An answer as a meter gives it that has so much room in a frame."""
    wire, parts = bytes.fromhex(identifier)[::-1], [data[at : at + room] for at in range(0, len(data), room)]
    first, following = (0x81, 0x82) if old else (0x91, 0x92)
    frames = []
    for number, part in enumerate(parts):
        control = (following if number else first) | (0x20 if number < len(parts) - 1 else 0)
        counted = bytes([number]) if number and not old else b""
        frames.append(encode(Frame("123456789012", control, wire + part + counted)))
    return frames


RECORD = bytes.fromhex("305509221126 051609221126")
PARTS = in_frames("03110001", RECORD, 5)
ASKED = encode(Frame("123456789012", 0x12, bytes.fromhex("0100110301")))
OTHER = encode(Frame("000000000042", 0x91, bytes.fromhex("000101022305")))
LETTERS = {
    "one behind the other": PARTS,
    "with the requests between them": [PARTS[0], ASKED, PARTS[1], ASKED, PARTS[2]],
    "with another meter's answer between them": [PARTS[0], OTHER, PARTS[1], PARTS[2]],
    "with one that was repeated": [PARTS[0], PARTS[1], PARTS[1], PARTS[2]],
    "begun twice": [PARTS[0], PARTS[1], *PARTS],
}


@pytest.mark.parametrize("frames", LETTERS.values(), ids=LETTERS.keys())
def test_the_last_frame_of_a_long_answer_tells_all_of_it(frames: list[bytes]) -> None:
    last = explain(b"".join(frames))[-1]
    assert last.fields["values"] == ["2026-11-22T09:55:30", "2026-11-22T09:16:05"]
    assert last.fields["frames"] == 3
    assert "end 2026-11-22T09:16:05" in last.summary


def test_a_long_answer_of_the_old_edition_is_put_together_too() -> None:
    last = explain(b"".join(in_frames("9010", bytes.fromhex("78563412"), 2, old=True)))[-1]
    assert last.fields["values"] == ["123456.78"]


@pytest.mark.parametrize("frames", [PARTS[1:], PARTS[::2], PARTS[:2]], ids=["no first", "one missing", "no last"])
def test_what_is_not_whole_is_shown_as_bytes(frames: list[bytes]) -> None:
    for frame in explain(b"".join(frames)):
        assert "values" not in frame.fields
        assert frame.fields["raw"]
