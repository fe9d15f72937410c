"""Polls: few frames, only the awaited answer counts, refusals cost one question once."""

from collections.abc import Callable, Sequence
from decimal import Decimal
from random import Random

import pytest

from drivers.api import Conversation, Profile, Reading, Value
from drivers.dlt645.driver import Dlt645
from drivers.dlt645.frame import Frame, encode, frames
from drivers.errors import BadReplyError, DriverError, RefusedError, RequestError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter

ADDRESS = "000000000042"
THREE_PHASE = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])
SINGLE_PHASE = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])
VOLTAGES: dict[str, Value] = {"voltage_a": 231.2, "voltage_b": 229.8, "voltage_c": 230.5}


def talk(points: Sequence[str], refused: frozenset[str] = frozenset(), profile: Profile = THREE_PHASE) -> Conversation:
    return Dlt645().converse(profile, ADDRESS, points, refused)


def carry(talk: Conversation, line: Callable[[bytes], bytes]) -> tuple[dict[str, Value], list[str], list[str]]:
    """A conversation to its end: the readings, the identifiers asked for, and what was refused."""
    readings: dict[str, Value] = {}
    asked, refused = [], []
    while (request := talk.next_request()) is not None:
        [(_, frame)] = frames(request)
        asked.append(frame.data[:4][::-1].hex().upper())
        try:
            answer: Sequence[Reading] | None = talk.feed(line(request))
        except RefusedError as error:
            refused.append(error.where)
            continue
        if answer is None:
            talk.give_up()
        else:
            readings |= {reading.point: reading.value for reading in answer}
    return readings, asked, refused


def answer(identifier: str, data: str, control: int = 0x91, address: str = ADDRESS) -> bytes:
    return encode(Frame(address, control, bytes.fromhex(identifier)[::-1] + bytes.fromhex(data)))


def test_points_of_one_block_are_read_with_one_frame() -> None:
    meter = SimulatedMeter(THREE_PHASE, ADDRESS, VOLTAGES)
    readings, asked, _ = carry(talk(list(VOLTAGES)), meter.answer)
    assert asked == ["0201FF00"]
    assert readings == {"voltage_a": Decimal("231.2"), "voltage_b": Decimal("229.8"), "voltage_c": Decimal("230.5")}


def test_a_whole_three_phase_meter_takes_eleven_frames() -> None:
    meter = SimulatedMeter(THREE_PHASE, ADDRESS)
    readings, asked, refused = carry(talk(list(THREE_PHASE.points)), meter.answer)
    assert len(asked) == 11
    assert not refused
    assert readings.keys() == THREE_PHASE.points.keys()


def test_bits_of_one_word_are_one_question() -> None:
    meter = SimulatedMeter(SINGLE_PHASE, ADDRESS, {"relay_open": 1})
    readings, asked, _ = carry(talk(["relay_open", "relay_command_open"], profile=SINGLE_PHASE), meter.answer)
    assert asked == ["04000503"]
    assert readings == {"relay_open": 1, "relay_command_open": 0}


class NoBlocks:
    """A meter that refuses blocks, as some do."""

    def __init__(self, meter: SimulatedMeter, blocks: Sequence[str]) -> None:
        self.meter, self.blocks = meter, blocks

    def answer(self, heard: bytes) -> bytes:
        [(_, frame)] = frames(heard)
        if frame.data[::-1].hex().upper() in self.blocks:
            return encode(Frame(ADDRESS, 0xD1, b"\x02"))
        return self.meter.answer(heard)


def test_a_refused_block_is_asked_item_by_item_in_the_same_poll() -> None:
    line = NoBlocks(SimulatedMeter(THREE_PHASE, ADDRESS, VOLTAGES), ["0201FF00"])
    readings, asked, refused = carry(talk(list(VOLTAGES)), line.answer)
    assert asked == ["0201FF00", "02010100", "02010200", "02010300"]
    assert refused == ["0201FF00"]
    assert len(readings) == 3


def test_a_block_that_was_refused_is_not_asked_again() -> None:
    line = NoBlocks(SimulatedMeter(THREE_PHASE, ADDRESS, VOLTAGES), ["0201FF00"])
    _, asked, refused = carry(talk(list(VOLTAGES), frozenset({"0201FF00"})), line.answer)
    assert asked == ["02010100", "02010200", "02010300"]
    assert not refused


def test_an_item_that_was_refused_is_not_asked_again() -> None:
    assert talk(["frequency"], frozenset({"02800002"})).next_request() is None


def test_the_clock_is_put_together_where_a_meter_knows_only_its_parts() -> None:
    meter = SimulatedMeter(THREE_PHASE, ADDRESS, {"clock": "2026-11-22T09:15:30"})
    readings, asked, _ = carry(talk(["clock"]), NoBlocks(meter, ["0400010C"]).answer)
    assert asked == ["0400010C", "04000102", "04000101"]
    assert readings == {"clock": "2026-11-22T09:15:30"}


def test_a_clock_in_parts_gives_none_around_midnight() -> None:
    meter = SimulatedMeter(THREE_PHASE, ADDRESS, {"clock": "2026-11-22T23:59:59"})
    assert carry(talk(["clock"], frozenset({"0400010C"})), meter.answer)[0] == {"clock": None}


