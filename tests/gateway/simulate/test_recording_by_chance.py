"""Areas, faults and recordings by chance: what they promise to whoever tests rules on them."""

import json
import random
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from gateway.cli.main import app
from gateway.recording import open_recording
from gateway.simulate.balance import balance, nominal_volts
from gateway.simulate.chance import ACCEPTED, EVENING, HEALTHY_V, alike, random_area, random_episode, random_scenario
from gateway.simulate.fault import Fault
from gateway.simulate.network import build
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import CALM, Scenario
from rules import topology
from tests.gateway.simulate.areas import small_area

QUIET = Polling(EVENING, length_s=600, period_s=60, timeouts=0.0, garbled=0.0)


@pytest.mark.parametrize("meters", [1, 5, 40, 150])
@pytest.mark.parametrize("seed", range(5))
def test_areas_by_chance_are_sound_and_well_supplied(seed: int, meters: int) -> None:
    area = random_area(random.Random(seed), meters)
    assert sum(device.kind == "meter" for device in area.devices) == meters
    assert list(topology.faults(area)) == []
    network = build(area)
    volts = [volts for customer in balance(network, EVENING, (), nominal_volts(network)).volts for volts in customer]
    assert min(volts) > HEALTHY_V[0]


def test_the_same_seed_makes_the_same_area_and_faults() -> None:
    def make() -> object:
        rng = random.Random(11)
        area = random_area(rng, 30)
        return area, random_scenario(rng, area, hours=6, faults=4)

    assert make() == make()


def test_faults_by_chance_are_of_every_kind_and_fit_their_area() -> None:
    rng = random.Random(5)
    area = random_area(rng, 60)
    episodes = [random_episode(rng, area, 100, 200) for _ in range(400)]
    assert {episode.fault.kind for episode in episodes} == set(ACCEPTED)
    places = {
        *(node.id for node in area.nodes),
        *(device.id for device in area.devices),
        *(bus.id for bus in area.buses),
    }
    assert all(episode.fault.where in places for episode in episodes)
    assert all(episode.fault.where in episode.expect.nodes for episode in episodes)


ALIKE = {
    "a line between two others has meters of its own": (Fault("line_broken", "L1"), {"L1"}),
    "a feeder with a unit at its head is told from its line": (Fault("breaker_tripped", "F1"), {"F1"}),
    "a box that is alone at its spot cannot be told from it": (Fault("breaker_tripped", "F2"), {"F2"}),
    "a box": (Fault("breaker_tripped", "B3"), {"B3"}),
    "the only meter of a phase stands for its box": (Fault("fuse_blown", "B1", "A"), {"B1", "B1A"}),
    "a line is a place of its own": (Fault("collector_dead", "RS1"), {"RS1"}),
}


@pytest.mark.parametrize(("fault", "places"), ALIKE.values(), ids=ALIKE.keys())
def test_places_that_no_reading_can_tell_apart(fault: Fault, places: set[str]) -> None:
    assert set(alike(small_area(), fault)) == places


def test_nodes_with_the_same_meters_are_alike() -> None:
    area = small_area()
    without_unit = replace(area, devices=tuple(device for device in area.devices if device.id != "LTU1"))
    assert set(alike(without_unit, Fault("line_broken", "F1"))) == {"F1", "L1"}


def test_every_device_is_observed_in_every_cycle_in_order_of_time() -> None:
    seen = list(observe(build(small_area()), CALM, QUIET))
    assert len(seen) == 10 * len(small_area().devices)
    assert [row.at for row in seen] == sorted(row.at for row in seen)
    assert all(row.values and row.fault is None for row in seen)


def test_a_fault_in_the_middle_of_a_cycle_tears_it() -> None:
    rng = random.Random(1)
    episode = replace(random_episode(rng, small_area(), 61.0, 500), fault=Fault("transformer_off", "T1"))
    seen = list(observe(build(small_area()), Scenario("", 600, (episode,)), QUIET))
    torn = [row for row in seen if row.device.startswith("B") and EVENING + 60 <= row.at < EVENING + 120]
    assert {row.fault for row in torn if row.at < EVENING + 61} == {None}
    assert {row.fault for row in torn if row.at > EVENING + 61} == {"timeout"}


def test_a_good_line_loses_the_share_it_is_told_to() -> None:
    lossy = replace(QUIET, length_s=12_000, timeouts=0.02, garbled=0.01)
    seen = list(observe(build(small_area()), CALM, lossy, seed=2))
    share = {fault: sum(row.fault == fault for row in seen) / len(seen) for fault in ("timeout", "crc")}
    assert share == {"timeout": pytest.approx(0.02, rel=0.3), "crc": pytest.approx(0.01, rel=0.4)}


def test_a_recording_holds_its_area_and_the_truth(tmp_path: Path) -> None:
    command = [
        "simulate",
        "--record",
        str(tmp_path / "one"),
        "--hours",
        "1",
        "--meters",
        "8",
        "--faults",
        "2",
        "--seed",
        "3",
    ]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 0, result.output
    recording = open_recording(tmp_path / "one")
    truth = json.loads((tmp_path / "one" / "truth" / "labels.json").read_text())
    assert sum(1 for _ in recording.observations()) == 60 * len(recording.area.devices)
    assert len(truth["labels"]) == 2
    assert all(recording.start <= label["t_start"] < label["t_end"] <= recording.end + 60 for label in truth["labels"])


def test_a_wrong_scenario_ends_with_its_line_and_status_2(tmp_path: Path) -> None:
    (tmp_path / "faults.toml").write_text(
        '[[fault]]\nkind = "fuse_blown"\nwhere = "nowhere"\nphases = "A"\nbegin_s = 1\n'
    )
    command = ["simulate", "--record", str(tmp_path / "one"), "--scenario", str(tmp_path / "faults.toml")]
    result = CliRunner().invoke(app, command)
    assert result.exit_code == 2
    assert "faults.toml:3: fault[1].where: 'nowhere' cannot have a fuse_blown" in result.output


@pytest.mark.parametrize("seed", range(3))
def test_a_fuse_in_front_of_one_phase_alone_may_be_told_as_an_outage(seed: int) -> None:
    area = random_area(random.Random(seed), 40)
    on_a = tuple(replace(d, phases="A") if d.kind == "meter" else d for d in area.devices)
    rng, phases = random.Random(seed), dict[bool, set[bool]]()
    for own in (area, replace(area, devices=on_a)):
        for episode in (random_episode(rng, own, 60.0, 600.0) for _ in range(300)):
            if episode.fault.kind == "fuse_blown":
                behind = {d.phases for d in own.devices if episode.fault.where in topology.Tree(own).upward[d.node]}
                phases.setdefault(behind == {episode.fault.phases}, set()).add("box_outage" in episode.expect.types)
    assert phases == {True: {True}, False: {False}}
