"""How far a meter's clock is off, with the time on the line taken out."""

from datetime import datetime, timedelta

from drivers.dlt645.services.dialogue import Script
from drivers.dlt645.services.read import read_item
from drivers.errors import RefusedError

CLOCK, DATE, TIME = "0400010C", "04000101", "04000102"
DATE_1997, TIME_1997 = "C010", "C011"
MIDNIGHT = "23:59"


def read_clock(address: str) -> Script[str | None]:
    """The meter's date and time, ISO 8601; None for silence, or when the day may have changed between two answers."""
    try:
        clock = yield from read_item(address, CLOCK)
        return str(clock[0].value) if clock and clock[0].value else None
    except RefusedError:
        return (yield from _apart(address, TIME, DATE))


def read_clock_1997(address: str) -> Script[str | None]:
    """The same from a meter of edition 1997, which knows time and date only apart."""
    return (yield from _apart(address, TIME_1997, DATE_1997))


def read_clock_either(address: str) -> Script[str | None]:
    """The same from a meter whose edition nobody knows: the newer is asked first, the older after silence."""
    return (yield from read_clock(address)) or (yield from read_clock_1997(address))


def _apart(address: str, time_of: str, date_of: str) -> Script[str | None]:
    time = yield from read_item(address, time_of)
    date = yield from read_item(address, date_of)
    if not time or not date or not time[0].value or not date[0].value or str(time[0].value).startswith(MIDNIGHT):
        return None
    return f"{date[0].value}T{time[0].value}"


def drift(clock: str, asked: datetime, answered: datetime) -> timedelta:
    """Meter's clock minus ours, both local. The meter looks at its clock half way between request and answer; what it
    says has been true for half a second on the average.
    """
    return datetime.fromisoformat(clock) + timedelta(seconds=0.5) - (asked + (answered - asked) / 2)
