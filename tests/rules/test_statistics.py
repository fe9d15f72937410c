"""Minutes without supply, interruptions and voltage are counted by customer, over restarts and midnight too."""

import json
from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import PlannedOutage
from rules.correction import PowerDown
from rules.engine import Engine
from rules.interruptions import Interruptions
from rules.reliability import Bounded, Reliability
from rules.statistics import Quality
from tests.rules.areas import START, readings, run, village

AREA = village()  # 30 meters, 6 in every box
HOUR_S = 3600.0
B2 = tuple(f"B2-{number}" for number in range(6))
TRIPPED = (Fault("breaker_tripped", "B2"), 310.0, 1510.0)
MOMENT = (Fault("breaker_tripped", "B2"), 310.0, 430.0)


def hour(*faults: tuple[Fault, float, float]) -> Engine:
    engine = Engine(AREA)
    run(engine, readings(AREA, *faults, minutes=60))
    return engine


def supply(*faults: tuple[Fault, float, float], downs: tuple[PowerDown, ...] = ()) -> Reliability:
    engine = hour(*faults)
    engine.correct(downs)
    return engine.interruptions.supply(START, START + HOUR_S, START + HOUR_S)


def quality(*faults: tuple[Fault, float, float]) -> Quality:
    return hour(*faults).close_period(START + HOUR_S)


def revived(engine: Engine) -> Engine:
    saved = {key: value for key, value in engine.changes().items() if value is not None}
    return Engine(AREA, saved=json.loads(json.dumps(saved)))


def test_a_quiet_hour_is_all_good() -> None:
    indices = supply()
    assert (indices.saidi_min, indices.saifi, indices.maifi, indices.cemi) == (Bounded(),) * 4
    assert indices.asai == 1.0
    assert indices.interrupted == {}
    points = quality().points
    assert all(point.coverage == 1.0 and point.monitored_s == pytest.approx(3540) for point in points)
    assert all(point.qualification == 1.0 for point in points)


def test_a_box_without_supply_counts_for_its_customers_only() -> None:
    indices = supply(TRIPPED)
    true = 6 * 20 / 30
    minutes = indices.saidi_min
    assert true - 6 * 2 / 30 <= minutes.least <= true <= minutes.most <= true + 6 * 2 / 30
    assert minutes.best == pytest.approx(true, abs=6 * 1.5 / 30)
    assert indices.saifi == Bounded(0.2, 0.2, 0.2)
    assert indices.caidi_min == pytest.approx(20, abs=1.5)
    assert indices.maifi == Bounded()
    assert sorted(indices.interrupted) == [f"C-{meter}" for meter in B2]


def test_an_outage_of_two_minutes_is_momentary() -> None:
    indices = supply(MOMENT)
    assert (indices.saidi_min.best, indices.saifi.best, indices.maifi.best) == (0, 0, 6 / 30)


def test_what_polls_cannot_tell_from_the_other_kind_is_between_the_bounds() -> None:
    short = supply((Fault("breaker_tripped", "B2"), 310.0, 520.0))  # 210 s, seen as 150 to 270
    assert (short.saifi.least, short.saifi.most) == (0, 0.2)
    assert (short.maifi.least, short.maifi.most) == (0, 0.2)
    assert short.saifi.best + short.maifi.best == pytest.approx(0.2)


def test_three_sustained_interruptions_are_too_many() -> None:
    often = [(Fault("breaker_tripped", "B2"), 310.0 + 900 * number, 710.0 + 900 * number) for number in range(3)]
    assert supply(*often[:2]).cemi == Bounded()
    assert supply(*often).cemi == Bounded(0.2, 0.2, 0.2)


def test_one_lost_phase_counts_for_the_customers_on_it() -> None:
    indices = supply((Fault("fuse_blown", "F1", "B"), 310.0, 1510.0))
    on_b = [d.customer for d in AREA.devices if d.kind == "meter" and "B" in d.phases and d.node in ("B1", "B2", "B3")]
    assert indices.saifi.best == pytest.approx(len(on_b) / 30)
    assert sorted(indices.interrupted) == sorted(on_b)
    assert (indices.phases["A"].saifi, indices.phases["C"].saifi) == (0, 0)
    assert indices.phases["B"].saifi == pytest.approx(len(on_b) / indices.phases["B"].customers)
    assert indices.phases["B"].saidi_min == pytest.approx(20 * indices.phases["B"].saifi, rel=0.1)


