"""Writes recordings of simulated areas, with the truth beside them, at full speed and without a port."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import orjson

from gateway.recording import REPORTS, Recorder
from gateway.simulate.calls import Call, random_calls, reached
from gateway.simulate.chance import ACCEPTED, random_area, random_scenario
from gateway.simulate.network import Network, build
from gateway.simulate.observing import Polling, observe
from gateway.simulate.scenario import Episode, Scenario, load
from rules.area import Area, DisconnectOrder, PlannedOutage

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
    "dip": "dip",
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


@dataclass(frozen=True, slots=True)
class Play:
    """All that a recording is made of."""

    network: Network
    scenario: Scenario
    polling: Polling
    calls: Sequence[Call] = ()
    seed: int = 0


def by_chance(wanted: Recording, area: Area | None, scenario_file: Path | None) -> Play:
    """The given area and scenario, and by chance what is not given. Raises SettingsError for a wrong scenario."""
    rng = random.Random(wanted.seed)
    area = area or random_area(rng, wanted.meters)
    if scenario_file is None:
        scenario = random_scenario(rng, area, wanted.length_s / 3600, wanted.faults)
    else:
        scenario = load(scenario_file, area)
    polling = Polling(START, wanted.length_s, wanted.period_s, gasps=rng.choice((0.0, 0.5)))
    calls = random_calls(rng, area, scenario, polling, count=2 * len(scenario.episodes))
    return Play(build(area, wanted.seed), scenario, polling, calls, wanted.seed)


def write(folder: Path, play: Play) -> Written:
    """One recording: the area, its observations and calls, and what really happened under `truth/`."""
    area, polling, episodes = play.network.area, play.polling, play.scenario.episodes
    planned = [_plan(episode, polling) for episode in episodes if episode.planned]
    orders = [
        DisconnectOrder(episode.fault.where, polling.start + episode.begin_s - 30)
        for episode in episodes
        if episode.fault.kind == "relay_open"
    ]
    count = 0
    with Recorder(folder, area, planned, orders) as recorder:
        for seen in observe(play.network, play.scenario, polling, play.seed):
            recorder.put(seen)
            count += 1
    reports = b"".join(orjson.dumps(call.report) + b"\n" for call in play.calls)
    (folder / REPORTS).write_bytes(reports)
    truth = folder / TRUTH
    truth.mkdir(exist_ok=True)
    labels = {
        "scenario": folder.name,
        "seed": play.seed,
        "meters": sum(device.kind == "meter" for device in area.devices),
        "hours": polling.length_s / 3600,
        "labels": [_label(area, episode, polling) for episode in episodes],
        "verdicts": [_verdict(call) for call in play.calls],
        "wrong_topology": [],
    }
    (truth / "labels.json").write_bytes(orjson.dumps(labels, option=orjson.OPT_INDENT_2))
    nodes = [{"id": node.id, "type": node.kind, "parent": node.parent} for node in area.nodes]
    (truth / "topology.json").write_bytes(orjson.dumps({"nodes": nodes}, option=orjson.OPT_INDENT_2))
    return Written(count, len(episodes))


def _plan(episode: Episode, polling: Polling) -> PlannedOutage:
    """The announcement: from a little before to a little after, as announcements are."""
    end = polling.length_s if episode.end_s is None else episode.end_s
    begin_at, end_at = polling.start + episode.begin_s - 120, polling.start + end + 600
    return PlannedOutage(f"plan-{episode.id}", episode.fault.where, begin_at, end_at, episode.planned)


def _verdict(call: Call) -> dict[str, object]:
    return {
        "id": call.report.id,
        "verdict": call.accept[0],
        "accept": call.accept,
        "node": call.nodes[0] if call.nodes else None,
        "node_equiv": call.nodes,
    }


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
        "meters": sorted(device.id for device in reached(area, episode)),
        "accept": sorted(episode.expect.types) if episode.planned else _accepted(episode),
        "optional": not episode.expect.types,
        "cause": "fault",
    }


def _accepted(episode: Episode) -> list[str]:
    return sorted({*ACCEPTED.get(episode.fault.kind, ()), *episode.expect.types})


def _type(area: Area, episode: Episode) -> str:
    if episode.planned:
        return "planned_outage"
    kinds = {node.id: node.kind for node in area.nodes}
    part = {"feeder": "feeder", "line": "branch", "box": "box"}.get(kinds.get(episode.fault.where, ""), "")
    match episode.fault.kind:
        case "fuse_blown":
            return f"{part}_phase_loss"
        case "breaker_tripped" | "line_broken":
            return f"{part}_outage"
        case kind:
            return TYPES[kind]
