"""On networks that nobody drew for them, the rules find the fault that happened and nothing else."""

import random
from collections.abc import Sequence
from dataclasses import replace

import pytest

from gateway.simulate import chance, network
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Scenario
from rules.area import PlannedOutage
from rules.engine import Engine
from tests.rules.areas import START, found, run

POLLS = 45
SITES: dict[str, tuple[Sequence[int], float, range]] = {
    "every minute": ((12, 24, 48), 60.0, range(24)),
    "every 15 s": ((12, 24, 48), 15.0, range(100, 106)),
    "every 15 min": ((12, 24, 48), 900.0, range(100, 106)),
    "one meter every minute": ((1,), 60.0, range(100, 106)),
    "one meter every 15 s": ((1,), 15.0, range(106, 112)),
    "one meter every 15 min": ((1,), 900.0, range(112, 118)),
    "a large one": ((200,), 60.0, range(300, 301)),
}
"""How many meters, how often they are read (s), and what chance begins with."""
CASES = {f"{name}, {seed}": (sizes, poll_s, seed) for name, (sizes, poll_s, seeds) in SITES.items() for seed in seeds}


@pytest.mark.parametrize(("sizes", "poll_s", "seed"), CASES.values(), ids=CASES.keys())
def test_a_fault_by_chance_is_found_at_its_place_and_nothing_is_made_up(
    sizes: Sequence[int], poll_s: float, seed: int
) -> None:
    rng = random.Random(9000 + seed)
    area = replace(chance.random_area(rng, meters=rng.choice(sizes)), poll_period_s=poll_s)
    begin_s, end_s, length_s = 10.17 * poll_s, 25 * poll_s, POLLS * poll_s
    episode = chance.random_episode(rng, area, begin_s, end_s)
    while episode.fault.kind == "mv_phase_loss" and not any(device.kind == "ttu" for device in area.devices):
        episode = chance.random_episode(rng, area, begin_s, end_s)
    apart_s = min(0.2, poll_s / len(area.devices) / 2)
    polling = Polling(START, length_s, poll_s, apart_s, timeouts=0.002, garbled=0.001)
    stream = observe(network.build(area, seed), Scenario("one", length_s, (episode,)), polling, seed)
    plans = [PlannedOutage("P", episode.fault.where, START + begin_s, START + end_s)] if episode.planned else []
    said = found(run(Engine(area, planned=plans), stream))
    told = [incident for incident in said if incident.severity != "info" or incident.type in episode.expect.types]
    assert len(told) == (1 if episode.expect.types else 0), [(incident.type, incident.node) for incident in told]
    for incident in told:
        assert incident.type in episode.expect.types
        assert {incident.node, *incident.equivalents} & set(episode.expect.nodes)
        assert incident.state == "cleared"
