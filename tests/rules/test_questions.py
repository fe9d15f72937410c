"""Reads that are asked for settle a doubt in time, and keep no line from its polls."""

import heapq
from collections.abc import Iterable
from itertools import count

import pytest

from gateway.simulate import network
from gateway.simulate.fault import Fault
from gateway.simulate.simulation import Simulation
from rules.area import Area, Device
from rules.engine import Engine
from rules.incident import Incident, Wish
from rules.observation import Observation
from tests.rules.areas import START, readings, village

ANSWER_S, TIMEOUT_S = 0.5, 3.0


class Site:
    """Lines polled in real order, one conversation at a time; what the rules ask for goes first, if it is `heeded`."""

    def __init__(self, area: Area, fault: Fault, begin: float, *, heeded: bool) -> None:
        self._fault, self._begin, self._heeded, self._poll_s = fault, begin, heeded, area.poll_period_s
        self._engine, self._simulation = Engine(area), Simulation(network.build(area, 1), 1)
        self._devices = {device.id: device for device in area.devices}
        self._due: dict[str, list[tuple[float, int, Device]]] = {}
        self._order = count()
        for device in area.devices:
            self._due.setdefault(device.bus or "", []).append((0.0, next(self._order), device))
        self._asked: dict[str, list[str]] = {line: [] for line in self._due}
        self.said: list[Incident] = []
        self.reads = 0

    def run(self, seconds: float) -> None:
        """Every line goes on until its time is over."""
        lines = [(0.0, line) for line in self._due]
        heapq.heapify(lines)
        while lines[0][0] < seconds:
            at, line = heapq.heappop(lines)
            outcome = self._engine.tick(START + at)
            self.said += outcome.incidents
            self._hear(outcome.wishes)
            if device := self._next(line, at):
                at = self._read(device, at)
            heapq.heappush(lines, (max(at, int(at) + 1.0) if device is None else at, line))

    def _next(self, line: str, at: float) -> Device | None:
        due = self._due[line]
        if self._asked[line]:
            self.reads += 1
            return self._devices[self._asked[line].pop(0)]
        if due[0][0] > at:
            return None
        turn, _, device = due[0]
        heapq.heapreplace(due, (turn + self._poll_s, next(self._order), device))
        return device

    def _read(self, device: Device, at: float) -> float:
        snapshot = self._simulation.step(START + at, [self._fault] if at >= self._begin else [])
        silent = device.id in snapshot.silent
        done = at + (TIMEOUT_S if silent else ANSWER_S)
        values = {} if silent else dict(snapshot.values[device.id])
        seen = Observation(device.id, START + done, values, "timeout" if silent else None, bus=device.bus)
        outcome = self._engine.take(seen)
        self.said += outcome.incidents
        self._hear(outcome.wishes)
        return done

    def _hear(self, wishes: Iterable[Wish]) -> None:
        for wish in wishes if self._heeded else ():
            asked = self._asked[self._devices[wish.device].bus or ""]
            if wish.device not in asked:
                asked.append(wish.device)


FAULTS = {
    "a box": (Fault("breaker_tripped", "B2"), "box_outage", "B2"),
    "a feeder, with all of a line on it": (Fault("breaker_tripped", "F1"), "feeder_outage", "F1"),
    "a line": (Fault("collector_dead", "RS2"), "comm_bus", "RS2"),
    "a line whose collector is fed from a box": (Fault("collector_dead", "RS1"), "comm_bus", "RS1"),
    "one meter": (Fault("meter_dead", "B2-3"), "comm_meter", "B2-3"),
}


@pytest.mark.parametrize(("fault", "kind", "node"), FAULTS.values(), ids=FAULTS.keys())
@pytest.mark.parametrize("poll_s", [60.0, 900.0], ids=["every minute", "every 15 min"])
def test_a_fault_is_confirmed_soon_after_it_shows_when_reads_are_heeded(
    poll_s: float, fault: Fault, kind: str, node: str
) -> None:
    begin = 6.4 * poll_s
    site = Site(village(poll_s=poll_s, collector="B1"), fault, begin, heeded=True)
    site.run(begin + 3.5 * poll_s)
    sure = [one for one in site.said if one.state == "confirmed"]
    assert {(one.type, one.node) for one in sure} == {(kind, node)}
    assert sure[0].at - sure[0].started_at <= 120.0


def test_asking_keeps_no_line_from_its_polls() -> None:
    """Every read of a dead device takes seconds: what comes by itself in time is not asked for."""
    when = []
    for heeded in (False, True):
        site = Site(village(), Fault("mv_outage", "MV"), 390.0, heeded=heeded)
        site.run(600.0)
        when.append(next(one.at for one in site.said if one.state == "confirmed"))
    assert when[1] <= when[0] + 1.0


def test_a_silent_terminal_is_no_device_that_failed_until_somebody_below_it_was_heard() -> None:
    site = Site(village(poll_s=900.0), Fault("breaker_tripped", "F1"), 5700.0, heeded=True)
    site.run(8000.0)
    assert {one.type for one in site.said if one.state == "confirmed"} == {"feeder_outage"}


def test_who_is_left_out_of_the_polls_is_asked_whether_an_outage_reaches_it_too() -> None:
    """A device that was dead for long is polled seldom; when that will be again, nobody knows."""
    area = village()
    asked: set[str] = set()
    engine = Engine(area)
    for seen in readings(area, (Fault("breaker_tripped", "F1"), 1230.0, 1800.0)):
        if seen.device != "B2-3" or seen.at < START + 600:
            asked.update(wish.device for wish in engine.take(seen).wishes)
    assert "B2-3" in asked
