"""Areas and faults by chance, for recordings and for testing rules on networks that nobody drew for them."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from gateway.simulate.balance import balance, nominal_volts
from gateway.simulate.fault import Fault
from gateway.simulate.network import build
from gateway.simulate.powerflow import PHASES
from gateway.simulate.scenario import Episode, Expectation, Scenario
from rules.area import Area, Bus, Device, Node

RATED_KVA = (50.0, 100.0, 160.0, 200.0, 315.0, 400.0, 630.0, 800.0)
EVENING = 1_760_012_700.0
"""An epoch second at which everybody is at home."""
HEALTHY_V = (205.0, 233.0)

OUTAGES = tuple(f"{part}_outage" for part in ("area", "mv", "transformer", "feeder", "branch", "box", "meter"))
PHASE_LOSSES = tuple(f"{part}_phase_loss" for part in ("mv", "feeder", "branch", "box"))
ACCEPTED: Mapping[str, tuple[str, ...]] = {
    "fuse_blown": PHASE_LOSSES,
    "breaker_tripped": OUTAGES,
    "line_broken": OUTAGES,
    "neutral_broken": ("neutral_break",),
    "transformer_off": OUTAGES,
    "mv_phase_loss": PHASE_LOSSES,
    "mv_outage": OUTAGES,
    "meter_dead": ("comm_meter", "meter_outage"),
    "supply_lost": ("comm_meter", "meter_outage"),
    "relay_open": ("arrears_disconnect", "relay_open"),
    "collector_dead": ("comm_bus",),
    "line_noisy": ("comm_noise",),
    "dip": (),
    "customer_off": (),
}
"""Types that name a fault rightly when only its place is asked for; faults that chance makes are these."""
PLANNABLE = ("breaker_tripped", "line_broken", "transformer_off")
PLANNED_SHARE = 0.25  # of those that can be
DIP_S = (0.3, 12.0)
TOGETHER_SHARE = 0.5  # of pairs that can be told apart


def random_area(rng: random.Random, meters: int = 60) -> Area:
    """An area that is within the voltage limits when nothing is wrong: one transformer, deep or shallow, any size."""
    nodes = list(_tree(rng, meters))
    boxes = [node for node in nodes if node.kind == "box"]
    buses = [Bus(f"RS{number}") for number in range(1, max(1, meters // rng.randrange(12, 40)) + 1)]
    devices: list[Device] = []
    for number in range(1, meters + 1):
        box = boxes[(number - 1) % len(boxes)] if number <= len(boxes) else rng.choice(boxes)
        phases = "ABC" if rng.random() < 0.12 else rng.choice("ABC")
        bus = buses[boxes.index(box) * len(buses) // len(boxes)] if rng.random() < 0.9 else rng.choice(buses)
        devices.append(Device(f"M{number:03d}", "meter", box.id, phases, bus.id, customer=f"C{number:03d}"))
    devices += _terminals(rng, nodes)
    lines = tuple(
        replace(bus, collector_node=_collector(rng, bus, devices)) if rng.random() < 0.3 else bus for bus in buses
    )
    return _healthy(Area("chance", tuple(nodes), tuple(devices), lines))


def random_episode(rng: random.Random, area: Area, begin_s: float, end_s: float) -> Episode:
    """One fault that readings can tell, with all nodes that no reading can tell from its own."""
    kinds = sorted(ACCEPTED)
    while True:
        kind = rng.choice(kinds)
        candidates = list(_candidates(area, kind))
        if candidates:
            fault = rng.choice(candidates)
            nodes = alike(area, fault)
            planned = "maintenance" if kind in PLANNABLE and rng.random() < PLANNED_SHARE else ""
            types = ("planned_outage",) if planned else ACCEPTED[kind]
            is_part = kind == "fuse_blown" and not _takes_all(area, fault)
            if kind == "fuse_blown" and not is_part:
                types = (*types, *OUTAGES)  # to those behind it a phase is all there is
            expect = Expectation(types, nodes, fault.phases if is_part else "")
            end_s = min(end_s, round(begin_s + rng.uniform(*DIP_S), 1)) if kind == "dip" else end_s
            return Episode(f"{kind}@{fault.where}", fault, begin_s, end_s, kind.replace("_", " "), expect, planned)


def random_scenario(rng: random.Random, area: Area, hours: float, faults: int) -> Scenario:
    """Faults with quiet between them, each for ten minutes to an hour and a half; now and then two at a time.

    Two at a time are never one inside the other, so each has its own right answer.
    """
    slot = hours * 3600 / max(1, faults)
    episodes: list[Episode] = []
    for number in range(faults):
        begin = slot * number + rng.uniform(0.15, 0.3) * slot
        end = begin + min(rng.uniform(600, 5400), 0.5 * slot)
        first = random_episode(rng, area, round(begin, 1), round(end, 1))
        episodes.append(first)
        second = random_episode(rng, area, round(begin + rng.uniform(0, 0.5) * (end - begin), 1), round(end, 1))
        if rng.random() < TOGETHER_SHARE and _apart(area, first, second):
            episodes.append(second)
    numbered = (replace(episode, id=f"E{number:02d}") for number, episode in enumerate(episodes, start=1))
    return Scenario("by chance", hours * 3600, tuple(numbered))


def _apart(area: Area, first: Episode, second: Episode) -> bool:
    """Whether two faults are on different feeders, so that neither hides or explains the other."""
    feeders = [_feeder(area, episode.fault.where) for episode in (first, second)]
    return None not in feeders and feeders[0] != feeders[1]


def _feeder(area: Area, node: str) -> str | None:
    nodes = {own.id: own for own in area.nodes}
    while node in nodes and nodes[node].kind != "feeder":
        node = nodes[node].parent or ""
    return node if node in nodes else None


def alike(area: Area, fault: Fault) -> tuple[str, ...]:
    """The fault's place and every other that the same devices would see the same way."""
    below = _below(area)
    if fault.where not in below:
        return (fault.where,)
    watched = _watchers(below[fault.where], fault.phases)
    same = [node.id for node in area.nodes if _watchers(below[node.id], fault.phases) == watched]
    alone = sorted(watched) if len(watched) == 1 else []
    return tuple(dict.fromkeys([fault.where, *same, *alone]))


