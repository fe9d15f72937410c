"""A line is priced with the frames, silences and guards that the bus will use."""

from dataclasses import replace

import pytest

from drivers.api import LineSettings
from drivers.profile import product_profiles, read_profile
from gateway.plan import Assumed, plan_line, says
from gateway.settings.models import Device, Line

TTU = read_profile("ttu-modbus", product_profiles()["ttu-modbus"])
SDM = read_profile("eastron-sdm630", product_profiles()["eastron-sdm630"])
METER = read_profile("dlt645-2007-1p", product_profiles()["dlt645-2007-1p"])

THINKING = Assumed(latency_s=0.03, network_s=0.02)
SERIAL = Line("l1", "/dev/ttyS1", retries=1, late_guard_s=0.5)
TCP = Line("l2", "modbus-tcp://10.0.0.5:502", retries=0)


def ttu(name: str = "t", period_s: float = 60.0, driver: str = "modbus") -> Device:
    return Device(name, TTU, driver, "l1", "1", "T", "ttu", wire=LineSettings(9600), period_s=period_s)


def test_a_poll_costs_its_bytes_the_thinking_and_the_silence() -> None:
    [plan] = plan_line(SERIAL, [ttu()], THINKING).devices
    bytes_s = (8 + 85) * 10 / 9600  # request and answer of 40 registers, 10 bits a byte
    assert plan.poll_s == pytest.approx(bytes_s + 0.03 + 3.5 * 10 / 9600)
    assert plan.load == pytest.approx(plan.poll_s / 60)


def test_the_pause_that_a_device_needs_is_paid_for_every_request() -> None:
    device = Device("s", SDM, "modbus", "l1", "1", "F1", "meter", wire=LineSettings(9600))
    [plan] = plan_line(SERIAL, [device], THINKING).devices
    assert len(plan.exchanges) == 3
    assert plan.poll_s == pytest.approx(sum((e.asked + e.answered) * 10 / 9600 + 0.03 + 0.1 for e in plan.exchanges))


def test_on_modbus_tcp_only_thinking_and_network_are_paid() -> None:
    [plan] = plan_line(TCP, [ttu(driver="modbus-tcp")], THINKING).devices
    assert plan.poll_s == pytest.approx(0.05)


def test_a_serial_server_costs_the_network_too() -> None:
    [near] = plan_line(SERIAL, [ttu()], THINKING).devices
    [far] = plan_line(Line("l3", "tcp://10.0.0.6:4001"), [ttu()], THINKING).devices
    assert far.poll_s == pytest.approx(near.poll_s + 0.02)


def test_a_dead_device_holds_a_serial_line_for_timeout_and_guard_and_again_for_the_retry() -> None:
    [plan] = plan_line(SERIAL, [ttu()], THINKING).devices
    assert plan.dead_s == pytest.approx(2 * (8 * 10 / 9600 + 1.0 + 0.5) + 0.1)


def test_a_dead_device_costs_in_the_long_run_what_the_bus_leaves_it() -> None:
    probe = 8 * 10 / 9600 + 1.0 + 0.5
    idle = plan_line(SERIAL, [ttu("a"), ttu("b")], THINKING)
    assert idle.dead_share == pytest.approx(probe / 300)
    crowd = [ttu(f"t{index}", 0.5) for index in range(8)]
    full = plan_line(SERIAL, [*crowd, replace(ttu("s"), timeout_s=60.0)], THINKING)
    assert full.devices[-1].probe_s == pytest.approx(probe + 59)
    assert full.dead_share == pytest.approx(0.03)


def test_on_modbus_tcp_late_answers_need_no_guard() -> None:
    [plan] = plan_line(TCP, [ttu(driver="modbus-tcp")], THINKING).devices
    assert plan.dead_s == pytest.approx(1.0)


def test_fewer_points_are_cheaper() -> None:
    device = Device("m", METER, "dlt645", "l1", "000000000012", "B", "meter", wire=METER.line)
    few = Device("m", METER, "dlt645", "l1", "000000000012", "B", "meter", wire=METER.line, points=("voltage",))
    [whole], [part] = plan_line(SERIAL, [device], THINKING).devices, plan_line(SERIAL, [few], THINKING).devices
    assert len(part.exchanges) == 1
    assert part.poll_s < whole.poll_s / 2


FITS = {
    "one device in a minute": ([60.0], True),
    "a hundred in a minute": ([60.0] * 100, True),
    "five hundred in a minute": ([60.0] * 500, False),
    "one device ten times a second": ([0.1], False),
    "a quick one among slow ones": ([1.0] + [60.0] * 50, True),
    "six quick ones, each once a second": ([1.0] * 6, True),
    "eight quick ones, each once a second": ([1.0] * 8, False),
}


@pytest.mark.parametrize(("periods", "fits"), FITS.values(), ids=FITS.keys())
def test_a_plan_fits_when_every_period_can_be_kept(periods: list[float], fits: bool) -> None:
    plan = plan_line(SERIAL, [ttu(f"t{index}", period) for index, period in enumerate(periods)], THINKING)
    assert plan.fits is fits
    assert bool(says(plan)) is not fits


def test_a_poll_that_has_begun_can_make_a_short_period_late() -> None:
    slow = Device("s", METER, "dlt645", "l1", "000000000012", "B", "meter", wire=METER.line, period_s=900)
    plan = plan_line(SERIAL, [ttu("t", period_s=1.0), slow], THINKING)
    assert plan.load < 0.2
    assert [one.device.id for one in plan.devices if not one.fits] == ["t"]
    assert "longer period" in says(plan)[0]


def test_an_overloaded_line_is_told_the_period_that_it_can_keep() -> None:
    plan = plan_line(SERIAL, [ttu(f"t{index}") for index in range(500)], THINKING)
    [fault] = says(plan)
    wanted = int(fault.rpartition("every ")[2].removesuffix(" s"))
    again = plan_line(SERIAL, [ttu(f"t{index}", wanted) for index in range(500)], THINKING)
    assert again.fits
    assert not again.tight


def test_a_line_with_little_to_spare_is_tight() -> None:
    plan = plan_line(SERIAL, [ttu(f"t{index}", 13.4) for index in range(100)], THINKING)
    assert plan.fits
    assert plan.tight


def test_an_empty_line_fits() -> None:
    plan = plan_line(SERIAL, [], THINKING)
    assert (plan.fits, plan.cycle_s, plan.load, says(plan)) == (True, 0, 0, [])
