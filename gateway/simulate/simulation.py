"""The area as time goes by: what every device measures, and which devices can still say so."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from gateway.simulate import measure
from gateway.simulate.balance import Balance, Terminal, Volts, balance, nominal_volts
from gateway.simulate.fault import Fault, conductors, sag
from gateway.simulate.network import Network
from gateway.simulate.powerflow import PHASES, Flow, Grid, Switching, solve
from rules.area import Device

BACKUP_S: Mapping[str, float] = {"ttu": 1800.0, "neighbour_ttu": 1800.0, "ltu": 30.0}
ALIVE = 0.4  # of nominal on any phase: enough for a terminal or a collector


@dataclass(frozen=True, slots=True)
class Snapshot:
    """The area at one moment."""

    at: float  # epoch seconds
    values: Mapping[str, Mapping[str, float]]  # by device: what it measures, whether it can say so or not
    silent: frozenset[str]  # devices that do not answer
    dark: frozenset[str]  # meters that have no supply, or too little to answer
    cut_off: frozenset[str]  # devices that nobody can hear: their electronics or their line is dead
    noisy: Mapping[str, float]  # lines whose answers get lost or garbled: share of polls
    flow: Flow


@dataclass(slots=True)
class Simulation:
    """A network that runs. Time only goes forward; the same seed, times and faults give the same snapshots."""

    network: Network
    seed: int = 0
    accuracy: float = 0.001  # standard deviation of a reading
    _near: Volts = field(init=False)
    _registers: dict[str, measure.Registers] = field(init=False)
    _supplied_at: dict[str, float] = field(init=False, default_factory=dict)  # of devices with a backup
    _oil: measure.Oil = field(init=False, default_factory=measure.Oil)
    _last: float | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self._near = nominal_volts(self.network)
        self._registers = {
            device.id: measure.Registers.drawn(random.Random(f"{self.seed}/register/{device.id}"))
            for device in self.network.area.devices
        }

    def step(self, at: float, faults: Sequence[Fault] = ()) -> Snapshot:
        """Let the time come to `at` under these faults, which hold since the last step."""
        found = balance(self.network, at, faults, self._near)
        self._near = found.volts
        elapsed = max(0.0, at - self._last) if self._last is not None else 0.0
        self._last = at
        values = self._meters(found, faults, elapsed)
        dark = {
            customer.device.id
            for customer, volts in zip(self.network.customers, found.volts, strict=True)
            if max(volts) < customer.silent_below_v
        }
        silent = set(dark)
        for device in self.network.area.devices:
            if device.kind != "meter":
                terminals = self._terminals(device, found.flow, faults)
                answers = self._lives(device, terminals, at)
                values[device.id] = self._terminal(device, terminals, at, elapsed)
                silent |= set() if answers else {device.id}
        cut_off = self._cut_off(found.flow, faults)
        noise = random.Random(f"{self.seed}/{at}")
        return Snapshot(
            at=at,
            values={device: measure.blurred(row, noise, self.accuracy) for device, row in values.items()},
            silent=frozenset(silent | cut_off),
            dark=frozenset(dark),
            cut_off=frozenset(cut_off),
            noisy={fault.where: fault.share for fault in faults if fault.kind == "line_noisy"},
            flow=found.flow,
        )

    def _meters(self, found: Balance, faults: Sequence[Fault], elapsed: float) -> dict[str, dict[str, float]]:
        relays = {fault.where for fault in faults if fault.kind == "relay_open"}
        values = {}
        for customer, terminals in zip(self.network.customers, found.terminals, strict=True):
            registers = self._registers[customer.device.id]
            registers.run(measure.active_kw(terminals), elapsed / 3600)
            row = (
                measure.single_phase(terminals[0], registers)
                if len(terminals) == 1
                else measure.three_phase(terminals, registers)
            )
            values[customer.device.id] = {**row, "relay_open": float(customer.device.id in relays)}
        return values

    def _terminals(self, device: Device, flow: Flow, faults: Sequence[Fault]) -> list[Terminal]:
        """What a terminal or feeder unit is clamped on."""
        if device.node in self.network.buses and device.kind != "neighbour_ttu":
            bus = self.network.buses[device.node]
            return [Terminal(flow.phase_voltage(bus, phase), flow.currents[bus][phase]) for phase in PHASES]
        return _neighbour(self.network, faults)

    def _terminal(self, device: Device, terminals: list[Terminal], at: float, elapsed: float) -> dict[str, float]:
        registers = self._registers[device.id]
        registers.run(measure.active_kw(terminals), elapsed / 3600)
        row = measure.three_phase(terminals, registers)
        ambient = measure.ambient_celsius(at)
        row |= {"ambient_temperature": ambient, "temperature": ambient + 8, "door_open": 0.0}
        row["on_backup"] = float(self._supplied_at.get(device.id) != at)
        if device.kind == "ttu":
            row["oil_temperature"] = self._oil.run(row["apparent_power"] / self.network.rated_kva, ambient, elapsed)
        return row

    def _lives(self, device: Device, terminals: list[Terminal], at: float) -> bool:
        if max(abs(terminal.volts) for terminal in terminals) >= ALIVE * self.network.area.nominal_voltage:
            self._supplied_at[device.id] = at
        backup = device.backup_s or BACKUP_S.get(device.kind, 0.0)
        return at - self._supplied_at.get(device.id, at - backup) <= backup

    def _cut_off(self, flow: Flow, faults: Sequence[Fault]) -> set[str]:
        """Devices that nobody can hear, whether they have supply or not."""
        dead = {fault.where for fault in faults if fault.kind in ("meter_dead", "collector_dead")}
        for bus in self.network.area.buses:
            node = self.network.buses.get(bus.collector_node or "")
            if node is not None:
                supply = max(abs(flow.phase_voltage(node, phase)) for phase in PHASES)
                dead |= {bus.id} if supply < ALIVE * self.network.area.nominal_voltage else set()
        return {device.id for device in self.network.area.devices if device.id in dead or device.bus in dead}


def _neighbour(network: Network, faults: Sequence[Fault]) -> list[Terminal]:
    """The terminal of another transformer on the same medium voltage: a third of rated load, balanced."""
    own = {node.id for node in network.area.nodes if node.kind == "transformer"}
    opened: set[int] = set()
    for fault in faults:
        blown = fault.kind == "mv_phase_loss" and fault.where in own  # the transformer's drop-out fuse, not the feeder
        if fault.kind in ("mv_outage", "mv_phase_loss") and not blown:
            opened |= set(conductors(fault.phases) or PHASES)
    siemens = network.rated_kva * 1000 / 9 / network.area.nominal_voltage**2 * (0.95 - 0.31j)
    grid = Grid(network.grid.transformer, ())
    load = (siemens, siemens, siemens)
    flow = solve(grid, [load], network.source_volts * sag(faults), Switching(source=frozenset(opened)))
    return [Terminal(flow.phase_voltage(0, phase), flow.phase_voltage(0, phase) * siemens) for phase in PHASES]
