"""The event records of a simulated DL/T 645 meter: the last ten of each kind, how often, and for how long.

Kinds go by the first six digits of their records, such as 031100 for power-downs and 030102 for losses of voltage on
phase B. What a record holds beside its times is what the meter measured when the event began.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from drivers.api import Value
from drivers.dlt645.catalog import Field, find
from drivers.dlt645.moment import Moment
from drivers.dlt645.value import Digits, parse_format

KEPT = 10  # records of a kind
POWER_DOWN, DEMAND_CLEARED, EVENTS_CLEARED, CLOCK_SET, METER_CLEARED = "031100", "033002", "033003", "033004", "033001"
_PHASES = ("01", "02", "03")
_NUMBER = parse_format("XXXXXX")
Measured = Callable[[], Mapping[str, str | None]]


@dataclass(slots=True)
class Record:
    """One event; without an end it lasts."""

    values: Mapping[str, Value]
    start: datetime | None = None
    end: datetime | None = None

    def told(self, name: str, one: Field) -> Value:
        """What the record says for one of its fields."""
        times = {"start": self.start, "at": self.start, "end": self.end}
        if name in times:
            at = times[name]
            return f"{at:%Y-%m-%dT%H:%M:%S}" if at else None
        value = self.values.get(name)
        if value is None and not isinstance(one.format, Moment):
            return "0" * 2 * one.format.size if isinstance(one.format, Digits) else 0
        return value


@dataclass(slots=True)
class Events:
    """All records of a meter. `measured` gives its present values by the catalogue's names."""

    measured: Measured
    records: dict[str, list[Record]] = field(default_factory=dict)  # by kind, newest first
    counts: dict[str, int] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)  # of those that are over

    def begin(self, kind: str, at: datetime) -> None:
        """An event begins, unless one of its kind lasts already."""
        if not self.lasts(kind):
            self.note(kind, at, self.measured())

    def end(self, kind: str, at: datetime) -> None:
        """The event is over, if there was one."""
        if self.lasts(kind):
            record = self.records[kind][0]
            record.end = at
            began = record.start or at
            self.seconds[kind] = self.seconds.get(kind, 0.0) + (at - began).total_seconds()

    def note(self, kind: str, at: datetime, values: Mapping[str, Value]) -> None:
        """Something happened at one moment."""
        kept = self.records.setdefault(kind, [])
        kept.insert(0, Record(values, at))
        del kept[KEPT:]
        self.counts[kind] = self.counts.get(kind, 0) + 1

    def lasts(self, kind: str) -> bool:
        """Whether an event of the kind has begun and is not over."""
        kept = self.records.get(kind)
        return bool(kept) and kept is not None and kept[0].end is None and kept[0].start is not None

    def clear(self, which: str) -> None:
        """Forget records: FFFFFFFF all, else an identifier whose last two digits are FF, as 1BH names them."""
        kinds = [kind for kind in self.counts if which == "FFFFFFFF" or kind.startswith(which[:4])]
        for kind in kinds:
            for held in (self.records, self.counts, self.seconds):
                held.pop(kind, None)

    def data(self, identifier: str) -> bytes | None:
        """The data of a record or of its counters; None when it is no identifier of an event."""
        item = find(identifier)
        if item is None or identifier[:2] != "03":
            return None
        number = int(identifier[6:], 16)
        if number == 0:
            return self._totals(identifier, item.size)
        kept = self.records.get(identifier[:6], [])
        if number > KEPT:
            return None
        record = kept[number - 1] if number <= len(kept) else Record({})
        return b"".join(one.format.write(record.told(one.name, one)) for one in item.fields)

    def _totals(self, identifier: str, size: int) -> bytes:
        """How often, and for how many minutes where the identifier has both; for each phase where it has three."""
        kinds = [f"{identifier[:4]}{phase}" for phase in _PHASES] if size == 18 else [identifier[:6]]
        if size == 3:
            return _NUMBER.write(self.counts.get(kinds[0], 0))
        pairs = [(self.counts.get(kind, 0), int(self.seconds.get(kind, 0.0) // 60)) for kind in kinds]
        return b"".join(_NUMBER.write(number) for pair in pairs for number in pair)[:size].ljust(size, b"\0")
