"""An engine that is killed at any moment and begins again from what was saved says and knows what it would have."""

import json
import random
from collections.abc import Callable, Mapping

import pytest

from gateway.simulate import chance, network
from gateway.simulate.fault import Fault
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Scenario
from rules import kinds
from rules.area import Area
from rules.engine import Engine
from rules.observation import Observation
from tests.rules.areas import START, readings, village

CUTS = 3
THRESHOLDS = {
    "voltage": {"hold_s": 300.0, "prealarm_s": 60.0},
    "quality": {"window_s": 300.0, "current_window_s": 300.0},
    "transformer": {"prealarm_s": 60.0, "hold_s": 300.0},
}
"""Shorter than in life, so that everything is held, told and cleared within an hour."""

KINDS: Mapping[str, tuple[Fault, ...]] = {
    "a fuse, and a collector with it": (Fault("fuse_blown", "F1", "B"), Fault("collector_dead", "RS2")),
    "a broken neutral": (Fault("neutral_broken", "L3"),),
    "one phase of the medium voltage": (Fault("mv_phase_loss", "MV", "A"),),
    "the medium voltage": (Fault("mv_outage", "MV"),),
    "a noisy line": (Fault("line_noisy", "RS2", share=0.35),),
    "too much load": (Fault("overload", "T1", kw=260.0),),
    "low voltage behind a line": (Fault("overload", "B3", kw=320.0),),
    "a box inside a branch": (Fault("breaker_tripped", "B2"), Fault("line_broken", "L1")),
    "a dip and an open relay": (Fault("dip", "MV", share=0.3), Fault("relay_open", "B1-3")),
    "a dead meter and a customer's own breaker": (Fault("meter_dead", "B5-3"), Fault("customer_off", "B4-1")),
}


def by_kind(name: str) -> tuple[Area, list[Observation]]:
    """Fifty minutes of a village with these faults, one a few minutes after the other."""
    area = village()
    episodes = [(fault, 420.0 + 400 * place, 1800.0 + 400 * place) for place, fault in enumerate(KINDS[name])]
    return area, list(readings(area, *episodes, minutes=50, timeouts=0.005))


def by_chance(seed: str) -> tuple[Area, list[Observation]]:
    """An hour of an area by chance, with faults by chance; of some areas, meters that tell when their supply goes."""
    rng = random.Random(seed)
    area = chance.random_area(rng, meters=rng.choice([6, 12, 40]))
    episodes = chance.random_scenario(rng, area, hours=1.0, faults=2).episodes
    polling = Polling(START, 3600.0, 60.0, timeouts=0.004, gasps=rng.choice([0.0, 0.6]))
    return area, list(observe(network.build(area), Scenario("chance", 3600.0, episodes), polling))


SOURCES = [*((by_kind, name) for name in KINDS), *((by_chance, f"by chance {seed}") for seed in range(6))]


@pytest.mark.parametrize(("source", "name"), SOURCES, ids=[name for _, name in SOURCES])
def test_a_restart_at_any_moment_changes_no_word(
    source: Callable[[str], tuple[Area, list[Observation]]], name: str
) -> None:
    area, stream = source(name)
    rng = random.Random(name)
    terminals = {device.id for device in area.devices if device.kind == "ttu"}
    after_terminals = [place for place in range(1, len(stream)) if stream[place - 1].device in terminals]
    cuts = {*rng.sample(range(len(stream)), CUTS), *rng.sample(after_terminals, min(CUTS, len(after_terminals)))}
    engine, saved, kept = Engine(area, THRESHOLDS), dict[str, str](), dict[int, dict[str, str]]()
    outcomes = []
    for place, seen in enumerate(stream):
        if place in cuts:
            _save(engine, saved)
            kept[place] = dict(saved)
        outcomes.append(engine.take(seen))
        if rng.random() < 0.1:  # one commit for several observations, as in life
            _save(engine, saved)
    told = [incident for outcome in outcomes for incident in outcome.incidents]
    assert told
    assert [one for one in told if one.severity not in kinds.KINDS[one.type].severities] == []
    end = engine.close_period(START + 3600)
    _save(engine, saved)
    for cut in sorted(cuts):
        again = Engine(area, THRESHOLDS, saved=_parsed(kept[cut]))
        assert [again.take(seen) for seen in stream[cut:]] == outcomes[cut:]
        assert again.close_period(START + 3600) == end
        _save(again, kept[cut])
        assert _parsed(kept[cut]) == _parsed(saved)


def _save(engine: Engine, saved: dict[str, str]) -> None:
    for name, item in engine.changes().items():
        if item is None:
            saved.pop(name, None)
        else:
            saved[name] = json.dumps(item)


def _parsed(saved: Mapping[str, str]) -> dict[str, object]:
    return {name: json.loads(item) for name, item in saved.items()}
