"""Load that vanished, or did not, tells a line that died with the box that feeds its collector from one that died."""

import pytest

from gateway.simulate.fault import Fault
from rules.drop import Drop
from rules.engine import Engine
from rules.evidence import Evidence, Living, Sign
from rules.explain import SilentBus, explain
from rules.thresholds import complete
from rules.topology import Tree
from tests.rules.areas import START, found, readings, run, village

LIMITS = complete({})
PRIORS = {name.removeprefix("prior_"): nats for name, nats in LIMITS["outage"].items() if "prior_" in name}
QUIET, RESTLESS = 0.04, 0.6


def drop(observed: tuple[float, ...], noise: float, switches: float = 0.05) -> Drop:
    """Two boxes on one line: what B1 draws is on phase A, what B2 draws on B and C."""
    load = {"B1-1": (0.3, 0.0, 0.0), "B1-2": (0.1, 0.0, 0.0), "B2-1": (0.0, 1.2, 0.0), "B2-2": (0.0, 0.0, 0.5)}
    return Drop(observed, (noise,) * 3, load, dict.fromkeys(load, switches))


BOX, LINE = ["B1-1", "B1-2"], list[str]()
TOLD = {
    "a small box whose load is gone, on a quiet feeder": (drop((0.4, 0.0, 0.0), QUIET), BOX),
    "a small box whose load is still there": (drop((0.0, 0.0, 0.0), QUIET), LINE),
    "the same with a kettle more on another phase": (drop((0.4, -2.0, 0.0), QUIET), BOX),
    "load gone on the other phases only": (drop((0.0, 1.2, 0.5), QUIET), LINE),
}


@pytest.mark.parametrize(("seen", "lost"), TOLD.values(), ids=TOLD.keys())
def test_what_vanished_by_phase_tells_who_lost_supply(seen: Drop, lost: list[str]) -> None:
    other = LINE if lost is BOX else BOX
    assert seen.nats(lost) - seen.nats(other) > 3.0


def test_a_restless_feeder_tells_little_of_a_small_box() -> None:
    seen = drop((0.4, 0.0, 0.0), RESTLESS)
    assert abs(seen.nats(BOX) - seen.nats(LINE)) < 0.5


def test_the_longer_a_reading_is_ago_the_less_its_load_tells() -> None:
    apart = [
        seen.nats(BOX) - seen.nats(LINE) for seen in (drop((0.4, 0.0, 0.0), QUIET, often) for often in (0.05, 0.75, 4))
    ]
    assert apart == sorted(apart, reverse=True)
    assert apart[-1] < 1.0


def test_silence_is_explained_once_however_unevenly_it_weighs() -> None:
    """The box that feeds the collector was read twice already, the others once: no reason to take it for dead."""
    tree = Tree(village(collector="B1"))
    weights = {d.id: 6.0 if d.node == "B1" else 4.0 for d in tree.area.devices if d.bus == "RS1"}
    signs = {name: (Sign("ABC".index(tree.devices[name].phases[0]), nats, START),) for name, nats in weights.items()}
    best = explain(tree, Evidence(signs, Living(tree, ()), 8.0), [SilentBus("RS1", weights, START, "B1")], PRIORS, ())
    assert best.score <= sum(weights.values())


@pytest.mark.parametrize("held", ["RS1", "B1"], ids=["the line", "the box that feeds its collector"])
def test_what_was_said_for_sure_is_kept_where_others_explain_as_well(held: str) -> None:
    tree = Tree(village(collector="B1"))
    weights = {d.id: 4.0 for d in tree.area.devices if d.bus == "RS1"}
    signs = {name: (Sign("ABC".index(tree.devices[name].phases[0]), nats, START),) for name, nats in weights.items()}
    seen = Evidence(signs, Living(tree, ()), 8.0), [SilentBus("RS1", weights, START, "B1")]
    assert explain(tree, *seen, PRIORS, ()).names() == ({"T1"}, set())
    nodes, lines = explain(tree, *seen, PRIORS, (), {held}).names()
    assert nodes | lines == {held}


def test_it_is_said_when_a_dead_line_is_hardly_told_from_a_dead_box() -> None:
    area = village(collector="B1")
    bare = [one for one in readings(area, (Fault("collector_dead", "RS1"), 1290.0, 2400.0)) if one.device[0] == "B"]
    (incident,) = found(run(Engine(area), bare))
    assert incident.confidence < 0.9
    assert any("not clear whether power or a line" in says for says in incident.evidence)


def test_nothing_is_unclear_where_the_load_tells() -> None:
    area = village(collector="B1")
    (incident,) = found(run(Engine(area), readings(area, (Fault("collector_dead", "RS1"), 1290.0, 2400.0))))
    assert incident.type == "comm_bus"
    assert incident.confidence > 0.9
    assert not any("not clear" in says for says in incident.evidence)


@pytest.mark.parametrize("seed", [2, 3])
def test_a_silent_line_is_silent_though_no_single_answer_of_it_weighs_much(seed: int) -> None:
    area, engine = village(collector="B2"), Engine(village(collector="B2"), {"comm": {"miss_floor": 0.08}})
    said = run(engine, readings(area, (Fault("breaker_tripped", "B2"), 1290.0, 2400.0), seed=seed))
    assert [(one.type, one.node) for one in found(said)] == [("box_outage", "B2")]
