"""What devices measure of phasors, under the catalogue's names: V, A, kW, kvar, kVA, kWh, degrees C."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from math import exp, pi, sin

from gateway.simulate.balance import Terminal

EXACT = frozenset(
    {"relay_open", "on_backup", "door_open", "frequency", "energy_import", "energy_export", "energy_total"}
)
"""Points that carry no measuring noise."""
OIL_TIME_S = 180 * 60.0
OIL_RISE_K = 55.0  # of the top oil over ambient at rated load


@dataclass(slots=True)
class Registers:
    """The energy registers of one device, kWh."""

    imported: float
    exported: float = 0.0

    @classmethod
    def drawn(cls, rng: random.Random) -> "Registers":
        """Registers of a device that has been in service for a while."""
        return cls(imported=rng.uniform(500, 20_000))

    def run(self, kw: float, hours: float) -> None:
        """Count `hours` at this power."""
        if kw >= 0:
            self.imported += kw * hours
        else:
            self.exported -= kw * hours


@dataclass(slots=True)
class Oil:
    """Top-oil temperature of the transformer: follows its load with a lag of three hours."""

    celsius: float | None = field(default=None)

    def run(self, load: float, ambient: float, seconds: float) -> float:
        """Let `seconds` pass at this load (1.0: rated)."""
        aim = ambient + OIL_RISE_K * ((1 + 5 * load**2) / 6) ** 0.8
        if self.celsius is None:
            self.celsius = aim
        self.celsius += (aim - self.celsius) * (1 - exp(-seconds / OIL_TIME_S))
        return self.celsius


def ambient_celsius(at: float) -> float:
    """Air temperature: warmest in the afternoon (UTC+8)."""
    return 25 + 6 * sin(2 * pi * ((at + 8 * 3600) / 86_400 - 0.375))


def single_phase(terminal: Terminal, registers: Registers) -> dict[str, float]:
    """Points of a single-phase meter."""
    power = terminal.volts * terminal.amperes.conjugate() / 1000
    return {
        "voltage": abs(terminal.volts),
        "current": abs(terminal.amperes),
        "neutral_current": abs(terminal.amperes),
        **_powers("", power),
        **_energies(registers),
    }


def three_phase(terminals: Sequence[Terminal], registers: Registers) -> dict[str, float]:
    """Points of a three-phase meter or terminal."""
    powers = [terminal.volts * terminal.amperes.conjugate() / 1000 for terminal in terminals]
    volts = [terminal.volts for terminal in terminals]
    amperes = [abs(terminal.amperes) for terminal in terminals]
    values = {
        "voltage_avg": sum(map(abs, volts)) / 3,
        "line_voltage_ab": abs(volts[0] - volts[1]),
        "line_voltage_bc": abs(volts[1] - volts[2]),
        "line_voltage_ca": abs(volts[2] - volts[0]),
        "current_avg": sum(amperes) / 3,
        "current_sum": sum(amperes),
        "neutral_current": abs(sum((terminal.amperes for terminal in terminals), 0j)),
        **_powers("", sum(powers, 0j)),
        **_energies(registers),
    }
    for letter, terminal, power in zip("abc", terminals, powers, strict=True):
        values |= {f"voltage_{letter}": abs(terminal.volts), f"current_{letter}": abs(terminal.amperes)}
        values |= _powers(f"_{letter}", power)
    return values


def blurred(values: Mapping[str, float], noise: random.Random, accuracy: float) -> dict[str, float]:
    """The same as an instrument of this accuracy shows it."""
    return {
        point: value if point in EXACT or not value else value * noise.gauss(1, accuracy)
        for point, value in values.items()
    }


def active_kw(terminals: Iterable[Terminal]) -> float:
    """Active power through all phases, import positive."""
    return sum((terminal.volts * terminal.amperes.conjugate()).real for terminal in terminals) / 1000


def _powers(suffix: str, power: complex) -> dict[str, float]:
    return {
        f"active_power{suffix}": power.real,
        f"reactive_power{suffix}": power.imag,
        f"apparent_power{suffix}": abs(power),
        f"power_factor{suffix}": power.real / abs(power) if abs(power) > 1e-6 else 1.0,
    }


def _energies(registers: Registers) -> dict[str, float]:
    return {
        "energy_import": registers.imported,
        "energy_export": registers.exported,
        "energy_total": registers.imported + registers.exported,
        "frequency": 50.0,
    }
