"""Bad manners cost time, never a wrong value."""

from random import Random

import pytest

from drivers.api import Conversation, Value
from drivers.dlt645.driver import Dlt645
from drivers.dlt645.frame import FrameBuffer
from drivers.errors import DriverError
from drivers.profile import product_profiles, read_profile
from drivers.sim.dlt645 import SimulatedMeter
from drivers.sim.unruly import MANNERS, Unruly

PROFILE = read_profile("dlt645-2007-3p", product_profiles()["dlt645-2007-3p"])
ADDRESS = "000000000042"


def meter(seed: int) -> tuple[SimulatedMeter, dict[str, Value]]:
    """A meter and what it holds."""
    chance = Random(seed)
    device = SimulatedMeter(PROFILE, ADDRESS)
    for number, (name, point) in enumerate(PROFILE.points.items()):
        if point.format.startswith("X"):
            device.set(name, round(number + chance.random(), 1))
    talk = Dlt645().converse(PROFILE, ADDRESS, list(PROFILE.points))
    return device, carry(talk, device)


def carry(talk: Conversation, device: SimulatedMeter | Unruly) -> dict[str, Value]:
    """Asks each question up to four times, and gives the answer in pieces."""
    readings: dict[str, Value] = {}
    attempts = 0
    while (request := talk.next_request()) is not None:
        attempts += 1
        try:
            answer = talk.feed(device.answer(request))
        except DriverError:
            answer = None
        if answer is not None:
            attempts = 0
            readings |= {reading.point: reading.value for reading in answer}
        elif attempts == 4:
            talk.give_up()
            attempts = 0
    return readings


@pytest.mark.parametrize("manner", MANNERS)
def test_a_meter_with_one_bad_manner_is_read_all_the_same(manner: str) -> None:
    device, held = meter(1)
    for seed in range(20):
        unruly = Unruly(device, {manner: 0.3}, seed)
        readings = carry(Dlt645().converse(PROFILE, ADDRESS, list(PROFILE.points)), unruly)
        assert readings.items() <= held.items()
        assert len(readings) > len(held) / 2


def test_with_all_bad_manners_at_once_no_value_is_wrong() -> None:
    wrong = read = 0
    for seed in range(300):
        device, held = meter(seed)
        unruly = Unruly(device, dict.fromkeys(MANNERS, 0.1), seed)
        readings = carry(Dlt645().converse(PROFILE, ADDRESS, list(PROFILE.points)), unruly)
        wrong += sum(held[point] != value for point, value in readings.items())
        read += len(readings)
    assert wrong == 0
    assert read > 300 * len(PROFILE.points) * 0.9


def test_the_same_seed_is_the_same_run() -> None:
    def run() -> list[bytes]:
        unruly = Unruly(meter(3)[0], dict.fromkeys(MANNERS, 0.3), seed=3)
        talk = Dlt645().converse(PROFILE, ADDRESS, ["frequency"])
        return [unruly.answer(talk.next_request() or b"") for _ in range(50)]

    assert run() == run()


def test_a_manner_that_does_not_exist_is_an_error() -> None:
    with pytest.raises(ValueError, match="there is no manner rude"):
        Unruly(meter(1)[0], {"rude": 1.0})


def test_a_well_behaved_device_is_left_alone() -> None:
    device, _ = meter(1)
    unruly = Unruly(device, {})
    request = Dlt645().converse(PROFILE, ADDRESS, ["frequency"]).next_request() or b""
    buffer = FrameBuffer()
    buffer.feed(unruly.answer(request))
    assert buffer.next_frame()
    unruly.powered = False
    assert (unruly.answer(request), unruly.address, device.powered) == (b"", ADDRESS, False)
