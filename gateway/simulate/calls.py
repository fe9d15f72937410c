"""Customers who call while a scenario plays, and what the right answer to each of them is."""

import random
from collections.abc import Mapping
from dataclasses import dataclass

from gateway.simulate.observing import Polling
from gateway.simulate.scenario import Episode, Scenario
from rules.area import Area, Device, Report

PATIENCE_POLLS = 3.0
"""Nobody calls sooner after a fault than this: a gateway has had its chance to see it."""

IN_HOUSE = ("no_network_fault", "customer_side_fault")
ANSWERS: Mapping[str, tuple[str, ...]] = {
    "fuse_blown": ("network_fault",),
    "breaker_tripped": ("network_fault",),
    "line_broken": ("network_fault",),
    "transformer_off": ("network_fault",),
    "mv_outage": ("network_fault",),
    "mv_phase_loss": ("network_fault", "voltage_quality"),
    "neutral_broken": ("voltage_quality", "network_fault"),
    "relay_open": ("arrears_disconnect",),
    "customer_off": ("customer_side_fault", "no_network_fault"),
    "meter_dead": ("unknown", "network_fault"),
    "supply_lost": ("unknown", "network_fault"),
    "collector_dead": ("unknown", *IN_HOUSE),
    "line_noisy": ("unknown", *IN_HOUSE),
}
"""Verdicts that are right for a customer whom such a fault reaches."""


@dataclass(frozen=True, slots=True)
class Call:
    """A report and its truth."""

    report: Report
    accept: tuple[str, ...]  # verdicts that are right, the best one first
    nodes: tuple[str, ...] = ()  # where the fault is, when the network has one


def random_calls(rng: random.Random, area: Area, scenario: Scenario, polling: Polling, count: int) -> list[Call]:
    """Calls about the faults and about nothing, in order of time."""
    calls = [call for _ in range(count) if (call := _call(rng, area, scenario, polling)) is not None]
    calls.sort(key=lambda call: call.report.at)
    return calls


def reached(area: Area, episode: Episode) -> list[Device]:
    """Meters at the fault's place or below it, on its line, or itself, on its phases."""
    parents = {node.id: node.parent for node in area.nodes}
    fault, found = episode.fault, []
    for device in area.devices:
        path: set[str | None] = {device.id, device.bus}
        node: str | None = device.node
        while node is not None:
            path.add(node)
            node = parents.get(node)
        on_phase = not fault.phases or set(device.phases) & set(fault.phases)
        if device.kind == "meter" and fault.where in path and on_phase:
            found.append(device)
    return found


def _call(rng: random.Random, area: Area, scenario: Scenario, polling: Polling) -> Call | None:
    """One call; None when the fault that was drawn reaches nobody or is over too soon."""
    name = f"R{rng.randrange(10**6):06d}"
    if not scenario.episodes or rng.random() < 0.3:
        second = rng.uniform(PATIENCE_POLLS * polling.period_s, polling.length_s)
        return _about_nothing(rng, area, scenario, polling, name, second)
    episode = rng.choice(scenario.episodes)
    begin = episode.begin_s + PATIENCE_POLLS * polling.period_s
    end = min(episode.end_s or polling.length_s, polling.length_s)
    whom = [device for device in reached(area, episode) if len(device.phases) == 1 or not episode.fault.phases]
    if begin >= end or not whom or episode.fault.kind not in ANSWERS:
        return None
    device, second = rng.choice(whom), rng.uniform(begin, end)
    if sum(device in reached(area, other) for other in _around(scenario, second)) != 1:
        return None  # two faults at once: no single answer is right
    complaint = "voltage" if episode.fault.kind == "neutral_broken" else "no_power"
    report = Report(name, round(polling.start + second, 1), device.id, complaint)
    if episode.planned:
        return Call(report, ("planned_outage",), episode.expect.nodes)
    accept = ANSWERS[episode.fault.kind]
    return Call(report, accept, episode.expect.nodes if accept[0] == "network_fault" else ())


def _about_nothing(
    rng: random.Random, area: Area, scenario: Scenario, polling: Polling, name: str, second: float
) -> Call | None:
    suffering = {device.id for episode in _around(scenario, second) for device in reached(area, episode)}
    well = [device for device in area.devices if device.kind == "meter" and device.id not in suffering]
    if not well:
        return None
    return Call(Report(name, round(polling.start + second, 1), rng.choice(well).id, "no_power"), IN_HOUSE)


def _around(scenario: Scenario, second: float) -> list[Episode]:
    """Episodes that hold at a second, or held ten minutes before."""
    return [
        episode
        for episode in scenario.episodes
        if episode.begin_s <= second and (episode.end_s is None or second < episode.end_s + 600)
    ]
