"""What a simulated DL/T 645 meter remembers: its clock, events, freezes, load profile, parameters, maximum demands.

Time is told from outside by `advance`; the meter's own clock may be off by `drift`, until somebody sets it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal

from drivers.dlt645.catalog import find
from drivers.dlt645.load import classes, write_block
from drivers.dlt645.value import parse_format
from drivers.sim.dlt645_events import POWER_DOWN, Events
from drivers.sim.dlt645_registers import Registers
from drivers.sim.dlt645_supply import Supply

KEPT_FREEZES = {"00": 12, "01": 3, "04": 254, "06": 62}  # timed, instant, hourly, daily
TIMED, INSTANT, HOURLY, DAILY = KEPT_FREEZES
USUAL_STEP = 15  # minutes between two blocks of the load profile, unless a parameter says otherwise
PROFILE_STEPS = tuple(f"04000A{number:02X}" for number in range(2, 8))  # by class
KEPT_BLOCKS = 96  # a day
FROZEN = {"01": "0001FF00", "02": "0002FF00", "09": "0101FF00"}
FROZEN |= {f"{kind:02X}": f"00{kind:02X}FF00" for kind in range(3, 9)}
FROZEN_PARTS = ("00", *(f"{kind:02X}" for kind in range(1, 11)), "10")  # as an answer with all of them has them
SEPARATOR = b"\xaa"
RECORDED = (
    *("0201FF00", "0202FF00", "0203FF00", "0204FF00", "0206FF00"),
    *("02030000", "02040000", "02060000", "02800002", "00010000", "00020000"),
)
_MINUTE = parse_format("YYMMDDhhmm")
DAILY_AT = "04001203"


@dataclass(slots=True)
class Memory:
    """The inner life of one meter. `present` gives the data of an identifier as they are now.

    `count` is told of the seconds that pass while there is power, and from when.
    """

    present: Callable[[str], bytes | None]
    count: Callable[[float, datetime], None] = lambda *_: None
    now: datetime | None = None  # true time, as told
    drift: timedelta = timedelta()
    parameters: dict[str, bytes] = field(default_factory=dict)
    frozen: dict[str, list[Mapping[str, bytes]]] = field(default_factory=dict)  # by kind, newest first
    freeze_when: str = ""  # MMDDhhmm with 99 for every
    blocks: dict[datetime, Mapping[str, str | None]] = field(default_factory=dict)
    events: Events = field(init=False)
    voltages: Supply = field(init=False)
    registers: Registers = field(default_factory=Registers)

    def __post_init__(self) -> None:
        self.events = Events(self._present_values)
        self.voltages = Supply(self._present_values, self.parameters, self.events)

    @property
    def clock(self) -> datetime | None:
        """What the meter takes for the time of day."""
        return None if self.now is None else self.now + self.drift

    def advance(self, now: datetime) -> None:
        """Time has passed: count, freeze and record what was due meanwhile, minute by minute at most a day back."""
        before = self.clock
        self.now = now
        after = now + self.drift
        if before is None or after <= before:
            return
        last = before
        minute = max(before, after - timedelta(days=1)).replace(second=0, microsecond=0) + timedelta(minutes=1)
        while minute <= after:
            self._pass((minute - last).total_seconds(), last)
            self._at_minute(minute)
            last = minute
            minute += timedelta(minutes=1)
        self._pass((after - last).total_seconds(), last)

    def _pass(self, seconds: float, at: datetime) -> None:
        if not self.events.lasts(POWER_DOWN):
            self.count(seconds, at)

    def supply(self, on: bool) -> None:
        """The meter's own supply fails or comes back."""
        clock = self.clock
        if clock is None:
            return
        (self.events.end if on else self.events.begin)(POWER_DOWN, clock)

    def freeze(self, kind: str, at: datetime) -> None:
        """Keep energies and powers as they are now."""
        taken = {"00": _MINUTE.write(f"{at:%Y-%m-%dT%H:%M}")}
        for content, identifier in FROZEN.items():
            data = self.present(identifier) or self.present(identifier.replace("FF", "00"))
            if data is not None:
                taken[content] = data
        powers = [self.present(identifier) for identifier in ("0203FF00", "0204FF00")]
        if any(powers):
            taken["10"] = b"".join((data or b"").ljust(12, b"\xff") for data in powers)
        kept = self.frozen.setdefault(kind, [])
        kept.insert(0, taken)
        del kept[KEPT_FREEZES[kind] :]

    def clear(self) -> None:
        """Forget what was recorded: events, freezes, load profile, demands. Parameters and the clock stay."""
        self.events.clear("FFFFFFFF")
        self.frozen.clear()
        self.blocks.clear()
        self.registers.clear_demands()

    def data(self, identifier: str) -> bytes | None:
        """What is remembered under an identifier, None when nothing ever could be."""
        kind, which = identifier[:2], int(identifier[6:], 16)
        if identifier in self.parameters:
            return self.parameters[identifier]
        if kind == "05" and identifier[2:4] in KEPT_FREEZES:
            kept = self.frozen.get(identifier[2:4], [])
            if not 1 <= which <= len(kept):
                return None
            if identifier[4:6] == "FF":
                return b"".join(kept[which - 1].get(part, b"") + SEPARATOR for part in FROZEN_PARTS)
            return kept[which - 1].get(identifier[4:6])
        for part in (self.voltages, self.events, self.registers):
            if (data := part.data(identifier)) is not None:
                return data
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
        if self.events.lasts(POWER_DOWN):
            return
        self.voltages.minute(at)
        values = self._present_values()
        power = Decimal(values.get("active_power") or 0)
        self.registers.minute({"active_power": power}, at)
        if at.strftime("%H%M") == self._parameter(DAILY_AT, "00:00").replace(":", ""):
            self.freeze(DAILY, at)
        if at.minute == 0:
            self.freeze(HOURLY, at)
        if self.freeze_when and _due(self.freeze_when, at):
            self.freeze(TIMED, at)
        minutes = at.hour * 60 + at.minute
        steps = [int(self._parameter(identifier, str(USUAL_STEP))) for identifier in PROFILE_STEPS]
        if any(step and minutes % step == 0 for step in steps):
            self.blocks[at] = values
            if len(self.blocks) > KEPT_BLOCKS:
                del self.blocks[min(self.blocks)]

    def _parameter(self, identifier: str, usual: str) -> str:
        item, data = find(identifier), self.parameters.get(identifier)
        value = item.value(data) if item and data else None
        return usual if value is None else str(value)

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
