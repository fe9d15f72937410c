"""What faults do to what devices measure and whether they answer."""

import random
from collections.abc import Sequence

import pytest

from gateway.simulate.fault import Fault
from gateway.simulate.household import household
from gateway.simulate.network import build
from gateway.simulate.simulation import Simulation, Snapshot
from rules.area import Area, Node
from tests.gateway.simulate.areas import small_area

EVENING = 1_760_000_000.0 + 4 * 3600  # 20:53 where the customers live


def after(*faults: Fault, seconds: float = 60.0) -> Snapshot:
    """The area one step after these faults began."""
    simulation = Simulation(build(small_area(), seed=3), accuracy=0.0)
    simulation.step(EVENING)
    return simulation.step(EVENING + seconds, faults)


def silent_meters(snapshot: Snapshot) -> set[str]:
    return {device for device in snapshot.silent if device.startswith("B")}


def volts(snapshot: Snapshot, device: str) -> list[float]:
    return [snapshot.values[device][f"voltage_{phase}"] for phase in "abc"]


ALL = {device.id for device in small_area().devices if device.kind == "meter"}
BELOW_L2 = {"B3A", "B3B", "B3C", "B4A", "B4B", "B4C", "B4X"}
ON_F1_B = {"B1B", "B2B", "B3B", "B4B"}
SILENCES: dict[str, tuple[Fault, set[str]]] = {
    "a blown fuse silences the single-phase meters of its phase below it": (Fault("fuse_blown", "F1", "B"), ON_F1_B),
    "a tripped box silences its meters": (Fault("breaker_tripped", "B4"), {"B4A", "B4B", "B4C", "B4X"}),
    "a broken line silences everything behind it": (Fault("line_broken", "L2"), BELOW_L2),
    "a dead transformer silences all meters": (Fault("transformer_off", "T1"), ALL),
    "a medium-voltage outage silences all meters": (Fault("mv_outage", "MV"), ALL),
    "a dead meter is silent alone": (Fault("meter_dead", "B2C"), {"B2C"}),
    "a lost supply silences one meter": (Fault("supply_lost", "B2C"), {"B2C"}),
    "a dead collector silences its line": (
        Fault("collector_dead", "RS1"),
        {device.id for device in small_area().devices if device.bus == "RS1"},
    ),
    "a collector dies with the box that powers it": (
        Fault("breaker_tripped", "B5"),
        {device.id for device in small_area().devices if device.bus == "RS2"},
    ),
    "an open relay silences nobody": (Fault("relay_open", "B2C"), set()),
    "a broken neutral silences nobody": (Fault("neutral_broken", "L2"), set()),
}


@pytest.mark.parametrize(("fault", "expected"), SILENCES.values(), ids=SILENCES.keys())
def test_who_falls_silent(fault: Fault, expected: set[str]) -> None:
    assert silent_meters(after(fault)) == expected


def test_in_a_healthy_area_every_voltage_is_within_the_standard() -> None:
    snapshot = after()
    assert not snapshot.silent
    for values in snapshot.values.values():
        assert all(
            198 < value < 235.4 for point, value in values.items() if point[:8] == "voltage_" and len(point) == 9
        )


def test_a_three_phase_meter_lives_on_and_sees_the_phase_that_is_gone() -> None:
    snapshot = after(Fault("fuse_blown", "F1", "B"))
    a, b, c = volts(snapshot, "B4X")
    assert b < 1 < 200 < min(a, c)
    assert snapshot.values["LTU1"]["current_b"] < 0.01 < snapshot.values["LTU1"]["current_a"]


def test_a_broken_neutral_moves_the_voltages_apart_and_back_above_the_break() -> None:
    snapshot = after(Fault("neutral_broken", "L2"))
    below, above = volts(snapshot, "B4X"), [snapshot.values[f"B1{phase}"]["voltage"] for phase in "ABC"]
    assert max(below) - min(below) > 40
    assert max(above) - min(above) < 6


def test_a_lost_medium_voltage_phase_halves_two_phases_here_and_at_the_neighbour() -> None:
    snapshot = after(Fault("mv_phase_loss", "MV", "A"))
    for terminal in ("TTU", "TTU2"):
        half, whole, other = volts(snapshot, terminal)
        assert half + other == pytest.approx(whole, rel=0.03)
        assert half < 0.7 * whole
    assert silent_meters(snapshot) <= {f"B{box}{phase}" for box in range(1, 8) for phase in "AC"}


def test_a_blown_drop_out_fuse_is_the_transformers_own() -> None:
    snapshot = after(Fault("mv_phase_loss", "T1", "A"))
    assert min(volts(snapshot, "TTU")) < 0.7 * max(volts(snapshot, "TTU"))
    assert volts(snapshot, "TTU2") == pytest.approx([224.5] * 3, rel=0.02)


