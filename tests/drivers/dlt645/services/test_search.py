"""The search finds every meter that can be heard, also where many answer at once."""

from random import Random

import pytest

from drivers.dlt645.services.search import Progress, search
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from tests.drivers.dlt645.services.line import Line

NEW = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])
OLD = read_profile("dlt645-1997-3p", product_profiles()["dlt645-1997-3p"])


def meters(*addresses: str) -> list[SimulatedMeter]:
    return [SimulatedMeter(NEW, address, {"energy_import": number * 1.11}) for number, address in enumerate(addresses)]


def test_forty_meters_are_found_through_their_collisions() -> None:
    chance = Random(40)
    addresses = sorted(f"2026{chance.randrange(10**8):08d}" for _ in range(40))
    progress = Progress()
    Line(*meters(*addresses)).carry(search(progress))
    assert sorted(progress.found) == addresses
    assert progress.doubled == []
    assert progress.asked < 1000


LINES: dict[str, list[str]] = {
    "nobody": [],
    "a meter alone": ["000000000042"],
    "two that differ in their highest digits": ["010000000042", "020000000042"],
    "two that differ in their lowest digits": ["000000000041", "000000000042"],
    "neighbours of a batch": [f"0000001234{number:02d}" for number in range(10)],
}


@pytest.mark.parametrize("addresses", LINES.values(), ids=LINES.keys())
def test_a_search_finds(addresses: list[str]) -> None:
    assert sorted(Line(*meters(*addresses)).carry(search(Progress())) or []) == addresses


def test_a_meter_alone_costs_two_questions() -> None:
    progress = Progress()
    Line(*meters("000000000042")).carry(search(progress))
    assert progress.asked == 2


class Loud(Line):
    """A line on which the first meter drowns all others."""

    def say(self, request: bytes) -> bytes:
        self.requests.append(request)
        return next((answer for meter in self.meters if (answer := meter.answer(request))), b"")


def test_a_thorough_search_finds_those_that_a_loud_meter_hides() -> None:
    addresses = ["000000000042", "000000009942"]
    assert Loud(*meters(*addresses)).carry(search(Progress())) == addresses[:1]
    assert sorted(Loud(*meters(*addresses)).carry(search(Progress(), thorough=True)) or []) == addresses


def test_an_address_that_two_meters_have_is_reported() -> None:
    class Twins(Line):
        def say(self, request: bytes) -> bytes:
            return b"\x00" * 8 if super().say(request) else b""

    progress = Progress()
    Twins(*meters("000000000042", "000000000042")).carry(search(progress))
    assert progress.doubled == ["000000000042"]
    assert progress.found == []


def test_an_echo_is_no_noise() -> None:
    class Echo(Line):
        def say(self, request: bytes) -> bytes:
            return request + super().say(request)

    progress = Progress()
    assert Echo(*meters("000000000042")).carry(search(progress)) == ["000000000042"]
    assert progress.asked == 2


def test_each_edition_is_searched_by_its_own_question() -> None:
    line = Line(*meters("000000000042"), SimulatedMeter(OLD, "000000000097", {"energy_import": 1}))
    assert line.carry(search(Progress(), "2007")) == ["000000000042"]
    assert line.carry(search(Progress(), "1997")) == ["000000000097"]


def test_a_meter_that_knows_no_wildcards_is_found_when_it_is_alone() -> None:
    class Strict(Line):
        def say(self, request: bytes) -> bytes:
            wild = b"\xaa" * 6 in request and b"\x68\x13\x00" not in request
            return b"" if wild else super().say(request)

    assert Strict(*meters("000000000042")).carry(search(Progress())) == ["000000000042"]
    assert Strict().carry(search(Progress())) == []
