"""A profile as one device has it: the line settings of its row, and everything turned round where its row says so."""

from collections.abc import Iterator
from dataclasses import replace

from drivers.api import LineSettings, Point, Profile

_SIGNED = ("active_power", "reactive_power", "power_factor")
_PAIRS = (("energy_import", "energy_export"), ("energy_export", "energy_import"))


def own_profile(profile: Profile, wire: LineSettings, *, invert: bool) -> Profile:
    """The profile itself where nothing differs; the driver plans its reads for the line as it is."""
    if not invert:
        return profile if wire == profile.line else replace(profile, line=wire)
    return replace(profile, line=wire, points={point.name: point for point in _turned(profile)})


def _turned(profile: Profile) -> Iterator[Point]:
    """For a device whose current transformers face the other way: its import is export, and powers change sign."""
    for name, point in profile.points.items():
        if name.startswith(_SIGNED):
            yield replace(point, scale=-point.scale, offset=-point.offset)
            continue
        other = next((name.replace(mine, its) for mine, its in _PAIRS if mine in name), name)
        yield replace(point, name=other)
