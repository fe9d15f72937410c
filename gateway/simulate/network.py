"""An area as an electrical network: every node gets a bus and a cable, every meter a customer behind its service."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

from gateway.simulate.fault import conductors
from gateway.simulate.household import Household, household
from gateway.simulate.powerflow import Branch, Grid, Transformer
from rules.area import Area, Device, Node

HEADROOM = 1.025
"""No-load voltage of the transformer against nominal, as its tap is usually set."""


@dataclass(frozen=True, slots=True)
class Cable:
    """A usual cable of a kind of node, in ohm per kilometre of one conductor."""

    ohm_km: complex
    length_m: float  # when the area does not say


CABLES: Mapping[str, Cable] = {
    "feeder": Cable(0.206 + 0.08j, 10),  # 150 mm2 aluminium
    "line": Cable(0.443 + 0.08j, 40),  # 70 mm2 aluminium
    "box": Cable(0.868 + 0.09j, 15),  # 35 mm2 aluminium
}
SERVICE_OHM = 2 * 1.83e-3 * 6  # 6 m of 10 mm2 copper, there and back


@dataclass(frozen=True, slots=True)
class Customer:
    """One meter and what is behind it."""

    device: Device
    bus: int
    phases: tuple[int, ...]
    load: Household
    silent_below_v: float  # its power supply gives up below


@dataclass(frozen=True, slots=True)
class Network:
    """An area, ready to be solved."""

    area: Area
    grid: Grid
    buses: Mapping[str, int]  # by node, from the transformer down
    customers: tuple[Customer, ...]
    rated_kva: float

    @property
    def source_volts(self) -> float:
        """Phase voltage of the transformer without load."""
        return self.area.nominal_voltage * HEADROOM


def build(area: Area, seed: int = 0, loads: Mapping[str, Household] | None = None) -> Network:
    """The network of an area; `loads` by meter, for those whose customer is not drawn from the seed.

    Raises ValueError when the area has not exactly one transformer or a meter hangs on no node below it.
    """
    transformers = [node for node in area.nodes if node.kind == "transformer"]
    if len(transformers) != 1:
        raise ValueError(f"area {area.id}: a simulated area has one transformer, this one has {len(transformers)}")
    ordered = _downwards(area, transformers[0])
    buses = {node.id: bus for bus, node in enumerate(ordered)}
    rated = transformers[0].rated_kva or 200.0
    branches = tuple(_branch(node, buses[node.parent or ""]) for node in ordered[1:])
    return Network(
        area=area,
        grid=Grid(_windings(rated, area.nominal_voltage), branches),
        buses=buses,
        customers=tuple(_customers(area, buses, seed, loads or {})),
        rated_kva=rated,
    )


def _downwards(area: Area, top: Node) -> list[Node]:
    children: dict[str | None, list[Node]] = {}
    for node in area.nodes:
        children.setdefault(node.parent, []).append(node)
    ordered = [top]
    for node in ordered:  # grows while it is walked
        ordered += children.get(node.id, [])
    return ordered


def _branch(node: Node, parent: int) -> Branch:
    cable = CABLES.get(node.kind, CABLES["line"])
    ohm = cable.ohm_km * max(node.length_m if node.length_m is not None else cable.length_m, 0.5) / 1000
    return Branch(parent, phase=ohm, neutral=ohm)


def _windings(rated_kva: float, nominal: float) -> Transformer:
    """4 % impedance of which 1.1 % is resistance; a medium-voltage network of 100 MVA behind it."""
    base = 3 * nominal**2 / (rated_kva * 1000)
    strength = 3 * nominal**2 / 100e6
    return Transformer(
        impedance=base * complex(0.011, sqrt(0.04**2 - 0.011**2)),
        source=strength * complex(0.3, 0.95),
        magnetising=complex(0.002, -0.008) / base,
    )


def _customers(area: Area, buses: Mapping[str, int], seed: int, loads: Mapping[str, Household]) -> list[Customer]:
    found = []
    for device in area.devices:
        if device.kind != "meter":
            continue
        if device.node not in buses:
            raise ValueError(f"meter {device.id}: node {device.node!r} is not below the transformer")
        rng = random.Random(f"{seed}/{device.id}")
        drawn = household(rng.randrange(2**32), phases=len(device.phases))
        limit = rng.uniform(85.0, 125.0)
        customer = loads.get(device.id, drawn)
        found.append(Customer(device, buses[device.node], conductors(device.phases), customer, limit))
    return found