@dataclass(frozen=True, slots=True)
class _Shape:
    """How an area branches."""

    feeders: int
    lines: int  # behind each feeder
    straight: float  # how likely a line continues the last one


def _tree(rng: random.Random, meters: int) -> Iterator[Node]:
    rated = next((kva for kva in RATED_KVA if kva >= 3.2 * meters + 20), RATED_KVA[-1])
    yield Node("MV", "mv_feeder")
    yield Node("T1", "transformer", "MV", rated_kva=rated, vector_group="Dyn11")
    shape = _Shape(rng.randint(1, max(1, min(5, meters // 8))), rng.randint(1, 7), rng.uniform(0.3, 0.95))
    spots: list[str] = []
    for feeder in range(1, shape.feeders + 1):
        yield Node(f"F{feeder}", "feeder", "T1")
        grown = [f"F{feeder}"]
        for _ in range(shape.lines):
            parent = grown[-1] if rng.random() < shape.straight else rng.choice(grown)
            name = f"L{len(spots) + 1:03d}"
            yield Node(name, "line", parent, length_m=round(rng.uniform(15, 90), 1))
            grown.append(name)
            spots.append(name)
    for box in range(1, max(1, meters // rng.randrange(3, 9)) + 1):
        spot = spots[(box - 1) % len(spots)] if box <= len(spots) else rng.choice(spots)
        yield Node(f"B{box:02d}", "box", spot)


def _terminals(rng: random.Random, nodes: Sequence[Node]) -> Iterator[Device]:
    if rng.random() < 0.9:
        yield Device("TTU", "ttu", "T1", bus="TTU", backup_s=1800)
    for node in nodes:
        if node.kind == "feeder" and rng.random() < 0.5:
            yield Device(f"LTU_{node.id}", "ltu", node.id, bus="LTU", backup_s=30)
    for number in range(rng.randrange(3)):
        yield Device(f"TTU_N{number}", "neighbour_ttu", "MV", bus="TTU", backup_s=1800)


def _collector(rng: random.Random, bus: Bus, devices: Sequence[Device]) -> str | None:
    boxes = sorted({device.node for device in devices if device.bus == bus.id})
    return rng.choice(boxes) if boxes else None


def _healthy(area: Area) -> Area:
    """The same area with its lines shortened until every customer is well supplied in the evening."""
    while True:
        network = build(area)
        found = balance(network, EVENING, (), nominal_volts(network))
        volts = [volts for customer in found.volts for volts in customer]
        swing = [abs(found.flow.phase_voltage(bus, phase)) for bus in network.buses.values() for phase in PHASES]
        if not volts or (min(volts) > HEALTHY_V[0] and max(swing) < HEALTHY_V[1]):
            return area
        area = replace(
            area,
            nodes=tuple(
                replace(node, length_m=round(node.length_m * 0.8, 1)) if node.length_m else node for node in area.nodes
            ),
        )


def _candidates(area: Area, kind: str) -> Iterator[Fault]:
    """Every fault of a kind that this area can have and somebody can see."""
    match kind:
        case "transformer_off":
            yield Fault("transformer_off", "T1")
        case "mv_outage":
            yield Fault("mv_outage", "MV")
        case "mv_phase_loss":
            yield from (Fault("mv_phase_loss", "MV", phase) for phase in "ABC")
        case "dip":
            yield from (Fault("dip", "MV", share=share) for share in (0.2, 0.4, 0.7))
        case "meter_dead" | "supply_lost" | "relay_open" | "customer_off":
            yield from (Fault(kind, device.id) for device in area.devices if device.kind == "meter")
        case "collector_dead":
            yield from (Fault("collector_dead", bus) for bus in _wide_buses(area))
        case "line_noisy":
            yield from (Fault("line_noisy", bus, share=0.35) for bus in _wide_buses(area))
        case _:
            below = _below(area)
            for node in area.nodes:
                yield from _at_node(node, kind, below[node.id])


def _wide_buses(area: Area) -> Iterator[str]:
    """Lines with meters enough in boxes enough to be told from a fault of the network."""
    for bus in area.buses:
        own = [device.node for device in area.devices if device.bus == bus.id and device.kind == "meter"]
        if len(own) >= 4 and len(set(own)) >= 2:
            yield bus.id


def _at_node(node: Node, kind: str, below: Sequence[Device]) -> Iterator[Fault]:
    if node.kind not in ("feeder", "line", "box") or len(below) < 2:
        return
    if kind == "fuse_blown":
        for phase in "ABC":
            if len(_watchers(below, phase)) >= 2:
                yield Fault("fuse_blown", node.id, phase)
    elif kind == "breaker_tripped" and node.kind != "line":
        yield Fault("breaker_tripped", node.id)
    elif kind == "line_broken" and node.kind == "line":
        yield Fault("line_broken", node.id)
    elif kind == "neutral_broken" and all(_watchers(below, phase) for phase in "ABC") and len(below) >= 4:
        yield Fault("neutral_broken", node.id)


def _below(area: Area) -> dict[str, list[Device]]:
    """Devices at and below each node."""
    parents = {node.id: node.parent for node in area.nodes}
    below: dict[str, list[Device]] = {node.id: [] for node in area.nodes}
    for device in area.devices:
        node: str | None = device.node
        while node is not None:
            below[node].append(device)
            node = parents[node]
    return below


def _takes_all(area: Area, fault: Fault) -> bool:
    """Whether nobody behind a blown fuse is on another phase."""
    return all(device.phases == fault.phases for device in _below(area)[fault.where])


def _watchers(devices: Sequence[Device], phases: str) -> frozenset[str]:
    """Devices that see any of these phases; all of them when none is named."""
    return frozenset(device.id for device in devices if not phases or set(device.phases) & set(phases))
