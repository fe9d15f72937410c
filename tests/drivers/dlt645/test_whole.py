"""Freezes read in one piece: split by sizes, with separators and without, with parts left out."""

from decimal import Decimal

import pytest

from drivers.dlt645.catalog import find
from drivers.dlt645.explain import explain
from drivers.dlt645.frame import Frame, encode
from drivers.dlt645.services.read import read_item
from drivers.errors import BadReplyError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from tests.drivers.dlt645.services.line import Line

ADDRESS = "000000000042"
TIME = bytes.fromhex("0009221126")
POWERS = bytes.fromhex("341200") * 8


def energies(tariffs: int) -> list[bytes]:
    """Eight kinds of energy: the total is as many kWh as the kind's number."""
    return [bytes([0, kind, 0, 0]) + bytes(4 * tariffs) for kind in range(1, 9)]


def demands(tariffs: int) -> list[bytes]:
    return [bytes(8 * (tariffs + 1)) for _ in range(2)]


def whole(tariffs: int) -> list[bytes]:
    return [TIME, *energies(tariffs), *demands(tariffs), POWERS]


SPLIT = {
    "four tariffs, AA behind each part": b"".join(part + b"\xaa" for part in whole(4)),
    "four tariffs, AA between the parts": b"\xaa".join(whole(4)),
    "four tariffs, nothing between them": b"".join(whole(4)),
    "no tariffs": b"\xaa".join(whole(0)),
    "twelve tariffs": b"\xaa".join(whole(12)),
    "only imported energy and powers are kept": b"\xaa".join([TIME, energies(4)[0], *[b""] * 9, POWERS]),
    "no powers are kept": b"\xaa".join([*whole(4)[:-1], b""]),
}


@pytest.mark.parametrize("data", SPLIT.values(), ids=SPLIT.keys())
def test_a_freeze_is_split_into_its_parts(data: bytes) -> None:
    item = find("0506FF01")
    assert item
    values = {one.name: one.value for one in item.read(data)}
    assert values["freeze_time_daily_1"] == "2026-11-22T09:00"
    assert values["frozen_energy_import_daily_1"] == Decimal("1.00")
    kept = {name for name in values if name.startswith("frozen_reactive_energy_q4")}
    assert len(kept) in (0, 1, 5, 13)
    if POWERS in data:
        assert values["frozen_powers_daily_1.active_power_c"] == Decimal("0.1234")


@pytest.mark.parametrize("data", [b"", TIME, TIME + bytes(100), b"\xaa" * 300], ids=["nothing", "a time", "odd", "AA"])
def test_what_does_not_split_is_a_bad_reply_and_is_shown_as_bytes(data: bytes) -> None:
    item = find("0506FF01")
    assert item
    with pytest.raises(BadReplyError, match="do not split"):
        item.read(data)
    [frame] = explain(encode(Frame(ADDRESS, 0x91, bytes.fromhex("01FF0605") + data[:190])))
    assert frame.fields.get("raw", "") == data[:190].hex(" ").upper()


def test_a_meter_gives_all_of_a_freeze_at_once() -> None:
    profile = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])
    meter = SimulatedMeter(profile, ADDRESS, {"energy_import": 12.5, "active_power": 1})
    meter.set("clock", "2026-11-22T23:30:00")
    meter.set("clock", "2026-11-23T00:10:00")
    values = {one.name: one.value for one in Line(meter).carry(read_item(ADDRESS, "0506FF01")) or ()}
    assert values["freeze_time_daily_1"] == "2026-11-23T00:00"
    assert values["frozen_energy_import_daily_1"] == Decimal("12.50")
    assert values["frozen_powers_daily_1.active_power"] == Decimal("1.0000")
