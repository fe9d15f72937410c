"""Minutes without supply, interruptions and voltage are counted by customer, over restarts and midnight too."""

import json

import pytest

from gateway.simulate.fault import Fault
from rules.engine import Engine
from rules.statistics import Quality
from tests.rules.areas import START, readings, run, village

AREA = village()  # 30 meters, 6 in every box


def day(*faults: tuple[Fault, float, float], minutes: float = 60) -> Quality:
    engine = Engine(AREA)
    run(engine, readings(AREA, *faults, minutes=minutes))
    return engine.close_period(START + minutes * 60)


def test_a_quiet_hour_is_all_good() -> None:
    quality = day()
    assert (quality.saidi_min, quality.saifi, quality.maifi, quality.cemi) == (0, 0, 0, 0)
    assert quality.qualification == 1.0
    assert quality.asai == 1.0
    assert all(point.coverage == 1.0 and point.monitored_s == pytest.approx(3540) for point in quality.points)


def test_a_box_without_supply_counts_for_its_customers_only() -> None:
    quality = day((Fault("breaker_tripped", "B2"), 310.0, 1510.0))
    true = 6 * 20 / 30
    assert quality.saidi_min <= true <= quality.saidi_min_most <= true + 6 * 2 / 30
    assert quality.saidi_min == pytest.approx(true, abs=6 * 1.5 / 30)
    assert quality.saifi == 6 / 30
    assert quality.caidi_min == pytest.approx(20, abs=1.5)
    assert quality.maifi == 0


def test_an_outage_of_two_minutes_is_momentary() -> None:
    quality = day((Fault("breaker_tripped", "B2"), 310.0, 430.0))
    assert (quality.saidi_min, quality.saifi, quality.maifi) == (0, 0, 6 / 30)


def test_one_lost_phase_counts_for_the_customers_on_it() -> None:
    quality = day((Fault("fuse_blown", "F1", "B"), 310.0, 1510.0))
    on_b = [d.id for d in AREA.devices if d.kind == "meter" and "B" in d.phases and d.node in ("B1", "B2", "B3")]
    assert quality.saifi == len(on_b) / 30


def test_a_customer_is_without_supply_only_once() -> None:
    quality = day((Fault("breaker_tripped", "B2"), 310.0, 3010.0), (Fault("breaker_tripped", "F1"), 910.0, 1810.0))
    true = (6 * 45 + 12 * 15) / 30
    assert quality.saidi_min == pytest.approx(true, abs=18 * 1.5 / 30)


def test_an_outage_over_midnight_is_counted_in_both_days() -> None:
    stream = list(readings(AREA, (Fault("breaker_tripped", "B2"), 310.0, 2710.0), minutes=60))
    engine = Engine(AREA)
    run(engine, [seen for seen in stream if seen.at < START + 1510])
    first = engine.close_period(START + 1510)
    saved = {key: value for key, value in engine.changes().items() if value is not None}
    engine = Engine(AREA, saved=json.loads(json.dumps(saved)))
    run(engine, [seen for seen in stream if seen.at >= START + 1510])
    second = engine.close_period(START + 3600)
    assert first.saidi_min == pytest.approx(6 * 20 / 30, abs=0.3)
    assert first.saidi_min + second.saidi_min == pytest.approx(6 * 40 / 30, abs=0.3)
    assert first.saifi + second.saifi == 6 / 30


def test_low_voltage_lowers_the_qualification_of_the_points_that_have_it() -> None:
    quality = day((Fault("overload", "L3", phases="A", kw=150.0), 0.0, 1800.0))
    low = {point.device for point in quality.points if point.low_s > 0}
    assert low == {d.id for d in AREA.devices if d.kind == "meter" and d.node in ("B4", "B5") and "A" in d.phases}
    assert quality.qualification < 1.0


def test_the_first_minutes_of_an_outage_before_midnight_are_not_lost() -> None:
    stream = list(readings(AREA, (Fault("breaker_tripped", "B2"), 310.0, 1510.0), minutes=60))
    engine = Engine(AREA)
    run(engine, [seen for seen in stream if seen.at < START + 490])
    first = engine.close_period(START + 490)
    run(engine, [seen for seen in stream if seen.at >= START + 490])
    second = engine.close_period(START + 3600)
    assert first.saidi_min == 0  # too short yet to be an interruption
    assert second.saidi_min == pytest.approx(6 * 20 / 30, abs=6 * 1.5 / 30)


def test_load_and_energy_of_a_period_are_the_terminals_and_the_loss_is_what_no_meter_took() -> None:
    stream = list(readings(AREA, minutes=60))
    engine = Engine(AREA)
    run(engine, [seen for seen in stream if seen.at < START + 1800])
    first = engine.close_period(START + 1800)
    run(engine, [seen for seen in stream if seen.at >= START + 1800])
    load = engine.close_period(START + 3600).load
    assert first.load is not None
    assert first.load.given_kwh is None  # no register is known of its beginning
    assert load is not None
    assert 0 < load.mean_kw <= load.peak_kw
    assert load.given_kwh == pytest.approx(load.mean_kw / 2, rel=0.1)
    assert load.loss_share is not None
    assert 0 <= load.loss_share < 0.1


def test_a_meter_that_is_read_seldom_counts_with_what_its_readings_stand_for() -> None:
    engine = Engine(AREA)
    run(engine, (seen for seen in readings(AREA, minutes=60) if seen.device != "B1-1" or seen.at % 900 < 60))
    (point,) = [one for one in engine.close_period(START + 3600).points if one.device == "B1-1"]
    assert 300 <= point.monitored_s <= 600
    assert point.qualification == 1.0