def test_half_a_voltage_is_no_supply() -> None:
    indices = supply((Fault("mv_phase_loss", "MV", "A"), 310.0, 1510.0))
    assert indices.saidi_min.best == pytest.approx(20 * indices.saifi.best, rel=0.1)
    hit = {phase for phase, one in indices.phases.items() if one.saifi}
    assert len(hit) == 2, "the third phase of a Dyn11 transformer stays whole"
    assert sorted(indices.interrupted) == sorted(
        d.customer for d in AREA.devices if d.kind == "meter" and set(d.phases) & hit
    )


def test_a_customer_is_without_supply_only_once() -> None:
    indices = supply((Fault("breaker_tripped", "B2"), 310.0, 3010.0), (Fault("breaker_tripped", "F1"), 910.0, 1810.0))
    true = (6 * 45 + 12 * 15) / 30
    assert indices.saidi_min.best == pytest.approx(true, abs=18 * 1.5 / 30)
    assert indices.saifi.best == pytest.approx(18 / 30)


def test_a_customer_with_two_meters_is_one_customer() -> None:
    devices = tuple(replace(d, customer="C-B2-0") if d.id in ("B2-0", "B2-1") else d for d in AREA.devices)
    engine = Engine(area := replace(AREA, devices=devices))
    run(engine, readings(area, TRIPPED, minutes=60))
    indices = engine.interruptions.supply(START, START + HOUR_S, START + HOUR_S)
    assert indices.customers == 29
    assert indices.saifi.best == pytest.approx(5 / 29)


def test_those_who_have_supply_again_before_the_others_are_counted_until_then() -> None:
    engine = Engine(AREA)
    stream = list(readings(AREA, (Fault("breaker_tripped", "L2"), 310.0, 3010.0), minutes=60))
    alive = {seen.device: seen for seen in stream if seen.at < START + 120}
    run(
        engine,
        (
            alive[seen.device]._replace(at=seen.at) if seen.device.startswith("B3") and seen.at > START + 1210 else seen
            for seen in stream
        ),
    )  # box B3 is fed from elsewhere after a quarter of an hour
    indices = engine.interruptions.supply(START, START + HOUR_S, START + HOUR_S)
    assert indices.interrupted["C-B3-1"].minutes.best == pytest.approx(15, abs=1.5)
    assert indices.interrupted["C-B2-1"].minutes.best == pytest.approx(45, abs=1.5)


def test_an_outage_over_midnight_is_counted_in_both_days_and_as_one_interruption() -> None:
    stream = list(readings(AREA, (Fault("breaker_tripped", "B2"), 310.0, 2710.0), minutes=60))
    engine = Engine(AREA)
    run(engine, [seen for seen in stream if seen.at < START + 1510])
    engine = revived(engine)
    run(engine, [seen for seen in stream if seen.at >= START + 1510])
    first = engine.interruptions.supply(START, START + 1510, START + HOUR_S)
    second = engine.interruptions.supply(START + 1510, START + HOUR_S, START + HOUR_S)
    assert first.saidi_min.best == pytest.approx(6 * 20 / 30, abs=0.3)
    assert first.saidi_min.best + second.saidi_min.best == pytest.approx(6 * 40 / 30, abs=0.3)
    assert (first.saifi.best, second.saifi.best) == (6 / 30, 0)


def test_the_first_minutes_of_an_outage_before_midnight_belong_to_their_day() -> None:
    engine = hour(TRIPPED)
    first = engine.interruptions.supply(START, START + 490, START + HOUR_S)
    second = engine.interruptions.supply(START + 490, START + HOUR_S, START + HOUR_S)
    assert first.saidi_min.best == pytest.approx(6 * 3 / 30, abs=6 * 1.5 / 30)
    assert second.saidi_min.best == pytest.approx(6 * 17 / 30, abs=6 * 1.5 / 30)


def test_planned_minutes_are_told_apart() -> None:
    engine = Engine(AREA, planned=[PlannedOutage("P7", "B2", START + 300, START + 1500)])
    run(engine, readings(AREA, TRIPPED, minutes=60))
    indices = engine.interruptions.supply(START, START + HOUR_S, START + HOUR_S)
    assert indices.saidi_planned_min == indices.saidi_min.best > 0


def is_known(value: Bounded, truth: float) -> bool:
    """Whether a figure has no doubt left."""
    return all(abs(one - truth) < 1e-6 for one in (value.best, value.least, value.most))


def down(meter: str, begin: float, end: float) -> PowerDown:
    return PowerDown(meter, START + begin, START + end)


def test_meters_records_replace_what_polls_told_and_the_bounds_meet() -> None:
    indices = supply(TRIPPED, downs=tuple(down(meter, 312, 1508) for meter in B2))
    assert is_known(indices.saidi_min, 6 * (1508 - 312) / 60 / 30)
    assert indices.saifi.best == pytest.approx(0.2)
    again = supply(TRIPPED, downs=tuple(down(meter, 312, 1508) for meter in (*B2, *B2)))
    assert again == indices, "a record that is read twice counts once"


