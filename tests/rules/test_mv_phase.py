"""A lost phase of the medium voltage is told by whoever sees it: terminals, meters, another area's terminal."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from gateway.simulate.fault import Fault
from rules.area import Area, Device
from rules.book import Book
from rules.engine import Engine
from rules.halves import half_phases
from rules.observation import Observation
from rules.phases import HalfPhases
from rules.thresholds import complete
from rules.topology import Tree
from rules.upstream import Upstream
from rules.wire import Wire
from rules.witness import Witness
from tests.rules.areas import START, found, readings, run, village

SHARES: dict[str, tuple[list[float | None], tuple[int, ...], list[int] | None]] = {
    "halves": ([112.0, 224.0, 112.0], (), [0, 2]),
    "shared by unlike loads": ([129.0, 228.0, 99.0], (), [0, 2]),
    "shared by very unlike loads": ([205.0, 228.0, 30.0], (), [0, 2]),
    "a fuse": ([224.0, 225.0, 0.0], (), None),
    "all of it at one load": ([216.8, 225.8, 16.5], (), None),
    "all of it at one load, and a neighbour shows which": ([216.8, 225.8, 16.5], (0, 2), [0, 2]),
    "a fuse, and a neighbour shows other phases": ([224.0, 225.0, 0.0], (0, 1), None),
    "a broken neutral": ([112.0, 200.0, 327.0], (), None),
    "low voltages": ([185.0, 190.0, 221.0], (), None),
    "one phase unread": ([112.0, None, 224.0], (), None),
}


@pytest.mark.parametrize(("volts", "elsewhere", "expected"), SHARES.values(), ids=SHARES.keys())
def test_the_pattern(volts: list[float | None], elsewhere: tuple[int, ...], expected: list[int] | None) -> None:
    assert half_phases(volts, 220.0, 0.07, elsewhere) == expected


Kept = Callable[[Device], bool]
ONE = "B5-2"
SEEN_BY: dict[str, tuple[Kept, tuple[str, ...]]] = {
    "everybody": (lambda _: True, ("MV",)),
    "an area without neighbours": (lambda d: d.kind != "neighbour_ttu", ("T1", "MV")),
    "single-phase meters alone": (lambda d: d.kind == "meter" and len(d.phases) == 1, ("T1", "MV")),
    "one meter and its terminal": (lambda d: d.id in (ONE, "TTU", "NT0"), ("MV",)),
    "one meter and another area's terminal": (lambda d: d.id in (ONE, "NT0"), ("MV",)),
}


def left(kept: Kept) -> Area:
    area = village()
    return replace(area, devices=tuple(device for device in area.devices if kept(device)))


@pytest.mark.parametrize(("kept", "nodes"), SEEN_BY.values(), ids=SEEN_BY.keys())
@pytest.mark.parametrize("phase", "AC")
def test_it_is_seen_by(kept: Kept, nodes: tuple[str, ...], phase: str) -> None:
    area = left(kept)
    said = run(Engine(area), readings(area, (Fault("mv_phase_loss", "MV", phase), 630.0, 2430.0), minutes=55))
    (lost,) = [one for one in found(said) if one.severity != "info"]
    assert (lost.type, lost.state) == ("mv_phase_loss", "cleared")
    assert lost.node in nodes
    first = next(one.at for one in said if one.state == "confirmed")
    assert first - lost.started_at <= 120


def test_a_fuse_of_single_phase_meters_is_no_lost_mv_phase() -> None:
    area = left(SEEN_BY["single-phase meters alone"][0])
    said = run(Engine(area), readings(area, (Fault("fuse_blown", "F1", "B"), 630.0, 2430.0)))
    assert [(one.type, one.node) for one in found(said)] == [("feeder_phase_loss", "F1")]


def test_who_was_on_a_lost_phase_is_left_alone_for_some_polls_after_its_end() -> None:
    area = village()
    tree, limits = Tree(area), complete({})
    witnesses = {one.id: Witness(one, Wire(30), limits, 220.0) for one in area.devices}
    upstream = Upstream(tree, witnesses, limits, area, Book(tree, 3600.0))
    upstream.half.seen = HalfPhases([0, 1], START, START - 60, START)
    on_them = {one.id for one in area.devices if one.phases in ("A", "B")}
    assert set(upstream.mask(START)) == on_them | {one.id for one in area.devices if one.phases == "ABC"}
    upstream.half.forget()
    patience = limits["outage"]["restore_polls"] * area.poll_period_s
    upstream.mask(START + patience)
    assert upstream.masked.keys() >= on_them
    upstream.mask(START + patience + 1)
    assert not upstream.masked


@pytest.mark.parametrize(
    ("group", "lost"), [("Dyn11", "A"), ("Yyn0", "A, B or C"), ("", "A, B or C")], ids=["Dyn11", "Yyn0", "not known"]
)
def test_which_phase_is_missing_is_said_where_the_windings_tell(group: str, lost: str) -> None:
    area = village()
    nodes = tuple(replace(node, vector_group=group) if node.kind == "transformer" else node for node in area.nodes)
    seen = readings(area, (Fault("mv_phase_loss", "MV", "A"), 630.0, 2430.0), minutes=30)
    (told,) = [one for one in found(run(Engine(replace(area, nodes=nodes)), seen)) if one.type == "mv_phase_loss"]
    assert told.cause == f"phase {lost} on the MV side is missing"


SEEN_LATE: dict[str, dict[range, tuple[float, float, float]]] = {
    "a phase that seems dead at first": {range(10, 17): (225.0, 219.0, 9.9), range(17, 24): (225.0, 195.0, 42.0)},
    "a phase that is nearly dead after the first reading": {
        range(10, 11): (225.0, 190.0, 37.0),
        range(11, 24): (225.0, 206.0, 20.5),
    },
    "a share that is only just none of a dead phase": {range(10, 24): (224.3, 208.3, 25.4)},
}


@pytest.mark.parametrize("volts", SEEN_LATE.values(), ids=SEEN_LATE.keys())
def test_however_its_loads_share_the_voltage_it_is_one_incident(volts: dict[range, tuple[float, float, float]]) -> None:
    area, seen = left(lambda device: device.id in (ONE, "TTU")), []
    for minute in range(40):
        abc = next((told for minutes, told in volts.items() if minute in minutes), (225.0, 225.0, 225.0))
        at, values = START + 60 * minute, dict(zip(("voltage_a", "voltage_b", "voltage_c"), abc, strict=True))
        seen.append(Observation("TTU", at, {**values, "current_a": 9.0, "current_b": 8.0, "current_c": 2.0}, bus="TTU"))
        lives = abc[2] > 120
        seen.append(
            Observation(
                ONE, at + 0.4, {"voltage": abc[2], "current": 2.0} if lives else {}, None if lives else "timeout"
            )
        )
    (lost,) = found(run(Engine(area), seen))
    assert (lost.type, lost.node, lost.phases, lost.state) == ("mv_phase_loss", "T1", "BC", "cleared")
    assert lost.started_at == pytest.approx(START + 600, abs=1)
