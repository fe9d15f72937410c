"""What a gateway would observe of a simulated area, without wires or waiting: for recordings and tests of rules."""

import heapq
import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from gateway.simulate.network import Network
from gateway.simulate.scenario import Scenario
from gateway.simulate.simulation import Simulation, Snapshot
from rules.area import Device
from rules.observation import Notice, Observation

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
    gasps: float = 0.0  # share of meters that say when their supply goes and comes, if their line still works


def observe(network: Network, scenario: Scenario, polling: Polling, seed: int = 0) -> Iterator[Observation]:
    """Every poll of every device, in order of time. The same arguments give the same observations.

    The area is solved at the beginning of every round and at every switching in between, so a round can be torn.
    """
    watch = _Watch(network, scenario, polling, seed)
    solves: Iterable[_Turn] = ((second, 0, None) for second in _moments(scenario, polling))
    for second, _, device in heapq.merge(solves, _turns(network, polling), key=lambda turn: turn[:2]):
        yield from watch.notices(second)
        if device is None:
            watch.solve(second)
        else:
            yield watch.poll(device, second)


_Turn = tuple[float, int, Device | None]
"""Second, order within it, and who is polled; None: the area is solved."""


class _Watch:
    """The area as it was last solved, and what its meters are about to say unasked."""

    def __init__(self, network: Network, scenario: Scenario, polling: Polling, seed: int) -> None:
        self._simulation = Simulation(network, seed)
        self._scenario, self._polling = scenario, polling
        self._chance = random.Random(f"{seed}/line")
        self._lines = {device.id: device.bus for device in network.area.devices}
        talkers = random.Random(f"{seed}/gasps")
        self._talkers = {device for device in sorted(self._lines) if talkers.random() < polling.gasps}
        self._snapshot: Snapshot | None = None
        self._notices: list[Observation] = []

    def solve(self, second: float) -> None:
        """Bring the area to this second."""
        before = self._snapshot.dark if self._snapshot else frozenset()
        now = self._snapshot = self._simulation.step(self._polling.start + second, self._scenario.active(second))
        for device in sorted((before ^ now.dark) & self._talkers - now.cut_off):
            at = self._polling.start + second + self._chance.uniform(0.3, 4.0)
            notice: Notice = "last_gasp" if device in now.dark else "power_on"
            self._notices.append(Observation(device, round(at, 3), notice=notice, bus=self._lines[device]))
        self._notices.sort(key=lambda said: said.at)

    def notices(self, second: float) -> Iterator[Observation]:
        """What meters have said up to this second."""
        while self._notices and self._notices[0].at <= self._polling.start + second:
            yield self._notices.pop(0)

    def poll(self, device: Device, second: float) -> Observation:
        """What comes of asking a device."""
        assert self._snapshot is not None
        polling, at = self._polling, self._polling.start + second
        lost = polling.timeouts + polling.garbled
        loss = self._snapshot.noisy.get(device.bus or "", lost)
        luck = self._chance.random()
        if device.id in self._snapshot.silent or luck < loss * polling.timeouts / (lost or 1):
            return Observation(device.id, at, fault="timeout", bus=device.bus, took_ms=TOOK_MS["timeout"])
        if luck < loss:
            return Observation(device.id, at, fault="crc", bus=device.bus, took_ms=TOOK_MS["good"])
        points = SINGLE_PHASE if len(device.phases) == 1 and device.kind == "meter" else POINTS[device.kind]
        seen = self._snapshot.values[device.id]
        values = {point: _rounded(point, seen[point]) for point in points if point in seen}
        return Observation(device.id, at, values=values, bus=device.bus, took_ms=TOOK_MS["good"])


def _rounded(point: str, value: float) -> float:
    """With as many decimals as meters show."""
    return round(value, DECIMALS.get(point, DECIMALS.get(point.rsplit("_", 1)[0], 4)))


def _turns(network: Network, polling: Polling) -> Iterator[_Turn]:
    """Who is polled when: every line goes through its devices once a period."""
    lines: dict[str, list[Device]] = {}
    for device in network.area.devices:
        lines.setdefault(device.bus or device.id, []).append(device)
    places = sorted(
        ((place * polling.apart_s, device) for devices in lines.values() for place, device in enumerate(devices)),
        key=lambda turn: turn[0],
    )
    for cycle in range(int(polling.length_s / polling.period_s)):
        for after, device in places:
            yield cycle * polling.period_s + min(after, polling.period_s * 0.99), 1, device


def _moments(scenario: Scenario, polling: Polling) -> list[float]:
    """When the area is solved."""
    rounds = {cycle * polling.period_s for cycle in range(int(polling.length_s / polling.period_s))}
    begins = {episode.begin_s for episode in scenario.episodes}
    ends = {episode.end_s for episode in scenario.episodes if episode.end_s is not None}
    return sorted(second for second in rounds | begins | ends if 0 <= second < polling.length_s)
