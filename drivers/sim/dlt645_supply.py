"""What a simulated DL/T 645 meter makes of its voltages, minute by minute: event records and the voltage quality.

Limits are those of the meter's parameters where they were written, else usual ones for 220 V.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from drivers.dlt645.catalog import find
from drivers.sim.dlt645_events import Events

PHASES = {"01": "a", "02": "b", "03": "c"}
RATED, LOST, NO_CURRENT = Decimal(220), Decimal("0.78"), Decimal("0.025")
VOLTAGE_LOSS, UNDERVOLTAGE, OVERVOLTAGE, PHASE_BREAK = "0301", "0302", "0303", "0304"
HIGH_LIMIT, LOW_LIMIT = "04000E03", "04000E04"
_USUAL = {HIGH_LIMIT: Decimal("235.4"), LOW_LIMIT: Decimal(198)}


@dataclass(slots=True)
class Quality:
    """The voltage of one phase in one month; minutes and extremes."""

    monitored: int = 0
    over: int = 0
    under: int = 0
    highest: tuple[Decimal, datetime] | None = None
    lowest: tuple[Decimal, datetime] | None = None

    def take(self, voltage: Decimal, at: datetime, low: Decimal, high: Decimal) -> None:
        """One minute."""
        self.monitored += 1
        self.over += voltage > high
        self.under += voltage < low
        if self.highest is None or voltage > self.highest[0]:
            self.highest = voltage, at
        if self.lowest is None or voltage < self.lowest[0]:
            self.lowest = voltage, at

    def data(self) -> bytes:
        """As the record of the month gives it: 27 bytes."""
        outside = self.over + self.under
        share = Decimal(100 * outside) / self.monitored if self.monitored else Decimal(0)
        told = {
            "monitored": self.monitored,
            "qualified": (100 - share) if self.monitored else 0,
            "outside": share,
            "over_limit": self.over,
            "under_limit": self.under,
        }
        for name, extreme in (("voltage_max", self.highest), ("voltage_min", self.lowest)):
            told |= {name: extreme[0] if extreme else 0}
            told |= {f"{name}_at": f"{extreme[1]:%m-%dT%H:%M}" if extreme else None}  # type: ignore[dict-item]
        item = find("03100100")
        assert item is not None
        return b"".join(one.format.write(told[one.name]) for one in item.fields)


@dataclass(slots=True)
class Supply:
    """Watches the three phases."""

    measured: Callable[[], Mapping[str, str | None]]
    parameters: Mapping[str, bytes]
    events: Events
    months: dict[str, list[Quality]] = field(default_factory=dict)  # by phase, the present month first
    _month: int = 0

    def minute(self, at: datetime) -> None:
        """Look at the voltages of this minute."""
        if at.month != self._month:
            self._month = at.month
            for phase in PHASES:
                self.months.setdefault(phase, []).insert(0, Quality())
                del self.months[phase][13:]
        values, low, high = self.measured(), self._limit(LOW_LIMIT), self._limit(HIGH_LIMIT)
        for phase, letter in PHASES.items():
            text = values.get(f"voltage_{letter}")
            if text is not None:
                current = Decimal(values.get(f"current_{letter}") or 0)
                self._phase(phase, Decimal(text), current, at, low, high)

    def _phase(self, phase: str, voltage: Decimal, current: Decimal, at: datetime, low: Decimal, high: Decimal) -> None:
        gone, flows = voltage < LOST * RATED, abs(current) >= NO_CURRENT
        state = {
            VOLTAGE_LOSS: gone and flows,
            PHASE_BREAK: gone and not flows,
            UNDERVOLTAGE: voltage < low and not gone,
            OVERVOLTAGE: voltage > high,
        }
        for kind, now in state.items():
            (self.events.begin if now else self.events.end)(kind + phase, at)
        if not gone:
            self.months[phase][0].take(voltage, at, low, high)

    def _limit(self, identifier: str) -> Decimal:
        item, data = find(identifier), self.parameters.get(identifier)
        value = item.value(data) if item and data else None
        return _USUAL[identifier] if value is None else Decimal(str(value))

    def data(self, identifier: str) -> bytes | None:
        """The voltage quality of a month, of a phase or of all of them; None for another identifier."""
        if not identifier.startswith("0310") or find(identifier) is None:
            return None
        back, phases = int(identifier[6:], 16), [identifier[4:6]] if identifier[4:6] in PHASES else list(PHASES)
        known = [self.months[phase][back] for phase in phases if back < len(self.months.get(phase, []))]
        return _joined(known).data()


def _joined(parts: list[Quality]) -> Quality:
    """The phases as one."""
    whole = Quality(*(sum(getattr(part, name) for part in parts) for name in ("monitored", "over", "under")))
    whole.highest = max((part.highest for part in parts if part.highest), default=None)
    whole.lowest = min((part.lowest for part in parts if part.lowest), default=None)
    return whole
