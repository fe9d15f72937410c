"""Registers of a simulated DL/T 645 meter that count: energies by power and tariff, maximum demands with times."""

from collections.abc import Mapping, MutableMapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from drivers.dlt645.catalog import find

DEMAND_MINUTES = 15
SHARP, PEAK, FLAT, VALLEY = 1, 2, 3, 4
MAX_DEMAND = "0101"
_HOUR = Decimal(3600)


def tariff_at(at: datetime) -> int:
    """The tariff of an hour, as many provinces have it."""
    if at.hour >= 23 or at.hour < 7:
        return VALLEY
    if at.hour in (19, 20):
        return SHARP
    return PEAK if at.hour in (8, 9, 10, 18) else FLAT


@dataclass(slots=True)
class Registers:
    """What has been counted so far. `energies` holds exact values by the names of points."""

    energies: MutableMapping[str, Decimal] = field(default_factory=dict)
    demands: dict[int, tuple[Decimal, datetime]] = field(default_factory=dict)  # by tariff, 0 the total
    _block: tuple[Decimal, int] = (Decimal(0), 0)  # of this demand period: the powers of its minutes, how many

    def count(self, powers: Mapping[str, Decimal], seconds: Decimal, at: datetime) -> None:
        """So many seconds have passed with these powers, in kW and kvar."""
        active, reactive = powers.get("active_power", Decimal(0)), powers.get("reactive_power", Decimal(0))
        direction = "energy_import" if active >= 0 else "energy_export"
        grown = abs(active) * seconds / _HOUR
        self._add(direction, grown)
        self._add(f"{direction}_t{tariff_at(at)}", grown)
        self._add(
            "reactive_energy_import" if reactive >= 0 else "reactive_energy_export", abs(reactive) * seconds / _HOUR
        )

    def minute(self, powers: Mapping[str, Decimal], at: datetime) -> None:
        """Average the power over each demand period and keep the highest, in total and of the tariff."""
        total, minutes = self._block
        total, minutes = total + max(powers.get("active_power", Decimal(0)), Decimal(0)), minutes + 1
        if at.minute % DEMAND_MINUTES == 0:
            mean = total / minutes
            for tariff in (0, tariff_at(at)):
                if tariff not in self.demands or mean > self.demands[tariff][0]:
                    self.demands[tariff] = mean, at
            total, minutes = Decimal(0), 0
        self._block = total, minutes

    def clear_demands(self) -> None:
        """Begin the demand period, and the search for its highest, again."""
        self.demands.clear()
        self._block = Decimal(0), 0

    def data(self, identifier: str) -> bytes | None:
        """The maximum demand, of one tariff or of all; None for another identifier."""
        item = find(identifier)
        if item is None or not identifier.startswith(MAX_DEMAND) or identifier[6:] != "00":
            return None
        wanted = range(VALLEY + 1) if identifier[4:6] == "FF" else [int(identifier[4:6], 16)]
        data = b""
        for tariff in wanted:
            highest = self.demands.get(tariff)
            told = (highest[0], f"{highest[1]:%Y-%m-%dT%H:%M}") if highest else (0, None)
            data += item.write(told)
        return data

    def _add(self, name: str, grown: Decimal) -> None:
        if name in self.energies:
            self.energies[name] += grown
