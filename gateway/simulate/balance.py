"""Loads and voltages that agree: what customers draw depends on the voltage that their drawing leaves."""

from collections.abc import Sequence
from dataclasses import dataclass

from gateway.simulate.fault import Fault, conductors, sag, switching
from gateway.simulate.household import Household
from gateway.simulate.network import SERVICE_OHM, Customer, Network
from gateway.simulate.powerflow import Flow, solve

CLOSE_ENOUGH_V = 0.02
ROUNDS = 12  # two or three are enough, except where a neutral floats
VOLTAGE_EXPONENT = 1.3  # how a household's power follows its voltage
CONSTANT_BELOW = 0.6  # of nominal: below it a load is an impedance, or it would draw without end
SOLAR_RANGE = (0.85, 1.15)  # of nominal: outside it an inverter disconnects

Volts = tuple[tuple[float, ...], ...]
"""By customer and phase."""


@dataclass(frozen=True, slots=True)
class Terminal:
    """One phase of one meter."""

    volts: complex
    amperes: complex


@dataclass(frozen=True, slots=True)
class Balance:
    """A network and its customers in agreement."""

    flow: Flow
    terminals: tuple[tuple[Terminal, ...], ...]  # by customer and phase

    @property
    def volts(self) -> Volts:
        """Where the next balance is best sought from."""
        return tuple(tuple(abs(terminal.volts) for terminal in meter) for meter in self.terminals)


def nominal_volts(network: Network) -> Volts:
    """Where to seek when nothing is known."""
    return tuple((network.area.nominal_voltage,) * len(customer.phases) for customer in network.customers)


def balance(network: Network, at: float, faults: Sequence[Fault], near: Volts) -> Balance:
    """Solve, let the loads follow their voltages, and solve again until nothing moves."""
    opened, volts = switching(faults, network.buses), network.source_volts * sag(faults)
    extra = _overloads(network, faults)
    powers = [_power(customer, at, faults) for customer in network.customers]
    found = Balance(Flow((), (), (0j, 0j, 0j), (0j, 0j, 0j)), ())
    for _ in range(ROUNDS):
        admittances = [
            [_admittance(*power, was, network.area.nominal_voltage) + more for was in phases]
            for power, more, phases in zip(powers, extra.metered, near, strict=True)
        ]
        loads = [list(bus) for bus in extra.unmetered]
        for customer, siemens in zip(network.customers, admittances, strict=True):
            _connect(loads[customer.bus], customer, siemens, faults)
        flow = solve(network.grid, [(a, b, c) for a, b, c in loads], volts, opened)
        found = Balance(
            flow,
            tuple(
                _terminals(customer, siemens, flow, faults)
                for customer, siemens in zip(network.customers, admittances, strict=True)
            ),
        )
        moved = max(
            (abs(b - a) for x, y in zip(near, found.volts, strict=True) for a, b in zip(x, y, strict=True)), default=0.0
        )
        near = found.volts
        if moved < CLOSE_ENOUGH_V:
            break
    return found


@dataclass(frozen=True, slots=True)
class _Extra:
    """Overloads as siemens."""

    metered: list[complex]  # by customer, for each of its phases
    unmetered: list[tuple[complex, complex, complex]]  # by bus


def _overloads(network: Network, faults: Sequence[Fault]) -> _Extra:
    metered = [0j] * len(network.customers)
    unmetered = [[0j, 0j, 0j] for _ in range(len(network.grid.branches) + 1)]
    position = {customer.device.id: index for index, customer in enumerate(network.customers)}
    for fault in faults:
        if fault.kind != "overload":
            continue
        siemens = fault.kw * 1000 / network.area.nominal_voltage**2 + 0j
        if fault.where in position:
            customer = network.customers[position[fault.where]]
            metered[position[fault.where]] += siemens / len(customer.phases)
        else:
            phases = conductors(fault.phases or "ABC")
            for phase in phases:
                unmetered[network.buses[fault.where]][phase] += siemens / len(phases)
    return _Extra(metered, [(a, b, c) for a, b, c in unmetered])


def _power(customer: Customer, at: float, faults: Sequence[Fault]) -> tuple[complex, complex]:
    """VA drawn and VA fed in, by phase, at nominal voltage."""
    if any(fault.where == customer.device.id and fault.kind in ("relay_open", "customer_off") for fault in faults):
        return 0j, 0j
    load: Household = customer.load
    share = 1000 / len(customer.phases)
    reactive = (1 / load.power_factor**2 - 1) ** 0.5
    return load.demand_kw(at) * share * complex(1, reactive), load.solar_output_kw(at) * share + 0j


def _admittance(drawn: complex, fed: complex, volts: float, nominal: float) -> complex:
    relative: float = max(volts / nominal, CONSTANT_BELOW) ** (VOLTAGE_EXPONENT - 2)
    siemens = drawn.conjugate() / nominal**2 * relative
    if fed and SOLAR_RANGE[0] < volts / nominal < SOLAR_RANGE[1]:
        siemens -= fed / volts**2
    return siemens


def _connect(bus: list[complex], customer: Customer, siemens: list[complex], faults: Sequence[Fault]) -> None:
    """Add a customer, seen through its service, to its bus."""
    if _cut(customer, faults):
        return
    for phase, own in zip(customer.phases, siemens, strict=True):
        bus[phase] += own / (1 + own * SERVICE_OHM)


def _terminals(customer: Customer, siemens: list[complex], flow: Flow, faults: Sequence[Fault]) -> tuple[Terminal, ...]:
    if _cut(customer, faults):
        return (Terminal(0j, 0j),) * len(siemens)
    seen = []
    for phase, own in zip(customer.phases, siemens, strict=True):
        volts = flow.phase_voltage(customer.bus, phase) / (1 + own * SERVICE_OHM)
        seen.append(Terminal(volts, volts * own))
    return tuple(seen)


def _cut(customer: Customer, faults: Sequence[Fault]) -> bool:
    return any(fault.kind == "supply_lost" and fault.where == customer.device.id for fault in faults)