def test_a_block_with_fewer_items_leaves_the_rest_to_single_questions() -> None:
    conversation = talk(list(VOLTAGES))
    conversation.next_request()
    readings = conversation.feed(answer("0201FF00", "12 23"))
    assert readings == [Reading("voltage_a", Decimal("231.2"), "V")]
    request = conversation.next_request()
    assert request == encode(Frame(ADDRESS, 0x11, bytes.fromhex("00020102")))


NOT_THE_ANSWER = {
    "silence": b"",
    "its own echo": encode(Frame(ADDRESS, 0x11, bytes.fromhex("02008002"))),
    "another meter's answer": answer("02800002", "98 49", address="000000000043"),
    "a late answer to another question": answer("02010100", "05 23"),
    "an answer of another function": answer("02800002", "98 49", control=0x94),
    "an answer with a broken checksum": answer("02800002", "98 49")[:-2] + b"\x00\x16",
    "an answer that is cut": answer("02800002", "98 49")[:-1],
    "an error answer of another meter": encode(Frame("000000000043", 0xD1, b"\x02")),
    "an error answer of another function": encode(Frame(ADDRESS, 0xD4, b"\x04")),
    "noise": b"\x68\x16\xfe\x00",
}


@pytest.mark.parametrize("heard", NOT_THE_ANSWER.values(), ids=NOT_THE_ANSWER.keys())
def test_what_is_not_the_answer_is_skipped_and_the_answer_still_taken(heard: bytes) -> None:
    conversation = talk(["frequency"])
    conversation.next_request()
    assert conversation.feed(heard) is None
    good = answer("02800002", "98 49")
    assert conversation.feed(good) == [Reading("frequency", Decimal("49.98"), "Hz")]
    assert conversation.next_request() is None


def test_the_answer_counts_once() -> None:
    conversation = talk(["frequency"])
    conversation.next_request()
    good = answer("02800002", "98 49")
    assert conversation.feed(good + good)
    assert conversation.feed(good) is None


def test_an_answer_of_a_wrong_length_is_a_bad_reply_and_may_be_asked_again() -> None:
    conversation = talk(["frequency"])
    request = conversation.next_request()
    with pytest.raises(BadReplyError, match="02800002"):
        conversation.feed(answer("02800002", "98 49 00"))
    assert conversation.next_request() == request


def test_a_retry_wakes_the_meter_first() -> None:
    conversation = talk(["frequency", "active_power"])
    first = conversation.next_request()
    assert first
    assert conversation.next_request() == b"\xfe" * 4 + first
    conversation.feed(answer("02800002", "98 49"))
    later = conversation.next_request()
    assert later
    assert later.startswith(b"\xfe" * 4), "a meter that needed it once needs it again"


def test_a_profile_may_ask_for_a_preamble() -> None:
    profile = read_profile("woken", "preamble = 2\n" + product_profiles()["dlt645-2007-1p"])
    request = talk(["voltage"], profile=profile).next_request()
    assert request
    assert request[:3] == b"\xfe\xfe\x68"


def test_giving_up_goes_on_with_the_next_question() -> None:
    meter = SimulatedMeter(SINGLE_PHASE, ADDRESS, {"current": 5})
    conversation = talk(["voltage", "current"], profile=SINGLE_PHASE)
    conversation.next_request()
    conversation.give_up()
    request = conversation.next_request()
    assert request
    assert conversation.feed(meter.answer(request)) == [Reading("current", Decimal("5.000"), "A")]
    assert conversation.next_request() is None
    conversation.give_up()


def test_a_wildcard_takes_the_answer_of_whoever_is_there() -> None:
    meter = SimulatedMeter(SINGLE_PHASE, ADDRESS, {"voltage": 230})
    conversation = Dlt645().converse(SINGLE_PHASE, "AAAAAAAAAA42", ["voltage"])
    request = conversation.next_request()
    assert request
    assert conversation.feed(meter.answer(request)) == [Reading("voltage", Decimal("230.0"), "V")]


def in_parts(data: bytes, room: int) -> Callable[[bytes], bytes]:
    """A meter that gives the block of energies in parts, as the standard wants it: counted from 1 after the first."""

    def hear(request: bytes) -> bytes:
        [(_, frame)] = frames(request)
        number = frame.data[4] if frame.control == 0x12 else 0
        part = data[number * room : (number + 1) * room]
        more = 0x20 if (number + 1) * room < len(data) else 0
        tail = bytes([number]) if number else b""
        return encode(Frame(ADDRESS, frame.control | 0x80 | more, frame.data[:4] + part + tail))

    return hear


ENERGIES = ["energy_import", "energy_import_t1", "energy_import_t2", "energy_import_t3", "energy_import_t4"]


def test_a_long_answer_is_put_together_from_its_frames() -> None:
    data = bytes.fromhex("00000100 00000200 00000300 00000400 00000500")
    readings, asked, _ = carry(talk(ENERGIES), in_parts(data, 7))
    assert asked == ["0001FF00"] * 3
    assert list(readings.values()) == [Decimal(f"{number * 100}.00") for number in range(1, 6)]


