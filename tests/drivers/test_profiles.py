"""Every profile of the product proves itself, and speaks the catalogue's names and units."""

from functools import cache

import pytest

from drivers import registry
from drivers.api import Profile, Vector
from drivers.profile import ProfileError, product_profiles, prove, read_profile
from gateway.catalog import catalog

NAMES = sorted(product_profiles())


@cache
def profile(name: str) -> Profile:
    return read_profile(name, product_profiles()[name])


def vectors() -> list[tuple[str, Vector]]:
    return [(name, vector) for name in NAMES for vector in profile(name).vectors]


@pytest.mark.parametrize("name", NAMES)
def test_the_driver_finds_no_fault_in_a_profile(name: str) -> None:
    assert list(registry.driver(profile(name).protocol).check(profile(name))) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_profile_has_vectors_that_say_where_they_come_from(name: str) -> None:
    assert profile(name).vectors, f"{name} proves nothing"
    assert all(vector.origin for vector in profile(name).vectors)


@pytest.mark.parametrize(("name", "vector"), vectors(), ids=[f"{name}: {vector.origin}" for name, vector in vectors()])
def test_a_vector_gives_the_values_it_should(name: str, vector: Vector) -> None:
    assert prove(registry.driver(profile(name).protocol), profile(name), vector) == ""


@pytest.mark.parametrize("name", NAMES)
def test_points_have_the_catalogues_names_and_units(name: str) -> None:
    units = {point.name: point.unit for point in profile(name).points.values()}
    assert {point: unit for point, unit in units.items() if point not in catalog()} == {}
    assert units == {point: catalog()[point].unit for point in units}


@pytest.mark.parametrize("name", NAMES)
def test_every_point_is_proved(name: str) -> None:
    proved = {point for vector in profile(name).vectors for point in vector.expect}
    several = {point.name for point in profile(name).points.values() if point.where in str(point.options.get("parts"))}
    proved |= several  # a vector is one answer; these take several, which test_poll_1997 gives
    assert sorted(profile(name).points.keys() - proved) == []


@pytest.mark.parametrize("name", NAMES)
def test_a_vector_with_a_wrong_byte_proves_nothing(name: str) -> None:
    vector = profile(name).vectors[0]
    spoilt = bytearray(vector.reply)
    spoilt[-3] ^= 0x01
    broken = Vector(vector.origin, vector.address, bytes(spoilt), vector.expect)
    assert prove(registry.driver(profile(name).protocol), profile(name), broken) != ""


SHAPE = """
protocol = "modbus"
title = "a device of the tests"
[points.voltage]
where = "input 0"
format = "uint16"
unit = "V"
[[vectors]]
from = "constructed: nobody sent it"
address = "1"
reply = "01 04 02 09 05 7E 63"
expect = { voltage = 2309 }
"""
MISSHAPEN = {
    "a scale without end": ('unit = "V"', "scale = inf", "points.voltage.scale: must be a number"),
    "a scale that is no number": ('unit = "V"', "scale = nan", "points.voltage.scale: must be a number"),
    "a scale with hundreds of digits": (
        'unit = "V"',
        f"scale = 1{'0' * 400}",
        "points.voltage.scale: must be a number",
    ),
    "a scale that makes everything nothing": ('unit = "V"', "scale = 1e-320", "points.voltage.scale: must be a number"),
    "an offset without end": ('unit = "V"', "offset = -inf", "points.voltage.offset: must be a number"),
    "a timeout of nothing": ("[points.voltage]", "timeout_s = 0\n[points.voltage]", "timeout_s: must be a number"),
    "a timeout without end": ("[points.voltage]", "timeout_s = inf\n[points.voltage]", "timeout_s: must be a number"),
    "a pause of an hour": ("[points.voltage]", "pause_s = 3600\n[points.voltage]", "pause_s: must be a number"),
    "a misspelt key of a proof": ("reply =", 'requst = "01"\nreply =', "vectors.0.requst: unknown; known are"),
    "a proof of nothing": ("{ voltage = 2309 }", "{}", "vectors.0.expect: write expect"),
    "bytes that are none": ("01 04 02", "01 zz 02", "vectors.0.reply: must be bytes in hex"),
    "points that are none": ("[points.voltage]", "[points]\nvoltage = 3\n[other]", "points.voltage: must be a table"),
}


@pytest.mark.parametrize(("old", "new", "says"), MISSHAPEN.values(), ids=MISSHAPEN.keys())
def test_a_misshapen_profile_is_refused_with_its_key(old: str, new: str, says: str) -> None:
    assert old in SHAPE
    with pytest.raises(ProfileError, match=says):
        read_profile("mine", SHAPE.replace(old, new))


ADDRESSES = [
    ("modbus", "1", True),
    ("modbus", "247", True),
    ("modbus", "0", False),
    ("modbus", "248", False),
    ("modbus", "01", False),
    ("modbus", "\uff11", False),  # a digit of another alphabet
    ("modbus", "1.0", False),
    ("modbus-tcp", "0", True),
    ("modbus-tcp", "255", True),
    ("modbus-tcp", "256", False),
    ("modbus-tcp", "00", False),
]


@pytest.mark.parametrize(("protocol", "address", "good"), ADDRESSES)
def test_a_unit_id_is_written_in_one_way(protocol: str, address: str, good: bool) -> None:
    assert (registry.driver(protocol).check_address(address) == "") is good
