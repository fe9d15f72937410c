"""Writes recordings of simulated areas, with the truth beside them, at full speed and without a port."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import orjson

from gateway.recording import Recorder
from gateway.simulate.chance import ACCEPTED, random_area, random_scenario
from gateway.simulate.network import Network, build
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Episode, Scenario, load
from rules.area import Area, DisconnectOrder

TRUTH = "truth"
TYPES: Mapping[str, str] = {
    "neutral_broken": "neutral_break",
    "transformer_off": "transformer_outage",
    "mv_phase_loss": "mv_phase_loss",
    "mv_outage": "mv_outage",
    "meter_dead": "comm_meter",
    "supply_lost": "meter_outage",
    "relay_open": "arrears_disconnect",
    "collector_dead": "comm_bus",
    "line_noisy": "comm_noise",
    "overload": "low_voltage",
    "customer_off": "customer_side_fault",
}
"""What a fault is called, where its node's kind does not say more."""


START = 1_760_000_000.0
"""When recordings begin: an afternoon in October 2025, so that the same command gives the same files."""


@dataclass(frozen=True, slots=True)
class Recording:
    """What is wanted."""

    length_s: float
    period_s: float
    seed: int = 0
    meters: int = 60  # when there is no area
    faults: int = 4  # when there is no scenario


@dataclass(frozen=True, slots=True)
class Written:
    """What a recording holds."""

    observations: int
    faults: int


def by_chance(wanted: Recording, area: Area | None, scenario_file: Path | None) -> tuple[Network, Scenario, Polling]:
    """The given area and scenario, and by chance what is not given. Raises SettingsError for a wrong scenario."""
    rng = random.Random(wanted.seed)
    area = area or random_area(rng, wanted.meters)
    if scenario_file is None:
        scenario = random_scenario(rng, area, wanted.length_s / 3600, wanted.faults)
    else:
        scenario = load(scenario_file, area)
    return build(area, wanted.seed), scenario, Polling(START, wanted.length_s, wanted.period_s)


def write(folder: Path, network: Network, scenario: Scenario, polling: Polling, seed: int = 0) -> Written:
    """One recording: the area, its observations, and what really happened under `truth/`."""
    orders = tuple(
        DisconnectOrder(episode.fault.where, polling.start + episode.begin_s - 30)
        for episode in scenario.episodes
        if episode.fault.kind == "relay_open"
    )
    count = 0
    with Recorder(folder, network.area, orders=orders) as recorder:
        for seen in observe(network, scenario, polling, seed):
            recorder.put(seen)
            count += 1
    truth = folder / TRUTH
    truth.mkdir(exist_ok=True)
    meters = sum(device.kind == "meter" for device in network.area.devices)
    labels = {
        "scenario": folder.name,
        "seed": seed,
        "meters": meters,
        "hours": polling.length_s / 3600,
        "labels": [_label(network.area, episode, polling) for episode in scenario.episodes],
        "verdicts": [],
        "wrong_topology": [],
    }
    (truth / "labels.json").write_bytes(orjson.dumps(labels, option=orjson.OPT_INDENT_2))
    nodes = [{"id": node.id, "type": node.kind, "parent": node.parent} for node in network.area.nodes]
    (truth / "topology.json").write_bytes(orjson.dumps({"nodes": nodes}, option=orjson.OPT_INDENT_2))
    return Written(count, len(scenario.episodes))


def _label(area: Area, episode: Episode, polling: Polling) -> dict[str, object]:
    fault = episode.fault
    end = polling.length_s if episode.end_s is None else episode.end_s
    return {
        "id": episode.id,
        "type": _type(area, episode),
        "node": fault.where,
        "node_equiv": list(episode.expect.nodes),
        "phases": fault.phases or None,
        "t_start": polling.start + episode.begin_s,
        "t_end": polling.start + min(end, polling.length_s),
        "meters": sorted(_affected(area, fault.where, fault.phases)),
        "accept": sorted({*ACCEPTED.get(fault.kind, ()), *episode.expect.types}),
        "optional": not episode.expect.types,
        "cause": "fault",
    }


def _type(area: Area, episode: Episode) -> str:
    kinds = {node.id: node.kind for node in area.nodes}
    part = {"feeder": "feeder", "line": "branch", "box": "box"}.get(kinds.get(episode.fault.where, ""), "")
    match episode.fault.kind:
        case "fuse_blown":
            return f"{part}_phase_loss"
        case "breaker_tripped" | "line_broken":
            return f"{part}_outage"
        case kind:
            return TYPES[kind]


def _affected(area: Area, where: str, phases: str) -> set[str]:
    """Meters at the place or below it, on its line, or itself."""
    parents = {node.id: node.parent for node in area.nodes}
    found = set()
    for device in area.devices:
        path = {device.id, device.bus}
        node: str | None = device.node
        while node is not None:
            path.add(node)
            node = parents.get(node)
        if device.kind == "meter" and where in path and (not phases or set(device.phases) & set(phases)):
            found.add(device.id)
    return found
