"""The geometry of a shifted neutral point: three equal source voltages, 120 degrees apart, seen from beside it."""

from collections.abc import Sequence
from math import cos, hypot, pi, sin, sqrt
from typing import NamedTuple

_ANGLES = (0.0, -2 * pi / 3, 2 * pi / 3)
_COS = tuple(cos(angle) for angle in _ANGLES)
_SIN = tuple(sin(angle) for angle in _ANGLES)


class Shift(NamedTuple):
    """How far the neutral point stands off the middle of the three phases, V; x points to phase A."""

    x: float = 0.0
    y: float = 0.0

    @property
    def size(self) -> float:
        """Its length, V."""
        return hypot(self.x, self.y)

    def beyond(self, other: "Shift") -> float:
        """How far it is from another one, V."""
        return hypot(self.x - other.x, self.y - other.y)


NONE = Shift()


def shift(volts: Sequence[float], healthy: float) -> Shift:
    """The neutral point's shift for the voltages of phases A, B, C and the healthy voltage, all in V."""
    square = sum(volt * volt for volt in volts) / 3 - healthy * healthy
    along = [(healthy * healthy + square - volt * volt) / (2 * healthy) for volt in volts]
    x = 2 / 3 * sum(part * c for part, c in zip(along, _COS, strict=True))
    y = 2 / 3 * sum(part * s for part, s in zip(along, _SIN, strict=True))
    return Shift(x, y)


def shifts_of_two(places: tuple[int, int], volts: tuple[float, float], healthy: float) -> tuple[Shift, Shift]:
    """Both shifts that give two phases their voltages, the third unknown: first the one that leaves it more.

    Voltages are distances from the corners of a triangle: two circles meet in two points, or come closest in one.
    """
    one, two = places
    apart = sqrt(3) * healthy
    ux, uy = (_COS[two] - _COS[one]) / sqrt(3), (_SIN[two] - _SIN[one]) / sqrt(3)
    along = (volts[0] ** 2 - volts[1] ** 2 + apart**2) / (2 * apart)
    across = sqrt(max(0.0, volts[0] ** 2 - along**2))
    foot = Shift(healthy * _COS[one] + along * ux, healthy * _SIN[one] + along * uy)
    both = (Shift(foot.x - across * uy, foot.y + across * ux), Shift(foot.x + across * uy, foot.y - across * ux))
    third = 3 - one - two
    far, near = sorted(both, key=lambda found: shifted(third, found, healthy), reverse=True)
    return far, near


def shifted(place: int, by: Shift, healthy: float) -> float:
    """The voltage of a phase when the neutral point is shifted, V."""
    return hypot(healthy * _COS[place] - by.x, healthy * _SIN[place] - by.y)


def towards(place: int, by: Shift, healthy: float) -> complex:
    """The same as a phasor, V."""
    return complex(healthy * _COS[place] - by.x, healthy * _SIN[place] - by.y)


def unshifted(volts: Sequence[float]) -> float:
    """The voltage that all three phases have when the neutral point is not shifted; 0 without all three.

    With E that voltage and U the shift, the mean of the squares is E2 + U2, and what each is off it adds up to (E U)2.
    """
    if len(volts) != 3:
        return 0.0
    mean = sum(volt * volt for volt in volts) / 3
    product = sum(((mean - volt * volt) / 2) ** 2 for volt in volts) * 2 / 3
    return sqrt((mean + sqrt(max(0.0, mean * mean - 4 * product))) / 2)
