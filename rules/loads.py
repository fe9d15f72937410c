"""What hangs at and below a node as one load between the phases and the neutral, whatever voltages it stands at."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import acos, cos, sin

from rules.displacement import NONE, Shift, towards
from rules.topology import Tree
from rules.witness import Witness


@dataclass(frozen=True, slots=True)
class Load:
    """Meters taken for impedances, so that one which has fallen silent tells as well: what it drew before counts."""

    unshifted: complex = 0j  # the current into the neutral for each volt of three equal phases, A/V
    admittance: complex = 0j  # of all phases together, A/V
    meters: int = 0
    unknown: int = 0  # of them, who tell neither current nor power

    def current(self, level: float, by: Shift = NONE) -> complex:
        """What flows into the neutral, as a phasor in A, at a voltage of the phases and a shift of the neutral, V."""
        return self.unshifted * level - self.admittance * complex(by.x, by.y)


def loads(tree: Tree, witnesses: Mapping[str, Witness], top: str) -> dict[str, Load]:
    """The loads at and below a node, and at and below each node below it."""
    nodes = [top]
    for node in nodes:
        nodes += tree.children[node]
    found: dict[str, Load] = {}
    for node in reversed(nodes):
        meters = [_load(witnesses[device.id]) for device in tree.here[node] if device.kind == "meter"]
        found[node] = _together([*meters, *(found[child] for child in tree.children[node])])
    return found


def _together(parts: Iterable[Load]) -> Load:
    unshifted, admittance, meters, unknown = 0j, 0j, 0, 0
    for part in parts:
        unshifted += part.unshifted
        admittance += part.admittance
        meters += part.meters
        unknown += part.unknown
    return Load(unshifted, admittance, meters, unknown)


def _load(witness: Witness) -> Load:
    volts = [volt for place in witness.places if (volt := witness.volts[place])]
    watts = None if witness.power is None else 1000 * witness.power
    if not volts or (watts is None and witness.amps is None):
        return Load(meters=1, unknown=1)
    usual = sum(volts) / len(volts)
    amps = witness.amps if witness.amps is not None else abs(watts or 0.0) / usual
    each = complex(amps / sum(volts))
    if watts is not None and amps:
        lag = acos(min(1.0, abs(watts) / (amps * usual)))
        each *= complex(cos(lag), -sin(lag)) * (1 if watts >= 0 else -1)
    turned = sum([towards(place, NONE, 1.0) for place in witness.places], 0j)
    return Load(each * turned, each * len(witness.places), meters=1)
