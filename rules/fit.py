"""Straight lines through noisy samples, from six sums that forget: n, x, y, xx, xy, yy."""

from collections.abc import Sequence
from math import inf, sqrt
from typing import NamedTuple


class Line(NamedTuple):
    """y = slope * x + offset, and how far the slope may be off."""

    slope: float
    offset: float
    error: float  # standard error of the slope; infinite when x did not move


def coarse(value: float, parts: float) -> float:
    """To the nearest of so many parts of one: what is saved often has few digits. `round` costs three times as much."""
    return (value * parts + 0.5) // 1 / parts


def add(fit: list[float], x: float, y: float, keep: float) -> None:
    """One more sample; what came before keeps this share of its weight."""
    for place, value in enumerate((1.0, x, y, x * x, x * y, y * y)):
        fit[place] = coarse(fit[place] * keep + value, 1e4)


def line(fit: Sequence[float], noise: float, alike: float = 1.0) -> Line:
    """The best line. `noise`: that much every y may be off, however well the samples agree; `alike`: so many samples
    in a row tell the same, and count as one for the error."""
    n, x, y, xx, xy, yy = fit
    if n < 2:
        return Line(0.0, 0.0, inf)
    spread, together, scatter = xx / n - (x / n) ** 2, xy / n - x * y / n**2, yy / n - (y / n) ** 2
    if spread <= noise * 1e-6:
        return Line(0.0, y / n, inf)
    slope = together / spread
    rest = max(scatter - slope * together, noise**2)
    return Line(slope, (y - slope * x) / n, sqrt(rest * alike / (n * spread)))