def test_a_record_makes_an_interruption_momentary_or_sustained() -> None:
    seen = (Fault("breaker_tripped", "B2"), 310.0, 520.0)
    short = supply(seen, downs=tuple(down(meter, 330, 505) for meter in B2))
    assert (short.saifi, short.maifi) == (Bounded(), Bounded(0.2, 0.2, 0.2))
    long = supply(seen, downs=tuple(down(meter, 310, 520) for meter in B2))
    assert (long.saifi, long.maifi) == (Bounded(0.2, 0.2, 0.2), Bounded())


def test_a_record_of_what_no_poll_saw_counts_too() -> None:
    engine = Engine(AREA)
    run(engine, (seen for seen in readings(AREA, minutes=60) if not START + 600 < seen.at < START + 2400))
    engine.correct([down(meter, 900, 1500) for meter in B2])  # the gateway was off meanwhile
    indices = engine.interruptions.supply(START, START + HOUR_S, START + HOUR_S)
    assert is_known(indices.saidi_min, 6 * 10 / 30)
    assert indices.saifi.best == pytest.approx(0.2)


def test_of_two_records_in_one_outage_both_count() -> None:
    indices = supply(TRIPPED, downs=(down("B2-1", 312, 700), down("B2-1", 760, 1508)))
    lost = indices.interrupted["C-B2-1"]
    assert lost.minutes.best == pytest.approx((388 + 748) / 60)
    assert lost.sustained.best == 2


def test_records_survive_a_restart_and_the_meters_of_others_are_left_alone() -> None:
    engine = hour(TRIPPED)
    engine.correct([down("B2-1", 312, 1508), down("nobody", 312, 1508)])
    before = engine.interruptions.supply(START, START + HOUR_S, START + HOUR_S)
    after = revived(engine).interruptions.supply(START, START + HOUR_S, START + HOUR_S)
    assert after == before
    assert is_known(after.interrupted["C-B2-1"].minutes, 1196 / 60)
    assert after.interrupted["C-B2-2"].minutes.least < after.interrupted["C-B2-2"].minutes.most


def test_an_outage_that_an_update_forgot_does_not_last_for_ever() -> None:
    stream = list(readings(AREA, (Fault("breaker_tripped", "B2"), 310.0, 2710.0), minutes=60))
    engine = Engine(AREA)
    run(engine, [seen for seen in stream if seen.at < START + 1510])
    saved = {key: value for key, value in engine.changes().items() if key.startswith("interruption")}
    engine = Engine(AREA, saved=json.loads(json.dumps(saved)))
    run(engine, [seen for seen in stream if seen.at > START + 2800])
    later = START + 86_400
    assert engine.interruptions.supply(later, later + HOUR_S, later + HOUR_S).saidi_min.most == 0


def test_news_are_spans_and_end_when_they_are_told() -> None:
    engine = hour(TRIPPED)
    ((begin, end),) = engine.interruptions.news()
    assert START + 240 < begin < START + 330
    assert START + 1500 < end < START + 1580
    engine.interruptions.told()
    assert engine.interruptions.news() == []
    engine.correct([down("B2-1", 312, 1508)])
    assert len(engine.interruptions.news()) == 1


def test_low_voltage_lowers_the_qualification_of_the_points_that_have_it() -> None:
    points = quality((Fault("overload", "L3", phases="A", kw=150.0), 0.0, 1800.0)).points
    low = {point.device for point in points if point.low_s > 0}
    assert low == {d.id for d in AREA.devices if d.kind == "meter" and d.node in ("B4", "B5") and "A" in d.phases}
    assert all((point.qualification < 1.0) is (point.device in low) for point in points)


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
    assert 2700 <= point.monitored_s <= 3600
    assert point.qualification == 1.0


def test_a_meter_that_showed_no_sign_leaves_an_outage_that_shrinks_and_one_that_did_stays() -> None:
    lost = Interruptions(AREA, 180.0, lambda _: 150.0)
    signs = {"B2-0": START + 60, "B2-1": 0.0, "B2-2": START + 60}
    lost.began("supply/1", START, START, signs, signs.__getitem__)
    lost.began("supply/1", START, START, ["B2-0"], signs.__getitem__)
    lost.ended("supply/1", START + 600)
    assert sorted(lost.supply(START, START + HOUR_S, START + HOUR_S).interrupted) == ["C-B2-0", "C-B2-2"]
