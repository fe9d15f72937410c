"""How a meter wants to be spoken to: found out once, remembered, found out again when it changes."""

import pytest

from drivers.dlt645.driver import Dlt645
from drivers.dlt645.frame import Frame, frames
from drivers.dlt645.manner import Manner
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter

ADDRESS = "000000000042"
PROFILES = {name: read_profile(name, product_profiles()[name]) for name in product_profiles() if "dlt645" in name}
AUTO, OLD = PROFILES["dlt645-auto-3p"], PROFILES["dlt645-1997-3p"]
ATTEMPTS = 2  # a request and one retry


class Meter:
    """One meter's ways: which edition it answers, and whether only after a preamble."""

    def __init__(self, edition: str, sleepy: bool = False) -> None:
        self.edition, self.sleepy = edition, sleepy

    def polled(
        self, learned: frozenset[str], usual: str = "auto", attempts: int = ATTEMPTS
    ) -> tuple[frozenset[str], int]:
        """What is learned in a poll, and how many requests it took; 0 for one without an answer."""
        manner = Manner(usual, 0, learned)
        for attempt in range(1, attempts + 1):
            if manner.edition == self.edition and (manner.preamble or not self.sleepy):
                manner.answered()
                return manner.learned, attempt
            manner.unanswered()
        return manner.learned, 0


METERS = {
    "the new edition": (Meter("2007"), [1, 1, 1, 1, 1]),
    "the old edition": (Meter("1997"), [2, 1, 1, 1, 1]),
    "the new edition, only when woken": (Meter("2007", sleepy=True), [1, 2, 2, 1, 1]),
    "the old edition, only when woken": (Meter("1997", sleepy=True), [2, 2, 2, 1, 1]),
}


@pytest.mark.parametrize(("meter", "requests"), METERS.values(), ids=METERS.keys())
def test_what_was_found_out_is_not_asked_again(meter: Meter, requests: list[int]) -> None:
    learned: frozenset[str] = frozenset()
    for expected in requests:
        learned, taken = meter.polled(learned)
        assert taken == expected


@pytest.mark.parametrize("meter", [meter for meter, _ in METERS.values()], ids=METERS.keys())
def test_a_meter_that_is_only_asked_once_a_poll_is_found_all_the_same(meter: Meter) -> None:
    learned: frozenset[str] = frozenset()
    answers = []
    for _ in range(10):
        learned, taken = meter.polled(learned, attempts=1)
        answers.append(taken)
    assert answers[-4:] == [1, 1, 1, 1]


def test_one_lost_frame_makes_no_preamble() -> None:
    manner = Manner("2007", 0)
    manner.unanswered()
    assert manner.preamble == 4
    manner.answered()
    following = Manner("2007", 0, manner.learned)
    assert following.preamble == 0
    following.answered()
    assert following.learned == frozenset()


def test_a_meter_without_power_keeps_what_is_known_about_it() -> None:
    known, _ = Meter("1997").polled(frozenset())
    silent, taken = Meter("none at all").polled(known)
    assert taken == 0
    assert Manner("auto", 0, silent).edition == "1997"


def test_a_poll_goes_over_to_the_old_edition_and_stays_there() -> None:
    meter = SimulatedMeter(OLD, ADDRESS, {"voltage_a": 231, "energy_import": 12.5})
    talk = Dlt645().converse(AUTO, ADDRESS, ["voltage_a", "frequency", "energy_import"])
    first = talk.next_request() or b""
    assert meter.answer(first) == b""
    asked: list[str] = []
    readings: dict[str, str] = {}
    while request := talk.next_request():
        asked.append(one(request).data.hex())
        readings |= {reading.point: str(reading.value) for reading in talk.feed(meter.answer(request)) or ()}
    assert asked == ["11b6", "1090"]
    assert readings == {"voltage_a": "231", "energy_import": "12.50"}, "the old edition has no frequency"
    again = Dlt645().converse(AUTO, ADDRESS, ["voltage_a"], talk.learned).next_request() or b""
    assert one(again).data.hex() == "11b6"
    assert again[0] == 0x68


def test_who_is_silent_in_both_editions_is_asked_no_more() -> None:
    talk = Dlt645().converse(AUTO, ADDRESS, list(AUTO.points))
    assert talk.next_request()
    assert talk.next_request()
    talk.give_up()
    assert talk.next_request() is None


@pytest.mark.parametrize("name", ["dlt645-auto-1p", "dlt645-auto-3p"])
def test_a_profile_for_both_editions_says_what_those_for_one_say(name: str) -> None:
    both, new = PROFILES[name], PROFILES[name.replace("auto", "2007")]
    assert {key: (point.where, point.format) for key, point in both.points.items()} == {
        key: (point.where, point.format) for key, point in new.points.items()
    }
    single = {"voltage": "voltage_a", "current": "current_a"} if name.endswith("1p") else {}
    for key, point in both.points.items():
        row, old = point.options.get("edition_1997"), OLD.points.get(single.get(key, key))
        assert (row is None) == (old is None)
        if isinstance(row, dict) and old:
            assert (row["where"], row["format"]) == (old.where, old.format)


def test_the_old_way_of_a_point_is_checked_too() -> None:
    text = product_profiles()["dlt645-auto-3p"].replace('where = "B611"', 'where = "B61"')
    [fault] = Dlt645().check(read_profile("mine", text))
    assert "voltage_a: edition_1997: 'B61' is no identifier of 4 hex digits" in fault
    text = product_profiles()["dlt645-auto-3p"].replace('edition = "auto"', "")
    assert any('edition = "auto"' in fault for fault in Dlt645().check(read_profile("mine", text)))


def one(request: bytes) -> Frame:
    [(_, frame)] = frames(request)
    return frame