def test_only_a_medium_voltage_outage_reaches_the_neighbour() -> None:
    assert volts(after(Fault("transformer_off", "T1")), "TTU2") == pytest.approx([224.5] * 3, rel=0.02)
    assert volts(after(Fault("mv_outage", "MV")), "TTU2") == pytest.approx([0] * 3, abs=0.1)


def test_an_overload_pulls_the_voltage_down_along_its_feeder() -> None:
    snapshot = after(Fault("overload", "L2", "A", kw=25))
    near, far, elsewhere = (snapshot.values[f"B{box}A"]["voltage"] for box in (1, 3, 5))
    assert far < near < elsewhere
    assert snapshot.values["LTU1"]["current_a"] > 80


def test_an_overload_behind_a_meter_runs_through_it() -> None:
    assert after(Fault("overload", "B3A", kw=5)).values["B3A"]["active_power"] > 4


def test_an_open_relay_leaves_voltage_and_no_current() -> None:
    values = after(Fault("relay_open", "B2C")).values["B2C"]
    assert values["relay_open"] == 1
    assert values["current"] == 0
    assert values["voltage"] > 215


def test_a_dead_collector_changes_nothing_at_the_transformer() -> None:
    assert after(Fault("collector_dead", "RS1")).values["TTU"] == after().values["TTU"]


def test_terminals_live_on_their_backup_for_a_while() -> None:
    simulation = Simulation(build(small_area(), seed=3))
    off = [Fault("transformer_off", "T1")]
    simulation.step(EVENING)
    assert not {"TTU", "LTU1"} & simulation.step(EVENING + 20, off).silent
    assert simulation.step(EVENING + 21, off).values["TTU"]["on_backup"] == 1
    assert {"LTU1"} == simulation.step(EVENING + 60, off).silent - ALL
    assert {"TTU", "LTU1"} == simulation.step(EVENING + 3600, off).silent - ALL
    assert simulation.step(EVENING + 3700).silent == set()


def test_energy_registers_count_the_power_that_flowed() -> None:
    simulation = Simulation(build(small_area(), seed=3), accuracy=0.0)
    before = simulation.step(EVENING).values["B4X"]
    after_a_minute = simulation.step(EVENING + 60).values["B4X"]
    counted = after_a_minute["energy_import"] - before["energy_import"]
    assert counted == pytest.approx(after_a_minute["active_power"] / 60)


def test_the_terminal_measures_what_all_meters_take_and_the_cables_lose() -> None:
    snapshot = after()
    metered = sum(snapshot.values[meter]["active_power"] for meter in ALL)
    assert metered < snapshot.values["TTU"]["active_power"] < 1.05 * metered


def test_the_same_seed_and_times_give_the_same_snapshots() -> None:
    def run() -> list[object]:
        simulation = Simulation(build(small_area(), seed=7), seed=7)
        return [simulation.step(EVENING + at, [Fault("neutral_broken", "L2")]).values for at in range(0, 60, 10)]

    assert run() == run()


def test_solar_plants_raise_the_voltage_at_the_end_and_feed_back() -> None:
    noon = EVENING + 15 * 3600
    plants = {f"B{box}A": household(box, solar_kw=12.0) for box in (3, 4)}
    snapshot = Simulation(build(small_area(), seed=3, loads=plants), accuracy=0.0).step(noon)
    assert snapshot.values["B3A"]["active_power"] < -3
    assert snapshot.values["B3A"]["voltage"] > snapshot.values["B1A"]["voltage"] > snapshot.values["TTU"]["voltage_a"]


@pytest.mark.parametrize("seed", range(6))
def test_any_sequence_of_faults_is_survived_and_all_comes_back(seed: int) -> None:
    rng = random.Random(seed)
    simulation = Simulation(build(small_area(), seed=seed), seed=seed)
    for minute in range(12):
        simulation.step(EVENING + 60 * minute, _some_faults(rng))
    healthy = simulation.step(EVENING + 3600)
    assert not healthy.silent
    assert all(210 < value < 235 for value in volts(healthy, "B4X"))


def _some_faults(rng: random.Random) -> Sequence[Fault]:
    every = [
        Fault("fuse_blown", rng.choice(["F1", "L1", "B3"]), rng.choice("ABC")),
        Fault("neutral_broken", rng.choice(["F1", "L2", "B5"])),
        Fault("line_broken", rng.choice(["L1", "L3"])),
        Fault("mv_phase_loss", "T1", rng.choice("ABC")),
        Fault("overload", rng.choice(["L2", "B6", "B4X"]), kw=rng.uniform(5, 60)),
        Fault("supply_lost", "B1A"),
    ]
    return rng.sample(every, rng.randrange(4))


def test_an_area_without_a_transformer_is_refused_with_words() -> None:
    with pytest.raises(ValueError, match="one transformer, this one has 0"):
        build(Area("bare", (Node("F1", "feeder"),), ()))
