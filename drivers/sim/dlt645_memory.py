"""What a simulated DL/T 645 meter remembers: its clock, power failures, freezes, load profile, parameters, relay.

Time is told from outside by `advance`; the meter's own clock may be off by `drift`, until somebody sets it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from drivers.dlt645.catalog import find
from drivers.dlt645.load import classes, write_block
from drivers.dlt645.value import parse_format

KEPT_EVENTS = 10  # records of a kind
KEPT_FREEZES = {"00": 12, "01": 3, "04": 254, "06": 62}  # timed, instant, hourly, daily
TIMED, INSTANT, HOURLY, DAILY = KEPT_FREEZES
PROFILE_STEP = timedelta(minutes=15)
KEPT_BLOCKS = 96  # a day
RECORDED = (
    *("0201FF00", "0202FF00", "0203FF00", "0204FF00", "0206FF00"),
    *("02030000", "02040000", "02060000", "02800002", "00010000", "00020000"),
)
_AT = parse_format("YYMMDDhhmmss")
_MINUTE = parse_format("YYMMDDhhmm")
_COUNT = parse_format("XXXXXX")


@dataclass(slots=True)
class Memory:
    """The inner life of one meter. `present` gives the data of an identifier as they are now."""

    present: Callable[[str], bytes | None]
    now: datetime | None = None  # true time, as told
    drift: timedelta = timedelta()
    parameters: dict[str, bytes] = field(default_factory=dict)
    failures: list[tuple[datetime, datetime | None]] = field(default_factory=list)  # newest first; None: lasts
    failure_count: int = 0
    frozen: dict[str, list[Mapping[str, bytes]]] = field(default_factory=dict)  # by kind, newest first
    freeze_when: str = ""  # MMDDhhmm with 99 for every
    blocks: dict[datetime, Mapping[str, str | None]] = field(default_factory=dict)

    @property
    def clock(self) -> datetime | None:
        """What the meter takes for the time of day."""
        return None if self.now is None else self.now + self.drift

    def advance(self, now: datetime) -> None:
        """Time has passed: freeze and record what was due meanwhile, minute by minute at most a day back."""
        before = self.clock
        self.now = now
        after = now + self.drift
        if before is None or after <= before:
            return
        minute = max(before, after - timedelta(days=1)).replace(second=0, microsecond=0) + timedelta(minutes=1)
        while minute <= after:
            self._at_minute(minute)
            minute += timedelta(minutes=1)

    def supply(self, on: bool) -> None:
        """The meter's own supply fails or comes back."""
        clock = self.clock
        if clock is None:
            return
        lasting = bool(self.failures) and self.failures[0][1] is None
        if not on and not lasting:
            self.failures.insert(0, (clock, None))
            self.failure_count += 1
            del self.failures[KEPT_EVENTS:]
        elif on and lasting:
            self.failures[0] = (self.failures[0][0], clock)

    def freeze(self, kind: str, at: datetime) -> None:
        """Keep energies and powers as they are now."""
        taken = {"00": _MINUTE.write(f"{at:%Y-%m-%dT%H:%M}")}
        for content, identifier in (("01", "0001FF00"), ("02", "0002FF00")):
            data = self.present(identifier) or self.present(identifier.replace("FF", "00"))
            if data is not None:
                taken[content] = data
        active, reactive = self.present("0203FF00"), self.present("0204FF00")
        if active and reactive and len(active) == len(reactive) == 12:
            taken["10"] = active + reactive
        kept = self.frozen.setdefault(kind, [])
        kept.insert(0, taken)
        del kept[KEPT_FREEZES[kind] :]

    def data(self, identifier: str) -> bytes | None:
        """What is remembered under an identifier, None when nothing ever could be."""
        kind, which = identifier[:2], int(identifier[6:], 16)
        if identifier in self.parameters:
            return self.parameters[identifier]
        if identifier == "03110000":
            return _COUNT.write(self.failure_count)
        if identifier.startswith("031100") and 1 <= which <= KEPT_EVENTS:
            start, end = self.failures[which - 1] if which <= len(self.failures) else (None, None)
            return b"".join(_AT.write(f"{one:%Y-%m-%dT%H:%M:%S}" if one else None) for one in (start, end))
        if kind == "05" and identifier[2:4] in KEPT_FREEZES:
            kept = self.frozen.get(identifier[2:4], [])
            return kept[which - 1].get(identifier[4:6]) if 1 <= which <= len(kept) else None
        return None

    def load_profile(self, identifier: str, more: bytes) -> bytes | None:
        """The blocks that a question for the load profile is answered with; b'' when none was recorded."""
        which, digits = identifier[6:], more[:1].hex() or "01"
        if not digits.isdecimal():
            return None
        times = sorted(self.blocks)
        if which == "01":
            since = _MINUTE.read(more[1:6]) if len(more) == 6 else None
            if since is None:
                return None
            times = [at for at in times if at >= datetime.fromisoformat(str(since))]
        elif which == "02":
            times = times[-1:]
        return b"".join(self._block(at, int(identifier[2:4], 16)) for at in times[: int(digits)])

    def set_parameter(self, identifier: str, data: bytes) -> bool:
        """Store a parameter; False when there is none of this name and size."""
        item = find(identifier)
        if item is None or not item.writable or (item.size and len(data) != item.size):
            return False
        self.parameters[identifier] = data
        return True

    def _at_minute(self, at: datetime) -> None:
        lasting = bool(self.failures) and self.failures[0][1] is None
        if lasting:
            return
        if at.hour == 0 and at.minute == 0:
            self.freeze(DAILY, at)
        if at.minute == 0:
            self.freeze(HOURLY, at)
        if self.freeze_when and _due(self.freeze_when, at):
            self.freeze(TIMED, at)
        if (at - at.replace(hour=0, minute=0)) % PROFILE_STEP == timedelta():
            self.blocks[at] = self._present_values()
            if len(self.blocks) > KEPT_BLOCKS:
                del self.blocks[min(self.blocks)]

    def _present_values(self) -> Mapping[str, str | None]:
        """What the load profile records, by name."""
        values: dict[str, str | None] = {}
        for identifier in RECORDED:
            item, data = find(identifier), self.present(identifier)
            for row in item.read(data) if item and data else ():
                values[row.name] = None if row.value is None else str(row.value)
        return values

    def _block(self, at: datetime, wanted: int) -> bytes:
        values = self.blocks[at]
        recorded = [
            [values.get(one.name) for one in group.fields] if wanted in (0, number) else []
            for number, group in enumerate(classes(), 1)
        ]
        return write_block(f"{at:%Y-%m-%dT%H:%M}", recorded)


def _due(when: str, at: datetime) -> bool:
    """Whether a freeze time, MMDDhhmm with 99 for every, is this minute."""
    wanted = (when[:2], when[2:4], when[4:6], when[6:])
    return all(want in ("99", have) for want, have in zip(wanted, f"{at:%m %d %H %M}".split(), strict=True))
