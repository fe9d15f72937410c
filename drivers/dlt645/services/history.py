"""What a meter remembers, in small portions: one power-down, one daily freeze. A line is free again after each."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from drivers.api import Value
from drivers.dlt645.services.dialogue import Script
from drivers.dlt645.services.read import read_item
from drivers.errors import RefusedError

POWER_DOWN_COUNT = "03110000"
DAILY = "0506"
FREEZES = 62  # daily ones that a meter keeps
_ENERGIES = {"01": "energy_import", "02": "energy_export"}


@dataclass(frozen=True, slots=True)
class PowerDowns:
    """One power-down record; times are the meter's own, ISO 8601, None where it holds none."""

    count: int | None  # how many there ever were; asked for with the newest only
    start: str | None
    end: str | None


@dataclass(frozen=True, slots=True)
class Freeze:
    """What was frozen at a moment; no values when the moment was not wanted."""

    at: str | None  # the meter's own time, ISO 8601; None: there is no such record
    values: Mapping[str, Value]  # by point


def read_power_down(address: str, number: int) -> Script[PowerDowns | None]:
    """The power-down record of this number, 1 is the last; None for silence. Raises RefusedError."""
    count = None
    if number == 1:
        counted = yield from read_item(address, POWER_DOWN_COUNT)
        if counted is None:
            return None
        count = 0 if counted[0].value is None else int(counted[0].value)
        if count == 0:
            return PowerDowns(0, None, None)
    record = yield from read_item(address, f"031100{number:02X}")
    if record is None:
        return None
    start, end = (None if one.value is None else str(one.value) for one in record[:2])
    return PowerDowns(count, start, end)


def read_daily_freeze(address: str, number: int, since: datetime, until: datetime) -> Script[Freeze | None]:
    """The daily freeze of this number, 1 is the last; its energies only when its time is in the span.

    None for silence. A number that the meter has no record for counts as no record; RefusedError is raised only for
    the first, which says that the meter has no daily freezes at all.
    """
    try:
        time = yield from read_item(address, f"{DAILY}00{number:02X}")
    except RefusedError:
        if number == 1:
            raise
        return Freeze(None, {})
    if time is None:
        return None
    at = None if time[0].value is None else str(time[0].value)
    if at is None or not since <= datetime.fromisoformat(at) <= until:
        return Freeze(at, {})
    values: dict[str, Value] = {}
    for code, point in _ENERGIES.items():
        try:
            frozen = yield from read_item(address, f"{DAILY}{code}{number:02X}")
        except RefusedError:
            continue
        if frozen is None:
            return None
        values |= {f"{point}_t{place}" if place else point: one.value for place, one in enumerate(frozen)}
    return Freeze(at, values)
