"""Polls of edition 1997: two-byte identifiers, blocks with F, clock in parts, uncounted parts of long answers."""

from decimal import Decimal

import pytest

from drivers.dlt645.driver import Dlt645
from drivers.dlt645.frame import Frame, encode, frames
from drivers.errors import RefusedError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from tests.drivers.dlt645.test_poll import carry

ADDRESS = "000000000042"
PROFILE = read_profile("dlt645-1997-3p", product_profiles()["dlt645-1997-3p"])


def test_a_whole_meter_is_read_in_blocks() -> None:
    meter = SimulatedMeter(PROFILE, ADDRESS, {"voltage_b": 229, "energy_import_t4": 12.5})
    readings, asked, refused = carry(Dlt645().converse(PROFILE, ADDRESS, list(PROFILE.points)), meter.answer)
    assert len(asked) == 10
    assert not refused
    assert readings.keys() == PROFILE.points.keys()
    assert (readings["voltage_b"], readings["energy_import_t4"]) == (Decimal(229), Decimal("12.50"))


def test_the_clock_is_put_together_from_time_and_date() -> None:
    meter = SimulatedMeter(PROFILE, ADDRESS, {"clock": "2026-11-22T09:15:30"})
    readings, asked, _ = carry(Dlt645().converse(PROFILE, ADDRESS, ["clock"]), meter.answer)
    assert asked == ["C011", "C010"]
    assert readings == {"clock": "2026-11-22T09:15:30"}


@pytest.mark.parametrize("last", ["", "AA"], ids=["between the items", "behind the last too"])
def test_a_block_may_have_separators(last: str) -> None:
    talk = Dlt645().converse(PROFILE, ADDRESS, ["voltage_a", "voltage_b", "voltage_c"])
    talk.next_request()
    readings = talk.feed(encode(Frame(ADDRESS, 0x81, bytes.fromhex("1FB6 3102 AA 2902 AA 3002" + last))))
    assert [reading.value for reading in readings or ()] == [231, 229, 230]


def test_a_refusal_has_the_meaning_of_this_edition() -> None:
    talk = Dlt645().converse(PROFILE, ADDRESS, ["reactive_power"])
    talk.next_request()
    with pytest.raises(RefusedError, match="wrong identifier") as refused:
        talk.feed(encode(Frame(ADDRESS, 0xC1, b"\x02")))
    assert refused.value.where == "B640"
    assert talk.next_request() is None


def test_a_long_answer_is_put_together_without_counting() -> None:
    parts = [bytes.fromhex("00000100 000002"), bytes.fromhex("00 00000300 00000400 00000500")]

    def meter(request: bytes) -> bytes:
        [(_, frame)] = frames(request)
        assert frame.data == bytes.fromhex("1F90")
        part = parts[frame.control - 1]
        return encode(Frame(ADDRESS, 0xA1 if frame.control == 1 else 0x82, frame.data + part))

    points = ["energy_import", "energy_import_t1", "energy_import_t2", "energy_import_t3", "energy_import_t4"]
    readings, asked, _ = carry(Dlt645().converse(PROFILE, ADDRESS, points), meter)
    assert asked == ["901F", "901F"]
    assert list(readings.values()) == [Decimal(f"{number * 100}.00") for number in range(1, 6)]


def test_a_meter_of_the_old_edition_does_not_hear_the_new_one() -> None:
    meter = SimulatedMeter(PROFILE, ADDRESS)
    assert meter.answer(encode(Frame(ADDRESS, 0x11, bytes.fromhex("00000100")))) == b""
