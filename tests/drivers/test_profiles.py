"""Every profile of the product proves itself, and speaks the catalogue's names and units."""

from functools import cache

import pytest

from drivers import registry
from drivers.api import Profile, Vector
from drivers.profile import product_profiles, prove, read_profile
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
