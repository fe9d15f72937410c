"""On networks that nobody drew for them, the rules find the fault that happened and nothing else."""

import random

import pytest

from gateway.simulate import chance, network
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Scenario
from rules.area import PlannedOutage
from rules.engine import Engine
from tests.rules.areas import START, found, run

MINUTES = 45
SEEDS = range(24)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_fault_by_chance_is_found_at_its_place_and_nothing_is_made_up(seed: int) -> None:
    rng = random.Random(9000 + seed)
    area = chance.random_area(rng, meters=rng.choice([12, 24, 48]))
    episode = chance.random_episode(rng, area, begin_s=610.0, end_s=1500.0)
    while episode.fault.kind == "mv_phase_loss" and not any(device.kind == "ttu" for device in area.devices):
        episode = chance.random_episode(rng, area, begin_s=610.0, end_s=1500.0)
    polling = Polling(START, MINUTES * 60, 60.0, apart_s=0.2, timeouts=0.002, garbled=0.001)
    stream = observe(network.build(area, seed), Scenario("one", MINUTES * 60, (episode,)), polling, seed)
    plans = [PlannedOutage("P", episode.fault.where, START + 600, START + 1500)] if episode.planned else []
    said = found(run(Engine(area, planned=plans), stream))
    told = [incident for incident in said if incident.severity != "info" or incident.type in episode.expect.types]
    assert len(told) == (1 if episode.expect.types else 0), [(incident.type, incident.node) for incident in told]
    for incident in told:
        assert incident.type in episode.expect.types
        assert {incident.node, *incident.equivalents} & set(episode.expect.nodes)
        assert incident.state == "cleared"
