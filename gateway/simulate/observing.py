"""What a gateway would observe of a simulated area, without wires or waiting: for recordings and tests of rules."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.simulate.network import Network
from gateway.simulate.scenario import Scenario
from gateway.simulate.simulation import Simulation, Snapshot
from rules.area import Device
from rules.observation import Observation

_POWERS = ["active_power", "reactive_power", "power_factor", "energy_import", "energy_export"]
_PER_PHASE = [f"{point}_{phase}" for point in ("voltage", "current") for phase in "abc"]
SINGLE_PHASE = ["voltage", "current", *_POWERS, "relay_open"]
POINTS: Mapping[str, Sequence[str]] = {
    "meter": [*_PER_PHASE, *_POWERS, "relay_open"],
    "ltu": [*_PER_PHASE, *_POWERS, "neutral_current"],
    "ttu": [*_PER_PHASE, *_POWERS, "neutral_current", "frequency", "oil_temperature", "ambient_temperature"],
    "neighbour_ttu": [*_PER_PHASE, "active_power"],
}
"""What is read of each kind of device; single-phase meters apart."""
DECIMALS: Mapping[str, int] = {"voltage": 1, "current": 3, "energy_import": 2, "energy_export": 2}
TOOK_MS = {"good": 180.0, "timeout": 1500.0}


@dataclass(frozen=True, slots=True)
class Polling:
    """How the area is read."""

    start: float  # epoch seconds
    length_s: float
    period_s: float = 60.0
    apart_s: float = 0.2  # between two devices of one line
    timeouts: float = 0.002  # share of polls without an answer, on a good line
    garbled: float = 0.001


def observe(network: Network, scenario: Scenario, polling: Polling, seed: int = 0) -> Iterator[Observation]:
    """Every poll of every device, in order of time. The same arguments give the same observations."""
    simulation = Simulation(network, seed)
    chance = random.Random(f"{seed}/line")
    lines = _lines(network)
    edges = _edges(scenario)
    for cycle in range(int(polling.length_s / polling.period_s)):
        second = cycle * polling.period_s
        turns = sorted(
            (
                (second + place * polling.apart_s, device)
                for devices in lines.values()
                for place, device in enumerate(devices)
            ),
            key=lambda turn: turn[0],
        )
        yield from _cycle(simulation, scenario, polling, turns, edges, chance)


def _cycle(
    simulation: Simulation,
    scenario: Scenario,
    polling: Polling,
    turns: Sequence[tuple[float, Device]],
    edges: Sequence[float],
    chance: random.Random,
) -> Iterator[Observation]:
    """One round of all lines. The area is solved at its start and at every switching on the way."""
    begin = turns[0][0] if turns else 0.0
    moments = [begin, *(edge for edge in edges if begin < edge <= turns[-1][0])] if turns else []
    snapshot: Snapshot | None = None
    for second, device in turns:
        while moments and moments[0] <= second:
            moment = moments.pop(0)
            snapshot = simulation.step(polling.start + moment, scenario.active(moment))
        if snapshot is not None:
            yield _poll(device, polling.start + second, snapshot, polling, chance)


def _poll(device: Device, at: float, snapshot: Snapshot, polling: Polling, chance: random.Random) -> Observation:
    loss = snapshot.noisy.get(device.bus or "", polling.timeouts + polling.garbled)
    luck = chance.random()
    if device.id in snapshot.silent or luck < loss * polling.timeouts / (polling.timeouts + polling.garbled or 1):
        return Observation(device.id, at, fault="timeout", bus=device.bus, took_ms=TOOK_MS["timeout"])
    if luck < loss:
        return Observation(device.id, at, fault="crc", bus=device.bus, took_ms=TOOK_MS["good"])
    points = SINGLE_PHASE if len(device.phases) == 1 and device.kind == "meter" else POINTS[device.kind]
    seen = snapshot.values[device.id]
    values = {point: round(seen[point], DECIMALS.get(point.rsplit("_", 1)[0], 4)) for point in points if point in seen}
    return Observation(device.id, at, values=values, bus=device.bus, took_ms=TOOK_MS["good"])


def _lines(network: Network) -> Mapping[str, list[Device]]:
    lines: dict[str, list[Device]] = {}
    for device in network.area.devices:
        lines.setdefault(device.bus or device.id, []).append(device)
    return lines


def _edges(scenario: Scenario) -> list[float]:
    """The moments at which something changes."""
    ends = (episode.end_s for episode in scenario.episodes if episode.end_s is not None)
    return sorted({episode.begin_s for episode in scenario.episodes} | set(ends))
