"""The pattern of a lost MV phase: two phases share the voltage of the third; from one device, or from many meters."""

from collections.abc import Collection, Iterable, Sequence
from statistics import median

from rules.witness import DEAD, HALF, Witness

WELL, HIGHEST = 0.85, 1.12  # of the nominal voltage: what the third phase has; more is a shifted neutral
LOW_SHARE = 0.6  # of the nominal voltage, at most, for the lower of the two
LEAST = 0.10  # of the nominal voltage, at least, for it: with less a phase has no supply, as far as one device tells
REDUCED = 0.95  # of the third phase, at most, for the other
SILENT_BELOW = 0.57  # of the healthy voltage: below about this a meter falls silent
FALLEN = 0.78  # of the third phase: what shares it has less
FEWEST = 2  # meters on shared phases, without a neighbour that shows the same

SILENT_V = -1.0
"""Stands for the voltage of a phase on which every meter has fallen silent."""


def half_phases(
    volts: Sequence[float | None], nominal: float, tolerance: float, elsewhere: Collection[int] = ()
) -> list[int] | None:
    """The two phases (0, 1, 2) that share the voltage of the third, which is well; None when this is not the pattern.

    They share it by their loads, in halves when these are alike. A share may be close to nothing where another area on
    the same feeder shows which two it is, or one has shown before: `elsewhere`.
    """
    a, b, c = volts
    if a is None or b is None or c is None:
        return None
    known = (a, b, c)
    order = sorted(range(3), key=known.__getitem__)
    low, mid, top = (known[place] for place in order)
    shared = sorted(order[:2])
    if not WELL * nominal <= top <= HIGHEST * nominal or low > LOW_SHARE * nominal:
        return None
    if shared != list(elsewhere) and not (low > LEAST * nominal and mid <= REDUCED * top):
        return None
    return shared if abs(low + mid - top) <= tolerance * top else None


def shared_by_meters(
    meters: Iterable[Witness], nominal: float, tolerance: float, elsewhere: Collection[int]
) -> tuple[list[int], list[float]] | None:
    """The same from single-phase meters that were read since the first of them fell; and what the phases have.

    A share may be too low for meters to live on: then all of them on that phase are silent, and SILENT_V stands for it.
    """
    volts: tuple[list[float], list[float], list[float]] = ([], [], [])
    silent = [0, 0, 0]
    for witness in _since_the_first_fell(meters):
        place = witness.places[0]
        volt = witness.volts[place]
        if witness.is_silent:
            silent[place] += witness.needs_supply
        elif volt is not None and not witness.relay_open:
            volts[place].append(volt)
    for third in range(3):
        shared = [place for place in range(3) if place != third]
        top = median(volts[third]) if volts[third] and not silent[third] else nominal * bool(elsewhere)
        if not WELL * nominal <= min([top, *volts[third]]) <= top <= HIGHEST * nominal:
            continue
        if any(volt > FALLEN * top for place in shared for volt in volts[place]):
            continue
        has = [median(volts[place]) if volts[place] else SILENT_V for place in shared]
        touched = [len(volts[place]) + silent[place] for place in shared]
        if shared == list(elsewhere) and any(touched):
            return shared, _placed(shared, has, top)
        if all(touched) and sum(touched) >= FEWEST and _adds_up(has, top, tolerance):
            return shared, _placed(shared, has, top)
    return None


def _since_the_first_fell(meters: Iterable[Witness]) -> list[Witness]:
    known = [w for w in meters if w.alive_at]
    fallen = [w.silent_since or w.at for w in known if w.is_silent or {HALF, DEAD} & set(w.state)]
    first = min(fallen, default=float("inf"))
    return [w for w in known if w.at >= first]


def _adds_up(has: Sequence[float], top: float, tolerance: float) -> bool:
    """Whether shares can be what the third phase has, between meters whose lines lose more or less of it."""
    known = [volt for volt in has if volt != SILENT_V]
    if len(known) == 1:
        return (1 - SILENT_BELOW) * top < known[0]
    return len(known) == 2 and abs(sum(known) - top) <= 2 * tolerance * top


def _placed(shared: Sequence[int], has: Sequence[float], top: float) -> list[float]:
    return [dict(zip(shared, has, strict=True)).get(place, top) for place in range(3)]