def test_a_lost_part_is_asked_for_again_with_the_same_number() -> None:
    line = in_parts(bytes(20), 7)
    conversation = talk(ENERGIES)
    first = conversation.next_request()
    assert first
    assert conversation.feed(line(first)) == ()
    second = conversation.next_request()
    assert second
    assert conversation.next_request() == b"\xfe" * 4 + second
    assert conversation.feed(answer("0001FF00", "00 00 00 00 00 00 00 02", control=0xB2)) is None, "a wrong number"
    assert conversation.feed(line(second)) == ()


@pytest.mark.parametrize("says", ["no", "nothing"])
def test_what_came_of_a_long_answer_that_broke_off_is_in_no_other(says: str) -> None:
    parts = in_parts(bytes.fromhex("00000100 00000200 00000300 00000400 00000500"), 7)

    def breaks_off(request: bytes) -> bytes:
        [(_, frame)] = frames(request)
        if frame.control == 0x12:
            return encode(Frame(ADDRESS, 0xD2, b"\x02")) if says == "no" else b""
        block = frame.data[:4] == bytes.fromhex("00FF0100")
        return parts(request) if block else answer(frame.data[:4][::-1].hex(), "00 00 07 00")

    readings, asked, _ = carry(talk([*ENERGIES, "energy_export"]), breaks_off)
    assert len(asked) == 8, "two parts, and then one by one"
    assert readings == dict.fromkeys([*ENERGIES, "energy_export"], Decimal("700.00"))


def test_parts_that_never_end_are_a_bad_reply() -> None:
    def endless(request: bytes) -> bytes:
        [(_, frame)] = frames(request)
        return encode(Frame(ADDRESS, frame.control | 0xA0, frame.data[:4] + b"\0" + frame.data[4:]))

    with pytest.raises(BadReplyError, match="last frame"):
        carry(talk(ENERGIES), endless)


ADDRESSES = {
    "12": "'000000000012'",
    "1.23457E+11": "spreadsheet",
    "": "twelve digits",
    "12345678901X": "twelve digits",
    "1234567890123": "13 digits",
    "999999999999": "broadcast",
    " 123456789012": "blanks",
}


@pytest.mark.parametrize(("address", "says"), ADDRESSES.items())
def test_a_wrong_address_is_explained(address: str, says: str) -> None:
    assert says in Dlt645().check_address(address)
    with pytest.raises(RequestError):
        Dlt645().converse(SINGLE_PHASE, address, ["voltage"])


@pytest.mark.parametrize("address", ["000000000042", "AAAAAAAAAAAA", "AAAAAA000042"])
def test_a_good_address_has_no_fault(address: str) -> None:
    assert Dlt645().check_address(address) == ""


def test_an_unknown_point_is_a_request_error() -> None:
    with pytest.raises(RequestError, match="no point loudness"):
        talk(["loudness"])


FAULTS = {
    'where = "0201"': "no identifier of 8 hex digits",
    'where = "0201010G"': "no identifier of 8 hex digits",
    'format = "int16"': "is not known",
    'format = "XXX"': "3 digits",
    'format = "NNNN"\nsigned = true': "sign",
    'format = "NNNN"\nscale = 2': "scale and offset mean nothing",
    "colour = 3": "no option of a DL/T 645 point",
    'parts = "0201"': "no list",
}


@pytest.mark.parametrize(("lines", "says"), FAULTS.items())
def test_a_fault_of_a_profile_is_named_with_its_point(lines: str, says: str) -> None:
    rows = {"where": 'where = "02010100"', "format": 'format = "XXX.X"'}
    rows |= {line.partition(" ")[0]: line for line in lines.splitlines()}
    text = 'protocol = "dlt645"\ntitle = "t"\n[points.voltage]\n' + "\n".join(rows.values())
    [fault] = Dlt645().check(read_profile("p", text))
    assert fault.startswith("voltage: ")
    assert says in fault


@pytest.mark.parametrize(
    ("line", "says"), [("preamble = -1", "preamble"), ('edition = "1990"', "1997"), ("colour = 1", "no option")]
)
def test_a_fault_of_a_profiles_head_is_named(line: str, says: str) -> None:
    text = f'{line}\nprotocol = "dlt645"\ntitle = "t"\n[points.voltage]\nwhere = "02010100"\nformat = "XXX.X"'
    [fault] = Dlt645().check(read_profile("p", text))
    assert says in fault


def test_no_bytes_make_a_poll_raise_anything_but_a_driver_error() -> None:
    chance = Random(7)
    for _ in range(300):
        conversation = talk(list(THREE_PHASE.points))
        for _ in range(20):
            request = conversation.next_request()
            if request is None:
                break
            [(_, frame)] = frames(request)
            control = frame.control | chance.choice([0x80, 0xA0, 0xC0])
            data = chance.choice([frame.data, b""]) + chance.randbytes(chance.randrange(30))
            try:
                if conversation.feed(encode(Frame(ADDRESS, control, data))) is None:
                    conversation.give_up()
            except DriverError:
                conversation.give_up()
