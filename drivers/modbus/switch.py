"""The switch of a Modbus device, as its profile has it: where to write what, and the point that shows what came of it.

[switch]
where = "holding 13"          # a coil or a holding register, at its wire address
open = 0x0000
close = 0xFF00
shown_by = "relay_open"       # 1 while it is open
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from drivers.api import Profile
from drivers.errors import RequestError
from drivers.modbus.command import MOST_WRITTEN
from drivers.modbus.plan import read_span

_KEYS = {"where", "open", "close", "shown_by"}


@dataclass(frozen=True, slots=True)
class Switch:
    """What opens and closes a device."""

    where: str
    open: int
    close: int
    shown_by: str


def switch_of(profile: Profile) -> Switch | None:
    """The switch of a profile that was checked; None for a device that has none."""
    stated = profile.options.get("switch")
    return Switch(**stated) if isinstance(stated, Mapping) else None


def switch_faults(profile: Profile) -> Iterator[str]:
    """What is wrong with a profile's switch."""
    stated = profile.options.get("switch")
    if stated is None:
        return
    if not isinstance(stated, Mapping) or set(stated) != _KEYS:
        yield f"switch: must be a table with {', '.join(sorted(_KEYS))}"
        return
    yield from _place_faults(stated)
    if stated["shown_by"] not in profile.points:
        yield f"switch: shown_by: {stated['shown_by']!r} is no point of this profile; what is switched must be seen"


def _place_faults(stated: Mapping[str, object]) -> Iterator[str]:
    try:
        span = read_span(str(stated["where"]))
    except RequestError as error:
        yield f"switch: where: {error}"
        return
    if span.table not in MOST_WRITTEN or span.count != 1:
        yield f"switch: where: {stated['where']!r} must be one coil or one holding register"
        return
    top = 1 if span.table == "coil" else 0xFFFF
    for key in ("open", "close"):
        value = stated[key]
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= top:
            yield f"switch: {key}: {value!r} must be a whole number from 0 to {top}"
    if stated["open"] == stated["close"]:
        yield "switch: open and close are the same"
